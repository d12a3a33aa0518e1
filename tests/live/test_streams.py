"""What an open page is told, when, and above all to whom."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from accounts.models import Person, Role
from accounts.services import revoke_role
from config.runtime.redis_server import find_redis
from notifications.live import hub, publishing, streams
from notifications.live.sight import look
from notifications.live.topics import patch_topic, problem_topic
from patches.intake.submitting import edit
from tests import services
from tests.live.listening import cookie_of, do, house, in_loop, last_look
from tests.patching import make_patch, next_version
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Event, Problem
from tracker.services import change, comment, record
from tracker.timeline import last_event, stamp
from votes.services import cast_vote, withdraw_vote

pytestmark = pytest.mark.django_db(transaction=True)


def stamp_of(problem: Problem) -> str:
    """What an open page says that it shows."""
    shown = Problem.objects.get(pk=problem.pk)
    return stamp(shown, last_event(shown))


def test_a_comment_a_vote_and_a_change_are_each_told_without_their_words(
    problem: Problem, triager: Person
) -> None:
    def change_among_many() -> None:
        with transaction.atomic():
            record(problem, Event.Kind.CHANGED, triager, Door.WEB, quiet=True)

    acts: list[Callable[[], object]] = [
        change_among_many,
        lambda: comment(problem, triager, "Who has seen it?", Door.WEB),
        lambda: cast_vote(problem, triager, Door.WEB),
        lambda: withdraw_vote(problem, triager),
        lambda: change(problem, triager, ProblemChange(state="open"), Door.API),
    ]
    seen = stamp_of(problem)

    async def scene() -> None:
        async with house().page(problem, seen=seen) as page:
            assert page.status == 200
            assert page.headers["content-type"] == "text/event-stream"
            for number, act in enumerate(acts):
                await do(act)
                events = await page.more(number)
                assert events[-1][1].keys() == {"spread"}
            assert page.events[-1][0] == await do(lambda: stamp_of(problem))
            assert "Who has seen" not in page.text

    in_loop(scene)


def test_many_pages_are_given_time_and_more_for_votes_than_for_words(
    problem: Problem, triager: Person
) -> None:
    seen = stamp_of(problem)

    async def scene() -> None:
        place = house()
        async with place.page(problem, seen=seen) as one, place.page(problem, seen=seen) as two:
            await do(lambda: comment(problem, triager, "Words.", Door.WEB))
            for page in (one, two):
                assert (await page.more())[0][1] == {"spread": 2 * hub.SPREAD_EACH}
            await do(lambda: cast_vote(problem, triager, Door.WEB))
            for page in (one, two):
                spread = {"spread": 2 * hub.SPREAD_EACH * hub.CALM}
                assert (await page.more(1))[1][1] == spread

    in_loop(scene)


def test_who_was_away_is_told_at_once_and_who_is_up_to_date_is_not(
    problem: Problem, triager: Person
) -> None:
    before = stamp_of(problem)
    comment(problem, triager, "Said while nobody listened.", Door.WEB)
    now = stamp_of(problem)

    async def scene() -> None:
        place = house()
        async with (
            # A browser that comes back repeats the first address, and says where it was.
            place.page(problem, seen=now, last_event_id=before) as returned,
            place.page(problem, seen=before, last_event_id=now) as kept_up,
            place.page(problem, seen=before) as restored,
        ):
            assert [stamp for stamp, _ in await returned.more()] == [now]
            assert [stamp for stamp, _ in await restored.more()] == [now]
            assert await kept_up.nothing_more()
            assert kept_up.events == []

    in_loop(scene)


def test_nobody_hears_of_other_problems_or_of_imports(
    problem: Problem, triager: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "STILL_SILENT", 0.1)
    other = make_problem(problem.product)
    seen = stamp_of(problem)

    def import_something() -> None:
        with transaction.atomic():
            record(problem, Event.Kind.IMPORTED, None, Door.IMPORT, quiet=True)

    async def scene() -> None:
        place = house()
        last = last_look(place.hub, monkeypatch)
        async with place.page(problem, seen=seen) as page:
            await do(lambda: comment(problem, triager, "Here.", Door.WEB))
            await page.more()
            await last
            await do(lambda: comment(other, triager, "Elsewhere.", Door.WEB))
            await do(import_something)
            assert await page.nothing_more()

    in_loop(scene)


def test_a_flood_becomes_a_few_words(problem: Problem, triager: Person) -> None:
    seen = stamp_of(problem)

    def talk() -> None:
        for number in range(30):
            comment(problem, triager, f"Word {number}.", Door.WEB)

    async def scene() -> int:
        async with house().page(problem, seen=seen) as page:
            loop = asyncio.get_running_loop()
            started = loop.time()
            await do(talk)
            final = await do(lambda: stamp_of(problem))
            await page.until(lambda page: page.events and page.events[-1][0] == final)
            most = (loop.time() - started) / hub.PAUSE + 2
            assert len(page.events) <= most
            return len(page.events)

    assert in_loop(scene) < 30


# Who may hear


LOSSES: dict[str, Callable[[Person], object]] = {
    "signed out": lambda person: Session.objects.all().delete(),
    "switched off": lambda person: Person.objects.filter(pk=person.pk).update(is_active=False),
    "no triager any more": lambda person: revoke_role(person, Role.TRIAGER, by=None),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_who_may_no_longer_see_a_confidential_problem_hears_nothing_more(
    problem: Problem, triager: Person, reporter: Person, loss: str
) -> None:
    change(problem, triager, ProblemChange(is_confidential=True), Door.WEB)
    session = cookie_of(triager)
    lose = LOSSES[loss]
    seen = stamp_of(problem)

    async def scene() -> None:
        async with house().page(problem, session, seen) as page:
            await do(lambda: comment(problem, reporter, "Between us.", Door.WEB))
            assert len(await page.more()) == 1
            await do(lambda: lose(triager))
            await do(lambda: comment(problem, reporter, "No longer for all.", Door.WEB))
            await page.until(lambda page: page.is_over)
            assert len(page.events) == 1

    in_loop(scene)


def test_when_a_problem_becomes_confidential_only_insiders_go_on(
    problem: Problem, triager: Person, reporter: Person, outsider: Person
) -> None:
    sessions = {person: cookie_of(person) for person in (reporter, outsider, triager)}
    seen = stamp_of(problem)
    hide = ProblemChange(is_confidential=True)

    async def scene() -> None:
        place = house()
        async with (
            place.page(problem, sessions[reporter], seen) as insider,
            place.page(problem, sessions[outsider], seen) as outside,
            place.page(problem, seen=seen) as stranger,
        ):
            await do(lambda: change(problem, triager, hide, Door.WEB))
            assert len(await insider.more()) == 1
            await outside.until(lambda page: page.is_over)
            await stranger.until(lambda page: page.is_over)
            assert outside.events == stranger.events == []
            assert not insider.is_over

    in_loop(scene)


def nameless(text: str, problem: Problem) -> str:
    """A page without what differs from one problem to another, and from one request to another."""
    return re.sub(r'value="\w{64}"', "", text.replace(f"/{problem.pk}/", "/N/"))


def test_a_confidential_problem_is_to_outsiders_one_that_does_not_exist(
    problem: Problem, triager: Person, outsider: Person
) -> None:
    change(problem, triager, ProblemChange(is_confidential=True), Door.WEB)
    session = cookie_of(outsider)
    missing = Problem(pk=987_654)

    async def scene() -> None:
        place = house()
        for cookie in (session, ""):
            async with place.page(problem, cookie) as page, place.page(missing, cookie) as nothing:
                assert page.status == nothing.status == 404
                assert nameless(page.text, problem) == nameless(nothing.text, missing)
        assert len(place.hub) == 0

    in_loop(scene)


# What it costs


def test_there_is_room_for_so_many_and_the_next_is_asked_to_come_again(
    problem: Problem, outsider: Person, settings: Settings
) -> None:
    settings.LIVE_STREAMS_PER_PERSON = 1
    session = cookie_of(outsider)

    async def scene() -> None:
        place = house(most=2)
        async with place.page(problem, session) as first:
            assert first.status == 200
            async with place.page(problem, session) as second:
                assert (second.status, second.headers["retry-after"]) == (503, "60")
                assert "1 pages are live for you already" in second.text
            async with place.page(problem) as other, place.page(problem) as third:
                assert (other.status, third.status) == (200, 503)
                assert "As many pages are live" in third.text
        async with place.page(problem, session) as again:
            assert again.status == 200

    in_loop(scene)


def connections_to_the_database() -> int:
    """How many there are now, this process's own among them."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            return int(cursor.fetchone()[0])
    name = Path(connection.settings_dict["NAME"]).resolve()
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += link.readlink() == name
        except OSError:
            continue
    return found


