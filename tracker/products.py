"""Changes to products, their components, maintainers and releases.

Each function asks for the right of the acting person (`by`), judges the words it is given and
raises `DraftErrors` with every fault at once. Slugs are part of addresses and of history, so they
are given once and stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F, Max

from accounts.models import Person, Role
from accounts.policies import require
from accounts.services import grant_role, revoke_role
from tracker.drafts import Faults, check_line, find_release
from tracker.models import Component, Maintainership, Product, Release, slug_validator
from tracker.policies import may
from tracker.signals import maintainers_changed
from tracker.text import clean_line, clean_text

SLUG_CHARS = 50
TITLE_CHARS = 100
ADDRESS_CHARS = 254
BRANCH_CHARS = 50
DESCRIPTION_CHARS = 10_000
# Words that stand where a product's slug stands in an address.
RESERVED_SLUGS = frozenset({"new"})


@transaction.atomic
def create_product(
    by: Person,
    slug: str,
    title: str,
    description: str = "",
    *,
    component: str = "",
    maintainers: str = "",
) -> Product:
    """A new product, with a first component of the title `component` where one is given."""
    require(may("product.manage", by))
    faults = Faults()
    slug = _check_slug(slug, faults, Product.objects.values_list("slug", flat=True))
    product = Product(
        slug=slug,
        title=_check_title(title, faults),
        description=_check_description(description, faults),
    )
    component_title = check_line("component", component, TITLE_CHARS, faults)
    people = find_people(maintainers, faults)
    if people and not component_title:
        faults.add("component", "Name the component that these people maintain.")
    if component_title and not slug_from(component_title):
        faults.add("component", "Give it a title with letters or digits.")
    faults.raise_if_any()
    product.save()
    if component_title:
        first = Component.objects.create(
            product=product, slug=slug_from(component_title), title=component_title
        )
        set_maintainers(first, people, by)
    return product


@transaction.atomic
def update_product(
    product: Product, by: Person, title: str, description: str, *, is_active: bool
) -> None:
    """Change what a product is called, and whether it takes new reports."""
    require(may("product.manage", by))
    faults = Faults()
    product.title = _check_title(title, faults)
    product.description = _check_description(description, faults)
    product.is_active = is_active
    faults.raise_if_any()
    product.save()


@transaction.atomic
def create_component(
    product: Product,
    by: Person,
    slug: str,
    title: str,
    description: str = "",
    maintainers: str = "",
) -> Component:
    """A new component with its maintainers, given as handles."""
    require(may("component.manage", by))
    faults = Faults()
    wanted = slug or slug_from(title)
    taken = product.components.values_list("slug", flat=True)
    component = Component(
        product=product,
        slug=_check_slug(wanted, faults, taken),
        title=_check_title(title, faults),
        description=_check_description(description, faults),
    )
    people = find_people(maintainers, faults)
    faults.raise_if_any()
    component.save()
    set_maintainers(component, people, by)
    return component


@transaction.atomic
def update_component(
    component: Component,
    by: Person,
    title: str,
    description: str,
    maintainers: str,
    list_address: str = "",
    *,
    is_active: bool,
) -> None:
    """Change a component; exactly `maintainers`, given as handles, maintain it afterwards.

    `list_address` is of a mailing list for which its public news is, "" for none.
    """
    require(may("component.manage", by))
    faults = Faults()
    component.title = _check_title(title, faults)
    component.description = _check_description(description, faults)
    component.list_address = _check_list_address(list_address, faults)
    component.is_active = is_active
    people = find_people(maintainers, faults)
    faults.raise_if_any()
    component.save()
    set_maintainers(component, people, by)


@transaction.atomic
def create_release(
    product: Product,
    by: Person,
    name: str,
    released_on: str = "",
    branch: str = "",
    after: str = "",
    *,
    is_supported: bool = True,
) -> Release:
    """A new release of a branch ("" for the main line), next to the one `after` which it came.

    Without `after` it is the newest of all.
    """
    require(may("release.manage", by))
    faults = Faults()
    release = Release(
        product=product,
        name=_check_release_name(product, name, faults),
        released_on=_check_date(released_on, faults),
        branch=check_line("branch", branch, BRANCH_CHARS, faults),
        is_supported=is_supported,
    )
    before = find_release(product, after, faults, "after")
    faults.raise_if_any()
    release.position = _make_room(product, before)
    release.save()
    return release


def _make_room(product: Product, before: Release | None) -> int:
    """The position next to `before`, or that of the newest; those beyond it move up by one."""
    if before is None:
        newest = product.releases.aggregate(newest=Max("position"))["newest"]
        return 0 if newest is None else newest + 1
    position = before.position + 1
    product.releases.filter(position__gte=position).update(position=F("position") + 1)
    return position


@transaction.atomic
def update_release(
    release: Release,
    by: Person,
    name: str,
    released_on: str,
    position: str,
    branch: str,
    *,
    is_supported: bool,
) -> None:
    """Change a release. `position` is a whole number; the higher, the newer."""
    require(may("release.manage", by))
    faults = Faults()
    if clean_line(name) != release.name:
        release.name = _check_release_name(release.product, name, faults)
    release.released_on = _check_date(released_on, faults)
    release.branch = check_line("branch", branch, BRANCH_CHARS, faults)
    release.is_supported = is_supported
    if re.fullmatch(r"-?[0-9]{1,6}", position.strip()):
        release.position = int(position)
    else:
        faults.add("position", "Give a whole number; the higher, the newer.")
    faults.raise_if_any()
    release.save()


@transaction.atomic
def set_maintainers(component: Component, people: Iterable[Person], by: Person | None) -> None:
    """Let exactly `people` maintain the component. Who maintains anything is a developer."""
    wanted = {person.pk: person for person in people}
    current = {m.person_id: m.person for m in component.maintainership_set.select_related("person")}
    for pk in wanted.keys() - current.keys():
        Maintainership.objects.create(component=component, person=wanted[pk])
        grant_role(wanted[pk], Role.DEVELOPER, by)
    for pk in current.keys() - wanted.keys():
        Maintainership.objects.filter(component=component, person=pk).delete()
        if not Maintainership.objects.filter(person=pk).exists():
            revoke_role(current[pk], Role.DEVELOPER, by)
    if wanted.keys() != current.keys():
        maintainers_changed.send(Component, component=component)


def find_people(handles: str, faults: Faults) -> list[Person]:
    """The people named by `handles`, which spaces or commas part."""
    said = re.split(r"[\s,]+", clean_line(handles))
    names = list(dict.fromkeys(handle.lstrip("@").lower() for handle in said if handle))
    if len(names) > 50:
        faults.add("maintainers", "Name 50 people at the most.")
        return []
    found = {
        person.handle.lower(): person
        for name in names
        for person in Person.objects.filter(handle__iexact=name[:40], is_active=True)
        if person.is_confirmed
    }
    for name in names:
        if name not in found:
            faults.add("maintainers", f"There is nobody here with the handle “{name[:40]}”.")
    return list(found.values())


def slug_from(title: str) -> str:
    """A slug made of a title: its letters and digits, with dashes between."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:SLUG_CHARS].strip("-")


