"""Every message that came in is read once, whoever else reads it and whatever breaks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications import tasks
from notifications.gate import acting, processing, purging
from notifications.gate.addresses import reply_address
from notifications.gate.models import HeldMail, IncomingMail, PoliteAnswer
from notifications.models import Message
from notifications.outbox import bell
from tests.gate.letters import answers_to, deliver, letter, open_gate, store
from tracker.models import Comment, Problem

pytestmark = pytest.mark.django_db

State = IncomingMail.State


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    open_gate(settings)


def answer(person: Person, problem: Problem, text: str = "Still so.") -> IncomingMail:
    """An answer that was stored and not read yet."""
    to = reply_address(person.pk, problem.pk)
    return store(letter(person.email, to, text), to, person.email)


def at_once(*calls: Callable[[], Any]) -> None:
    """Run each in a thread with a connection of its own, all starting together."""
    together = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> None:
        try:
            together.wait(10)
            call()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# Once


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_the_same_message_do_what_it_says_once(
    problem: Problem, reporter: Person
) -> None:
    incoming = answer(reporter, problem)
    at_once(*[lambda: processing.process(incoming.pk)] * 4)
    incoming.refresh_from_db()
    assert (incoming.state, incoming.attempts) == (State.DONE, 1)
    assert incoming.comment is not None
    assert Comment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_mail_by_two_ways_at_once_is_done_once(problem: Problem, reporter: Person) -> None:
    to = reply_address(reporter.pk, problem.pk)
    raw = letter(reporter.email, to, "Still so.")
    ways = [store(f"X-Way: {way}\r\n".encode() + raw, to) for way in "ab"]
    is_done, is_over = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            processing.process(ways[0].pk)
            is_done.set()
            # In vain, as the other one has to wait for the end of this transaction.
            is_over.wait(timeout=0.3)

    def meanwhile() -> None:
        assert is_done.wait(timeout=60)
        processing.process(ways[1].pk)
        is_over.set()

    at_once(slowly, meanwhile)
    assert Comment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_taken_for_dead_cannot_finish(
    problem: Problem, reporter: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = answer(reporter, problem)
    read = processing.read

    def read_slowly(row: IncomingMail) -> Any:
        reading = read(row)
        if row.attempts == 1:
            with time_machine.travel(timezone.now() + processing.LEASE * 2):
                assert processing.process(incoming.pk)
        return reading

    monkeypatch.setattr(processing, "read", read_slowly)
    assert not processing.process(incoming.pk)
    incoming.refresh_from_db()
    assert (incoming.state, incoming.attempts) == (State.DONE, 2)
    assert incoming.comment is not None
    assert Comment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_held_message_that_is_confirmed_twice_at_once_is_posted_once(
    problem: Problem, reporter: Person
) -> None:
    to = reply_address(reporter.pk, problem.pk)
    deliver(letter("rita@example.net", to), to)
    held = HeldMail.objects.select_related("incoming", "person")
    mine, theirs = (lambda: processing.confirm(held.get())), (lambda: processing.disown(held.get()))
    at_once(mine, mine, mine, theirs)
    ended = IncomingMail.objects.get()
    assert ended.state in {State.DONE, State.REFUSED}
    # Words that were said already become no comment, so doing it twice would show in the row.
    assert (ended.state == State.DONE) == (ended.comment is not None)
    assert Comment.objects.count() == (ended.comment is not None)


@pytest.mark.django_db(transaction=True)
def test_two_mails_of_somebody_unknown_at_once_bring_one_answer(problem: Problem) -> None:
    mails = [store(letter("nia@example.net"), sender="nia@example.net") for _ in range(4)]
    at_once(*[lambda pk=mail.pk: processing.process(pk) for mail in mails])
    assert {mail.state for mail in IncomingMail.objects.all()} == {State.REFUSED}
    assert len(answers_to("nia@example.net")) == 1


def test_a_message_that_is_not_due_or_is_done_is_left_alone(
    problem: Problem, reporter: Person
) -> None:
    incoming = answer(reporter, problem)
    assert tasks.process_incoming(incoming.pk)
    assert not tasks.process_incoming(incoming.pk)
    assert not tasks.process_incoming(incoming.pk + 1)
    assert Comment.objects.count() == 1


# What breaks


def test_what_breaks_leaves_nothing_behind_and_is_tried_again_later(
    problem: Problem, reporter: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = answer(reporter, problem)
    act = acting.act

    def act_and_break(*given: Any) -> Any:
        act(*given)
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(acting, "act", act_and_break)
    waits = []
    now = timezone.now()
    while True:
        with time_machine.travel(now, tick=False):
            assert not processing.process(incoming.pk)
        incoming.refresh_from_db()
        if incoming.state == State.FAILED:
            break
        waits.append(incoming.due_at - now)
        now = incoming.due_at
    assert waits == sorted(waits)
    assert len(waits) == processing.MOST_ATTEMPTS - 1
    assert "the disk is full" in incoming.outcome
    assert not Comment.objects.exists()
    monkeypatch.undo()
    assert processing.read_again(incoming)
    assert processing.process(incoming.pk)
    assert Comment.objects.count() == 1


def test_a_message_that_kills_its_worker_each_time_is_given_up_and_seen(
    problem: Problem, reporter: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = answer(reporter, problem)

    def die(row: IncomingMail) -> Any:
        raise SystemExit

    monkeypatch.setattr(processing, "read", die)
    now = timezone.now()
    for _ in range(processing.MOST_ATTEMPTS):
        with time_machine.travel(now, tick=False), pytest.raises(SystemExit):
            processing.process(incoming.pk)
        with time_machine.travel(now + processing.LEASE / 2, tick=False):
            assert not processing.process(incoming.pk)
        now += processing.LEASE
    with time_machine.travel(now, tick=False):
        assert not processing.process(incoming.pk)
    incoming.refresh_from_db()
    assert (incoming.state, incoming.attempts) == (State.FAILED, processing.MOST_ATTEMPTS)
    assert not processing.sweep()


def test_a_message_whose_bytes_are_gone_fails_and_stops_nobody(
    problem: Problem, reporter: Person
) -> None:
    lost, other = answer(reporter, problem), answer(reporter, problem, "And so?")
    default_storage.delete(lost.file.name)
    assert not processing.process(lost.pk)
    assert processing.process(other.pk)
    assert Comment.objects.get().text == "And so?"


def test_a_refusal_is_mailed_back_once_and_nothing_is_done(
    problem: Problem, reporter: Person
) -> None:
    to = reply_address(reporter.pk, problem.pk)
    incoming = deliver(letter("rita@example.org", to, "!state nonsense\n\nAnd words."), to)
    assert incoming.state == State.REFUSED
    assert not Comment.objects.exists()
    (answered,) = answers_to("rita@example.org")
    assert "nonsense" in answered.text


# Looking after


def test_the_sweep_asks_for_what_is_due_and_nobody_came_for(
    problem: Problem, reporter: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    monkeypatch.setattr(
        bell,
        "ring_for_incoming",
        lambda pk: not rung.append(pk),  # type: ignore[func-returns-value]
    )
    forgotten, done, asked = (answer(reporter, problem, f"{n}") for n in range(3))
    IncomingMail.objects.update(rung_at=None)
    processing.process(done.pk)
    IncomingMail.objects.filter(pk=asked.pk).update(rung_at=timezone.now())
    assert tasks.sweep_incoming() == 1
    assert rung == [forgotten.pk]
    assert tasks.sweep_incoming() == 0
    with time_machine.travel(timezone.now() + processing.RING_AGAIN_AFTER * 2):
        assert tasks.sweep_incoming() == 2


def test_originals_stay_with_what_they_became_and_the_rest_goes_in_its_time(
    problem: Problem, reporter: Person
) -> None:
    to = reply_address(reporter.pk, problem.pk)
    posted = deliver(letter("rita@example.org", to), to)
    ignored = deliver(letter("rita@example.org", to, Precedence="bulk"), to)
    held = deliver(letter("eve@example.net", to), to)
    unread = answer(reporter, problem, "Not read yet.")
    assert kept(posted, ignored, held, unread) == [True, True, True, True]
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert tasks.purge_incoming() == 1
        held.refresh_from_db()
        assert (held.state, HeldMail.objects.count()) == (State.REFUSED, 0)
        assert kept(posted, ignored, held, unread) == [True, True, False, True]
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert purging.purge() == 1
        assert kept(posted, ignored, held, unread) == [True, False, False, True]
        IncomingMail.objects.filter(pk=posted.pk).update(problem=None, comment=None)
        assert purging.purge() == 1
        assert kept(posted, ignored, held, unread) == [False, False, False, True]
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        PoliteAnswer.objects.create(address="a@example.net", answered_at=ignored.received_at)
        purging.purge()
        assert set(IncomingMail.objects.values_list("pk", flat=True)) == {posted.pk, unread.pk}
        assert not PoliteAnswer.objects.exists()


def kept(*mails: IncomingMail) -> list[bool]:
    """Whether the bytes of each are there; a row that names a file has one."""
    found = []
    for mail in mails:
        mail.refresh_from_db()
        found.append(bool(mail.file))
        assert not mail.file or default_storage.exists(mail.file.name)
    return found


def test_what_is_held_for_a_person_who_is_gone_does_not_wait_for_ever(
    problem: Problem, outsider: Person
) -> None:
    to = reply_address(outsider.pk, problem.pk)
    held = deliver(letter("eve@example.net", to), to)
    outsider.delete()
    purging.purge()
    assert not kept(held)[0]
    assert held.state == State.REFUSED
    assert not Message.objects.filter(kind="answer").exists()