def test_forty_open_pages_hold_no_connection_to_the_database_and_no_threads(
    problem: Problem, triager: Person
) -> None:
    seen, session = stamp_of(problem), cookie_of(triager)
    connections, threads = connections_to_the_database(), threading.active_count()

    async def scene() -> None:
        place = house()
        async with AsyncExitStack() as open_pages:
            pages = [await open_pages.enter_async_context(place.page(problem, session, seen))
                     for _ in range(20)]  # fmt: skip
            pages += [await open_pages.enter_async_context(place.page(problem, "", seen))
                      for _ in range(20)]  # fmt: skip
            await do(lambda: comment(problem, triager, "To all.", Door.WEB))
            for page in pages:
                assert len(await page.more()) == 1
            assert threading.active_count() <= threads + 4
            assert await do(connections_to_the_database) <= connections + 4
            assert len(place.hub) == 40
        assert len(place.hub) == 0

    in_loop(scene)


def test_a_patch_is_told_of_until_it_is_confidential(problem: Problem) -> None:
    patch = make_patch(fixes=[problem])
    author = patch.author
    assert author is not None
    cookie = cookie_of(author)

    async def scene() -> None:
        place = house()
        async with place.page(patch) as stranger, place.page(patch, cookie) as own:
            for page in (stranger, own):
                assert len(await page.more()) == 1
            await do(lambda: next_version(patch))
            for page in (stranger, own):
                (stamp, _) = (await page.more(1))[-1]
                assert stamp.split(".")[1] == "2"
            await do(lambda: edit(patch, author, Door.WEB, is_confidential=True))
            await stranger.until(lambda page: page.is_over)
            assert len(stranger.events) == 2
            assert len(await own.more(2)) == 3
            async with place.page(patch) as late:
                assert late.status == 404

    in_loop(scene)


