"""What hangs on a confidential problem from outside must not name it, nor tell that it is there.

Its number is one that stands nowhere else, so every answer can be searched for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import MULTIPART_CONTENT

from accounts.models import Person
from notifications.services import subscribe
from tests.conftest import sign_in
from tests.people import make_person
from tests.problems import make_maintainer, make_problem
from tests.web.test_confidential import (
    WORD,
    World,
    addresses,
    ask,
    same_each_time,
    world,
)
from tracker import bulk
from tracker.bulk import Asked, Pick
from tracker.changes import ProblemChange, fingerprint
from tracker.importing.numbers import reserve_numbers
from tracker.models import BulkChange, Door, Problem
from tracker.services import attach, change, comment
from tracker.text_index.services import count_frequencies
from tracker.web.edit import HIDDEN
from votes import saved_searches
from votes.services import Environment, cast_vote

__all__ = ["world"]
pytestmark = pytest.mark.django_db

HIGH = 7_654_320


def secret_problem(world: World, **values: Any) -> Problem:
    """A confidential problem of nobody here, whose number stands nowhere else."""
    reserve_numbers(HIGH)
    values.setdefault("is_confidential", True)
    return make_problem(world.product, component="net", synopsis=f"Keys of {WORD}", **values)


def traces(secret: Problem, body: str) -> list[str]:
    """Where an answer names the problem: by number, by what a form remembers of it, by words."""
    number = re.compile(rf"(?<!\d){secret.pk}(?!\d)|{fingerprint(secret.pk)}|{WORD}")
    return [body[max(0, m.start() - 60) : m.end() + 20] for m in number.finditer(body)]


def plain(world: World) -> list[str]:
    """Every address once, and the lists with all that there is."""
    few = [address for address in addresses(world) if "?" not in address]
    return [*few, *(f"{each}?q=is:any sort:newest" for each in ("/problems/", "/problems.atom"))]


def told(client: Client, asked: list[str], secret: Problem) -> dict[str, list[str]]:
    found = {}
    for address in asked:
        status, place, body = ask(client, address)
        assert status < 500, address
        if seen := traces(secret, place + body):
            found[address] = seen
    return found


@pytest.fixture
def developer(world: World) -> Person:
    return make_maintainer(world.product.components.get(slug="kernel"), "dora")


def test_a_public_duplicate_of_it_names_it_nowhere(
    world: World, reporter: Person, developer: Person, triager: Person
) -> None:
    secret = secret_problem(world)
    change(world.public, triager, ProblemChange(duplicate_of=secret.pk), Door.WEB)
    asked = plain(world)
    asked += [f"/triage/?at={world.public.pk}", f"/{world.public.pk}/edit?seen=1"]
    for who in (reporter, developer):
        client = sign_in(Client(), who)
        assert told(client, asked, secret) == {}, who


def test_who_could_see_it_once_learns_nothing_new_and_finds_it_nowhere(
    world: World, developer: Person, triager: Person
) -> None:
    secret = secret_problem(world, is_confidential=False)
    cast_vote(secret, developer, Door.WEB)
    comment(secret, developer, "Here, too.", Door.WEB)
    attach(secret, developer, SimpleUploadedFile("a.txt", b"a"), Door.WEB)
    subscribe(developer, secret)
    saved_searches.save(developer, "Keys", "keys")
    change(secret, developer, ProblemChange(assignee="dora"), Door.WEB)
    secret.refresh_from_db()
    picks = [Pick(secret.pk, secret.version), Pick(world.other.pk, world.other.version)]
    bulk.apply(developer, picks, Asked(ProblemChange(severity="major")), Door.WEB)
    change(world.other, triager, ProblemChange(duplicate_of=secret.pk), Door.WEB)
    change(secret, triager, ProblemChange(assignee="", is_confidential=True), Door.WEB)
    comment(secret, triager, f"The key is {WORD}.", Door.WEB)
    world.values["search"] = saved_searches.visible_searches(developer).get(name="Keys").pk
    count_frequencies()
    client = sign_in(Client(), developer)
    asked = plain(world)
    (change_page,) = BulkChange.objects.filter(actor=developer).values_list("pk", flat=True)
    asked += [f"/triage/changes/{change_page}/", f"/api/v1/bulk-changes/{change_page}/"]
    assert told(client, asked, secret) == {}


def posts(world: World, number: int) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Doors that are told a number in what is sent: (address, what is sent, whether as JSON)."""
    public, version = world.public.pk, Problem.objects.get(pk=world.public.pk).version
    for action in ("subscribe", "mute", "unsubscribe"):
        yield "/my/subscriptions/change", {"target": f"problem:{number}", "action": action}, False
    some = {"numbers": f"{number} {public}", "step": "preview", "severity": "minor"}
    yield "/triage/bulk/", some, False
    yield "/triage/bulk/", {"numbers": str(number)}, False
    yield "/triage/bulk/", {**some, "numbers": str(public), "duplicate_of": str(number)}, False
    asked = '{"severity": "minor"}'
    yield "/triage/bulk/apply", {"picks": f"{number}:1", "asked": asked}, False
    yield f"/triage/{public}", {"version": version, "duplicate_of": number}, False
    yield f"/{public}/edit", {"base": '{"duplicate_of": "0"}', "duplicate_of": number}, False
    body = {"numbers": [number, public], "change": {"severity": "minor"}}
    yield "/api/v1/bulk-changes/preview/", body, True
    body = {"numbers": [public], "change": {"duplicate_of": number}}
    yield "/api/v1/bulk-changes/preview/", body, True
    body = {"q": f"number:{number} is:any", "change": {"severity": "minor"}}
    yield "/api/v1/bulk-changes/preview/", body, True
    body = {"problems": [{"number": number, "version": 1}], "change": {"severity": "minor"}}
    yield "/api/v1/bulk-changes/", body, True
    yield "/markdown/preview", {"text": f"See #{number}."}, False


