"""Digests of votes, of a component's list and on demand: what they say, to whom, and only once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Person, Role
from notifications import deeds
from notifications.digests import runs
from notifications.digests.component import compose_component
from notifications.digests.content import compose
from notifications.digests.mail import digest_words
from notifications.digests.settings import set_digest, set_list_digest
from notifications.digests.shapes import Digest, Window
from notifications.digests.votes import compose_votes
from notifications.gate.models import SuspendedAddress
from notifications.models import (
    DigestDelivery,
    DigestSubscription,
    EventChoice,
    Message,
    Reach,
    Reason,
    Telling,
)
from notifications.outbox.rendering import Withheld, render
from tests.conftest import sign_in
from tests.notifications.mails import html_of, parsed, text_of
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Component, Door, Event, Problem, Product
from tracker.services import change, comment
from votes.models import Vote
from votes.services import cast_vote

pytestmark = pytest.mark.django_db

Kind = DigestSubscription.Kind


def week() -> Window:
    return Window(timezone.now() - timedelta(days=7), timezone.now())


def numbers(digest: Digest, key: str) -> list[int]:
    """The problems of one section, in its order."""
    return [line.problem.pk for s in digest.sections if s.key == key for line in s.lines]


def said(digest: Digest) -> list[str]:
    """What is told of all problems."""
    return [words for s in digest.sections for line in s.lines for words in line.said]


def make_due(person: Person | None = None, **values: object) -> DigestSubscription:
    """A weekly digest that is due; of votes unless `values` say otherwise."""
    values.setdefault("kind", Kind.VOTES)
    values.setdefault("next_due_at", timezone.now() - timedelta(minutes=1))
    return DigestSubscription.objects.create(person=person, is_chosen=True, **values)


def make_list(product: Product, **values: object) -> Component:
    """The kernel's list."""
    component = product.components.get(slug="kernel")
    component.list_address = "kernel@lists.example.org"
    component.save()
    return component


def tell_in_digest(person: Person, problem: Problem, **values: object) -> Telling:
    """That the problem's latest event waits for the person's digest."""
    event = problem.events.latest("id")
    values = {"reason": Reason.CHOSEN, "reach": Reach.COMPONENT, "target_id": 1, **values}
    return Telling.objects.update_or_create(person=person, event=event, defaults=values)[0]


def make_many(component: Component, count: int, voters: list[Person], by: Person) -> None:
    """Problems with votes and a change of state, without what reporting costs."""
    rows = [Problem(product=component.product, component=component, synopsis="one of many",
                    people=len(voters)) for _ in range(count)]  # fmt: skip
    problems = Problem.objects.bulk_create(rows)
    Vote.objects.bulk_create(
        Vote(problem=each, person=person, door=Door.WEB) for each in problems for person in voters
    )
    changes = [{"field": "state", "old": "new", "new": "open"}]
    Event.objects.bulk_create(
        Event(problem=each, actor=by, kind=Event.Kind.CHANGED, door=Door.WEB, changes=changes)
        for each in problems
    )


