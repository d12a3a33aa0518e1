"""Where a report that came by mail belongs: product and component.

What a form says comes first, then the address (`report+base.net@`), then a tag of the subject
(`[base/net]`), then the only product that there is. Where only the component is missing and the
reports most like it agree, it goes where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from django.conf import settings
from django.db.models import QuerySet

from notifications.gate.addresses import report_address
from notifications.gate.commands import shown
from notifications.gate.results import Refusal
from tracker.drafts import ProblemDraft, nearest
from tracker.models import Component, Product
from tracker.similar import Similar
from tracker.suggesting import Suggestion, tally
from tracker.text import clean_line

# The reports most like it put a report into a component only if so many of them and so much of
# their weight say so: a wrong guess sends it to people who cannot help.
LEAST_VOICES: Final = 3
LEAST_SHARE: Final = 0.6
# So many addresses are listed; beyond that the page of products helps more.
MOST_ADDRESSES: Final = 40

_PREFIX: Final = re.compile(
    r"\s*(?:re|aw|sv|antw|odp|vs|ref|rif|fwd?|wg|tr|rv|doorst|vb|enc|pd)\s*(?:\[\d+\])?\s*:\s*",
    re.IGNORECASE,
)
# Longer than any synopsis may be.
_LONGEST_SUBJECT: Final = 1_000
_TAG: Final = re.compile(r"\s*\[([^\]\s]{1,101})\]\s*")


def synopsis_of(subject: str) -> str:
    """The subject without what readers of mail put before it."""
    line = clean_line(subject[:_LONGEST_SUBJECT])
    while found := _PREFIX.match(line):
        line = line[found.end() :]
    return line


def active_products() -> QuerySet[Product]:
    """Those that take reports."""
    return Product.objects.filter(is_active=True)


def put(draft: ProblemDraft, place: str) -> None:
    """Fill in product and component where the draft says none."""
    if draft.product:
        return
    tagged = _of_subject(draft)
    product, component = _of_address(clean_line(place)) if place else tagged
    draft.product = product
    draft.component = draft.component or component
    if not product:
        only = list(active_products()[:2])
        if len(only) != 1:
            why = "Say which product has the problem: send your mail again, to its address."
            raise Refusal([why, addresses(active_products())])
        draft.product = only[0].slug


def _of_address(place: str) -> tuple[str, str]:
    """(product, component) of an address. Slugs have dots too: the longest product decides."""
    slugs = Product.objects.values_list("slug", flat=True)
    fitting = [s for s in slugs if place == s or place.startswith(f"{s}.")]
    if not fitting:
        products = active_products()
        near = nearest(place, products.values_list("slug", flat=True))
        raise Refusal([f"There is no product “{shown(place)}”.{near}", addresses(products)])
    for slug in sorted(fitting, key=len, reverse=True):
        rest = place[len(slug) + 1 :]
        if not rest or Component.objects.filter(product__slug=slug, slug=rest).exists():
            return slug, rest
    slug = max(fitting, key=len)
    return slug, place[len(slug) + 1 :]


def _of_subject(draft: ProblemDraft) -> tuple[str, str]:
    """(product, component) of a tag before the synopsis, which is then cut off."""
    found = _TAG.match(draft.synopsis)
    if found is None:
        return "", ""
    product, slash, component = found[1].lower().partition("/")
    known = Product.objects.filter(slug=product).first()
    if known is None and not slash:
        # A component alone, where there is one product only.
        products = list(active_products()[:2])
        known, component = (products[0] if len(products) == 1 else None), product
        if known is None or not known.components.filter(slug=component).exists():
            return "", ""
    if known is None:
        return "", ""
    draft.synopsis = synopsis_of(draft.synopsis[found.end() :])
    return known.slug, component


def find_component(draft: ProblemDraft, similar: Sequence[Similar]) -> Suggestion | None:
    """Fill in the only component, or the one of the reports most like it, which is returned."""
    if draft.component:
        return None
    product = Product.objects.filter(slug=draft.product.lower()).first()
    if product is None:
        return None
    only = list(product.components.filter(is_active=True)[:2])
    if len(only) == 1:
        draft.component = only[0].slug
        return None
    first = next(iter(tally(similar, product.slug)), None)
    if first is None or first.share < LEAST_SHARE or len(first.because) < LEAST_VOICES:
        which = f"Say which part of {product.title} has the problem: send your mail again, to"
        raise Refusal([f"{which} the address of the part.", addresses([product])])
    draft.component = first.component.slug
    return first


def addresses(products: Iterable[Product]) -> str:
    """A line for each component, or for each product where those are too many."""
    chosen = list(products)
    parts = list(
        Component.objects.filter(product__in=chosen, is_active=True)
        .select_related("product")
        .order_by("product__slug", "slug")[: MOST_ADDRESSES + 1]
    )
    lines = [
        f"{report_address(part.product.slug, part.slug)} ({part.product.title}: {part.title})"
        for part in parts
    ]
    if len(lines) > MOST_ADDRESSES and len(chosen) > 1:
        lines = [f"{report_address(p.slug)} ({p.title})" for p in chosen[:MOST_ADDRESSES]]
    elif len(lines) > MOST_ADDRESSES:
        lines = [*lines[:1], f"and so on, for each part at {settings.BASE_URL}/products/"]
    return "\n".join(lines)
