"""Links in mails that act: nothing happens by looking, and a POST does it as their reader, once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from notifications import deeds
from notifications.deeds import Deed, ticket
from notifications.gate.models import ReplyRevocation
from notifications.models import SetAside
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Event, Problem, Product
from tracker.services import change
from votes.models import Vote

pytestmark = pytest.mark.django_db


def link(person: Person, deed: Deed, problem: Problem) -> str:
    return ticket(person.pk, deed, problem.pk).path()


def state_of(problem: Problem) -> list[object]:
    """All that a link could change."""
    problem.refresh_from_db()
    return [
        problem.assignee,
        problem.version,
        Vote.objects.count(),
        Event.objects.count(),
        SetAside.objects.count(),
    ]


@pytest.mark.parametrize("deed", [deed for deed in Deed if deed != Deed.CHOOSE_PATCH])
def test_whoever_only_looks_changes_nothing(
    client: Client, problem: Problem, maintainer: Person, deed: Deed
) -> None:
    before = state_of(problem)
    address = link(maintainer, deed, problem)
    page = client.get(address)
    assert page.status_code == client.head(address).status_code == 200
    assert problem.synopsis in page.content.decode()
    assert page.headers["Cache-Control"].count("no-store") == 1
    assert client.put(address).status_code == 405
    assert state_of(problem) == before


def test_a_vote_by_a_link_is_cast_once_as_its_reader(problem: Problem, outsider: Person) -> None:
    # Links come without a cookie, and mail programs send no token of ours.
    client = Client(enforce_csrf_checks=True)
    address = link(outsider, Deed.VOTE, problem)
    for _ in range(2):
        assert client.post(address).status_code == 200
    vote = Vote.objects.get(problem=problem, person=outsider)
    assert vote.door == Door.MAIL
    problem.refresh_from_db()
    assert problem.people == 2


def test_a_claim_is_in_the_history_and_takes_nothing_from_anybody(
    client: Client, problem: Problem, maintainer: Person, triager: Person
) -> None:
    address = link(maintainer, Deed.CLAIM, problem)
    assert client.post(address).status_code == 200
    problem.refresh_from_db()
    assert problem.assignee == maintainer
    event = problem.events.latest("id")
    assert (event.actor, event.door, event.kind) == (maintainer, Door.MAIL, "changed")
    assert client.post(address).status_code == 200
    assert problem.events.latest("id") == event
    refused = client.post(link(triager, Deed.CLAIM, problem))
    assert refused.status_code == 409
    problem.refresh_from_db()
    assert problem.assignee == maintainer


def test_rights_are_asked_again_when_it_is_done(
    client: Client, problem: Problem, outsider: Person, triager: Person
) -> None:
    assert client.post(link(outsider, Deed.CLAIM, problem)).status_code == 403
    address = link(outsider, Deed.VOTE, problem)
    change(problem, triager, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    assert client.post(address).status_code == 409
    assert not Vote.objects.filter(person=outsider).exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_problem_that_its_reader_may_not_see_is_not_there(
    client: Client, problem: Problem, outsider: Person, triager: Person, method: str
) -> None:
    addresses = [link(outsider, deed, problem) for deed in Deed]
    change(problem, triager, ProblemChange(is_confidential=True), Door.WEB)
    gone = ticket(outsider.pk, Deed.VOTE, 4711).path()
    for address in addresses:
        answer = getattr(client, method)(address)
        assert answer.status_code == 404
        assert problem.synopsis not in answer.content.decode()
    assert getattr(client, method)(gone).status_code == 404
    assert SetAside.objects.count() == 0


def test_a_link_ends_after_30_days_with_its_account_and_with_a_revocation(
    client: Client, problem: Problem, outsider: Person
) -> None:
    address = link(outsider, Deed.VOTE, problem)
    with time_machine.travel(timezone.now() + timedelta(days=29)):
        assert client.get(address).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert client.post(address).status_code == 404
    revoked = ReplyRevocation.objects.create(person=outsider)
    assert client.post(address).status_code == 404
    revoked.delete()
    Person.objects.filter(pk=outsider.pk).update(is_active=False)
    assert client.post(address).status_code == 404
    assert not Vote.objects.filter(person=outsider).exists()


def test_a_link_is_for_one_person_one_deed_and_one_problem(
    client: Client, problem: Problem, outsider: Person
) -> None:
    address = link(outsider, Deed.VOTE, problem)
    token = address.split("/")[2]
    for at in range(len(token)):
        other = "A" if token[at] != "A" else "B"
        assert client.post(f"/do/{token[:at]}{other}{token[at + 1 :]}/").status_code in {200, 404}
    # Only what is beyond the last whole byte may differ.
    assert Vote.objects.exclude(person=outsider).count() == 1, "the reporter's own"
    for wrong in ("", token[:-4], token + "AAAA", "%00", "ü" * 30, "a" * 5000):
        assert client.post(f"/do/{wrong}/").status_code == 404
    assert not SetAside.objects.exists()


def test_a_link_that_lets_choose_does_what_its_last_part_says(
    client: Client, problem: Problem, outsider: Person
) -> None:
    choice = ticket(outsider.pk, Deed.CHOOSE, problem.pk)
    before = state_of(problem)
    for deed in (Deed.VOTE, Deed.CLAIM, Deed.SNOOZE, Deed.NOT_MINE):
        address = choice.path(deed)
        assert address.startswith(choice.path()), "one token for all of them"
        page = client.get(address).content.decode()
        assert page.count(f'action="{address}"') == 1
    assert client.post(choice.path()).status_code == 200, "nothing is chosen yet"
    assert client.post(choice.path() + "a/").status_code == 404
    assert client.post(link(outsider, Deed.VOTE, problem) + "snooze/").status_code == 404
    assert state_of(problem) == before
    assert client.post(choice.path(Deed.SNOOZE)).status_code == 200
    assert client.post(choice.path(Deed.VOTE)).status_code == 200
    assert SetAside.objects.get().until is not None
    assert Vote.objects.get(person=outsider).door == Door.MAIL


def test_the_page_of_a_link_that_lets_choose_offers_what_may_be_done(
    client: Client, problem: Problem, maintainer: Person, reporter: Person
) -> None:
    page = client.get(link(maintainer, Deed.CHOOSE, problem)).content.decode()
    for label in ("+1, I have this too", "Assign it to me", "Snooze for 14 days", "Not mine"):
        assert label in page
    mine = client.get(link(reporter, Deed.CHOOSE, problem)).content.decode()
    assert "Assign it to me" not in mine
    assert "+1, I have" not in mine, "the reporter has voted"
    action = page.split('action="/do/')[1].split('"')[0]
    assert client.post(f"/do/{action}").status_code == 200
    assert Vote.objects.filter(person=maintainer).exists()


def test_what_is_set_aside_can_be_put_back(
    client: Client, problem: Problem, maintainer: Person, product: Product
) -> None:
    client.post(link(maintainer, Deed.SNOOZE, problem))
    row = SetAside.objects.get()
    assert row.until is not None
    assert timedelta(days=13) < row.until - timezone.now() <= timedelta(days=14)
    client.post(link(maintainer, Deed.NOT_MINE, problem))
    row.refresh_from_db()
    assert row.until is None
    other = make_problem(product, make_person())
    deeds.put_aside(maintainer, other, timezone.now() - timedelta(days=1))
    client.force_login(maintainer, "allauth.account.auth_backends.AuthenticationBackend")
    page = client.get("/my/digest/").content.decode()
    assert "Not in your digests" in page
    assert f'Put back<span class="visually-hidden"> #{other.pk}' not in page
    assert client.post("/my/digest/put-back", {"number": problem.pk}).status_code == 302
    assert not SetAside.objects.filter(problem=problem).exists()
    assert client.post("/my/digest/put-back", {"number": "x"}).status_code == 404


def test_a_link_fits_a_line_of_a_text_mail() -> None:
    url = ticket(2**31, Deed.CHOOSE, 999_999).url.replace(
        "http://localhost:8000", "https://tracker.example.org"
    )
    assert len(f"    act: {url}") <= 72
