"""Products, components, maintainers and releases, managed on the web."""

from __future__ import annotations

import html
from datetime import date
from typing import Any

import pytest
from django.test import Client

from accounts.models import Person, Role
from tests.conftest import sign_in
from tests.people import make_person
from tracker.models import Component, Product, Release

pytestmark = pytest.mark.django_db


def words(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def test_the_first_product_comes_with_a_first_component_and_takes_a_report(
    client: Client, administrator: Person, reporter: Person
) -> None:
    sign_in(client, administrator)
    assert "/products/new" in words(client.get("/problems/new"))
    response = client.post(
        "/products/new",
        {
            "slug": "base",
            "title": "Base system",
            "component": "Kernel and drivers",
            "maintainers": "@rita",
        },
    )
    assert response.headers["Location"] == "/products/base/edit"
    component = Component.objects.get()
    assert (component.slug, component.title) == ("kernel-and-drivers", "Kernel and drivers")
    assert list(component.maintainers.all()) == [reporter]
    assert Person.objects.get(pk=reporter.pk).has_role(Role.DEVELOPER)
    sign_in(client, reporter)
    report = {
        "product": "base",
        "component": "kernel-and-drivers",
        "synopsis": "it stops",
        "description": "And does not start.",
    }
    assert client.post("/problems/new", report).status_code == 302


def test_a_tracker_without_products_tells_others_to_wait_for_an_administrator(
    client: Client, reporter: Person
) -> None:
    sign_in(client, reporter)
    said = words(client.get("/problems/new"))
    assert "An administrator must make one" in said
    assert "/products/new" not in said


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"slug": ""}, "Give it a short name"),
        ({"slug": "Base System"}, "Use lower-case letters"),
        ({"slug": "base"}, "“base” is taken"),
        ({"slug": "new"}, "“new” is taken"),
        ({"slug": "x" * 51}, "Keep it to 50 characters"),
        ({"title": " "}, "Give it a title."),
        ({"title": "t" * 101}, "Keep it to 100 characters"),
        ({"component": "Kernel", "maintainers": "nobody-here"}, "nobody here with the handle"),
        ({"maintainers": "rita"}, "Name the component that these people maintain."),
        ({"component": "!!"}, "letters or digits"),
    ],
)
def test_a_wrong_product_is_refused_with_what_to_do_and_nothing_is_made(
    client: Client,
    product: Product,
    administrator: Person,
    reporter: Person,
    values: dict[str, str],
    sentence: str,
) -> None:
    sign_in(client, administrator)
    sent = {"slug": "ports", "title": "Ports", "description": "Typed text"} | values
    response = client.post("/products/new", sent)
    assert response.status_code == 400
    assert sentence in words(response)
    assert "Typed text" in words(response)
    assert Product.objects.count() == 1


def test_a_retired_product_takes_no_new_reports(
    client: Client, product: Product, administrator: Person
) -> None:
    sign_in(client, administrator)
    sent = {"title": "Base", "description": "Old."}
    assert client.post("/products/base/edit", sent).status_code == 302
    product.refresh_from_db()
    assert (product.is_active, product.description) == (False, "Old.")
    assert "There is no product yet" in words(client.get("/problems/new"))


def test_a_triager_adds_and_changes_a_component_and_its_maintainers(
    client: Client, product: Product, triager: Person
) -> None:
    make_person("mara")
    make_person("otto")
    sign_in(client, triager)
    new = {"title": "USB stack", "maintainers": "mara, @OTTO mara"}
    assert client.post("/products/base/components/new", new).status_code == 302
    component = Component.objects.get(slug="usb-stack")
    assert {p.handle for p in component.maintainers.all()} == {"mara", "otto"}
    path = "/products/base/components/usb-stack/edit"
    assert 'value="mara otto"' in words(client.get(path))
    changed = {"title": "USB", "maintainers": "mara", "is_active": "on"}
    assert client.post(path, changed).status_code == 302
    component.refresh_from_db()
    assert (component.title, component.is_active) == ("USB", True)
    assert [p.handle for p in component.maintainers.all()] == ["mara"]
    assert not Person.objects.get(handle="otto").has_role(Role.DEVELOPER)


def test_two_components_cannot_have_one_short_name(
    client: Client, product: Product, triager: Person
) -> None:
    sign_in(client, triager)
    response = client.post("/products/base/components/new", {"slug": "kernel", "title": "Kernel"})
    assert response.status_code == 400
    assert "“kernel” is taken" in words(response)


def test_a_new_release_is_the_newest_and_can_be_changed(
    client: Client, product: Product, committer: Person
) -> None:
    sign_in(client, committer)
    new = {"name": "15.1", "released_on": "2026-05-31", "is_supported": "on"}
    assert client.post("/products/base/releases/new", new).status_code == 302
    release = Release.objects.get(name="15.1")
    assert product.releases.first() == release
    assert release.released_on == date(2026, 5, 31)
    path = f"/products/base/releases/{release.pk}/edit"
    assert 'value="2026-05-31"' in words(client.get(path))
    changed = {"name": "15.1-RC", "position": "-1", "released_on": ""}
    assert client.post(path, changed).status_code == 302
    release.refresh_from_db()
    assert (release.name, release.position, release.is_supported) == ("15.1-RC", -1, False)
    assert release.released_on is None
    assert product.releases.last() == release


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": ""}, "Give the release its name"),
        ({"name": "15.0"}, "has a release “15.0” already"),
        ({"released_on": "31.5.2026"}, "Give a day as 2026-05-31"),
    ],
)
def test_a_wrong_release_is_refused_with_what_to_do(
    client: Client, product: Product, committer: Person, values: dict[str, str], sentence: str
) -> None:
    sign_in(client, committer)
    response = client.post("/products/base/releases/new", {"name": "16.0"} | values)
    assert response.status_code == 400
    assert sentence in words(response)
    assert product.releases.count() == 2


def test_the_management_page_offers_what_each_may_do(
    client: Client, product: Product, committer: Person, triager: Person, outsider: Person
) -> None:
    sign_in(client, committer)
    said = words(client.get("/products/base/edit"))
    assert "/products/base/releases/new" in said
    assert "/products/base/components/new" not in said
    assert "Only these may do this: administrator, triager." in said
    sign_in(client, triager)
    assert "/products/base/components/new" in words(client.get("/products/base/edit"))
    refused = client.post("/products/base/edit", {"title": "Mine"})
    assert refused.status_code == 403
    product.refresh_from_db()
    assert product.title == "Base"
    sign_in(client, outsider)
    assert client.get("/products/base/edit").status_code == 403


def test_a_component_has_the_address_of_its_list_and_a_way_to_its_digest(
    client: Client, triager: Person, product: Product
) -> None:
    sign_in(client, triager)
    address = "/products/base/components/kernel/edit"
    sent = {"title": "Kernel", "is_active": "on", "list_address": "kernel@lists.example.org"}
    assert client.post(address, sent).status_code == 302
    assert product.components.get(slug="kernel").list_address == "kernel@lists.example.org"
    assert "kernel@lists.example.org" in words(client.get(address))
    assert "/products/base/components/kernel/digest" in words(client.get("/products/base/edit"))
    wrong = client.post(address, sent | {"list_address": "two@example.org, three@example.org"})
    assert wrong.status_code == 400
    assert "Give the address of one list" in words(wrong)