@pytest.mark.parametrize("readers", [1, 30, 300])
def test_a_look_at_what_is_public_is_a_query_of_each_kind_however_many_listen(
    problem: Problem, django_assert_num_queries: DjangoAssertNumQueries, readers: int
) -> None:
    problems = [problem, make_problem(problem.product)]
    patch = make_patch(problem.product)
    stands = {problem_topic(each.pk): stamp_of(each) for each in problems}
    stands[patch_topic(patch.pk)] = f"{patch.events.latest('pk').pk}.1.0"
    asked = [(topic, f"session {n}") for topic in stands for n in range(readers)]
    with django_assert_num_queries(2):
        sights = look(asked)
    assert sights == {(topic, who): stands[topic] for topic, who in asked}


def test_a_quiet_page_shows_that_it_is_alive_and_ends_with_the_process(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    seen = stamp_of(problem)

    async def scene() -> None:
        place = house()
        async with place.page(problem, seen=seen) as page:
            assert page.text.startswith("retry: ")
            await page.until(lambda page: page.text.count(":\n\n") > 2)
            place.hub.shut()
            await page.until(lambda page: page.is_over)
            async with place.page(problem) as late:
                assert late.status == 503
        assert page.events == []

    in_loop(scene)


# Without Redis


def test_when_redis_returns_pages_catch_up_without_asking_again(
    problem: Problem, triager: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hub, "RETRY", 0.05)
    monkeypatch.setattr(hub, "STILL_SILENT", 2.0)
    port, seen = services.free_port(), stamp_of(problem)
    arguments = [find_redis(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    log = tmp_path / "redis.log"

    async def scene() -> None:
        place = house(url=f"redis://127.0.0.1:{port}/0")
        async with place.page(problem, seen=seen) as page:
            assert page.status == 200
            await do(lambda: comment(problem, triager, "Nobody hears it.", Door.WEB))
            assert await page.nothing_more()
            with services.process(arguments, log=log):
                assert len(await page.more()) == 1
                # As by a process that could not tell a moment ago, and does not try again yet.
                await do(lambda: comment(problem, triager, "Not told either.", Door.WEB))
                assert len(await page.more(1)) == 2
            await do(lambda: comment(problem, triager, "Nor this.", Door.WEB))
            with services.process(arguments, log=log):
                assert len(await page.more(2)) == 3

    in_loop(scene)


def test_a_redis_that_does_not_answer_is_asked_once_and_the_vote_counts(
    problem: Problem, outsider: Person, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "PATIENCE", 0.2)
    monkeypatch.setattr(publishing, "PAUSE", 3600.0)
    with services.deaf_server() as deaf:
        settings.REDIS_URL = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        for person in (outsider, make_person(), make_person()):
            cast_vote(problem, person, Door.WEB)
        problem.refresh_from_db()
        assert problem.people == 4
        assert services.callers(deaf) == 1
    assert publishing.publisher(settings.REDIS_URL).tell(problem_topic(problem.pk)) is False