def test_a_door_that_is_told_its_number_answers_as_for_one_that_does_not_exist(
    world: World, outsider: Person, developer: Person
) -> None:
    secret = secret_problem(world)
    absent = secret.pk + 1000
    for person in (outsider, developer):
        client = sign_in(Client(), person)
        for first, second in zip(posts(world, secret.pk), posts(world, absent), strict=True):
            answers = [sent(client, *each, number) for each, number in
                       ((first, secret.pk), (second, absent))]  # fmt: skip
            assert answers[0] == answers[1], first
            assert answers[0][0] != 500


def sent(client: Client, address: str, said: Any, is_json: bool, number: int) -> tuple[int, str]:
    answer = client.post(address, said, "application/json" if is_json else MULTIPART_CONTENT)
    place = answer.headers.get("Location", "")
    if place:
        place += same_each_time(client.get(place).content)
    return answer.status_code, f"{same_each_time(answer.content)}{place}".replace(str(number), "N")


ASKED_BY_NUMBER = (
    "/triage/?at={}",
    "/triage/?peek={}",
    "/problems/?q=%23{}",
    "/problems/?q=number:{}",
    "/problems.atom?q={}+is:any",
    "/api/v1/problems/?q=number:{}+is:any",
    "/problems/similar?product=base&synopsis=Keys&exclude={}",
    "/problems/new?duplicate_of={}",
)


def test_an_address_with_its_number_answers_as_for_one_that_does_not_exist(
    world: World, developer: Person
) -> None:
    secret = secret_problem(world)
    client = sign_in(Client(), developer)
    for address in ASKED_BY_NUMBER:
        answers = []
        for number in (secret.pk, secret.pk + 1000):
            status, place, body = ask(client, address.format(number))
            answers.append((status, f"{place}{body}".replace(str(number), "N")))
        assert answers[0] == answers[1], address


def test_a_public_head_names_nobody_who_has_its_confidential_duplicate(
    world: World, developer: Person, triager: Person
) -> None:
    secret = secret_problem(world, is_confidential=False, reporter=make_person(f"{WORD}2"))
    said = Environment(release="15.0", note=f"Only with {WORD}.")
    cast_vote(secret, make_person(WORD), Door.WEB, said)
    change(secret, triager, ProblemChange(is_confidential=True), Door.WEB)
    change(secret, triager, ProblemChange(duplicate_of=world.public.pk), Door.WEB)
    asked = plain(world)
    asked.remove("/people/")
    for client in (Client(), sign_in(Client(), developer)):
        assert told(client, asked, secret) == {}
    insider = sign_in(Client(), triager)
    assert told(insider, [f"/{world.public.pk}", f"/{world.public.pk}/voters"], secret)


def test_the_form_of_a_duplicate_of_a_hidden_problem_keeps_and_undoes_the_marking(
    world: World, developer: Person, triager: Person
) -> None:
    secret = secret_problem(world)
    change(world.public, triager, ProblemChange(duplicate_of=secret.pk), Door.WEB)
    client, address = sign_in(Client(), developer), f"/{world.public.pk}/edit"
    shown = client.get(address).context["form"].initial
    base = client.get(address).context["base"]
    said = {name: "" if value is None else value for name, value in shown.items()}
    said.pop("is_confidential")
    client.post(address, said | {"base": base, "severity": "minor"})
    world.public.refresh_from_db()
    assert (world.public.severity, world.public.duplicate_of) == ("minor", secret)
    base = client.get(address).context["base"]
    guesses = [
        sent(client, address, {"base": form, "duplicate_of": number}, False, number)
        for number in (secret.pk, secret.pk + 1000)
        for form in (base, base.replace(fingerprint(HIDDEN), fingerprint("x")))
    ]
    assert guesses[:2] == guesses[2:]
    client.post(address, {"base": base, "duplicate_of": ""})
    world.public.refresh_from_db()
    assert (world.public.state, world.public.duplicate_of) == ("open", None)
