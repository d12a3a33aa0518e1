"""The triage desk as a page: what it shows, what its buttons do, and whom it tells nothing."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Person, Role
from tests.conftest import sign_in
from tests.people import make_person
from tests.problems import make_maintainer, make_problem, make_product
from tests.triage.desks import do, gone_stale, in_state, left_alone, undo_last
from tracker import bulk, triage
from tracker.bulk import Asked, Pick
from tracker.changes import ProblemChange
from tracker.models import BulkChange, Comment, Door, Problem, Product
from tracker.services import change
from tracker.triage import QueueQuery

pytestmark = pytest.mark.django_db


def numbers(person: Person, **asked: str) -> list[int]:
    """The queue of a person, through all its pages."""
    found: list[int] = []
    cursor = ""
    while True:
        page = triage.queue(person, QueueQuery(**asked, cursor=cursor, limit=2))
        found += [item.problem.pk for item in page.items]
        cursor = page.next_cursor
        if not cursor:
            return found


def shown(client: Client, **params: str) -> str:
    """The desk as text."""
    response = client.get("/triage/", params)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def listed(page: str) -> list[int]:
    """The numbers in the queue of a page."""
    return [int(number) for number in re.findall(r'data-item="(\d+)"', page)]


def test_the_queue_has_new_ones_then_those_waiting_for_feedback_then_stale_ones(
    product: Product, triager: Person
) -> None:
    stale = gone_stale(product)
    asked = [in_state(product, "feedback", days) for days in (9, 20)]
    new = [in_state(product, "new", days) for days in (3, 5, 4)]
    for state in ("open", "in progress", "patched", "suspended"):
        in_state(product, state)
    expected = [*new, *asked, stale]
    assert numbers(triager) == [problem.pk for problem in expected]
    assert triage.counts(triager, QueueQuery()) == {"new": 3, "feedback": 2, "stale": 1}


def test_maintainers_see_theirs_first(product: Product, triager: Person) -> None:
    maintainer = make_maintainer(product.components.get(slug="net"), "nora")
    other = in_state(product, "new", 9, component="kernel")
    mine = in_state(product, "feedback", 2, component="net")
    assert numbers(maintainer) == [mine.pk, other.pk]
    assert numbers(triager) == [other.pk, mine.pk]


def test_the_queue_is_narrowed_by_product_component_and_part(
    product: Product, triager: Person
) -> None:
    kernel = in_state(product, "new", 5, component="kernel")
    net = in_state(product, "feedback", 5, component="net")
    ports = in_state(make_product("ports", "www"), "new", 4)
    assert numbers(triager, product="base") == [kernel.pk, net.pk]
    assert numbers(triager, product="base", component="net") == [net.pk]
    assert numbers(triager, section="new") == [kernel.pk, ports.pk]


def test_pages_lead_forth_and_back_across_the_parts(product: Product, triager: Person) -> None:
    every = [in_state(product, "new", 10 - i) for i in range(3)]
    every += [in_state(product, "feedback", 10 - i) for i in range(3)]
    first = triage.queue(triager, QueueQuery(limit=4))
    second = triage.queue(triager, QueueQuery(limit=4, cursor=first.next_cursor))
    back = triage.queue(triager, QueueQuery(limit=4, cursor=second.previous_cursor))
    found = [[item.problem.pk for item in page.items] for page in (first, second, back)]
    expected = [problem.pk for problem in every]
    assert found == [expected[:4], expected[4:], expected[:4]]
    assert (first.previous_cursor, second.next_cursor, back.previous_cursor) == ("", "", "")


def test_who_goes_back_a_page_comes_to_its_last_problem(
    product: Product, triager: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [in_state(product, "new", 10 - i) for i in range(4)]
    client = sign_in(Client(), triager)
    monkeypatch.setattr(triage, "PAGE_SIZE", 2)
    page = shown(client, cursor=triage.queue(triager, QueueQuery(limit=2)).next_cursor)
    assert listed(page) == [every[2].pk, every[3].pk]
    (back,) = re.findall(r'rel="prev" href="([^"]+)"', page)
    before = html.unescape(client.get(back).content.decode())
    assert listed(before) == [every[0].pk, every[1].pk]
    assert re.findall(r'id="detail-title".*#(\d+)', before) == [str(every[1].pk)]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"product": "bass"}, "There is no product “bass”. Did you mean “base”?"),
        ({"product": "base", "section": "old"}, "There is no part “old”."),
        ({"cursor": "AAAA"}, "This page no longer exists"),
        ({"cursor": "WzAsOSwxXQ"}, "This page no longer exists"),
    ],
)
def test_a_wrong_address_of_the_desk_says_what_is_wrong_with_it(
    client: Client, product: Product, triager: Person, asked: dict[str, str], sentence: str
) -> None:
    response = sign_in(client, triager).get("/triage/", asked)
    assert response.status_code == 400
    assert sentence in html.unescape(response.content.decode())


def test_what_is_confidential_is_in_nobodys_queue_who_may_not_see_it(
    client: Client, product: Product, triager: Person
) -> None:
    developer = make_person("dora", Role.DEVELOPER)
    hidden = in_state(
        product, "new", is_confidential=True, component="kernel", synopsis="Keys leak at boot"
    )
    open_one = in_state(product, "new", component="kernel", synopsis="Keys stick at boot")
    assert numbers(triager) == [hidden.pk, open_one.pk]
    assert numbers(developer) == [open_one.pk]
    assert triage.counts(developer, QueueQuery())["new"] == 1
    sign_in(client, developer)
    asked_for = shown(client, at=str(hidden.pk))
    for page in (shown(client), asked_for, shown(client, at=str(open_one.pk), peek=str(hidden.pk))):
        assert "Keys leak" not in page
        assert listed(page) == [open_one.pk]
    assert f"There is no #{hidden.pk} here." in asked_for
    assert "There is no #99999 here." in shown(client, at="99999")
    assert do(client, hidden, state="open").status_code == 404
    marked = do(client, open_one, duplicate_of=str(hidden.pk))
    assert marked.status_code == 409
    assert f"There is no problem #{hidden.pk}" in marked.content.decode()


@pytest.mark.parametrize("role", ["outsider", "reporter"])
def test_the_desk_is_for_those_who_work_on_problems(
    client: Client, request: pytest.FixtureRequest, problem: Problem, role: str
) -> None:
    sign_in(client, request.getfixturevalue(role))
    assert client.get("/triage/").status_code == 403
    assert do(client, problem, state="open").status_code == 403
    assert client.post("/triage/bulk/", {"numbers": problem.pk}).status_code == 403
    assert client.post(
        "/triage/bulk/apply", {"picks": f"{problem.pk}:1", "asked": "{}"}
    ).status_code in {302, 403}
    problem.refresh_from_db()
    assert problem.state == "new"


def test_accepting_leads_to_the_next_and_can_be_undone(
    client: Client, product: Product, triager: Person
) -> None:
    first, second = (in_state(product, "new", days) for days in (5, 4))
    sign_in(client, triager)
    page = shown(client)
    found = re.search(r'name="next" value="([^"]+)">\s*<button class="primary" name="state"', page)
    assert found
    response = do(client, first, state="open", next=found[1])
    assert response.headers["Location"] == f"/triage/?at={second.pk}"
    first.refresh_from_db()
    assert first.state == "open"
    page = shown(client)
    assert listed(page) == [second.pk]
    assert "data-last" in page
    undone = undo_last(client, triager)
    assert undone.headers["Location"] == f"/triage/?at={first.pk}"
    first.refresh_from_db()
    assert first.state == "new"
    assert "is as it was" in shown(client)


def test_a_question_is_one_event_that_asks_and_waits(
    client: Client, problem: Problem, triager: Person
) -> None:
    sign_in(client, triager)
    empty = do(client, problem, state="feedback", comment="  ")
    assert empty.status_code == 400
    do(client, problem, state="feedback", comment="Which card is it?")
    problem.refresh_from_db()
    latest = problem.events.last()
    assert latest is not None
    assert (problem.state, latest.kind) == ("feedback", "commented")
    assert latest.comment is not None
    assert latest.comment.text == "Which card is it?"


def test_a_stale_action_changes_nothing_says_who_was_quicker_and_keeps_the_text(
    client: Client, problem: Problem, triager: Person, maintainer: Person
) -> None:
    change(problem, maintainer, ProblemChange(severity="critical"), Door.WEB)
    sign_in(client, triager)
    response = do(client, problem, version=1, state="feedback", comment="Which card?")
    page = html.unescape(response.content.decode())
    assert response.status_code == 409
    assert "mara changed its severity meanwhile." in page
    assert "Which card?</textarea>" in page
    assert not Comment.objects.exists()
    problem.refresh_from_db()
    assert problem.state == "new"


def test_a_problem_that_somebody_else_did_says_so(
    client: Client, problem: Problem, product: Product, triager: Person, maintainer: Person
) -> None:
    change(problem, maintainer, ProblemChange(state="in progress"), Door.WEB)
    page = shown(sign_in(client, triager), at=str(problem.pk))
    assert "mara was quicker: state new → in progress." in page


def test_a_likely_duplicate_is_offered_peeked_at_and_marked_with_one_button(
    client: Client, product: Product, triager: Person
) -> None:
    head = make_problem(
        product, synopsis="em0 drops packets under load", description="The ring overflows."
    )
    left_alone(head, 2)
    problem = make_problem(product, synopsis="packets dropped by em0 under load")
    sign_in(client, triager)
    address = f"/triage/?at={problem.pk}"
    assert f'href="{address}"' in client.get(f"/{problem.pk}").content.decode()
    page = shown(client, at=str(problem.pk))
    assert f'name="duplicate_of" value="{head.pk}" data-pick="1"' in page
    assert "The ring overflows." not in page
    assert "The ring overflows." in shown(client, at=str(problem.pk), peek=str(head.pk))
    do(client, problem, duplicate_of=str(head.pk))
    problem.refresh_from_db()
    assert problem.head == head
    assert Problem.objects.get(pk=head.pk).people == 2
    page = shown(client, at=str(problem.pk))
    assert "It is none: take it back" in page
    do(client, problem, duplicate_of="none")
    problem.refresh_from_db()
    assert problem.head_id is None
    assert problem.state == "open"


def test_a_word_where_a_number_belongs_is_refused(
    client: Client, problem: Problem, triager: Person
) -> None:
    response = do(sign_in(client, triager), problem, duplicate_of="that one")
    assert response.status_code == 400
    assert "Give the number of a problem" in response.content.decode()


def test_the_component_is_suggested_with_its_reason(
    client: Client, product: Product, triager: Person
) -> None:
    past = [
        in_state(product, "open", 30, component="net", synopsis=f"wifi card {i} loses its link")
        for i in (1, 2, 3)
    ]
    problem = make_problem(product, component="kernel", synopsis="wifi card 4 loses its link")
    page = shown(sign_in(client, triager), at=str(problem.pk))
    assert "Component: net?" in page
    assert "3 of the 3 most similar reports are in net: " in page
    assert all(f"#{each.pk}" in page for each in past)
    do(client, problem, component="net")
    problem.refresh_from_db()
    assert problem.component.slug == "net"


@pytest.mark.parametrize("rows", [1, 30])
def test_the_desk_costs_the_same_queries_however_long_the_queue_is(
    client: Client, product: Product, triager: Person, rows: int
) -> None:
    reporter = make_person()
    for i in range(rows):
        in_state(product, "new", i + 1, reporter=reporter, synopsis=f"wifi {i} loses its link")
    sign_in(client, triager)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        shown(client)
    assert len(captured) <= 40


def test_many_are_chosen_previewed_changed_and_undone(
    client: Client, product: Product, triager: Person
) -> None:
    three = [make_problem(product, component="kernel") for _ in range(3)]
    change(three[2], triager, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    sign_in(client, triager)
    form = client.post("/triage/bulk/", {"numbers": [p.pk for p in three]})
    assert "Change 3 problems" in form.content.decode()
    said = {
        "numbers": " ".join(str(p.pk) for p in three), "step": "preview", "state": "in progress",
        "severity": "minor", "assignee": "tom",
    }  # fmt: skip
    preview = client.post("/triage/bulk/", said)
    page = html.unescape(preview.content.decode())
    assert "2 will change, 1 cannot" in page
    assert "closed cannot become in progress" in page
    assert preview.context["picks"] == f"{three[0].pk}:1 {three[1].pk}:1"
    done = client.post(
        "/triage/bulk/apply",
        {"picks": preview.context["picks"], "asked": preview.context["asked"]},
        follow=True,
    )
    assert "A change of 2 problems" in done.content.decode()
    assert (
        Problem.objects.filter(state="in progress", severity="minor", assignee=triager).count() == 2
    )
    undone = client.post(
        "/triage/undo",
        {"bulk_change": BulkChange.objects.get().pk, "next": "/triage/"},
        follow=True,
    )
    assert "2 problems restored" in undone.content.decode()
    assert Problem.objects.filter(state="new", severity="normal", assignee=None).count() == 2


def test_what_an_undo_leaves_as_it_is_is_named_once(
    client: Client, product: Product, triager: Person
) -> None:
    two = [make_problem(product) for _ in range(2)]
    picks = [Pick(problem.pk, problem.version) for problem in two]
    done = bulk.apply(triager, picks, Asked(ProblemChange(severity="minor")), Door.WEB)
    change(two[0], triager, ProblemChange(severity="critical"), Door.WEB)
    sign_in(client, triager)
    page = client.post("/triage/undo", {"bulk_change": done.pk}, follow=True).content.decode()
    assert "1 problem restored" in page
    assert page.count("tom changed its severity meanwhile.") == 1


def test_all_that_match_a_search_are_found_anew_and_capped(
    client: Client, product: Product, triager: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracker import bulk

    monkeypatch.setattr(bulk, "MOST", 2)
    fan = [make_problem(product, component="kernel") for _ in range(3)]
    make_problem(product, component="net")
    said = {"all": "1", "query": "?component=kernel&sort=newest"}
    page = sign_in(client, triager).post("/triage/bulk/", said)
    text = page.content.decode()
    assert "Change 2 problems" in text
    assert "3 problems match the search; these are the first 2" in text
    assert page.context["numbers"] == f"{fan[2].pk} {fan[1].pk}"


def test_nothing_chosen_and_nonsense_lead_back_with_a_sentence(
    client: Client, problem: Problem, triager: Person
) -> None:
    sign_in(client, triager)
    nothing = client.post("/triage/bulk/", {"next": "/problems/"}, follow=True)
    assert nothing.redirect_chain == [("/problems/", 302)]
    assert "Choose some problems first" in nothing.content.decode()
    for asked in ("{", "[]", '{"synopsis": "x"}', '{"state": {"a": 1}}'):
        said = {"picks": f"{problem.pk}:1 x:y 1", "asked": asked}
        assert client.post("/triage/bulk/apply", said).status_code == 302
    problem.refresh_from_db()
    assert (problem.version, BulkChange.objects.count()) == (1, 0)


def test_a_bulk_change_is_shown_to_who_made_it_only(
    client: Client, problem: Problem, triager: Person, committer: Person
) -> None:
    do(sign_in(client, triager), problem, state="open")
    pk = BulkChange.objects.get().pk
    assert client.get(f"/triage/changes/{pk}/").status_code == 200
    sign_in(client, committer)
    assert client.get(f"/triage/changes/{pk}/").status_code == 404
    assert client.post("/triage/undo", {"bulk_change": pk}).status_code == 404


def test_lists_have_boxes_for_those_who_may_change_many(
    client: Client, problem: Problem, triager: Person, outsider: Person
) -> None:
    box = f'form="bulk" name="numbers" value="{problem.pk}"'
    assert box not in client.get("/problems/").content.decode()
    assert box not in sign_in(client, outsider).get("/problems/").content.decode()
    page = sign_in(client, triager).get("/problems/?q=component:kernel")
    assert box in page.content.decode()
    assert 'name="query" value="q=component%3Akernel"' in page.content.decode()
    assert 'href="/triage/"' in page.content.decode()
