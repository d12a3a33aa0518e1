"""Products, components and releases by the names that searches give them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property

from tracker.models import Component, Product, Release
from votes.search.values import WrongValue, hint

# (id, product id, name)
Row = tuple[int, int, str]


class Places:
    """What there is, read once and only when a search names it: a query each at the most.

    One of these may serve several searches that are read together.
    """

    @cached_property
    def products(self) -> dict[str, int]:
        """slug -> id"""
        return dict(Product.objects.order_by().values_list("slug", "pk"))

    @cached_property
    def components(self) -> list[Row]:
        return list(Component.objects.order_by().values_list("pk", "product_id", "slug"))

    @cached_property
    def releases(self) -> list[Row]:
        return list(Release.objects.order_by().values_list("pk", "product_id", "name"))


class Named:
    """The places of one search: `within` are the products that it names, where it names any.

    A name that nothing bears raises `WrongValue` with the nearest that something bears, or, where
    `is_strict` is off, stands for nothing.
    """

    def __init__(
        self, places: Places, within: Collection[str] = (), *, is_strict: bool = True
    ) -> None:
        self.places, self.is_strict = places, is_strict
        self._within = [slug.casefold() for slug in within]

    def products(self, slug: str) -> list[int]:
        number = self.places.products.get(slug.casefold())
        return self._given([] if number is None else [number], "product", slug, self._slugs)

    def components(self, name: str) -> list[int]:
        """By `component`, or `product/component`."""
        product, _, slug = name.casefold().rpartition("/")
        rows = self._in(self.places.components, self._named_products)
        if product:
            rows = self._in(rows, set(self.products(product)))
        found = [pk for pk, _, each in rows if each == slug]
        return self._given(found, "component", name, (each for _, _, each in rows))

    def releases(self, name: str) -> list[int]:
        rows = self._in(self.places.releases, self._named_products)
        found = [pk for pk, _, each in rows if each.casefold() == name.casefold()]
        return self._given(found, "release", name, (each for _, _, each in rows))

    @property
    def _slugs(self) -> Iterable[str]:
        return self.places.products

    @cached_property
    def _named_products(self) -> set[int] | None:
        """None where any will do."""
        products = self.places.products
        if not self._within:
            return None
        found = {products[slug] for slug in self._within if slug in products}
        # A product that is a mistake is named; its parts are not mistakes because of it.
        return None if self.is_strict and not found else found

    @staticmethod
    def _in(rows: list[Row], products: set[int] | None) -> list[Row]:
        return [row for row in rows if products is None or row[1] in products]

    def _given(self, found: list[int], what: str, name: str, choices: Iterable[str]) -> list[int]:
        if not found and self.is_strict:
            raise WrongValue(f"There is no {what} “{name[:60]}”." + hint(name, set(choices)))
        return found
