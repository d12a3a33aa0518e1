"""What pages of problems, products and people show of patches.

Their views know nothing of patches; their templates ask here, each with a constant number of
queries.
"""

from __future__ import annotations

from typing import Any

from django import template

from accounts.policies import as_person
from patches import beside
from patches.beside import Mark, Waiting
from patches.waiting.rows import Row
from tracker.models import Attachment, Comment, Problem, Product

register = template.Library()


@register.simple_tag(takes_context=True)
def patches_of(context: dict[str, Any], problem: Problem) -> list[Row]:
    """The patches that are to fix it."""
    return beside.of_problem(problem, context["request"].user)


@register.simple_tag(takes_context=True)
def patch_marks(context: dict[str, Any], problem: Problem) -> dict[str, Mark]:
    """What became of the files and comments in which a patch was looked for."""
    return beside.marks_on(problem, context["request"].user)


@register.filter
def mark_of(marks: dict[str, Mark] | str, thing: Attachment | Comment) -> Mark | None:
    """The mark of a file or comment; None on pages that ask for none."""
    if isinstance(marks, str):
        return None
    return marks.get(f"{type(thing).__name__.lower()}-{thing.pk}")


@register.simple_tag(takes_context=True)
def waiting_patches(context: dict[str, Any], product: Product) -> int:
    """How many patches of it wait."""
    return beside.waiting_in(product, context["request"].user)


@register.simple_tag(takes_context=True)
def my_patches(context: dict[str, Any]) -> list[Waiting]:
    """What waits for the one who looks."""
    person = as_person(context["request"].user)
    return beside.waiting_for(person) if person else []
