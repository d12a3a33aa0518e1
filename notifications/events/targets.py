"""What can be followed: everything, a product, a component, a problem, a search, or a path."""

from __future__ import annotations

from notifications.models import Reach, Subscription
from tracker.models import Component, Problem, Product
from votes.models import SavedSearch

# A path is its text; None is everything.
Target = Product | Component | Problem | SavedSearch | str | None


def find_target(reach: str, target_id: int | None) -> Target:
    """What a reach and an id mean; None for everything, and for what there is not.

    The id of a path is that of the subscription to it.
    """
    target_id = target_id or 0
    if reach == Reach.PROBLEM:
        return Problem.objects.filter(pk=target_id).first()
    if reach == Reach.COMPONENT:
        return Component.objects.filter(pk=target_id).select_related("product").first()
    if reach == Reach.SEARCH:
        return SavedSearch.objects.filter(pk=target_id).first()
    if reach == Reach.PATH:
        row = Subscription.objects.filter(pk=target_id).exclude(path="").first()
        return row.path if row is not None else None
    return Product.objects.filter(pk=target_id).first() if reach == Reach.PRODUCT else None


def columns(target: Target) -> dict[str, Target]:
    """The columns of a subscription to `target`."""
    return {
        "product": target if isinstance(target, Product) else None,
        "component": target if isinstance(target, Component) else None,
        "problem": target if isinstance(target, Problem) else None,
        "saved_search": target if isinstance(target, SavedSearch) else None,
        "path": target if isinstance(target, str) else "",
    }


def in_words(target: Target) -> str:
    """What it is to a person who follows it; of a problem no more than its number."""
    if target is None:
        return "everything"
    if isinstance(target, str):
        return target
    if isinstance(target, Component):
        return f"{target.product.title} / {target.title}"
    if isinstance(target, SavedSearch):
        return f"the search “{target.name}”"
    return f"#{target.pk}" if isinstance(target, Problem) else target.title
