"""Digests: what they say, whom they reach, when, and that nothing is told twice or lost."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.backends.base import Refused
from notifications.digests import runs
from notifications.digests.content import compose
from notifications.digests.schedule import next_due
from notifications.digests.settings import set_digest
from notifications.digests.shapes import Digest, Window
from notifications.models import DigestDelivery, DigestSubscription, Message
from notifications.outbox import sending
from tests.notifications.mails import html_of, mail_to, text_of
from tests.people import make_person
from tests.problems import make_maintainer, make_problem, make_product
from tests.services import parse_message
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change, comment
from votes.services import cast_vote

pytestmark = pytest.mark.django_db

Outcome = DigestDelivery.Outcome


def make_subscription(person: Person, **values: object) -> DigestSubscription:
    """A weekly digest that is due, unless `values` say otherwise."""
    values.setdefault("next_due_at", timezone.now() - timedelta(minutes=1))
    return DigestSubscription.objects.create(person=person, is_chosen=True, **values)


def week(until: datetime | None = None) -> Window:
    until = until or timezone.now()
    return Window(until - timedelta(days=7), until)


def numbers(digest: Digest, key: str) -> list[int]:
    """The problems of one section, in its order."""
    return [line.problem.pk for s in digest.sections if s.key == key for line in s.lines]


def send_all() -> list[DigestDelivery]:
    """Queue what is due, and deliver all that is queued."""
    queued = runs.send_due()
    for message in Message.objects.filter(state=Message.State.QUEUED):
        sending.deliver(message.pk)
    return queued


def digests_in(folder: Path, person: Person) -> list[str]:
    """The subjects of the digests that were sent to a person."""
    mails = [parse_message(file.read_bytes()) for file in folder.glob("digest-*.eml")]
    return [mail["Subject"] for mail in mails if mail["To"] == person.email]


def test_an_untouched_report_waits_in_the_digest_until_somebody_answers(
    maintainer: Person, problem: Problem, reporter: Person, triager: Person
) -> None:
    assert numbers(compose(maintainer, week()), "untouched") == [problem.pk]
    comment(problem, reporter, "Nobody?", Door.WEB)
    assert numbers(compose(maintainer, week()), "untouched") == [problem.pk]
    comment(problem, triager, "Thank you.", Door.WEB)
    assert numbers(compose(maintainer, week()), "untouched") == []


def test_an_answer_counts_where_the_reporter_is_not_known(
    maintainer: Person, problem: Problem, triager: Person
) -> None:
    Problem.objects.update(reporter=None)
    assert numbers(compose(maintainer, week(), is_preview=True), "untouched") == [problem.pk]
    comment(problem, triager, "Thank you.", Door.WEB)
    assert numbers(compose(maintainer, week(), is_preview=True), "untouched") == []


def test_a_report_whose_state_changed_is_no_longer_untouched(
    maintainer: Person, problem: Problem, triager: Person
) -> None:
    change(problem, triager, ProblemChange(state="open"), Door.WEB)
    assert numbers(compose(maintainer, week()), "untouched") == []


def test_what_rose_counts_new_voters_since_the_last_digest(
    maintainer: Person, product: Product
) -> None:
    quiet, loud = (make_problem(product, component="kernel") for _ in range(2))
    for days, times in ((2, 3), (10, 5)):
        for _ in range(times):
            cast_vote(loud, make_person(), Door.WEB, at=timezone.now() - timedelta(days=days))
    digest = compose(maintainer, week())
    (risen,) = (section for section in digest.sections if section.key == "risen")
    assert [(line.problem, line.gained) for line in risen.lines] == [(loud, 3)]
    assert set(numbers(digest, "top")) == {quiet.pk, loud.pk}


def test_votes_on_a_duplicate_make_its_head_rise(
    maintainer: Person, product: Product, triager: Person
) -> None:
    head, other = (make_problem(product, component="kernel") for _ in range(2))
    change(other, triager, ProblemChange(duplicate_of=head.pk), Door.WEB)
    cast_vote(head, make_person(), Door.WEB)
    assert numbers(compose(maintainer, week()), "risen") == [head.pk]


def test_a_digest_tells_of_ones_own_components_and_of_the_whole(
    maintainer: Person, product: Product
) -> None:
    own = make_problem(product, component="kernel")
    other = make_problem(make_product("ports"))
    for problem in (own, other, other):
        cast_vote(problem, make_person(), Door.WEB)
    digest = compose(maintainer, week())
    assert numbers(digest, "top") == [own.pk]
    assert numbers(digest, "top of all") == [other.pk, own.pk]
    assert numbers(digest, "risen everywhere") == [other.pk, own.pk]


def test_confidential_problems_reach_only_those_who_may_see_them(
    maintainer: Person, product: Product, triager: Person
) -> None:
    problem = make_problem(product, component="kernel", is_confidential=True, synopsis="SECRET")
    make_subscription(triager)
    nina = make_maintainer(product.components.get(slug="net"), "nina")
    cast_vote(problem, triager, Door.WEB)
    make_problem(product, component="net")
    DigestSubscription.objects.update(next_due_at=timezone.now())
    runs.make_missing_subscriptions(timezone.now() - timedelta(days=8))
    runs.send_due()
    assert "SECRET" in text_of(mail_to(maintainer, kind="digest"))
    assert "SECRET" not in text_of(mail_to(nina, kind="digest"))
    assert numbers(compose(triager, week()), "top of all") == [problem.pk + 1]


def test_nothing_to_say_is_no_mail_and_nothing_is_lost(
    files: Path, maintainer: Person, product: Product, triager: Person
) -> None:
    start = timezone.now()
    problem = make_problem(product, component="kernel")
    change(problem, triager, ProblemChange(state="open"), Door.WEB)
    row = make_subscription(maintainer, last_covered_until=start)
    Message.objects.all().delete()
    send_all()
    row.refresh_from_db()
    assert digests_in(files, maintainer) == []
    assert DigestDelivery.objects.get().outcome == Outcome.EMPTY
    assert row.last_covered_until == start
    cast_vote(problem, make_person(), Door.WEB)
    with time_machine.travel(row.next_due_at):
        send_all()
    assert digests_in(files, maintainer) == ["Your weekly digest: 1 of yours rose"]


def test_a_digest_that_failed_is_covered_by_the_next(
    files: Path, maintainer: Person, problem: Problem
) -> None:
    row = make_subscription(maintainer)
    (first,) = runs.send_due()
    message = Message.objects.get(delivery=first)
    claimed = sending._claim(message.pk, uuid.uuid4())
    assert claimed is not None
    sending._postpone_or_fail(claimed, Refused("550 no"))
    row.refresh_from_db()
    assert row.last_covered_until is None
    first.refresh_from_db()
    assert first.outcome == Outcome.FAILED
    with time_machine.travel(row.next_due_at):
        (second,) = send_all()
    row.refresh_from_db()
    assert second.covers_from <= first.covers_from + timedelta(days=8)
    assert row.last_covered_until == second.covers_until
    assert len(digests_in(files, maintainer)) == 1


def test_after_three_missed_weeks_one_digest_covers_them_all(
    files: Path, maintainer: Person, problem: Problem
) -> None:
    row = make_subscription(maintainer)
    send_all()
    row.refresh_from_db()
    covered = row.last_covered_until
    assert covered is not None
    cast_vote(problem, make_person(), Door.WEB)
    with time_machine.travel(timezone.now() + timedelta(days=24)):
        (late,) = send_all()
        assert late.covers_from == covered
        assert send_all() == []
    assert len(digests_in(files, maintainer)) == 2


def test_a_digest_that_still_waits_is_not_doubled(maintainer: Person, problem: Problem) -> None:
    row = make_subscription(maintainer)
    assert len(runs.send_due()) == 1
    row.refresh_from_db()
    with time_machine.travel(row.next_due_at):
        assert runs.send_due() == []
    row.refresh_from_db()
    assert row.next_due_at > timezone.now() + timedelta(days=7)


def test_every_developer_has_a_weekly_digest_without_asking(maintainer: Person) -> None:
    now = datetime(2026, 6, 10, 12, tzinfo=UTC)  # a Wednesday
    runs.make_missing_subscriptions(now)
    row = DigestSubscription.objects.get()
    assert (row.person, row.period) == (maintainer, "weekly")
    assert row.next_due_at == datetime(2026, 6, 15, 8, tzinfo=UTC)
    runs.make_missing_subscriptions(now)
    assert DigestSubscription.objects.count() == 1


def test_who_is_no_developer_any_more_gets_no_digest(
    files: Path, maintainer: Person, product: Product, problem: Problem
) -> None:
    from tracker.products import set_maintainers

    runs.make_missing_subscriptions(timezone.now())
    DigestSubscription.objects.update(next_due_at=timezone.now())
    set_maintainers(product.components.get(slug="kernel"), [], by=None)
    assert send_all() == []
    # It does not stand in the way of those behind it for ever.
    row = DigestSubscription.objects.get()
    assert row.next_due_at > timezone.now()
    assert not DigestDelivery.objects.exists()


def test_who_stopped_the_digest_while_it_waited_does_not_get_it(
    files: Path, maintainer: Person, problem: Problem
) -> None:
    make_subscription(maintainer)
    (delivery,) = runs.send_due()
    DigestSubscription.objects.update(period="off")
    sending.deliver(Message.objects.get(delivery=delivery).pk)
    assert digests_in(files, maintainer) == []


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("period", "weekday", "hour", "after", "expected"),
    [
        # Summer time begins on 29 March 2026 at 02:00: the wall clock stands, UTC moves.
        ("weekly", 0, 8, "2026-03-23T08:00", "2026-03-30T08:00"),
        ("daily", 0, 8, "2026-03-28T08:00", "2026-03-29T08:00"),
        # 02:30 is skipped that day, 02:00 too: an hour later, and only once.
        ("daily", 0, 2, "2026-03-28T02:00", "2026-03-29T03:00"),
        ("daily", 0, 2, "2026-03-29T03:00", "2026-03-30T02:00"),
        # 02:00 comes twice on 25 October 2026: the first one counts, and only that.
        ("daily", 0, 2, "2026-10-24T02:00", "2026-10-25T02:00"),
        ("daily", 0, 2, "2026-10-25T02:00", "2026-10-26T02:00"),
        ("weekly", 4, 23, "2026-12-31T12:00", "2027-01-01T23:00"),
        ("monthly", 0, 8, "2026-06-01T08:00", "2026-07-06T08:00"),
        ("monthly", 6, 0, "2026-01-31T00:00", "2026-02-01T00:00"),
    ],
)
def test_digests_come_by_the_clock_on_the_wall(
    period: str, weekday: int, hour: int, after: str, expected: str
) -> None:
    row = DigestSubscription(period=period, weekday=weekday, hour=hour)
    start = datetime.fromisoformat(after).replace(tzinfo=BERLIN)
    due = next_due(row, "Europe/Berlin", start)
    assert due.astimezone(BERLIN).replace(tzinfo=None).isoformat()[:16] == expected


def test_a_repeated_hour_is_one_digest_and_a_year_of_days_has_each_once() -> None:
    row = DigestSubscription(period="daily", hour=2)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    days = []
    for _ in range(365):
        at = next_due(row, "Europe/Berlin", at)
        days.append(at.astimezone(BERLIN).date())
    assert len(set(days)) == 365
    assert days[-1] - days[0] == timedelta(days=364)


def test_moving_to_another_zone_moves_the_digest_at_once(maintainer: Person) -> None:
    from accounts.services import set_time_zone

    now = datetime(2026, 6, 10, 12, tzinfo=UTC)
    with time_machine.travel(now):
        row = set_digest(maintainer, period="weekly", weekday=0, hour=9, time_zone="UTC")
        assert row.next_due_at == datetime(2026, 6, 15, 9, tzinfo=UTC)
        set_time_zone(maintainer, "Asia/Tokyo")
        row.refresh_from_db()
    assert row.next_due_at == datetime(2026, 6, 15, 0, tzinfo=UTC)


def test_composing_costs_the_same_however_much_there_is(
    maintainer: Person, product: Product
) -> None:
    def queries() -> int:
        person = Person.objects.get(pk=maintainer.pk)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            compose(person, week(), is_preview=True)
        return len(captured)

    for _ in range(12):
        problem = make_problem(product, component="kernel")
        cast_vote(problem, make_person(), Door.WEB)
    small = queries()
    for _ in range(30):
        problem = make_problem(product, component="kernel")
        cast_vote(problem, make_person(), Door.WEB)
    assert queries() == small <= 15


def test_what_all_share_is_read_once_for_all(
    maintainer: Person, product: Product, problem: Problem
) -> None:
    window = week()
    with time_machine.travel(timezone.now(), tick=False):
        with CaptureQueriesContext(connection) as first:
            compose(maintainer, window)
        with CaptureQueriesContext(connection) as second:
            compose(maintainer, window)
    assert len(second) <= len(first) - 3


def test_the_mail_is_sums_first_and_fits_its_columns(maintainer: Person, product: Product) -> None:
    for serial in range(13):
        synopsis = f"Report {serial} with a synopsis that is rather long for a line of mail to hold"
        cast_vote(
            make_problem(product, component="kernel", synopsis=synopsis), make_person(), Door.WEB
        )
    make_subscription(maintainer)
    runs.send_due()
    mail = mail_to(maintainer, kind="digest")
    text = text_of(mail)
    assert mail["Subject"] == "Your weekly digest: 13 reports untouched, 13 of yours rose"
    assert "13 reports untouched, 13 of yours rose" in text.split("\n\n")[0].replace("\n", " ")
    assert "and 8 more" in text
    wide = [line for line in text.split("\n") if len(line) > 72 and "http" not in line]
    assert wide == []
    assert "+1" in html_of(mail)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


# The command


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    call_command("send_digests", *arguments)
    return capsys.readouterr().out


def test_the_command_sends_as_if_it_were_that_time_and_only_once(
    maintainer: Person, problem: Problem, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "The next is mara's at" in run("--due-at", "now", capsys=capsys)
    later = (timezone.now() + timedelta(days=8)).isoformat()
    assert "mara: queued" in run("--due-at", later, capsys=capsys)
    assert "Queued 0 digests." in run("--due-at", later, capsys=capsys)
    delivery = DigestDelivery.objects.get()
    assert delivery.covers_until <= timezone.now(), "what has not happened is not covered"
    assert DigestSubscription.objects.get().next_due_at > timezone.now() + timedelta(days=8)


def test_a_dry_run_says_what_would_be_sent_and_writes_nothing(
    maintainer: Person, problem: Problem, capsys: pytest.CaptureFixture[str]
) -> None:
    later = (timezone.now() + timedelta(days=8)).isoformat()
    said = run("--due-at", later, "--dry-run", capsys=capsys)
    assert "mara: reports that nobody has touched: 1" in said
    assert DigestSubscription.objects.count() == DigestDelivery.objects.count() == 0


def test_one_person_can_be_chosen(
    maintainer: Person, product: Product, problem: Problem, capsys: pytest.CaptureFixture[str]
) -> None:
    make_maintainer(product.components.get(slug="net"), "nina")
    later = (timezone.now() + timedelta(days=8)).isoformat()
    said = run("--due-at", later, "--person", "nina", capsys=capsys)
    assert "nina: queued" in said
    assert "mara" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--due-at", "yesterday"],
        ["--due-at", "2026-13-40"],
        ["--due-at", "9999-12-31T23:59-12:00"],
        ["--due-at", "0001-01-01"],
        ["--due-at", "2062-12-07"],
        ["--due-at", "now", "--person", "x"],
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], settings: Settings) -> None:
    with pytest.raises(CommandError, match=r"--(due-at|person) is"):
        call_command("send_digests", *arguments)
