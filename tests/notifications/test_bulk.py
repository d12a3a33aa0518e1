"""Who is told of a change of many problems: each person once, and nobody of what was undone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Person
from notifications.models import Message
from notifications.outbox.rendering import Withheld, render
from notifications.services import mute, subscribe
from tests.notifications.mails import html_of, mail_to, text_of
from tests.people import make_person
from tests.problems import make_problem
from tracker import bulk
from tracker.bulk import Asked, Pick
from tracker.changes import ProblemChange
from tracker.models import BulkChange, Door, Problem, Product
from tracker.services import change

pytestmark = pytest.mark.django_db

CLOSE = Asked(ProblemChange(state="closed", resolution="overtaken by events"), "Gone since <15>.")


def close(person: Person, *problems: Problem) -> BulkChange:
    Message.objects.all().delete()
    return bulk.apply(person, [Pick(p.pk, 1) for p in problems], CLOSE, Door.WEB)


def told() -> list[str]:
    rows = Message.objects.filter(kind=Message.Kind.BULK)
    return sorted(rows.values_list("person__handle", flat=True))


@pytest.fixture
def three(product: Product, reporter: Person) -> list[Problem]:
    return [make_problem(product, reporter, component="kernel") for _ in range(3)]


def test_each_person_gets_one_mail_with_what_concerns_them(
    three: list[Problem], product: Product, maintainer: Person, triager: Person, outsider: Person
) -> None:
    other = make_problem(product, outsider, component="net")
    close(triager, *three, other)
    assert told() == ["mara", "otto", "rita"]
    assert Message.objects.count() == 3
    mail = mail_to(maintainer)
    assert mail["Subject"] == "tom changed 3 problems that you follow"
    text = text_of(mail)
    assert all(f"#{problem.pk} " in text for problem in three)
    assert f"#{other.pk} " not in text
    assert "  state: new -> closed" in text
    assert "Gone since <15>." in text
    assert "Gone since &lt;15&gt;." in html_of(mail)
    assert mail_to(outsider)["Subject"] == "tom changed a problem that you follow"


def test_parts_of_one_change_make_one_mail(
    three: list[Problem], reporter: Person, triager: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PER_TRANSACTION", 2)
    close(triager, *three)
    assert told() == ["rita"]
    assert "changed 3 problems" in str(mail_to(reporter)["Subject"])


def test_it_leaves_a_minute_later_so_that_an_undo_is_silent(
    three: list[Problem], reporter: Person, triager: Person
) -> None:
    done = close(triager, *three)
    message = Message.objects.get()
    assert message.due_at > timezone.now() + timedelta(seconds=30)
    bulk.undo(done, triager, Door.WEB)
    for each in Message.objects.all():
        with pytest.raises(Withheld):
            render(each)


def test_whoever_was_told_is_told_of_the_undo(
    three: list[Problem], reporter: Person, triager: Person
) -> None:
    done = close(triager, *three)
    Message.objects.update(state=Message.State.SENT)
    bulk.undo(done, triager, Door.WEB)
    mail = mail_to(reporter)
    assert mail["Subject"] == "tom took back a change of 3 problems that you follow"
    assert "  state: closed -> new" in text_of(mail)


def test_what_one_muted_and_what_one_may_not_know_is_not_in_it(
    three: list[Problem], product: Product, maintainer: Person, triager: Person, outsider: Person
) -> None:
    secret = make_problem(product, component="kernel", is_confidential=True)
    subscribe(outsider, product)
    mute(outsider, three[0])
    close(triager, *three, secret)
    text = text_of(mail_to(outsider))
    assert [f"#{p.pk} " in text for p in (*three, secret)] == [False, True, True, False]
    assert f"#{secret.pk} " in text_of(mail_to(maintainer))


def test_a_change_of_one_problem_is_told_as_any_other(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    close(triager, problem)
    message = Message.objects.get()
    assert (message.kind, message.person) == (Message.Kind.EVENT, reporter)


def test_followers_of_a_duplicate_are_told_of_its_head_while_it_is_one(
    product: Product, triager: Person, second_reporter: Person, outsider: Person
) -> None:
    head, copy = make_problem(product), make_problem(product, second_reporter)
    subscribe(outsider, copy)
    change(copy, triager, ProblemChange(duplicate_of=head.pk), Door.WEB)
    Message.objects.all().delete()
    done = bulk.apply(
        triager, [Pick(head.pk, 1), Pick(make_problem(product).pk, 1)], CLOSE, Door.WEB
    )
    assert {"otto", "sam"} <= set(told())
    assert f"#{head.pk} " in text_of(mail_to(outsider))
    bulk.undo(done, triager, Door.WEB)
    change(copy, triager, ProblemChange(duplicate_of=None), Door.WEB)
    Message.objects.all().delete()
    bulk.apply(triager, [Pick(head.pk, 3), Pick(copy.pk, 9)], CLOSE, Door.WEB)
    assert "otto" not in told()


def test_the_queries_of_a_transaction_do_not_grow_with_the_followers(
    product: Product, triager: Person
) -> None:
    counts = []
    assert triager.roles
    for _ in range(2):
        two = [make_problem(product, component="kernel") for _ in range(2)]
        for _ in range(10):
            subscribe(make_person(), product)
        Message.objects.all().delete()
        with CaptureQueriesContext(connection) as captured:
            close(triager, *two)
        counts.append(len(captured))
    assert counts[0] == counts[1]
