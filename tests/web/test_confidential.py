"""What must not be known is not to be found out: every address is asked twice as an outsider.

Once before and once after a confidential problem, with all that can hang on one, has come: the
answers must be the same to the byte. And what is asked of its number must be answered as of a
number that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Person
from notifications.digests.content import compose, forget_shared_parts
from patches.models import LineComment, Patch, Side
from patches.reviews import rating, reviewing
from patches.reviews.rating import Said
from tests.conftest import sign_in
from tests.gate.acts import stored
from tests.notifications.test_digests import week
from tests.patching import make_patch, newest, next_version
from tests.people import make_person
from tests.problems import make_maintainer, make_problem, make_product
from tracker.changes import ProblemChange
from tracker.marking import mark_releases
from tracker.models import Door, Problem, Product
from tracker.services import attach, change, comment
from tracker.text_index.services import count_frequencies
from votes import saved_searches
from votes.no_longer import say_no_longer
from votes.services import cast_vote

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
# Stands in every text of the confidential problem and nowhere else.
WORD = "zyxwv"


@dataclass
class World:
    """What addresses are filled with."""

    product: Product
    public: Problem
    other: Problem
    values: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def world(triager: Person, reporter: Person) -> Iterator[World]:
    with time_machine.travel(NOW, tick=False):
        product = make_product("base")
        public = make_problem(product, reporter, synopsis="Sound card is silent", release="15.0")
        other = make_problem(product, synopsis="Sound card hisses", component="net")
        for each in (public, other):
            cast_vote(each, make_person(), Door.WEB)
        comment(public, reporter, "Since the update.", Door.WEB)
        upload = SimpleUploadedFile("dmesg.txt", b"pcm0: <HDA>")
        log = attach(public, reporter, upload, Door.WEB)
        shared = saved_searches.save(reporter, "Cards", "card", is_shared=True)
        note = comment(public, reporter, "And louder.", Door.MAIL)
        mail = stored(reporter, problem=public, comment=note)
        values = {
            "number": public.pk, "slug": "base", "component": "net", "name": "dmesg.txt",
            "original": mail.pk, "token": "none", "deed": "vote", "secret": "none",
            "handle": reporter.handle, "judgement": "trust", "search": shared.pk,
            "attachment_id": log.pk, "release": "15.0", "key": "12", "repository": "heath/lamp",
            **patch_values(make_patch(product, reporter, fixes=[public, other])),
        }  # fmt: skip
        count_frequencies()
        yield World(product, public, other, values)


def patch_values(patch: Patch) -> dict[str, Any]:
    """What addresses of a patch are filled with, after somebody has spoken of its lines."""
    reader = make_person()
    place: dict[str, Any] = {
        "commit": 1, "path": "sys/dev/em/if_em.c", "side": Side.NEW, "start": 12, "end": 13,
    }  # fmt: skip
    said = reviewing.add_line_comment(newest(patch), reader, "Why?", **place)
    reviewing.send_review(newest(patch), reader, Door.WEB, text="A question.")
    return {
        "patch": patch.pk, "version": 1, "thread": said.thread_id, "comment": said.pk,
        "dimension": "quality", "rule": 1,
    }  # fmt: skip


def add_the_confidential(world: World, triager: Person) -> Problem:
    """A problem that hardly anybody may know of, with all that can hang on one."""
    owner = world.public.reporter
    assert owner is not None
    words = {"synopsis": f"Sound card {WORD} leaks keys", "description": f"Card {WORD} silent."}
    secret = make_problem(
        world.product, owner, release="15.0", component="net", is_confidential=True, **words
    )
    twin = make_problem(world.product, owner, component="net", is_confidential=True, **words)
    for _ in range(3):
        person = make_person()
        # Those who may see it for a while, and what they left behind.
        Problem.objects.filter(pk=secret.pk).update(is_confidential=False)
        cast_vote(Problem.objects.get(pk=secret.pk), person, Door.WEB)
        Problem.objects.filter(pk=secret.pk).update(is_confidential=True)
    comment(secret, owner, f"The key is {WORD}.", Door.WEB)
    stored(owner, problem=secret, comment=comment(secret, owner, WORD, Door.MAIL))
    attach(secret, owner, SimpleUploadedFile(f"{WORD}.patch", b"--- a\n+++ b\n"), Door.WEB)
    change(secret, triager, ProblemChange(severity="critical", fixed_in="14.3"), Door.WEB)
    mark_releases(secret, triager, {"15.0": "affected"}, Door.WEB)
    say_no_longer(secret, owner, Door.WEB, "14.3")
    change(twin, triager, ProblemChange(duplicate_of=secret.pk), Door.WEB)
    again = make_problem(
        world.product, make_person(), component="net", is_confidential=True, **words
    )
    # A public problem is not told of it, nor are its people counted there.
    change(again, triager, ProblemChange(duplicate_of=world.public.pk), Door.WEB)
    saved_searches.save(owner, f"My {WORD}", WORD)
    add_its_patches(world, secret, owner, triager)
    count_frequencies()
    return secret


def add_its_patches(world: World, secret: Problem, owner: Person, triager: Person) -> None:
    """One that fixes it and one that is confidential by itself, and what is said of them."""
    hidden = make_patch(world.product, owner, fixes=[secret], title=f"Card {WORD}: keep the key")
    # For a problem of another component than that of the developer, who would see it else.
    alone = make_patch(
        world.product, owner, fixes=[world.other], title=f"Card {WORD}", is_confidential=True
    )
    for patch in (hidden, alone):
        patch_values(patch)
        next_version(patch, note=WORD)
        rating.rate(newest(patch), triager, Door.WEB, Said("quality", 1, note=WORD))


def patterns(
    within: URLResolver | None = None, prefix: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Every address of the product as (route, pattern)."""
    for each in (within or get_resolver()).url_patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from patterns(each, route)
        else:
            yield route, each


