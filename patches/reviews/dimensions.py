"""In what a product has its patches rated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from patches.models import RatingDimension
from tracker.models import Product

VoidedBy = RatingDimension.VoidedBy


@dataclass(frozen=True)
class Dimension:
    """One of them; its fields are those of `RatingDimension`.

    `is_objection`: to rate there speaks against the patch. `has_minus`: one may say no as well.
    """

    slug: str
    title: str
    is_objection: bool = False
    has_minus: bool = True
    asks_environment: bool = False
    voided_by: VoidedBy = VoidedBy.CONTENT

    def is_against(self, value: int) -> bool:
        """Whether `value` speaks against the patch."""
        return value > 0 if self.is_objection else value < 0

    def is_for(self, value: int) -> bool:
        """Whether `value` speaks for the patch."""
        return value > 0 and not self.is_objection


# Of a product that has defined none of its own.
USUAL: Final = (
    Dimension("quality", "Quality"),
    Dimension("works", "Works here", has_minus=False, asks_environment=True),
    Dimension("fails", "Fails here", is_objection=True, has_minus=False, asks_environment=True),
    Dimension("documentation", "Documentation", voided_by=VoidedBy.DOCUMENTATION),
    Dimension("security", "Security"),
)


def of(product: Product) -> list[Dimension]:
    """The dimensions of `product` in their order. One query."""
    rows = RatingDimension.objects.filter(product=product).order_by("position", "id")
    return [as_dimension(row) for row in rows] or list(USUAL)


def as_dimension(row: RatingDimension) -> Dimension:
    """One that a product has defined."""
    return Dimension(
        row.slug,
        row.title,
        row.is_objection,
        row.has_minus,
        row.asks_environment,
        VoidedBy(row.voided_by),
    )


def by_slug(product: Product) -> dict[str, Dimension]:
    """The same, for looking up."""
    return {each.slug: each for each in of(product)}
