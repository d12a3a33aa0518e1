"""Profiles, tokens, and how administrators and triagers look after people."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AccessToken, AccountEvent, Person, Role
from accounts.services import digest_of, discount_votes, make_token
from tests.conftest import sign_in
from tests.people import make_newcomer, make_person
from tests.problems import make_problem
from tracker.models import Product

pytestmark = pytest.mark.django_db


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def do(client: Client, person: Person, action: str) -> int:
    return client.post(reverse("act_on_person", args=[person.pk, action])).status_code


def kinds(person: Person) -> list[str]:
    return list(person.account_events.values_list("kind", flat=True))


# Oneself


def test_a_new_handle_is_kept_in_the_history(client: Client, reporter: Person) -> None:
    sign_in(client, reporter)
    data = {"handle": "rita.b", "time_zone": "Europe/Berlin"}
    assert client.post(reverse("profile"), data).status_code == 302
    reporter.refresh_from_db()
    assert (reporter.handle, reporter.time_zone) == ("rita.b", "Europe/Berlin")
    event = reporter.account_events.get()
    assert (event.kind, event.detail) == ("handle changed", {"old": "rita", "new": "rita.b"})
    assert client.get("/people/rita").status_code == 404
    assert client.get("/people/RITA.B").status_code == 200


def test_a_handle_may_change_its_case_only(client: Client, reporter: Person) -> None:
    sign_in(client, reporter).post(reverse("profile"), {"handle": "Rita", "time_zone": "UTC"})
    reporter.refresh_from_db()
    assert reporter.handle == "Rita"


@pytest.mark.parametrize("handle", ["SAM", "admin", "a b", ""])
def test_a_handle_that_cannot_be_had_changes_nothing(
    client: Client, reporter: Person, second_reporter: Person, handle: str
) -> None:
    data = {"handle": handle, "time_zone": "Europe/Berlin"}
    answer = sign_in(client, reporter).post(reverse("profile"), data)
    assert answer.context["form"].errors["handle"]
    reporter.refresh_from_db()
    assert (reporter.handle, reporter.time_zone) == ("rita", "UTC")


def test_an_unknown_time_zone_is_refused(client: Client, reporter: Person) -> None:
    data = {"handle": "rita", "time_zone": "Mars/Base"}
    assert sign_in(client, reporter).post(reverse("profile"), data).context["form"].errors


def test_a_token_is_shown_once_and_kept_as_a_digest(client: Client, reporter: Person) -> None:
    answer = sign_in(client, reporter).post(reverse("tokens"), {"name": "build box"})
    secret = answer.context["secret"]
    assert secret.startswith("gw_")
    assert secret in answer.content.decode()
    assert AccessToken.objects.get().digest == digest_of(secret)
    page = text(client, reverse("tokens"))
    assert "build box" in page
    assert secret not in page
    assert secret[:10] in page


def test_a_revoked_token_leaves_the_list_and_the_history_keeps_it(
    client: Client, reporter: Person
) -> None:
    token, _ = make_token(reporter, "build box")
    sign_in(client, reporter).post(reverse("revoke_token", args=[token.pk]))
    token.refresh_from_db()
    assert token.revoked_at
    assert "Revoke" not in text(client, reverse("tokens"))
    assert kinds(reporter) == ["token revoked", "token made"]


def test_nobody_revokes_the_token_of_another(
    client: Client, reporter: Person, administrator: Person
) -> None:
    token, _ = make_token(reporter, "build box")
    address = reverse("revoke_token", args=[token.pk])
    assert sign_in(client, administrator).post(address).status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


# The public page


def test_the_public_page_shows_no_address_to_anybody(
    client: Client, reporter: Person, administrator: Person, triager: Person
) -> None:
    assert "rita" in text(client, "/people/rita")
    for viewer in (None, triager, administrator, reporter):
        visitor = sign_in(Client(), viewer) if viewer else Client()
        assert "rita@example.org" not in text(visitor, "/people/rita")


def test_the_public_page_counts_only_reports_that_the_viewer_may_see(
    client: Client, product: Product, reporter: Person, triager: Person
) -> None:
    make_problem(product, reporter)
    make_problem(product, reporter, is_confidential=True)
    assert "1 problem<" in text(client, "/people/rita")
    assert "2 problems<" in text(sign_in(Client(), triager), "/people/rita")
    assert "2 problems<" in text(sign_in(Client(), reporter), "/people/rita")


def test_an_unconfirmed_account_has_no_public_page(client: Client) -> None:
    make_person("ghost", email_confirmed_at=None)
    assert client.get("/people/ghost").status_code == 404


# Looking after people


def test_the_list_finds_people_by_handle_and_role(
    client: Client, triager: Person, maintainer: Person, reporter: Person
) -> None:
    sign_in(client, triager)
    assert "rita" in text(client, "/people/?q=RIT")
    assert "mara" not in text(client, "/people/?q=RIT")
    page = text(client, "/people/?role=developer")
    assert "mara" in page
    assert "rita" not in page


def test_addresses_are_shown_to_and_searched_by_administrators_only(
    client: Client, triager: Person, administrator: Person
) -> None:
    make_person("walrus", email="secret.name@example.org")
    assert "secret.name@" in text(sign_in(Client(), administrator), "/people/?q=secret.name")
    sign_in(client, triager)
    assert "walrus" not in text(client, "/people/?q=secret.name").split("</form>", 2)[2]
    assert "secret.name@" not in text(client, "/people/")
    person = Person.objects.get(handle="walrus")
    assert "secret.name@" not in text(client, reverse("manage_person", args=[person.pk]))


def test_the_list_goes_on_where_the_page_before_ended(
    client: Client, administrator: Person
) -> None:
    for number in range(119):
        make_person(f"Crowd{number:03}" if number % 2 else f"crowd{number:03}")
    sign_in(client, administrator)
    seen: list[str] = []
    path = "/people/"
    while path:
        context = client.get(path).context
        seen += [person.handle for person in context["people"]]
        path = "/people/" + context["next_url"] if context["next_url"] else ""
    assert seen == sorted(seen, key=str.lower)
    assert len(seen) == len(set(seen)) == 120


@pytest.mark.parametrize("size", [1, 40])
def test_the_list_costs_the_same_whatever_it_shows(
    client: Client, administrator: Person, size: int, django_assert_max_num_queries: object
) -> None:
    for _ in range(size):
        make_person("", Role.TRIAGER)
    sign_in(client, administrator)
    with django_assert_max_num_queries(5):  # type: ignore[operator]
        client.get("/people/")


def test_an_administrator_gives_a_role_and_takes_it_away(
    client: Client, administrator: Person, reporter: Person
) -> None:
    sign_in(client, administrator)
    address = reverse("set_role", args=[reporter.pk])
    client.post(address, {"grant": "triager"})
    assert Person.objects.get(pk=reporter.pk).has_role(Role.TRIAGER)
    client.post(address, {"revoke": "triager"})
    assert not Person.objects.get(pk=reporter.pk).has_role(Role.TRIAGER)
    event = reporter.account_events.first()
    assert event is not None
    assert (event.kind, event.actor, event.detail) == (
        "role revoked",
        administrator,
        {"role": "triager"},
    )


@pytest.mark.parametrize("role", ["reporter", "developer", "king", ""])
def test_roles_that_are_not_given_by_hand_are_not_found(
    client: Client, administrator: Person, reporter: Person, role: str
) -> None:
    address = reverse("set_role", args=[reporter.pk])
    assert sign_in(client, administrator).post(address, {"grant": role}).status_code == 404


def test_the_last_administrator_stays_one(client: Client, administrator: Person) -> None:
    sign_in(client, administrator)
    answer = client.post(reverse("set_role", args=[administrator.pk]), {"revoke": "administrator"})
    assert answer.status_code == 403
    assert "last administrator" in answer.content.decode()
    assert do(client, administrator, "deactivate") == 403
    assert Person.objects.get(pk=administrator.pk).has_role(Role.ADMINISTRATOR)


def test_a_triager_vouches_for_a_newcomer(client: Client, triager: Person) -> None:
    newcomer = make_newcomer("newt")
    assert do(sign_in(client, triager), newcomer, "trust") == 302
    newcomer.refresh_from_db()
    assert newcomer.trusted_at
    assert kinds(newcomer) == [AccountEvent.Kind.TRUSTED]


def test_a_triager_stops_counting_votes_and_counts_them_again(
    client: Client, triager: Person, outsider: Person
) -> None:
    sign_in(client, triager)
    do(client, outsider, "discount")
    outsider.refresh_from_db()
    assert outsider.votes_discounted_at
    do(client, outsider, "restore")
    outsider.refresh_from_db()
    assert outsider.votes_discounted_at is None
    assert kinds(outsider) == ["votes restored", "votes discounted"]


def test_the_history_tells_who_did_what(
    client: Client, triager: Person, outsider: Person, administrator: Person
) -> None:
    discount_votes(outsider, administrator)
    page = text(sign_in(client, triager), reverse("manage_person", args=[outsider.pk]))
    assert "Votes discounted" in page
    assert "ada" in page