def _check_slug(slug: str, faults: Faults, taken: Iterable[str]) -> str:
    slug = clean_line(slug)
    if not slug:
        faults.add("slug", "Give it a short name for addresses, such as “base”.")
    elif len(slug) > SLUG_CHARS:
        faults.add("slug", f"Keep it to {SLUG_CHARS} characters; this has {len(slug)}.")
    elif not slug_validator.regex.match(slug):  # type: ignore[union-attr]
        faults.add("slug", str(slug_validator.message))
    elif slug in RESERVED_SLUGS or slug in set(taken):
        faults.add("slug", f"“{slug}” is taken; choose another.")
    return slug


def _check_title(title: str, faults: Faults) -> str:
    line = check_line("title", title, TITLE_CHARS, faults)
    if not line:
        faults.add("title", "Give it a title.")
    return line


def _check_description(text: str, faults: Faults) -> str:
    if len(text) > DESCRIPTION_CHARS:
        faults.add("description", f"Keep it to {DESCRIPTION_CHARS:,} characters.")
        return ""
    return clean_text(text)


def _check_list_address(text: str, faults: Faults) -> str:
    address = check_line("list_address", text, ADDRESS_CHARS, faults)
    if not address:
        return ""
    try:
        validate_email(address)
    except ValidationError:
        faults.add("list_address", "Give the address of one list, such as net@lists.example.org.")
    return address


def _check_release_name(product: Product, name: str, faults: Faults) -> str:
    line = check_line("name", name, 50, faults)
    if not line:
        faults.add("name", "Give the release its name, such as “15.0”.")
    elif product.releases.filter(name__iexact=line[:50]).exists():
        faults.add("name", f"{product} has a release “{line}” already.")
    return line


def _check_date(text: str, faults: Faults) -> date | None:
    text = clean_line(text)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults.add("released_on", "Give a day as 2026-05-31, or leave it empty.")
        return None
