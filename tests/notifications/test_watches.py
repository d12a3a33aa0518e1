"""Who watches a saved search or a path is told of what is new in it, and of nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Person
from notifications import services
from notifications.events import asking, watches
from notifications.models import EventToAsk, Message, Reach, Subscription
from notifications.outbox.envelopes import unsubscribe_url
from notifications.services import subscribe
from tests.conftest import sign_in
from tests.notifications.mails import mail_to, text_of
from tests.patching import diff, make_patch
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Event, Problem, Product
from tracker.services import attach, change, comment
from votes import saved_searches
from votes.models import SavedSearch
from votes.services import cast_vote

pytestmark = pytest.mark.django_db


def watch(person: Person, query: str, owner: Person | None = None) -> SavedSearch:
    search = saved_searches.save(owner or person, f"of {query}"[:100], query, is_shared=True)
    subscribe(person, search)
    return search


def told(person: Person) -> list[int | None]:
    """The numbers of the problems that mails to a person are about, once all searches are asked."""
    for row in EventToAsk.objects.order_by("pk"):
        asking.ask(row.pk)
    assert not EventToAsk.objects.exists()
    return list(
        Message.objects.filter(person=person).order_by("pk").values_list("problem", flat=True)
    )


def set_severity(problem: Problem, actor: Person, severity: str) -> None:
    change(problem, actor, ProblemChange(severity=severity), Door.WEB)


def test_a_report_that_a_search_finds_is_told_with_the_search_as_the_reason(
    product: Product, outsider: Person
) -> None:
    watch(outsider, "component:net wifi")
    make_problem(product, component="kernel", synopsis="wifi drops")
    make_problem(product, component="net", synopsis="no sound")
    found = make_problem(product, component="net", synopsis="wifi drops")
    assert told(outsider) == [found.pk]
    text = text_of(mail_to(outsider))
    assert "the search “of component:net wifi”, which finds this now" in " ".join(text.split())
    assert "Stop mails about the search “of component:net wifi”:" in text
    assert mail_to(outsider)["X-Groundswell-Reason"] == "chosen"


def test_a_problem_is_told_each_time_it_changes_into_a_search_and_not_while_it_stays(
    problem: Problem, outsider: Person, triager: Person
) -> None:
    watch(outsider, "severity:critical,major")
    comment(problem, triager, "Hello", Door.WEB)
    assert told(outsider) == []
    set_severity(problem, triager, "critical")
    assert told(outsider) == [problem.pk]
    set_severity(problem, triager, "major")
    change(problem, triager, ProblemChange(hardware="em0"), Door.WEB)
    comment(problem, triager, "More", Door.WEB)
    assert len(told(outsider)) == 1
    set_severity(problem, triager, "normal")
    set_severity(problem, triager, "major")
    assert len(told(outsider)) == 2


@pytest.mark.parametrize(
    ("query", "into", "out"),
    [
        ("is:closed", {"state": "closed", "resolution": "fixed"}, {"state": "open"}),
        ("assignee:tom", {"assignee": "tom"}, {"assignee": ""}),
        ("component:net", {"component": "net"}, {"component": "kernel"}),
        ("release:14.3", {"release": "14.3"}, {"release": ""}),
        ("tachyon", {"synopsis": "tachyon leak"}, {"synopsis": "none"}),
        ("is:open hardware tachyon", {"description": "tachyon hardware"}, {"description": "none"}),
    ],
)
def test_any_field_can_change_into_a_search(
    query: str,
    into: dict[str, str],
    out: dict[str, str],
    problem: Problem,
    outsider: Person,
    triager: Person,
) -> None:
    watch(outsider, query)
    change(problem, triager, ProblemChange(**into), Door.WEB)  # type: ignore[arg-type]
    assert told(outsider) == [problem.pk]
    change(problem, triager, ProblemChange(architecture="arm64"), Door.WEB)
    assert told(outsider) == [problem.pk], "it was found before"
    change(problem, triager, ProblemChange(**out), Door.WEB)  # type: ignore[arg-type]
    assert told(outsider) == [problem.pk], "it is not found any more"


def test_looking_how_a_problem_was_leaves_it_as_it_is(
    problem: Problem, outsider: Person, triager: Person
) -> None:
    watch(outsider, "tachyon")
    change(problem, triager, ProblemChange(synopsis="tachyon leak", severity="major"), Door.WEB)
    problem.refresh_from_db()
    assert (problem.synopsis, problem.severity) == ("tachyon leak", "major")
    found = saved_searches.query_of(SavedSearch.objects.get())
    assert Problem.objects.filter(found.search.condition(None)).exists(), "the index, too"


def test_a_confidential_problem_is_told_to_nobody_who_may_not_know_of_it(
    product: Product, outsider: Person, triager: Person
) -> None:
    watch(outsider, "wifi")
    watch(triager, "wifi")
    subscribe(outsider, "sys/net")
    problem = make_problem(
        product, synopsis="wifi", description="See sys/net/if.c", is_confidential=True
    )
    assert (told(outsider), told(triager)) == ([], [problem.pk])


def test_me_in_a_search_is_whoever_watches_it(
    product: Product, outsider: Person, second_reporter: Person, triager: Person
) -> None:
    search = watch(outsider, "voted:me severity:critical")
    subscribe(second_reporter, search)
    problem = make_problem(product)
    cast_vote(problem, second_reporter, Door.WEB)
    assert told(second_reporter) == []
    set_severity(problem, triager, "critical")
    assert (told(outsider), told(second_reporter)) == ([], [problem.pk])


def test_a_search_that_is_no_longer_shared_or_makes_no_sense_is_told_to_nobody(
    product: Product, outsider: Person, reporter: Person
) -> None:
    search = watch(outsider, "wifi", owner=reporter)
    SavedSearch.objects.filter(pk=search.pk).update(is_shared=False)
    broken = watch(outsider, "sound")
    SavedSearch.objects.filter(pk=broken.pk).update(query="component:gone sound")
    make_problem(product, synopsis="wifi and sound")
    assert told(outsider) == []


def test_watched_searches_cost_as_many_queries_for_one_as_for_thirty(
    problem: Problem, triager: Person
) -> None:
    counts = []
    for severity, more in (("critical", 1), ("major", 29)):
        for n in range(more):
            query = f"severity:{severity} component:kernel is:open traffic packet -wifi{n}"
            watch(make_person(), query)
        event = change(problem, triager, ProblemChange(severity=severity), Door.WEB)
        assert event is not None
        with CaptureQueriesContext(connection) as captured:
            assert len(watches.newly_matching(event, watches.watches_of_searches())) == more
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12


def test_searches_are_asked_after_the_commit_in_parts_of_which_each_is_told_once(
    problem: Problem, triager: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [make_person() for _ in range(3)]
    for person in people:
        watch(person, "severity:critical")
    set_severity(problem, triager, "critical")
    assert not Message.objects.filter(person__in=people).exists()
    monkeypatch.setattr(asking, "AT_ONCE", 1)
    monkeypatch.setattr(asking, "SECONDS", 0.0)
    event = EventToAsk.objects.get().pk
    for done in (1, 2, 3):
        asking.ask(event)
        assert Message.objects.filter(person__in=people).count() == done
    EventToAsk.objects.update(after=0)
    EventToAsk.objects.update(due_at=F("due_at") + timedelta(hours=1))
    asking.ask(event)
    assert EventToAsk.objects.get().after == 0, "somebody else has it in hand"
    EventToAsk.objects.update(due_at=timezone.now())
    monkeypatch.undo()
    assert [told(person) for person in people] == [[problem.pk]] * 3


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("panic in sys/netinet/tcp_input.c:812.", True),
        ("--- a/sys/netinet/tcp.c", True),
        ("/usr/src/sys/netinet/tcp.c is wrong", True),
        ("https://cgit.example.org/src/tree/sys/netinet/tcp.c?id=1", True),
        ("(see `sys/netinet`)", True),
        ("sys/netinet6/in6.c", False),
        ("sys/net", False),
        ("contrib/sys/netinet/x.c", False),
        ("sys netinet", False),
        ("../sys/netinet/../../x", False),
    ],
)
def test_what_names_a_file_below_a_path(text: str, named: bool) -> None:
    below = {folder for path in watches.paths_in(text) for folder in watches.folders(path)}
    assert ("sys/netinet" in below) is named


def test_no_text_takes_long_to_look_through_for_paths() -> None:
    for text in ("a" * 100_000, "a/" * 50_000, "." * 100_000, "/a" * 50_000):
        named = [f for path in watches.paths_in(text) for f in watches.folders(path)]
        assert len(named) < 200


def test_who_watches_a_path_is_told_of_what_names_it(
    product: Product, outsider: Person, triager: Person
) -> None:
    subscribe(outsider, "sys/netinet")
    named = make_problem(product, synopsis="panic in sys/netinet/tcp_input.c")
    other = make_problem(product)
    assert told(outsider) == [named.pk]
    reason = "you watch sys/netinet, which this names"
    assert reason in " ".join(text_of(mail_to(outsider)).split())
    comment(other, triager, "Nothing here.", Door.WEB)
    comment(other, triager, "Is it sys/netinet/ip_output.c?", Door.WEB)
    assert told(outsider) == [named.pk, other.pk]
    subscribe(outsider, "dmesg.boot")
    attach(make_problem(product), triager, ContentFile(b"x", name="dmesg.boot"), Door.WEB)
    assert len(told(outsider)) == 3


def test_who_watches_a_path_is_told_of_a_patch_that_touches_it(
    problem: Problem, outsider: Person, reporter: Person
) -> None:
    subscribe(outsider, "sys/netinet")
    make_patch(author=reporter, fixes=[problem], text=diff("sys/kern/sched.c"))
    assert told(outsider) == []
    make_patch(author=reporter, fixes=[problem], text=diff("sys/netinet/tcp_input.c"))
    assert told(outsider) == [problem.pk]


def test_one_click_stops_a_search_or_path_and_nothing_else(
    product: Product, outsider: Person, triager: Person
) -> None:
    watch(outsider, "wifi")
    subscribe(outsider, "sys/net")
    for synopsis in ("wifi", "sys/net/if.c"):
        found = make_problem(product, synopsis=synopsis)
        assert told(outsider)[-1] == found.pk
        address = str(mail_to(outsider)["List-Unsubscribe"]).strip("<>")
        path = address.partition("8000")[2]
        assert Client().get(path).status_code == 200
        client = Client(enforce_csrf_checks=True)
        for _ in range(2):
            done = client.post(path, {"List-Unsubscribe": "One-Click"})
            assert done.status_code == 200
        count = len(told(outsider))
        make_problem(product, synopsis=synopsis)
        assert len(told(outsider)) == count
    subscribe(outsider, product)
    make_problem(product, synopsis="wifi in sys/net/if.c")
    assert "you follow base" in text_of(mail_to(outsider))


def test_the_link_that_ends_a_search_names_none_that_is_shared_no_longer(
    outsider: Person, reporter: Person
) -> None:
    search = watch(outsider, "wifi", owner=reporter)
    path = unsubscribe_url(outsider.pk, Reach.SEARCH, search.pk).partition("8000")[2]
    assert "of wifi" in Client().get(path).text
    SavedSearch.objects.update(is_shared=False)
    assert "of wifi" not in Client().get(path).text


def test_searches_and_paths_are_watched_and_forgotten_on_the_page(
    product: Product, outsider: Person, reporter: Person
) -> None:
    search = saved_searches.save(outsider, "Mine", "wifi")
    client = sign_in(Client(), outsider)
    key = f"search:{search.pk}"
    assert f'value="{key}"' in client.get("/my/subscriptions/").text
    for form in ({"target": key}, {"target": "path", "path": "/sys/netinet/"}):
        client.post("/my/subscriptions/change", {**form, "action": "subscribe"})
    rows = {str(row.reach): row for row in Subscription.objects.filter(person=outsider)}
    assert rows["path"].path == "sys/netinet"
    assert rows["search"].saved_search == search
    page = client.get("/my/subscriptions/").text
    assert "the search “Mine”" in page
    assert "Stop watching" in client.get(search.get_absolute_url()).text
    others = sign_in(Client(), reporter)
    for target in (key, f"path:{rows['path'].pk}"):
        form = {"target": target, "action": "subscribe"}
        assert others.post("/my/subscriptions/change", form).status_code == 404
    for target in (key, f"path:{rows['path'].pk}"):
        client.post("/my/subscriptions/change", {"target": target, "action": "unsubscribe"})
    assert not Subscription.objects.filter(person=outsider).exists()


@pytest.mark.parametrize("path", ["", "../etc", "a b", "x" * 201, "a/" * 13 + "b", "<b>"])
def test_what_is_no_path_is_refused_with_a_word_on_what_to_write(
    path: str, outsider: Person
) -> None:
    client = sign_in(Client(), outsider)
    form = {"target": "path", "path": path, "action": "subscribe"}
    answer = client.post("/my/subscriptions/change", form, follow=True)
    assert "such as sys/netinet" in answer.text
    assert not Subscription.objects.exists()


def test_an_old_event_matches_as_the_problem_is_now(problem: Problem, outsider: Person) -> None:
    watch(outsider, "component:kernel")
    event = Event.objects.get(problem=problem)
    found = watches.newly_matching(event, watches.watches_of_searches())
    assert [row.person for row in found] == [outsider]


def test_nobody_watches_more_than_a_hundred_searches_and_paths(
    outsider: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MOST_WATCHES", 2)
    watch(outsider, "wifi")
    subscribe(outsider, "sys/net")
    client = sign_in(Client(), outsider)
    form = {"target": "path", "path": "sys/dev", "action": "subscribe"}
    answer = client.post("/my/subscriptions/change", form)
    assert answer.status_code == 403
    assert "remove one first" in answer.text
    assert Subscription.objects.filter(person=outsider).count() == 2


def test_the_name_of_a_search_that_became_private_is_not_told(
    product: Product, outsider: Person, reporter: Person
) -> None:
    search = watch(outsider, "wifi", owner=reporter)
    make_problem(product, synopsis="wifi")
    assert told(outsider)
    SavedSearch.objects.filter(pk=search.pk).update(is_shared=False, name="Secret plans")
    text = text_of(mail_to(outsider))
    assert "Secret" not in text
    assert "you watch what you watch" not in text