# Not of problems, or asked elsewhere: Django's own pages, and those that only sign in or out.
PASSED_OVER = re.compile(
    r"^(admin/|accounts/|setup/|\^api/|unsubscribe/|dev/|outbox/|my/tokens/|people/<int|"
    r"api/v1/(tokens|auth|schema|docs)|send-problem.pyz|api/v1/$)"
)
QUERIES = (
    "", "?q=card", f"?q={WORD}", "?q=card&sort=newest", "?state=any", "?severity=critical",
    "?state=any&sort=people", "?release=15.0", "?component=net&sort=active", "?limit=1",
    "?product=base&synopsis=Sound card leaks keys", f"?product=base&synopsis={WORD} sound",
    "?q=has:patch is:any", "?q=affects:15.0", "?q=fixed:14.3", "?q=commenter:rita is:any",
    "?q=patch:waiting is:any", "?q=has:attachment", "?q=author:rita",
    "?q=number:>0 is:any sort:newest",
)  # fmt: skip
OF_PATCHES = (
    "?turn=all&sort=path", "?turn=author&path=sys", "?turn=all&component=kernel&sort=latest",
    "?turn=all&author=rita&product=base", f"?turn=all&q={WORD}", "?turn=all&limit=1",
)  # fmt: skip
TAKES_A_QUERY = re.compile(r"(problems(/|\.atom)|similar/?|triage/)$")


def addresses(world: World) -> list[str]:
    """One address of every kind, with queries where there are lists."""
    found = []
    for route, _ in patterns():
        plain = re.sub(r"[\^$]|\\Z", "", route)
        if PASSED_OVER.match(plain):
            continue
        filled = fill(plain, world.values)
        found += [filled + query for query in QUERIES if not query or TAKES_A_QUERY.search(plain)]
        if plain in {"patches/", "patches.atom"}:
            found += [filled + query for query in OF_PATCHES]
    return [f"/{each}" for each in dict.fromkeys(found)]


def fill(route: str, values: dict[str, Any]) -> str:
    """The route with a value for each of its parts."""

    def value(match: re.Match[str]) -> str:
        name = match["name"]
        if name == "pk":
            name = "attachment_id" if "attachments/" in route else "search"
            name = "original" if "mail/original/" in route else name
        return str(values[name])

    return re.sub(r"(?:\(\?P)?<(?:\w+:)?(?P<name>\w+)>(?:\[[^)]*\))?", value, route)


def ask(client: Client, address: str) -> tuple[int, str, str]:
    """Status, place and body, without what differs each time."""
    cache.clear()
    answer = client.get(address)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return answer.status_code, answer.headers.get("Location", ""), same_each_time(body)


