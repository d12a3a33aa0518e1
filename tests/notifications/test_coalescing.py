"""What happens soon after one another is one mail, at the pace and hours that each chose."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person, Role
from notifications.events import choices, coalescing
from notifications.events.quiet_hours import after_quiet
from notifications.gate.models import SuspendedAddress
from notifications.models import (
    EventChoice,
    MailSettings,
    Message,
    Occasion,
    Subscription,
    Telling,
)
from notifications.outbox import queueing, sending
from notifications.outbox.rendering import Withheld, render
from notifications.services import mute, subscribe
from notifications.tasks import purge_outbox
from tests.notifications.mails import html_of, mail_to, text_of
from tests.people import make_person
from tests.problems import make_problem
from tracker import bulk
from tracker.bulk import Asked, Pick
from tracker.changes import ProblemChange
from tracker.models import Door, Event, Problem, Product
from tracker.services import attach, change, comment
from tracker.signals import problem_happened

pytestmark = pytest.mark.django_db

Pace = EventChoice.Pace


@pytest.fixture
def window(settings: Settings) -> None:
    settings.EVENT_MAIL_WINDOW = 60


def choose(person: Person, pace: Pace, *occasions: Occasion) -> None:
    for occasion in occasions or Occasion:
        EventChoice.objects.create(person=person, occasion=occasion, pace=pace)


def mails_of(person: Person) -> list[Message]:
    return list(Message.objects.filter(person=person).order_by("pk"))


def send_all_that_waits() -> None:
    Message.objects.update(due_at=timezone.now())
    for message in Message.objects.filter(state="queued"):
        assert sending.deliver(message.pk)


def set_severity(problem: Problem, actor: Person, severity: str) -> None:
    change(problem, actor, ProblemChange(severity=severity), Door.WEB)


def test_what_several_people_do_within_the_window_is_one_mail_that_says_who_did_what(
    window: None, problem: Problem, reporter: Person, triager: Person, committer: Person
) -> None:
    comment(problem, triager, "Which firmware?", Door.WEB)
    change(problem, committer, ProblemChange(state="open"), Door.WEB)
    set_severity(problem, committer, "major")
    attach(problem, triager, ContentFile(b"x", name="fix.diff"), Door.WEB)
    (message,) = mails_of(reporter)
    mail = mail_to(reporter)
    text = text_of(mail)
    order = ["tom commented (", "Which firmware?", "cleo changed state and severity (",
             "state: new -> open", "severity: normal -> major",
             "tom attached fix.diff (1 byte) ("]  # fmt: skip
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "<b>major</b>" in html_of(mail)
    assert mail["Subject"] == f"[base/kernel] #{problem.pk} {problem.synopsis}"
    assert mail["From"].startswith("tom and cleo via Groundswell <")
    assert mail["X-Groundswell-Event"] == "commented, changed, attached"
    assert message.tellings.count() == 4


def test_a_mail_waits_a_minute_and_never_more_than_five(
    window: None, problem: Problem, reporter: Person, triager: Person
) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        comment(problem, triager, "One", Door.WEB)
        assert mails_of(reporter)[0].due_at - start == timedelta(minutes=1)
        waits = []
        for _ in range(8):
            clock.shift(50)
            comment(problem, triager, "More", Door.WEB)
            waits.append(mails_of(reporter)[0].due_at - start)
    assert waits[0] == timedelta(seconds=110)
    assert waits[-1] == coalescing.LONGEST
    assert len(mails_of(reporter)) == 1


def test_what_begins_after_the_mail_is_on_its_way_is_another_mail(
    window: None, problem: Problem, reporter: Person, triager: Person, files: Path
) -> None:
    comment(problem, triager, "One", Door.WEB)
    send_all_that_waits()
    comment(problem, triager, "Two", Door.WEB)
    first, second = mails_of(reporter)
    assert (first.state, second.state) == ("sent", "queued")
    text = text_of(mail_to(reporter))
    assert "Two" in text
    assert "One" not in text


def test_a_mail_that_waits_for_its_server_takes_more_and_is_not_hurried(
    window: None, problem: Problem, reporter: Person, triager: Person
) -> None:
    comment(problem, triager, "One", Door.WEB)
    late = timezone.now() + timedelta(minutes=15)
    Message.objects.filter(person=reporter).update(attempts=4, due_at=late)
    comment(problem, triager, "Two", Door.WEB)
    (message,) = mails_of(reporter)
    assert message.due_at == late
    assert message.tellings.count() == 2


def test_a_change_and_its_undoing_are_no_mail(
    window: None, problem: Problem, reporter: Person, triager: Person, files: Path
) -> None:
    set_severity(problem, triager, "critical")
    set_severity(problem, triager, "normal")
    send_all_that_waits()
    (message,) = mails_of(reporter)
    assert message.state == "dropped"
    assert "undone" in message.last_error


def test_a_change_that_its_reader_undid_is_no_mail(
    window: None, problem: Problem, reporter: Person, triager: Person
) -> None:
    change(problem, triager, ProblemChange(hardware="em0"), Door.WEB)
    change(problem, reporter, ProblemChange(hardware=""), Door.WEB)
    with pytest.raises(Withheld):
        mail_to(reporter)


def test_a_field_that_changed_twice_is_told_once_and_comments_stay(
    window: None, problem: Problem, reporter: Person, triager: Person, committer: Person
) -> None:
    set_severity(problem, triager, "critical")
    change(problem, triager, ProblemChange(architecture="arm64"), Door.WEB)
    comment(problem, triager, "Was that too much?", Door.WEB)
    change(problem, triager, ProblemChange(architecture=""), Door.WEB)
    set_severity(problem, committer, "major")
    text = text_of(mail_to(reporter))
    assert "severity: normal -> major" in text
    assert "critical" not in text
    assert "architecture" not in text
    assert "Was that too much?" in text
    assert "tom changed" not in text
    assert "cleo changed severity" in text


def test_what_another_mail_has_told_is_news_when_it_is_undone(
    window: None, problem: Problem, reporter: Person, triager: Person, files: Path
) -> None:
    set_severity(problem, triager, "critical")
    send_all_that_waits()
    set_severity(problem, triager, "normal")
    assert "severity: critical -> normal" in text_of(mail_to(reporter))


def test_whoever_mutes_a_problem_while_its_mail_waits_does_not_get_it(
    window: None, problem: Problem, reporter: Person, triager: Person
) -> None:
    comment(problem, triager, "One", Door.WEB)
    mute(reporter, problem)
    with pytest.raises(Withheld):
        mail_to(reporter)


def test_the_closest_ground_of_all_that_a_mail_tells_is_named(
    window: None, problem: Problem, product: Product, outsider: Person, triager: Person
) -> None:
    subscribe(outsider, product)
    comment(problem, triager, "One", Door.WEB)
    subscribe(outsider, problem)
    comment(problem, triager, "Two", Door.WEB)
    assert len(mails_of(outsider)) == 1
    assert "Stop mails about this problem" in text_of(mail_to(outsider))


def test_nobody_is_mailed_about_their_own_act_unless_they_ask(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    comment(problem, reporter, "One", Door.WEB)
    assert mails_of(reporter) == []
    MailSettings.objects.create(person=reporter, tells_own_acts=True)
    comment(problem, reporter, "Two", Door.WEB)
    mail = mail_to(reporter)
    assert "You get this because you asked for mails about what you do." in text_of(mail)
    mute(reporter, problem)
    comment(problem, reporter, "Three", Door.WEB)
    assert len(mails_of(reporter)) == 1, "what is muted is muted for one's own acts, too"


def test_an_event_is_told_at_the_pace_of_its_most_urgent_occasion(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    choose(reporter, Pace.NEVER, Occasion.EDITED, Occasion.STATE)
    choose(reporter, Pace.DIGEST, Occasion.ASSIGNED)
    set_severity(problem, triager, "critical")
    assert not Telling.objects.filter(person=reporter).exists()
    change(problem, triager, ProblemChange(assignee="tom", severity="major"), Door.WEB)
    assert Telling.objects.get(person=reporter).message is None
    assert mails_of(reporter) == []
    comment(problem, triager, "Look here", Door.WEB)
    assert [message.kind for message in mails_of(reporter)] == ["event"]


@pytest.mark.parametrize(
    ("asked", "occasions"),
    [
        (ProblemChange(state="closed", resolution="fixed"), {Occasion.STATE}),
        (ProblemChange(assignee="tom"), {Occasion.ASSIGNED}),
        (ProblemChange(severity="major", hardware="x"), {Occasion.EDITED}),
    ],
)
def test_changes_are_of_these_occasions(
    asked: ProblemChange, occasions: set[Occasion], problem: Problem, triager: Person
) -> None:
    assert choices.occasions_of(change(problem, triager, asked, Door.WEB)) == occasions  # type: ignore[arg-type]


def test_the_hour_of_several_problems_is_one_mail(
    problem: Problem, product: Product, reporter: Person, triager: Person
) -> None:
    other = make_problem(product, reporter, component="net")
    hidden = make_problem(product, component="net")
    subscribe(reporter, hidden)
    choose(reporter, Pace.HOURLY)
    comment(problem, triager, "One", Door.WEB)
    set_severity(other, triager, "major")
    comment(hidden, triager, "The exploit", Door.WEB)
    Problem.objects.filter(pk=hidden.pk).update(is_confidential=True)
    (message,) = mails_of(reporter)
    assert (message.kind, message.due_at.minute) == ("roundup", 0)
    assert timedelta() < message.due_at - timezone.now() <= timedelta(hours=1)
    mail = mail_to(reporter)
    assert mail["Subject"] == "News of 2 problems that you follow"
    text = text_of(mail)
    assert all(words in text for words in ("One", "severity: normal -> major", "once an hour"))
    assert "exploit" not in text + html_of(mail)
    assert f"#{hidden.pk} " not in text
    assert mail["List-Unsubscribe"]


def test_the_mail_of_the_hour_costs_the_same_however_much_it_tells(
    product: Product, reporter: Person, triager: Person
) -> None:
    choose(reporter, Pace.HOURLY)
    counts = []
    for more in (1, 9):
        for _ in range(more):
            comment(make_problem(product, reporter), triager, "One", Door.WEB)
        message = Message.objects.select_related("person").get(person=reporter)
        with CaptureQueriesContext(connection) as captured:
            render(message)
        counts.append(len(captured))
    assert message.tellings.count() == 10
    assert counts[0] == counts[1] <= 10


def test_a_mail_of_the_hour_that_left_early_leaves_room_for_the_next(
    problem: Problem, reporter: Person, triager: Person, files: Path
) -> None:
    choose(reporter, Pace.HOURLY)
    comment(problem, triager, "One", Door.WEB)
    send_all_that_waits()
    comment(problem, triager, "Two", Door.WEB)
    first, second = mails_of(reporter)
    assert (first.state, second.state) == ("sent", "queued")
    assert second.tellings.count() == 1


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "then"),
    [
        ((22, 7), "UTC", "2026-11-23T21:59", "2026-11-23T21:59"),
        ((22, 7), "UTC", "2026-11-23T22:00", "2026-11-24T07:00"),
        ((22, 7), "UTC", "2026-11-24T06:59", "2026-11-24T07:00"),
        ((22, 7), "UTC", "2026-11-24T07:00", "2026-11-24T07:00"),
        ((12, 14), "UTC", "2026-11-24T13:30", "2026-11-24T14:00"),
        ((0, 6), "Asia/Kathmandu", "2026-11-23T20:00", "2026-11-24T00:15"),
        # The night in which the clock goes forward is short, that in which it goes back is long.
        ((22, 7), "Europe/Berlin", "2026-03-28T22:00", "2026-03-29T05:00"),
        ((22, 7), "Europe/Berlin", "2026-10-24T21:00", "2026-10-25T06:00"),
        # An hour that the clock skips is taken an hour later, one that comes twice the first time.
        ((22, 2), "Europe/Berlin", "2026-03-28T22:00", "2026-03-29T01:00"),
        ((22, 2), "Europe/Berlin", "2026-10-24T21:00", "2026-10-25T00:00"),
        ((1, 2), "America/New_York", "2026-11-01T06:30", "2026-11-01T07:00"),
        ((None, None), "UTC", "2026-11-24T03:00", "2026-11-24T03:00"),
        ((5, 5), "UTC", "2026-11-24T05:30", "2026-11-24T05:30"),
        ((22, 7), "Gone/Nowhere", "2026-11-24T03:00", "2026-11-24T07:00"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(
    hours: tuple[int | None, int | None], zone: str, now: str, then: str
) -> None:
    wishes = MailSettings(quiet_from=hours[0], quiet_until=hours[1])
    assert after_quiet(wishes, zone, at(now)) == at(then)


def test_the_night_of_a_problem_is_one_mail_in_the_morning(
    problem: Problem, product: Product, reporter: Person, triager: Person
) -> None:
    MailSettings.objects.create(person=reporter, quiet_from=22, quiet_until=7)
    other = make_problem(product, reporter)
    with time_machine.travel(at("2026-11-23T23:10"), tick=False) as clock:
        comment(problem, triager, "One", Door.WEB)
        clock.shift(timedelta(hours=3))
        comment(problem, triager, "Two", Door.WEB)
        comment(other, triager, "Else", Door.WEB)
        assert [m.due_at for m in mails_of(reporter)] == [at("2026-11-24T07:00")] * 2
        assert len(mails_of(reporter)) == 2, "one for each problem, without any window"


def test_the_night_of_who_wants_mail_by_the_hour_is_one_mail(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    MailSettings.objects.create(person=reporter, quiet_from=22, quiet_until=7)
    choose(reporter, Pace.HOURLY)
    for hour in ("2026-11-23T23:10", "2026-11-24T02:10", "2026-11-24T06:30"):
        with time_machine.travel(at(hour), tick=False):
            comment(problem, triager, "More", Door.WEB)
    (message,) = mails_of(reporter)
    assert message.due_at == at("2026-11-24T07:00")


def test_what_waits_for_a_digest_that_never_comes_is_forgotten(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    choose(reporter, Pace.DIGEST)
    comment(problem, triager, "One", Door.WEB)
    comment(problem, triager, "Two", Door.WEB)
    old = Telling.objects.filter(person=reporter).order_by("event").first()
    assert old is not None
    Telling.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=91))
    purge_outbox()
    assert Telling.objects.get(person=reporter).event.comment.text == "Two"  # type: ignore[union-attr]


def test_nothing_is_made_for_an_address_that_takes_no_mail(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    SuspendedAddress.objects.create(address=reporter.email.upper())
    comment(problem, triager, "One", Door.WEB)
    assert mails_of(reporter) == []
    assert not Telling.objects.filter(person=reporter).exists()


CLOSE = Asked(ProblemChange(state="closed", resolution="overtaken by events"), "")


def test_changes_of_many_problems_come_at_the_pace_of_their_occasions(
    product: Product, triager: Person
) -> None:
    people = {pace: make_person(str(pace).replace(" ", "-")) for pace in Pace}
    for pace, person in people.items():
        choose(person, pace, Occasion.STATE)
        subscribe(person, product)
    two = [make_problem(product) for _ in range(2)]
    Message.objects.all().delete()
    Telling.objects.all().delete()
    bulk.apply(triager, [Pick(p.pk, 1) for p in two], CLOSE, Door.WEB)
    mails = {m.person: m for m in Message.objects.filter(kind="bulk", person__in=people.values())}
    assert set(mails) == {people[Pace.INSTANTLY], people[Pace.HOURLY]}
    assert mails[people[Pace.HOURLY]].due_at.minute == 0
    tellings = Telling.objects.filter(message=None)
    assert {(t.person, t.event.problem) for t in tellings} == {
        (people[Pace.DIGEST], problem) for problem in two
    }


def queries_of(event: Event) -> list[str]:
    """Those of telling all of an event; inserts aside, which SQLite takes in parts."""
    Message.objects.all().delete()
    Telling.objects.all().delete()
    event = Event.objects.select_related("problem__component", "actor").get(pk=event.pk)
    with CaptureQueriesContext(connection) as captured:
        queueing.queue_event_mails(event)
    return [q["sql"] for q in captured if not q["sql"].startswith("INSERT")]


def test_telling_one_costs_as_many_queries_as_telling_three_hundred(
    window: None, problem: Problem, triager: Person
) -> None:
    event = Event.objects.latest("pk")
    counts, hourly = [], []
    for more in (1, 29, 270):
        people = Person.objects.bulk_create(
            Person(handle=f"p{more}x{n}", email=f"p{more}x{n}@example.org", password="!",
                   email_confirmed_at=timezone.now())
            for n in range(more)
        )  # fmt: skip
        Subscription.objects.bulk_create(
            Subscription(person=person, problem=problem) for person in people
        )
        EventChoice.objects.all().delete()
        counts.append(len(queries_of(event)))
        EventChoice.objects.bulk_create(
            EventChoice(person=person, occasion="reported", pace="hourly")
            for person in Person.objects.all()
        )
        hourly.append(len(queries_of(event)))
    assert Telling.objects.count() == 300
    assert len(set(counts)) == 1
    assert len(set(hourly)) == 1


@pytest.mark.django_db(transaction=True)
def test_no_event_is_lost_or_told_twice_however_a_sender_gets_in_between(
    settings: Settings, files: Path
) -> None:
    settings.EVENT_MAIL_WINDOW = 60
    reporter = make_person("rita")
    problem = make_problem(reporter=reporter)
    writers = [make_person(f"writer{n}", Role.TRIAGER) for n in range(2)]
    was_sent, is_over = threading.Event(), threading.Event()

    def write(person: Person) -> None:
        for serial in range(10):
            # However the threads are served, there are mails before and after.
            assert serial != 5 or was_sent.wait(60)
            comment(problem, person, f"{person.handle}-says-{serial}-once", Door.WEB)
            # SQLite gives its lock to whoever asks just then.
            time.sleep(0.02)
        connection.close()

    def send() -> None:
        while True:
            is_last = is_over.is_set()
            waiting = Message.objects.filter(state="queued", person=reporter)
            waiting.update(due_at=timezone.now())
            for pk in waiting.values_list("pk", flat=True):
                if sending.deliver(pk):
                    was_sent.set()
            if is_last:
                break
        connection.close()

    with ThreadPoolExecutor(3) as pool:
        sender = pool.submit(send)
        for done in [pool.submit(write, person) for person in writers]:
            done.result(timeout=120)
        is_over.set()
        sender.result(timeout=120)
    mails = [message_from_bytes(f.read_bytes(), policy=policy.default) for f in files.glob("*.eml")]
    texts = [text_of(mail) for mail in mails if mail["To"] == reporter.email]
    told: Counter[Any] = Counter()
    for text in texts:
        told.update(word for word in text.split() if word.endswith("-once"))
    assert told == Counter(f"writer{n}-says-{i}-once" for n in range(2) for i in range(10))
    assert len(texts) > 1


@pytest.mark.django_db(transaction=True)
def test_a_mail_is_not_sent_between_taking_an_event_and_its_commit(files: Path) -> None:
    reporter, writer = make_person("rita"), make_person("walt")
    problem = make_problem(reporter=reporter)
    comment(problem, writer, "first-once", Door.WEB)
    # Tried before, and due: only the row's lock keeps it here.
    Message.objects.update(attempts=1, due_at=timezone.now() - timedelta(seconds=1))
    (message,) = mails_of(reporter)
    senders = []

    def deliver() -> None:
        sending.deliver(message.pk)
        connection.close()

    def send_meanwhile(**kwargs: Any) -> None:
        senders.append(threading.Thread(target=deliver))
        senders[0].start()
        senders[0].join(0.5)

    override = override_settings(EVENT_MAIL_WINDOW=60)
    problem_happened.connect(send_meanwhile)
    try:
        with override:
            comment(problem, writer, "second-once", Door.WEB)
    finally:
        problem_happened.disconnect(send_meanwhile)
    senders[0].join(30)
    send_all_that_waits()
    mails = [message_from_bytes(f.read_bytes(), policy=policy.default) for f in files.glob("*.eml")]
    told = [word for mail in mails for word in text_of(mail).split() if word.endswith("-once")]
    assert sorted(told) == ["first-once", "second-once"]