def queries(action: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        action()
    return len(captured)


# What you voted for


def test_voters_are_told_what_was_fixed_and_changed_and_how_many_more_have_it(
    product: Product, maintainer: Person, outsider: Person
) -> None:
    fixed, begun, grew, quiet = (make_problem(product) for _ in range(4))
    for each in (fixed, begun, grew, quiet):
        cast_vote(each, outsider, Door.WEB)
    change(fixed, maintainer, ProblemChange(state="closed", resolution="fixed", fixed_in="15.0"),
           Door.WEB)  # fmt: skip
    change(begun, maintainer, ProblemChange(state="in progress"), Door.WEB)
    comment(begun, maintainer, "It is the checksum offload.", Door.WEB)
    cast_vote(grew, make_person(), Door.WEB)
    digest = compose_votes(outsider, week())
    assert numbers(digest, "fixed") == [fixed.pk]
    assert numbers(digest, "changed") == [begun.pk]
    assert numbers(digest, "risen") == [grew.pk]
    assert said(digest) == [
        "mara closed it as fixed and set fixed in to 15.0",
        "mara set it to in progress",
        "mara commented: “It is the checksum offload.”",
    ]
    words = digest_words(digest, make_due(outsider))
    assert words.subject == "What you voted for: 1 fixed, 1 changed, 1 grew"


def test_ones_own_acts_small_edits_and_chatter_are_no_news_to_voters(
    problem: Problem, reporter: Person, second_reporter: Person, triager: Person
) -> None:
    cast_vote(problem, second_reporter, Door.WEB)
    change(problem, reporter, ProblemChange(synopsis="Another word for it"), Door.WEB)
    change(problem, triager, ProblemChange(severity="major"), Door.WEB)
    comment(problem, second_reporter, "Is anybody there?", Door.WEB)
    comment(problem, reporter, "Me too!", Door.WEB)
    comment(problem, triager, "Thank you.", Door.WEB)
    # Who commented is mailed at once from then on; here nobody was.
    Telling.objects.all().delete()
    assert compose_votes(second_reporter, week()).sections == []
    change(problem, triager, ProblemChange(assignee="tom"), Door.WEB)
    comment(problem, triager, "Now it is mine.", Door.WEB)
    Telling.objects.all().delete()
    assert numbers(compose_votes(second_reporter, week()), "changed") == [problem.pk]


def test_votes_on_a_duplicate_tell_of_its_head(
    product: Product, triager: Person, outsider: Person
) -> None:
    head, copy = make_problem(product), make_problem(product)
    cast_vote(copy, outsider, Door.WEB)
    change(copy, triager, ProblemChange(duplicate_of=head.pk), Door.WEB)
    cast_vote(head, make_person(), Door.WEB)
    digest = compose_votes(outsider, week())
    assert numbers(digest, "changed") == [copy.pk]
    assert f"duplicate of #{head.pk}" in said(digest)[0]
    assert numbers(digest, "risen") == [head.pk]


def test_what_the_voter_may_not_see_any_more_is_not_told(
    problem: Problem, outsider: Person, triager: Person
) -> None:
    cast_vote(problem, outsider, Door.WEB)
    change(problem, triager, ProblemChange(state="open"), Door.WEB)
    cast_vote(problem, make_person(), Door.WEB)
    tell_in_digest(outsider, problem)
    assert compose_votes(outsider, week()).is_worth_sending
    change(problem, triager, ProblemChange(is_confidential=True), Door.WEB)
    hidden = compose_votes(outsider, week())
    assert (hidden.sections, hidden.tells) == ([], ())


def test_a_hidden_duplicate_adds_nothing_to_what_a_voter_reads(
    problem: Problem, product: Product, outsider: Person, triager: Person
) -> None:
    cast_vote(problem, outsider, Door.WEB)
    hidden = make_problem(product, is_confidential=True)
    cast_vote(hidden, triager, Door.WEB)
    change(hidden, triager, ProblemChange(duplicate_of=problem.pk), Door.WEB)
    assert numbers(compose_votes(outsider, week()), "risen") == []


def test_events_for_the_digest_are_told_once_and_again_if_the_mail_was_lost(
    problem: Problem, outsider: Person, triager: Person
) -> None:
    make_due(outsider)
    change(problem, triager, ProblemChange(severity="major"), Door.WEB)
    telling = tell_in_digest(outsider, problem)
    (delivery,) = runs.send_due()
    message = Message.objects.select_related("person", "delivery__subscription").get(
        delivery=delivery
    )
    for _ in range(2):
        text = text_of(parsed(render(message)))
        assert "tom set severity to major" in text, "a worker that died is followed by another"
    telling.refresh_from_db()
    assert telling.message_id == message.pk
    assert compose_votes(outsider, week()).sections == []
    Message.objects.filter(pk=message.pk).update(state=Message.State.FAILED)
    assert numbers(compose_votes(outsider, week()), "asked") == [problem.pk]
    Message.objects.filter(pk=message.pk).update(state=Message.State.SENT)
    assert compose_votes(outsider, week()).sections == []


def test_what_a_mail_told_at_once_is_not_told_again_by_the_digest(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    change(problem, triager, ProblemChange(state="open"), Door.WEB)
    Telling.objects.all().delete()
    assert numbers(compose_votes(reporter, week()), "changed") == [problem.pk]
    told = Message.objects.create(
        kind=Message.Kind.ACCOUNT, person=reporter, address=reporter.email, message_id="a@b"
    )
    tell_in_digest(reporter, problem, message=told)
    assert compose_votes(reporter, week()).sections == []


def test_what_was_asked_for_is_named_however_much_it_is(
    product: Product, outsider: Person, triager: Person
) -> None:
    for _ in range(8):
        problem = make_problem(product)
        change(problem, triager, ProblemChange(state="open"), Door.WEB)
        tell_in_digest(outsider, problem)
    digest = compose_votes(outsider, week())
    text = digest_words(digest, make_due(outsider)).as_text()
    assert len(digest.tells) == 8
    assert all(f"#{number}" in text for number in Problem.objects.values_list("pk", flat=True))


def test_a_digest_of_votes_costs_the_same_with_1_30_and_300_problems(
    product: Product, outsider: Person, maintainer: Person
) -> None:
    def cost() -> int:
        person = Person.objects.get(pk=outsider.pk)
        row = DigestSubscription(person=person, kind=Kind.VOTES)
        return queries(lambda: digest_words(compose_votes(person, week()), row).as_text())

    component = product.components.get(slug="kernel")
    seen = []
    for more in (1, 29, 270):
        make_many(component, more, voters=[outsider, maintainer], by=maintainer)
        for event in Event.objects.order_by("-id")[: more // 2]:
            Telling.objects.create(person=outsider, event=event, reason=Reason.CHOSEN,
                                   reach=Reach.EVERYTHING)  # fmt: skip
        seen.append(cost())
    assert seen[0] == seen[1] == seen[2] <= 14


def test_the_digest_of_votes_is_off_until_switched_on_or_chosen_for_an_event(
    problem: Problem, outsider: Person, maintainer: Person
) -> None:
    runs.make_missing_subscriptions(timezone.now())
    assert not DigestSubscription.objects.filter(kind=Kind.VOTES).exists()
    choice = EventChoice.objects.create(person=outsider, occasion="commented", pace="digest")
    runs.make_missing_subscriptions(timezone.now())
    row = DigestSubscription.objects.get(kind=Kind.VOTES)
    assert (row.person, row.period) == (outsider, "weekly")
    assert row in runs.due(row.next_due_at)
    choice.delete()
    assert row not in runs.due(row.next_due_at)
    set_digest(outsider, kind=Kind.VOTES, period="daily", weekday=0, hour=2, time_zone="UTC")
    assert runs.due(timezone.now() + timedelta(days=2)).filter(pk=row.pk).exists()


def test_the_digest_of_votes_comes_at_the_hour_on_the_wall(outsider: Person) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    with time_machine.travel(datetime(2026, 3, 28, 12, tzinfo=berlin)):
        row = set_digest(outsider, kind=Kind.VOTES, period="daily", weekday=0, hour=2,
                         time_zone="Europe/Berlin")  # fmt: skip
    # Two o'clock is skipped on that day.
    assert row.next_due_at.astimezone(berlin) == datetime(2026, 3, 29, 3, tzinfo=berlin)


def test_problems_set_aside_are_in_no_digest_of_that_person_alone(
    problem: Problem, product: Product, maintainer: Person, triager: Person
) -> None:
    cast_vote(problem, maintainer, Door.WEB)
    change(problem, triager, ProblemChange(severity="major", state="open"), Door.WEB)
    cast_vote(problem, make_person(), Door.WEB)
    Telling.objects.all().delete()
    deeds.put_aside(maintainer, problem, timezone.now() + timedelta(days=14))
    assert compose(maintainer, week()).sections == []
    assert compose_votes(maintainer, week()).sections == []
    assert numbers(compose(triager, week()), "top of all") == [problem.pk]
    with time_machine.travel(timezone.now() + timedelta(days=15)):
        assert numbers(compose(maintainer, week()), "top") == [problem.pk]


# A component's list


def test_the_list_of_a_component_gets_public_news_only(
    product: Product, maintainer: Person
) -> None:
    make_list(product)
    new, closed = (make_problem(product, component="kernel") for _ in range(2))
    hidden = make_problem(product, component="kernel", is_confidential=True, synopsis="SECRET")
    make_problem(product, component="net", synopsis="ELSEWHERE")
    for each in (closed, hidden):
        cast_vote(each, maintainer, Door.WEB)
        change(each, maintainer, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    runs.make_missing_subscriptions(timezone.now() - timedelta(days=8))
    (delivery,) = runs.send_due(chosen=runs.Chosen(kind=Kind.COMPONENT))
    message = Message.objects.get(delivery=delivery)
    assert (message.person, message.address) == (None, "kernel@lists.example.org")
    mail = parsed(render(message))
    text = text_of(mail)
    assert mail["To"] == "kernel@lists.example.org"
    assert mail["List-Id"].startswith("base/kernel <kernel.base.")
    assert mail["Subject"] == "[base/kernel]: 1 closed, 2 new"
    assert new.synopsis in text
    assert "SECRET" not in text + html_of(mail)
    assert "ELSEWHERE" not in text
    # No reader of the list acts for another, and none ends it for all by one click.
    assert "/do/" not in text + html_of(mail)
    assert mail["List-Unsubscribe"] is None


def test_a_list_is_stopped_by_a_link_that_asks_and_by_taking_its_address_away(
    client: Client, product: Product, triager: Person, outsider: Person
) -> None:
    component = make_list(product)
    make_problem(product, component="kernel")
    runs.make_missing_subscriptions(timezone.now())
    row = DigestSubscription.objects.get(component=component)
    stop = digest_words(compose_component(component, week()), row).stop_url
    path = "/" + stop.split("/", 3)[3]
    assert "base" in client.get(path).content.decode().lower()
    row.refresh_from_db()
    assert row.period == "weekly"
    client.post(path)
    row.refresh_from_db()
    assert row.period == "off"
    runs.make_missing_subscriptions(timezone.now())
    assert DigestSubscription.objects.count() == 1
    page = "/products/base/components/kernel/digest"
    assert sign_in(client, outsider).get(page).status_code == 403
    values = {"period": "daily", "weekday": 0, "hour": 6}
    assert sign_in(client, triager).post(page, values).status_code == 302
    assert runs.due(timezone.now() + timedelta(days=2)).filter(pk=row.pk).exists()
    Component.objects.update(list_address="")
    assert not runs.due(timezone.now() + timedelta(days=2)).filter(pk=row.pk).exists()


def test_the_digest_of_a_list_costs_the_same_however_much_there_is(
    product: Product, maintainer: Person
) -> None:
    component = make_list(product)
    row = set_list_digest(component, make_person("ann", Role.ADMINISTRATOR), period="weekly",
                          weekday=0, hour=8)  # fmt: skip
    window = Window(timezone.now() - timedelta(days=7), timezone.now() + timedelta(hours=1))
    seen = []
    for more in (1, 29, 270):
        make_many(component, more, voters=[maintainer], by=maintainer)
        seen.append(
            queries(lambda: digest_words(compose_component(component, window), row).as_text())
        )
    assert seen[0] == seen[1] == seen[2] <= 8


# Now, and before it comes


def test_one_now_is_marked_and_leaves_the_next_as_it_was(
    client: Client, problem: Problem, maintainer: Person
) -> None:
    make_due(maintainer, kind=Kind.OWN)
    before = DigestSubscription.objects.values().get()
    sign_in(client, maintainer)
    for _ in range(6):
        client.post("/my/digest/send")
    asked = Message.objects.filter(message_id__startswith="asked-")
    assert asked.count() == 5, "and not six within the hour"
    mail = parsed(render(asked[0]))
    assert mail["Subject"] == "Asked for: Your weekly digest: 1 report untouched"
    assert "because you asked for it" in text_of(mail)
    assert "<h1>" in html_of(mail)
    SuspendedAddress.objects.create(address=maintainer.email)
    with pytest.raises(Withheld, match="came back"):
        render(asked[0])
    SuspendedAddress.objects.all().delete()
    later = timezone.now() + timedelta(minutes=61)
    with time_machine.travel(later), pytest.raises(Withheld, match="waited"):
        render(asked[0])
    assert DigestSubscription.objects.values().get() == before
    assert DigestDelivery.objects.count() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        client.force_login(maintainer, "allauth.account.auth_backends.AuthenticationBackend")
        client.post("/my/digest/votes/send")
    assert asked.count() == 6


def test_every_kind_can_be_looked_at_before_it_comes(
    client: Client, product: Product, problem: Problem, triager: Person
) -> None:
    make_list(product)
    cast_vote(problem, triager, Door.WEB)
    change(problem, make_person("dora", Role.DEVELOPER), ProblemChange(state="open"), Door.WEB)
    search = triager.saved_searches.create(name="Cards", query="card")
    sign_in(client, triager)
    for page in (
        "/my/digest/",
        "/my/digest/votes/",
        f"/searches/{search.pk}/digest",
        "/products/base/components/kernel/digest",
    ):
        below = page if page.endswith("/") else f"{page}/"
        assert problem.synopsis in client.get(page).content.decode(), page
        assert problem.synopsis in client.get(f"{below}mail.html").content.decode()
        assert problem.synopsis in client.get(f"{below}mail.txt").content.decode()


def test_the_command_takes_a_kind(
    product: Product, problem: Problem, maintainer: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    from django.core.management import call_command

    make_list(product)
    later = (timezone.now() + timedelta(days=8)).isoformat()
    call_command("send_digests", "--due-at", later, "--kind", "component", "--dry-run")
    said = capsys.readouterr().out
    assert "kernel@lists.example.org (a component's list): new: 1" in said
    assert "mara" not in said


# What it looks like


def test_a_usual_digest_is_one_screen_of_text(product: Product, maintainer: Person) -> None:
    for serial in range(3):
        make_problem(product, component="kernel", synopsis=f"Untouched {serial} " + "word " * 12)
    for serial in range(2):
        problem = make_problem(product, component="kernel", synopsis=f"Grew {serial}")
        change(problem, maintainer, ProblemChange(state="open"), Door.WEB)
        cast_vote(problem, make_person(), Door.WEB)
    elsewhere = make_problem(product, component="net", synopsis="Elsewhere")
    cast_vote(elsewhere, make_person(), Door.WEB)
    row = make_due(maintainer, kind=Kind.OWN)
    text = digest_words(compose(maintainer, week()), row).as_text()
    lines = text.split("\n")
    assert len(lines) <= 42
    assert [line for line in lines if len(line) > 72 and "/unsubscribe/" not in line] == []
    assert text.count("Grew 0") == 1, "each problem once"
    assert text.count("act: http") == 5


def test_a_digest_says_why_it_comes_and_how_it_stops(problem: Problem, maintainer: Person) -> None:
    make_due(maintainer, kind=Kind.OWN)
    (delivery,) = runs.send_due()
    mail = parsed(render(Message.objects.get(delivery=delivery)))
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["X-Groundswell-Reason"] == "digest"
    assert mail["In-Reply-To"] is mail["References"] is None
    stop = mail["List-Unsubscribe"].strip("<>")
    for words in (text_of(mail), html_of(mail).replace("&amp;", "&")):
        assert "because you switched it on" in words
        assert stop in words
        assert "/my/digest/" in words


def test_a_digest_that_is_off_does_not_say_that_it_comes(client: Client, outsider: Person) -> None:
    sign_in(client, outsider)
    shown = client.get("/my/digest/votes/mail.txt").content.decode()
    assert "You do not get this: it is switched off." in shown
    client.post("/my/digest/votes/send")
    mail = parsed(render(Message.objects.get(message_id__startswith="asked-")))
    for words in (" ".join(text_of(mail).split()), html_of(mail)):
        assert "You get this because you asked for it. No other comes: it is switched off." in words


def test_who_switched_off_what_they_wait_for_is_told_on_its_page(
    client: Client, outsider: Person
) -> None:
    EventChoice.objects.create(person=outsider, occasion="commented", pace="digest")
    sign_in(client, outsider)
    assert "it waits here until" not in client.get("/my/digest/votes/").content.decode()
    set_digest(outsider, kind=Kind.VOTES, period="off", weekday=0, hour=8, time_zone="UTC")
    assert "it waits here until" in client.get("/my/digest/votes/").content.decode()


def test_a_problem_told_of_once_says_there_how_much_it_rose(
    problem: Problem, maintainer: Person
) -> None:
    cast_vote(problem, make_person(), Door.WEB)
    row = make_due(maintainer, kind=Kind.OWN)
    text = digest_words(compose(maintainer, week()), row).as_text()
    assert text.index("REPORTS THAT NOBODY HAS TOUCHED") < text.index("2 people, +1")
    assert text.count(problem.synopsis) == 1


def test_one_click_ends_the_digest_of_votes_and_no_other(
    client: Client, problem: Problem, maintainer: Person
) -> None:
    own, votes = make_due(maintainer, kind=Kind.OWN), make_due(maintainer)
    stop = digest_words(compose_votes(maintainer, week()), votes).stop_url
    client.post("/" + stop.split("/", 3)[3], {"List-Unsubscribe": "One-Click"})
    own.refresh_from_db()
    votes.refresh_from_db()
    assert (own.period, votes.period) == ("weekly", "off")