def same_each_time(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    text = re.sub(r'(name="csrfmiddlewaretoken" value=|X-CSRFToken&quot;: &quot;)\S+', "", text)
    return re.sub(r'value="[0-9a-f]{32}"', "", text)


@pytest.fixture
def developer(world: World) -> Person:
    """Maintains another component, and so is a developer who may not know of it."""
    return make_maintainer(world.product.components.get(slug="kernel"), "dora")


def test_no_page_feed_count_or_suggestion_changes_for_those_who_may_not_know(
    world: World, outsider: Person, developer: Person, triager: Person
) -> None:
    asked = addresses(world)
    viewers = {
        "a stranger": Client(),
        "an outsider": sign_in(Client(), outsider),
        "a developer of another component": sign_in(Client(), developer),
    }
    before = {who: {a: ask(client, a) for a in asked} for who, client in viewers.items()}
    answered = [status for answers in before.values() for status, _, _ in answers.values()]
    assert answered.count(200) > len(asked)
    add_the_confidential(world, triager)
    changed = [
        f"{who}: {address}"
        for who, client in viewers.items()
        for address in asked
        if ask(client, address) != before[who][address]
    ]
    assert changed == []
    assert ask(sign_in(Client(), triager), "/problems/") != before["an outsider"]["/problems/"]


def test_its_number_is_answered_like_one_that_does_not_exist(
    world: World, outsider: Person, developer: Person, triager: Person
) -> None:
    secret = add_the_confidential(world, triager)
    there = {"number": secret.pk, **hidden_patch(secret)}
    absent = {**there, "number": secret.pk + 1000, "patch": there["patch"] + 1000}
    world.values["attachment_id"] = secret.attachments.get().pk
    world.values["name"] = secret.attachments.get().name
    routes = [
        re.sub(r"[\^$]|\\Z", "", route)
        for route, _ in patterns()
        if "number>" in route or "patch>" in route
    ]
    different = []
    for person in (outsider, developer):
        client = sign_in(Client(), person)
        for route in routes:
            for method in ("get", "post", "put", "patch", "delete"):
                answers = [
                    tell(client, method, fill(route, world.values | numbers))
                    for numbers in (there, absent)
                ]
                if answers[0] != answers[1]:
                    different.append(f"{person}: {method} {route}")
    assert different == []


def hidden_patch(secret: Problem) -> dict[str, Any]:
    """What addresses of the patch for it are filled with."""
    patch = secret.patches.get()
    said = LineComment.objects.filter(thread__patch=patch)[0]
    return {"patch": patch.pk, "version": 1, "thread": said.thread_id, "comment": said.pk}


def tell(client: Client, method: str, path: str) -> tuple[int, str]:
    cache.clear()
    sent = "{}" if path.startswith("api/") and method != "get" else ""
    kind = "application/json" if path.startswith("api/") else "application/x-www-form-urlencoded"
    answer = client.generic(method.upper(), f"/{path}", sent, content_type=kind)
    body = b"" if answer.streaming else answer.content
    place = answer.headers.get("Location", "")
    return answer.status_code, re.sub(r"\d+", "N", same_each_time(body) + place)


def test_a_public_problem_cannot_be_tied_to_it_by_those_who_may_not_know(
    world: World, developer: Person, triager: Person
) -> None:
    secret = add_the_confidential(world, triager)
    client = sign_in(Client(), developer)
    address = f"/api/v1/problems/{world.public.pk}/"
    said = []
    for number in (secret.pk, secret.pk + 1000):
        body = {"duplicate_of": number}
        answer = client.patch(address, body, content_type="application/json")
        assert answer.status_code == 409
        # As a word, because 409 holds digits too.
        said.append(re.sub(rf"\b{number}\b", "N", answer.content.decode()))
    assert said[0] == said[1]


def test_no_digest_of_those_who_may_not_know_tells_of_it(
    world: World, developer: Person, triager: Person
) -> None:
    forget_shared_parts()
    before = compose(developer, week(NOW))
    add_the_confidential(world, triager)
    forget_shared_parts()
    assert compose(developer, week(NOW)).sections == before.sections
