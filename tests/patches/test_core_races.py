"""Several people at one patch at once: what each is told, and what the rows are afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction

from accounts.models import Role
from patches import deciding
from patches.intake.looking import look
from patches.models import Patch, PatchEvent, PatchVersion, Rating, Review
from patches.reviews import rating, reviewing
from patches.reviews.rating import Said
from patches.waiting import demand, turns
from patches.waiting.clocks import AFTER, Stage
from tests.patching import diff, make_patch, newest, next_version
from tests.people import make_person
from tests.problems import make_problem, make_product
from tests.test_vote_races import all_at_once
from tracker.changes import Conflict, ProblemChange
from tracker.models import Door, Problem
from tracker.services import attach, change
from votes.models import Vote
from votes.services import cast_vote, withdraw_vote

pytestmark = pytest.mark.django_db(transaction=True)

Calls = list[Callable[[], object]]


def test_versions_that_come_at_once_are_numbered_and_the_same_is_one() -> None:
    patch = make_patch()
    texts = [diff(new=f"\treturn ({number});") for number in (7, 8, 9)]
    calls: Calls = [lambda text=text: next_version(patch, text) for text in texts]  # type: ignore[misc]
    results = all_at_once(calls)
    assert all(isinstance(each, PatchVersion) for each in results)
    assert [v.number for v in patch.versions.all()] == [1, 2, 3, 4]
    patch.refresh_from_db()
    assert (patch.latest, patch.content_since) == (4, 4)
    again = diff(new="\treturn (10);")
    one, other = all_at_once([lambda: next_version(patch, again)] * 2)
    assert one == other
    assert patch.versions.count() == 5


def test_of_two_who_decide_at_once_one_does() -> None:
    product, cleo = make_product(), make_person("cleo", Role.COMMITTER)
    problem = make_problem(product)
    patch = make_patch(fixes=[problem])
    results = all_at_once([
        lambda: deciding.integrate(patch, cleo, Door.WEB),
        lambda: deciding.integrate(patch, cleo, Door.API),
        lambda: deciding.decline(patch, cleo, Door.WEB, note="No."),
    ])  # fmt: skip
    assert sum(isinstance(each, Conflict) for each in results) == 2
    assert PatchEvent.objects.filter(kind=PatchEvent.Kind.DECIDED).count() == 1


def test_a_draft_that_is_sent_twice_at_once_is_one_review() -> None:
    patch, rita = make_patch(), make_person("rita")
    version = newest(patch)
    place = {"commit": 1, "path": "sys/dev/em/if_em.c", "side": "new", "start": 13, "end": 13}
    results = all_at_once(
        [lambda: reviewing.add_line_comment(version, rita, "Why?", **place)] * 2  # type: ignore[arg-type]
    )
    assert Review.objects.count() == 1
    results = all_at_once([lambda: reviewing.send_review(version, rita, Door.WEB, text="Hm.")] * 3)
    assert len({each.pk for each in results}) == 1  # type: ignore[attr-defined]
    assert Review.objects.get().comments.count() == 2
    assert PatchEvent.objects.filter(kind=PatchEvent.Kind.REVIEWED).count() == 1


def test_two_words_of_one_person_at_once_leave_one_that_holds() -> None:
    patch, rita, cleo = make_patch(), make_person("rita"), make_person("cleo", Role.COMMITTER)
    version = newest(patch)

    def rate(slug: str, value: int = 1) -> Callable[[], object]:
        word = Said(slug, value, architecture="amd64" if slug != "quality" else "")
        who = cleo if slug == "quality" else rita
        return lambda: rating.rate(version, who, Door.API, word)

    all_at_once([rate("works"), rate("fails"), rate("quality"), rate("quality", -1)])
    assert Rating.objects.filter(is_current=True).count() == 2
    patch.refresh_from_db()
    stands = (patch.turn, patch.is_reviewed)
    assert not turns.settle(patch)
    assert stands == (patch.turn, patch.is_reviewed)


def test_votes_groups_and_decisions_at_once_end_with_the_right_demand() -> None:
    product, tom = make_product(), make_person("tom", Role.TRIAGER, Role.COMMITTER)
    one, two, three = (make_problem(product) for _ in range(3))
    first = make_patch(fixes=[one, two])
    second = make_patch(fixes=[two, three])
    voters = [make_person() for _ in range(4)]
    for voter in voters[:2]:
        cast_vote(two, voter, Door.WEB)
    calls: Calls = [
        lambda: cast_vote(one, voters[2], Door.WEB),
        lambda: cast_vote(three, voters[3], Door.WEB),
        lambda: withdraw_vote(two, voters[0]),
        lambda: change(three, tom, ProblemChange(duplicate_of=one.pk), Door.WEB),
        lambda: deciding.integrate(first, tom, Door.WEB),
    ]
    results = all_at_once(calls)
    assert all(not isinstance(r, Conflict) or "Vote there" in str(r) for r in results)
    for patch in (first, second):
        patch.refresh_from_db()
        assert patch.demand == demand.counts([patch.pk])[patch.pk]
    assert first.state == Patch.State.INTEGRATED


def test_a_count_that_has_to_wait_counts_what_came_meanwhile() -> None:
    if not connection.features.has_select_for_update:
        # One writer at a time, so nothing comes while another one counts.
        return
    problem, person = make_problem(), make_person()
    patch = make_patch(fixes=[problem])
    Patch.objects.update(demand=0)

    def vote() -> None:
        Vote.objects.create(problem=problem, person=person, status=Vote.Status.COUNTED)

    with ThreadPoolExecutor(2) as pool, transaction.atomic():
        Patch.objects.select_for_update().get(pk=patch.pk)
        counting = pool.submit(_alone, lambda: demand.recount_numbers([patch.pk]))
        _wait_for_a_waiting_lock()
        pool.submit(_alone, vote).result(timeout=60)
        transaction.on_commit(lambda: counting.result(timeout=60))
    patch.refresh_from_db()
    assert patch.demand == 2


def test_a_version_that_is_found_waits_for_problems_before_it_holds_its_patch() -> None:
    if not connection.features.has_select_for_update:
        return
    product, rita = make_product(), make_person("rita")
    here, there, named = (make_problem(product) for _ in range(3))
    patch = make_patch(fixes=[here, there], author=rita)
    text = b"Subject: [PATCH v2] em: do not hang\n\nFixes: #%d\n---\n" % named.pk
    file = attach(here, rita, ContentFile(text + diff(), name="next.txt"), Door.WEB)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        # As one does who decides, and asks for the patch next.
        Problem.objects.select_for_update().get(pk=there.pk)
        looking = pool.submit(_alone, lambda: look(file))
        _wait_for_a_waiting_lock()
        Patch.objects.select_for_update(nowait=True).get(pk=patch.pk)
        transaction.on_commit(lambda: looking.result(timeout=60))
    patch.refresh_from_db()
    assert (patch.latest, patch.fixes.count()) == (2, 3)


def _alone(act: Callable[[], object]) -> None:
    """In a thread, with a connection of its own."""
    try:
        act()
    finally:
        connection.close()


def _wait_for_a_waiting_lock() -> None:
    ends = time.monotonic() + 60
    with connection.cursor() as cursor:
        while time.monotonic() < ends:
            cursor.execute("SELECT COUNT(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError


def test_a_stage_is_claimed_by_one_of_many_workers() -> None:
    patch = make_patch()
    due = patch.turn_since + AFTER[Stage.LIST]
    claims = all_at_once([
        lambda: turns.claim_stage(Patch.objects.get(), Stage.LIST, due) for _ in range(6)
    ])  # fmt: skip
    assert claims.count(True) == 1
