"""Products and problems for tests. Plain functions with defaults to override."""

from __future__ import annotations

import itertools
from typing import Any

from accounts.models import Person
from tests.people import make_person
from tracker.drafts import ProblemDraft
from tracker.models import Component, Door, Problem, Product, Release
from tracker.products import set_maintainers
from tracker.services import report

_serial = itertools.count(1)


def make_product(
    slug: str = "", *components: str, releases: tuple[str, ...] = ("14.3", "15.0")
) -> Product:
    """A product with components (default: kernel, net) and releases, the last being the newest."""
    slug = slug or f"product{next(_serial)}"
    product = Product.objects.create(slug=slug, title=slug.title())
    for name in components or ("kernel", "net"):
        Component.objects.create(product=product, slug=name, title=name.title())
    for position, name in enumerate(releases):
        Release.objects.create(product=product, name=name, position=position)
    return product


def make_maintainer(component: Component, handle: str = "") -> Person:
    """A person who maintains `component`, and so is a developer."""
    person = make_person(handle)
    set_maintainers(component, [*component.maintainers.all(), person], by=None)
    return person


def make_problem(
    product: Product | None = None, reporter: Person | None = None, **values: Any
) -> Problem:
    """A reported problem; `values` are fields of the draft."""
    product = product or make_product()
    component = values.pop("component", "") or product.components.order_by("slug")[0].slug
    values.setdefault("synopsis", f"em{next(_serial)} stops passing traffic")
    values.setdefault("description", "After an hour of load no packet leaves the card.")
    door = values.pop("door", Door.WEB)
    draft = ProblemDraft(product=product.slug, component=component, **values)
    return report(draft, reporter or make_person(), door)
