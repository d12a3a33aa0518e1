"""Whose turn a patch is, when it counts as reviewed, and the clock of those that nobody reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.models import Person, Role
from patches import deciding
from patches.models import BranchRule, LineComment, Patch, Requirement, Review, Turn
from patches.reviews import rating, reviewing
from patches.reviews.rating import Said
from patches.waiting import turns
from patches.waiting.clocks import Stage
from tests.patching import diff, make_patch, newest, next_version
from tests.people import make_person
from tracker.models import Door

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATH = "sys/dev/em/if_em.c"
REVIEWERS, AUTHOR, COMMITTER = Turn.REVIEWERS, Turn.AUTHOR, Turn.COMMITTER


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Time stands still until a test moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def say(
    patch: Patch, person: Person, text: str = "What of it?", verdict: str = Review.Verdict.COMMENT
) -> Review:
    return reviewing.send_review(newest(patch), person, Door.WEB, text=text, verdict=verdict)


def ask_for_changes(patch: Patch, person: Person) -> Review:
    return say(patch, person, "Take the lock first.", verdict=Review.Verdict.CHANGES)


def rate(patch: Patch, person: Person, slug: str, value: int = 1, where: str = "") -> None:
    rating.rate(newest(patch), person, Door.WEB, Said(slug, value, architecture=where))


def fail_what_is_ready(patch: Patch, committer: Person, robot: Person) -> None:
    rate(patch, committer, "quality")
    rate(patch, robot, "fails", 1, "i386")


def begin_thread(patch: Patch, person: Person) -> LineComment:
    comment = reviewing.add_line_comment(
        newest(patch), person, "Why?", commit=1, path=PATH, side="new", start=13, end=13
    )
    say(patch, person, "")
    return comment


def answer(patch: Patch, person: Person, comment: LineComment) -> None:
    reviewing.answer(comment.thread, person, "So.", version=newest(patch))
    say(patch, person, "")


def stands(patch: Patch) -> tuple[str, bool]:
    patch.refresh_from_db()
    return patch.turn, patch.is_reviewed


class People:
    """Who acts on a patch of `author`, which somebody else brought."""

    def __init__(self) -> None:
        self.author, self.submitter = make_person("anna"), make_person("sven")
        self.reviewer, self.second = make_person("rita"), make_person("rolf")
        self.committer = make_person("cleo", Role.COMMITTER)
        self.robot = make_person("robot", Role.MACHINE)


Deed = Callable[[Patch, People], object]

DEEDS: list[tuple[str, Deed, tuple[str, bool]]] = [
    ("nothing", lambda patch, who: None, (REVIEWERS, False)),
    ("a bump", lambda patch, who: say(patch, who.reviewer), (REVIEWERS, False)),
    ("the author's bump", lambda patch, who: say(patch, who.author), (REVIEWERS, False)),
    ("a rating for it", lambda patch, who: rate(patch, who.reviewer, "works", 1, "amd64"),
     (REVIEWERS, True)),
    ("all it needs", lambda patch, who: rate(patch, who.committer, "quality"), (COMMITTER, True)),
    ("a minus", lambda patch, who: rate(patch, who.reviewer, "quality", -1), (AUTHOR, True)),
    ("it fails", lambda patch, who: rate(patch, who.reviewer, "fails", 1, "i386"), (AUTHOR, True)),
    ("changes asked for", lambda patch, who: ask_for_changes(patch, who.reviewer), (AUTHOR, True)),
    ("a thread", lambda patch, who: begin_thread(patch, who.reviewer), (AUTHOR, True)),
    # A machine's word is no review, nor are the author's and the submitter's own.
    ("a machine's minus", lambda patch, who: rate(patch, who.robot, "quality", -1),
     (REVIEWERS, False)),
    ("a machine's wish", lambda patch, who: ask_for_changes(patch, who.robot), (REVIEWERS, False)),
    ("a machine's thread", lambda patch, who: begin_thread(patch, who.robot), (REVIEWERS, False)),
    # Nor does it take from a committer what people have said is ready.
    ("a machine's test", lambda patch, who: fail_what_is_ready(patch, who.committer, who.robot),
     (COMMITTER, True)),
    ("a machine's comment", lambda patch, who: say(patch, who.robot), (REVIEWERS, False)),
    ("the author's minus", lambda patch, who: rate(patch, who.author, "quality", -1),
     (REVIEWERS, False)),
    ("the author's thread", lambda patch, who: begin_thread(patch, who.author),
     (REVIEWERS, False)),
    ("the submitter's plus", lambda patch, who: rate(patch, who.submitter, "quality"),
     (REVIEWERS, False)),
]  # fmt: skip


def test_what_happens_says_whose_turn_it_is() -> None:
    who = People()
    for name, deed, expected in DEEDS:
        patch = make_patch(author=who.author)
        Patch.objects.filter(pk=patch.pk).update(submitter=who.submitter)
        deed(patch, who)
        assert stands(patch) == expected, name


def test_an_answer_hands_a_thread_back_and_a_bump_does_not() -> None:
    who = People()
    patch = make_patch(author=who.author)
    comment = begin_thread(patch, who.reviewer)
    say(patch, who.second, "Any news?")
    say(patch, who.author, "I am on it.")
    assert stands(patch) == (AUTHOR, True)
    answer(patch, who.author, comment)
    assert stands(patch) == (REVIEWERS, True)
    answer(patch, who.second, comment)
    assert stands(patch) == (AUTHOR, True)
    # What a program adds does not take the author's last word.
    answer(patch, who.author, comment)
    answer(patch, who.robot, comment)
    assert stands(patch) == (REVIEWERS, True)


def test_all_that_is_open_has_to_be_answered_or_resolved() -> None:
    who = People()
    patch = make_patch(author=who.author)
    first, second = begin_thread(patch, who.reviewer), begin_thread(patch, who.second)
    answer(patch, who.author, first)
    assert stands(patch) == (AUTHOR, True)
    reviewing.resolve(second.thread, who.author, Door.WEB, resolved=True)
    assert stands(patch) == (REVIEWERS, True)
    reviewing.resolve(second.thread, who.second, Door.WEB, resolved=False)
    assert stands(patch) == (AUTHOR, True)


def test_changes_asked_for_on_lines_are_answered_there_and_others_by_a_version(
    clock: time_machine.Traveller,
) -> None:
    who = People()
    patch = make_patch(author=who.author)
    comment = reviewing.add_line_comment(
        newest(patch), who.reviewer, "Why?", commit=1, path=PATH, side="old", start=13, end=14
    )
    ask_for_changes(patch, who.reviewer)
    answer(patch, who.author, comment)
    assert stands(patch) == (REVIEWERS, True)
    ask_for_changes(patch, who.second)
    assert stands(patch) == (AUTHOR, True)
    clock.move_to(day(1))
    # Who asked may be content after all.
    rate(patch, who.second, "works", 1, "amd64")
    assert stands(patch) == (REVIEWERS, True)
    ask_for_changes(patch, who.reviewer)
    rate(patch, who.committer, "quality")
    assert stands(patch) == (AUTHOR, True)
    next_version(patch)
    assert stands(patch) == (REVIEWERS, False)


def test_a_rebase_moves_nothing_and_what_is_said_of_old_content_neither() -> None:
    who = People()
    patch = make_patch(author=who.author, text=diff(new="x"))
    first = newest(patch)
    ask_for_changes(patch, who.reviewer)
    next_version(patch, diff(new="x", start=77))
    assert stands(patch) == (AUTHOR, True)
    next_version(patch)
    verdict = Review.Verdict.CHANGES
    reviewing.send_review(first, who.second, Door.WEB, text="Bad.", verdict=verdict)
    assert stands(patch) == (REVIEWERS, False)


def test_who_brought_the_content_is_no_reviewer_of_it() -> None:
    who = People()
    patch = make_patch(author=who.author)
    next_version(patch, diff(new="x"), by=who.committer)
    rate(patch, who.committer, "quality")
    assert stands(patch) == (REVIEWERS, False)
    # A rebase adds nothing that could be one's own.
    next_version(patch, diff(new="y"))
    next_version(patch, diff(new="y", start=90), by=who.committer)
    rate(patch, who.committer, "quality")
    assert stands(patch) == (COMMITTER, True)


def test_taking_the_only_review_back_leaves_it_unreviewed() -> None:
    who = People()
    patch = make_patch(author=who.author)
    rate(patch, who.reviewer, "quality", -1)
    rate(patch, who.reviewer, "quality", 0)
    assert stands(patch) == (REVIEWERS, False)
    assert patch.escalate_at == day(14)


def test_a_rule_that_asks_for_nothing_leaves_it_to_the_committer() -> None:
    patch = make_patch()
    rule = BranchRule.objects.create(product=patch.product)
    assert turns.settle(patch)
    assert patch.turn == COMMITTER
    Requirement.objects.create(rule=rule, dimension="security", count=1)
    assert turns.settle(patch)
    assert not turns.settle(patch)
    assert turns.turn_words(patch) == "Waits for a first review."


def test_turns_are_told_in_one_sentence() -> None:
    who = People()
    patch = make_patch(author=who.author)
    rate(patch, who.reviewer, "security")
    assert turns.turn_words(Patch.objects.get()) == "Waits for reviewers."
    rate(patch, who.reviewer, "security", -1)
    assert turns.turn_words(Patch.objects.get()) == "Waits for anna, its author."
    Patch.objects.update(author=None, submitter=None)
    assert turns.turn_words(Patch.objects.get()) == "Waits for its author."
    deciding.integrate(patch, who.committer, Door.WEB)
    assert turns.turn_words(patch) == "Integrated."


# The clock


def due(patch: Patch) -> tuple[Stage, datetime] | None:
    patch.refresh_from_db()
    found = turns.next_stage_due(patch)
    assert patch.escalate_at == (found[1] if found else None)
    return found


def test_each_stage_is_claimed_once_and_not_early() -> None:
    patch = make_patch()
    assert due(patch) == (Stage.LIST, day(14))
    stale = Patch.objects.get()
    assert not turns.claim_stage(patch, Stage.LIST, day(13.99))
    assert not turns.claim_stage(patch, Stage.BOARD, day(90))
    assert turns.claim_stage(patch, Stage.LIST, day(14))
    assert not turns.claim_stage(stale, Stage.LIST, day(14))
    assert due(patch) == (Stage.BOARD, day(90))
    assert not turns.claim_stage(patch, Stage.BOARD, day(89.99))
    assert turns.claim_stage(patch, Stage.BOARD, day(90))
    assert due(patch) is None
    assert patch.stage == Stage.BOARD


def test_the_clock_stands_still_while_it_waits_for_the_author(
    clock: time_machine.Traveller,
) -> None:
    who = People()
    patch = make_patch(author=who.author)
    clock.move_to(day(10))
    comment = begin_thread(patch, who.reviewer)
    assert due(patch) is None
    assert patch.waited == timedelta(days=10)
    clock.move_to(day(40))
    # The thread was the review; once it is taken as answered it is a reviewed patch.
    answer(patch, who.author, comment)
    assert due(patch) is None
    clock.move_to(day(43))
    Review.objects.filter(author=who.reviewer).delete()
    turns.settle(patch)
    assert due(patch) == (Stage.LIST, day(44))
    clock.move_to(day(50))
    next_version(patch)
    assert due(patch) == (Stage.LIST, day(64))
    assert patch.waited == timedelta()


def test_a_decision_stops_the_clock_and_opening_again_lets_it_go_on(
    committer: Person, clock: time_machine.Traveller
) -> None:
    patch = make_patch()
    clock.move_to(day(20))
    assert turns.claim_stage(patch, Stage.LIST, day(20))
    deciding.decline(patch, committer, Door.WEB, note="Not so.")
    assert due(patch) is None
    clock.move_to(day(120))
    deciding.reopen(patch, committer, Door.WEB)
    assert stands(patch) == (REVIEWERS, False)
    assert due(patch) == (Stage.BOARD, day(120 + 90 - 20))


def test_a_claim_that_comes_after_a_review_or_other_content_finds_nothing(
    committer: Person, clock: time_machine.Traveller
) -> None:
    patch = make_patch()
    seen = Patch.objects.get()
    clock.move_to(day(13))
    next_version(patch)
    assert not turns.claim_stage(seen, Stage.LIST, day(15))
    assert due(patch) == (Stage.LIST, day(27))
    rate(patch, committer, "security")
    assert not turns.claim_stage(Patch.objects.get(), Stage.LIST, day(30))
    assert not turns.claim_stage(seen, Stage.LIST, day(30))
    assert due(patch) is None
