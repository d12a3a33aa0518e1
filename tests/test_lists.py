"""The ranked lists: what they show, in which order, to whom, and at what cost."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from tests.conftest import sign_in
from tests.people import make_newcomer, make_person
from tests.problems import make_maintainer, make_problem, make_product
from tracker.models import Door, Problem, Product
from tracker.text_index.services import index
from votes.models import Vote
from votes.selectors import rows_for
from votes.services import cast_vote

ATOM = "{http://www.w3.org/2005/Atom}"
AssertQueries = Callable[..., Any]


def page_of(client: Client, address: str) -> str:
    """The page at `address`, which has to be there."""
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)
    return str(response.content.decode())


def numbers_on(html: str) -> list[int]:
    """The numbers of the problems that a page lists, in its order."""
    return [int(number) for number in re.findall(r'href="/(\d+)" data-open', html)]


def counted_on(html: str) -> str:
    """The words with which a list says how many problems it has."""
    found = re.search(r'id="count">([^<]*)<', html)
    assert found
    return found[1]


def vote_often(problem: Problem, people: int, days_ago: float = 1) -> None:
    """+1 on `problem` by so many new people, at one time."""
    at = timezone.now() - timedelta(days=days_ago)
    for _ in range(people):
        cast_vote(problem, make_person(), Door.WEB, at=at)


def many_problems(product: Product, reporter: Person, count: int) -> list[Problem]:
    """So many problems with one vote each, made in bulk."""
    component = product.components.all()[0]
    made = Problem.objects.bulk_create(
        Problem(
            product=product, component=component, reporter=reporter, synopsis=f"Fault {i}",
            description="It fails.", people=1, heat=float(i % 7),
        )
        for i in range(count)
    )  # fmt: skip
    Vote.objects.bulk_create(
        Vote(problem=each, person=reporter, status=Vote.Status.COUNTED) for each in made
    )
    index(made)
    return made


def hide(problem: Problem) -> Problem:
    """Make it confidential."""
    problem.is_confidential = True
    problem.save(update_fields=["is_confidential"])
    return problem


# ---- order


def test_the_front_page_puts_first_what_more_people_have(client: Client, product: Product) -> None:
    small, big = make_problem(product), make_problem(product)
    vote_often(big, 3)
    assert numbers_on(page_of(client, "/")) == [big.pk, small.pk]


def test_a_vote_changes_the_order_of_the_front_page(client: Client, product: Product) -> None:
    first, second = make_problem(product), make_problem(product)
    vote_often(first, 2, days_ago=2)
    vote_often(second, 1, days_ago=2)
    assert numbers_on(page_of(client, "/")) == [first.pk, second.pk]
    vote_often(second, 3, days_ago=0)
    assert numbers_on(page_of(client, "/")) == [second.pk, first.pk]


def test_thirty_votes_of_this_month_outrank_thirty_old_ones(
    client: Client, product: Product
) -> None:
    fresh = make_problem(product)
    stale = make_problem(product)
    vote_often(stale, 30, days_ago=5 * 365)
    Vote.objects.filter(problem=fresh).delete()
    vote_often(fresh, 30, days_ago=10)
    Problem.objects.filter(pk=fresh.pk).update(
        created_at=timezone.now() - timedelta(days=3650), people=30
    )
    assert numbers_on(page_of(client, "/problems/"))[0] == fresh.pk


@pytest.mark.parametrize("sort", ["heat", "people", "newest", "active"])
def test_each_order_sorts_by_its_own_column(client: Client, product: Product, sort: str) -> None:
    now = timezone.now()
    by_heat, by_people, by_activity, newest = (make_problem(product) for _ in range(4))
    for problem, values in (
        (by_heat, {"heat": 9.0, "people": 1, "changed_at": now - timedelta(days=9)}),
        (by_people, {"heat": 1.0, "people": 9, "changed_at": now - timedelta(days=8)}),
        (by_activity, {"heat": 2.0, "people": 2, "changed_at": now}),
        (newest, {"heat": 3.0, "people": 3, "changed_at": now - timedelta(days=7)}),
    ):
        Problem.objects.filter(pk=problem.pk).update(**values)
    leader = {"heat": by_heat, "people": by_people, "newest": newest, "active": by_activity}[sort]
    html = page_of(client, f"/problems/?sort={sort}")
    assert numbers_on(html)[0] == leader.pk
    assert len(re.findall(r'<a href="[^"]*" aria-current="true">', html)) == 1 + 1  # nav and tab


# ---- filters and words


def test_every_filter_of_the_query_string_narrows_the_list(
    client: Client, product: Product, reporter: Person, maintainer: Person
) -> None:
    other = make_problem(make_product("other"), component="net", synopsis="Something else")
    wanted = make_problem(
        product, reporter, component="kernel", kind="enhancement", severity="critical",
        release="15.0", synopsis="Clock jumps backwards", description="After a leap second.",
    )  # fmt: skip
    wanted.assignee = maintainer
    wanted.save()
    for query in (
        "product=base", "component=kernel", "kind=enhancement", "severity=critical",
        "release=15.0", "reporter=rita", "assignee=mara", "q=clock+leap",
        "product=base&component=kernel&q=jumps",
    ):  # fmt: skip
        assert numbers_on(page_of(client, f"/problems/?{query}")) == [wanted.pk], query
    assert set(numbers_on(page_of(client, "/problems/"))) == {wanted.pk, other.pk}
    assert numbers_on(page_of(client, "/problems/?assignee=none")) == [other.pk]


def test_closed_problems_are_listed_only_when_asked_for(
    client: Client, problem: Problem, product: Product
) -> None:
    closed = make_problem(product)
    Problem.objects.filter(pk=closed.pk).update(
        state="closed", is_open=False, resolution="fixed", closed_at=timezone.now()
    )
    assert numbers_on(page_of(client, "/problems/")) == [problem.pk]
    assert numbers_on(page_of(client, "/problems/?state=closed")) == [closed.pk]
    both = page_of(client, "/problems/?state=closed&state=new&sort=newest")
    assert numbers_on(both) == [closed.pk, problem.pk]
    assert numbers_on(page_of(client, "/problems/?state=any&sort=newest")) == numbers_on(both)


def test_empty_answers_of_the_filter_form_leave_the_address(client: Client, db: None) -> None:
    response = client.get("/problems/?q=&product=&state=open&kind=")
    assert response.status_code == 302
    assert response["Location"] == "/problems/?state=open"


def test_a_number_in_the_search_box_leads_to_its_problem(client: Client, problem: Problem) -> None:
    for typed in (f"{problem.pk}", f"%23{problem.pk}", f"+{problem.pk}+"):
        assert client.get(f"/problems/?q={typed}")["Location"] == f"/{problem.pk}"
    assert client.get("/problems/?q=999999999").status_code == 200
    assert client.get("/problems/?q=99999999999999999999999").status_code == 200


def test_a_filter_in_use_can_be_taken_away_alone(client: Client, problem: Problem) -> None:
    html = page_of(client, "/problems/?product=base&q=traffic&sort=people")
    assert 'href="?q=traffic+sort:people"' in html
    assert 'href="?q=product:base+sort:people"' in html


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("state=gone", "There is no state “gone”"),
        ("sort=loud", "There is no sort “loud”"),
        ("kind=bug", "There is no kind “bug”"),
        ("limit=0", "Give a number from 1 to 100"),
        ("cursor=AAAA", "start at the first one"),
        ("q=" + "+".join("a" * 33), "Search for 32 words at the most"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_with_the_reason(
    client: Client, db: None, query: str, said: str
) -> None:
    response = client.get(f"/problems/?{query}")
    assert response.status_code == 400
    assert said in response.content.decode()


def test_hostile_words_in_a_query_find_nothing_and_break_nothing(
    client: Client, problem: Problem
) -> None:
    for name in ("q", "product", "component", "release", "assignee", "reporter"):
        for value in ("%00", "%27%22%3Cscript%3E", "%25_", "%F0%9F%8C%8A" * 50, "x" * 1999):
            html = page_of(client, f"/problems/?{name}={value}")
            assert numbers_on(html) == []
            assert "<script>" not in html
    assert client.get("/products/%00/").status_code == 404


# ---- paging


def walk(client: Client, address: str) -> list[list[int]]:
    """The numbers on each page from `address` on, following Next."""
    pages = []
    while address:
        html = page_of(client, address)
        pages.append(numbers_on(html))
        found = re.search(r'rel="next" href="([^"]*)"', html)
        address = f"/problems/{found[1].replace('&amp;', '&')}" if found else ""
    return pages


@pytest.mark.parametrize("sort", ["heat", "people", "newest", "active"])
def test_paging_shows_each_problem_once(
    client: Client, product: Product, reporter: Person, sort: str
) -> None:
    made = many_problems(product, reporter, 25)
    pages = walk(client, f"/problems/?sort={sort}&limit=10")
    assert [len(page) for page in pages] == [10, 10, 5]
    seen = list(itertools.chain(*pages))
    assert sorted(seen) == sorted(each.pk for each in made)
    assert [seen] == walk(client, f"/problems/?sort={sort}&limit=100")


def test_votes_cast_while_somebody_pages_hide_and_repeat_no_unmoved_problem(
    client: Client, product: Product, reporter: Person
) -> None:
    many_problems(product, reporter, 30)
    first = page_of(client, "/problems/?limit=10")
    rest = [pk for page in walk(client, "/problems/?limit=10")[1:] for pk in page]
    risen = rest[-1]
    vote_often(Problem.objects.get(pk=risen), 5)
    following = re.search(r'rel="next" href="([^"]*)"', first)
    assert following
    later = walk(client, f"/problems/{following[1].replace('&amp;', '&')}")
    assert list(itertools.chain(*later)) == [pk for pk in rest if pk != risen]


def test_previous_leads_back_to_the_same_page(
    client: Client, product: Product, reporter: Person
) -> None:
    many_problems(product, reporter, 25)
    first = page_of(client, "/problems/?limit=10")
    following = re.search(r'rel="next" href="([^"]*)"', first)
    assert following
    second = page_of(client, f"/problems/{following[1].replace('&amp;', '&')}")
    back = re.search(r'rel="prev" href="([^"]*)"', second)
    assert back
    returned = page_of(client, f"/problems/{back[1].replace('&amp;', '&')}")
    assert numbers_on(returned) == numbers_on(first)
    assert 'rel="prev"' not in first


# ---- confidential problems


def test_outsiders_cannot_see_count_or_search_confidential_problems(
    client: Client, product: Product, reporter: Person, outsider: Person
) -> None:
    hidden = hide(make_problem(product, reporter, synopsis="Password printed by the installer"))
    for viewer in (client, sign_in(Client(), outsider)):
        for address in ("/", "/problems/", "/problems/?q=password", "/products/base/"):
            html = page_of(viewer, address)
            assert numbers_on(html) == [], address
            assert "Password printed" not in html
        assert counted_on(page_of(viewer, "/problems/?state=any")) == "0 problems"
        assert viewer.get(f"/problems/?q={hidden.pk}").status_code == 200
        assert '0</span><span class="tally-unit">open' in page_of(viewer, "/products/")
        assert b"Password" not in viewer.get("/problems.atom?q=password").content


def test_those_who_may_see_a_confidential_problem_find_it_in_the_lists(
    product: Product, reporter: Person, triager: Person, maintainer: Person
) -> None:
    hidden = hide(make_problem(product, reporter, component="kernel"))
    for person in (reporter, triager, maintainer):
        viewer = sign_in(Client(), person)
        html = page_of(viewer, "/problems/")
        assert numbers_on(html) == [hidden.pk]
        assert counted_on(html) == "1 problem"
        assert 'class="confidential"' in html


def test_votes_over_time_tell_nothing_of_confidential_problems(
    client: Client, problem: Problem, product: Product, triager: Person
) -> None:
    hidden = make_problem(product)
    vote_often(hidden, 7, days_ago=0)
    hide(hidden)
    for address in ("/", "/products/base/"):
        assert "As a table (1 vote)" in page_of(client, address)
        assert "As a table (1 vote)" in page_of(sign_in(Client(), triager), address)


# ---- rows


def test_a_row_shows_people_waiting_votes_and_ones_own_vote(
    client: Client, problem: Problem, outsider: Person
) -> None:
    for _ in range(7):
        cast_vote(problem, make_newcomer(), Door.WEB)
    cast_vote(problem, outsider, Door.WEB)
    html = page_of(sign_in(client, outsider), "/")
    assert '<span class="tally-count">7</span>' in html
    assert "+2 waiting" in html
    assert 'aria-pressed="true"' in html
    assert f'action="/{problem.pk}/vote/withdraw"' in html
    stranger = page_of(sign_in(Client(), make_person()), "/")
    assert 'aria-pressed="false"' in stranger
    assert f'action="/{problem.pk}/vote"' in stranger


def test_the_vote_button_of_the_signed_out_leads_to_sign_in_and_back(
    client: Client, problem: Problem
) -> None:
    html = page_of(client, "/problems/?product=base")
    assert "next=/problems/%3Fproduct%3Dbase" in html
    assert '<form class="tally' not in html


def test_the_trend_counts_votes_by_month_with_this_month_last(
    product: Product, reporter: Person
) -> None:
    problem = make_problem(product, reporter)
    now = timezone.now()
    last_month = now.replace(day=1) - timedelta(days=1)
    for at in (last_month, last_month, now - timedelta(days=800)):
        cast_vote(problem, make_person(), Door.WEB, at=at)
    [row] = rows_for(None, [problem])
    assert row.trend == [0] * 10 + [2, 1]


def test_months_are_those_of_utc_whatever_zone_the_reader_lives_in(
    product: Product, reporter: Person
) -> None:
    problem = make_problem(product, reporter)
    Vote.objects.filter(problem=problem).update(cast_at=datetime.now(UTC))
    with timezone.override("Pacific/Kiritimati"):
        [row] = rows_for(None, [problem])
    assert row.trend[-1] == 1


# ---- what waits


def test_the_front_page_shows_what_waits_for_whom_it_is_shown_to(
    client: Client, product: Product, reporter: Person, maintainer: Person, outsider: Person
) -> None:
    asked = make_problem(product, reporter, component="net", synopsis="Asked for a log")
    Problem.objects.filter(pk=asked.pk).update(state="feedback")
    make_problem(product, outsider, component="kernel", synopsis="Nobody looked at this")
    given = make_problem(product, outsider, component="net", synopsis="Given to the maintainer")
    Problem.objects.filter(pk=given.pk).update(assignee=maintainer, state="open")

    def waiting(html: str) -> str:
        return html.partition('<aside id="waiting">')[2].partition("</aside>")[0]

    of_reporter = waiting(page_of(sign_in(Client(), reporter), "/"))
    assert "Feedback asked of you" in of_reporter
    assert "Asked for a log" in of_reporter
    assert "Given to" not in of_reporter
    of_maintainer = waiting(page_of(sign_in(Client(), maintainer), "/"))
    assert "Assigned to you" in of_maintainer
    assert "Given to the maintainer" in of_maintainer
    assert "Nobody looked at this" in of_maintainer
    assert "Asked for a log" not in of_maintainer
    for nothing in (client, sign_in(Client(), outsider)):
        assert 'class="section waiting"' not in page_of(nothing, "/")


def test_what_waits_is_cut_to_a_few_with_the_way_to_the_rest(
    client: Client, product: Product, reporter: Person
) -> None:
    for each in many_problems(product, reporter, 6):
        Problem.objects.filter(pk=each.pk).update(state="feedback")
    html = page_of(sign_in(client, reporter), "/")
    assert "?reporter=me&amp;state=feedback" in html
    assert len(numbers_on(page_of(client, "/problems/?reporter=me&state=feedback"))) == 6


def test_an_empty_tracker_tells_an_administrator_to_make_a_product(
    client: Client, administrator: Person
) -> None:
    assert "/products/new" in page_of(sign_in(Client(), administrator), "/")
    stranger = page_of(client, "/")
    assert "/products/new" not in stranger
    assert "nothing to track yet" in stranger


# ---- products


def test_the_page_of_a_product_shows_its_parts_and_who_maintains_them(
    client: Client, product: Product
) -> None:
    make_maintainer(product.components.get(slug="net"), "nell")
    make_maintainer(product.components.get(slug="net"), "nils")
    mine = make_problem(product, component="net")
    make_problem(make_product("other"))
    html = page_of(client, "/products/base/")
    assert numbers_on(html) == [mine.pk]
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "maintained by nell and nils" in text
    assert "Net 1 open" in text
    assert "Kernel 0 open · patches nobody maintains it" in text
    assert 'href="/products/base/releases/15.0' in html
    assert client.get("/products/none/").status_code == 404


def test_the_picture_of_votes_has_a_table_that_says_the_same(
    client: Client, product: Product, reporter: Person
) -> None:
    problem = make_problem(product, reporter)
    vote_often(problem, 4, days_ago=0)
    html = page_of(client, "/products/base/")
    month = f"{datetime.now(UTC):%B %Y}"
    assert f"<title>{month}: 5</title>" in html
    assert f'<th scope="row">{month}</th><td class="numeric">5</td>' in html
    assert html.count('<th scope="row">') == 24


# ---- feeds


def entries(content: bytes) -> list[dict[str, str]]:
    """Title and address of each entry of a feed."""
    feed = ET.fromstring(content)
    found = []
    for entry in feed.iter(f"{ATOM}entry"):
        link = entry.find(f"{ATOM}link")
        assert link is not None
        found.append({"title": entry.findtext(f"{ATOM}title", ""), "link": link.attrib["href"]})
    return found


def test_the_feed_lists_what_its_page_lists_in_the_same_order(
    client: Client, product: Product, settings: Any
) -> None:
    settings.BASE_URL = "https://tracker.example.org"
    small = make_problem(product, synopsis="Small & <old>")
    big = make_problem(product)
    make_problem(make_product("other"))
    vote_often(big, 2)
    response = client.get("/problems.atom?product=base")
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    listed = entries(response.content)
    assert [entry["link"] for entry in listed] == [
        f"https://tracker.example.org/{pk}"
        for pk in numbers_on(page_of(client, "/problems/?product=base"))
    ]
    assert listed[1]["title"] == f"#{small.pk} Small & <old>"


def test_a_feed_that_did_not_change_is_not_sent_again(client: Client, problem: Problem) -> None:
    first = client.get("/problems.atom")
    again = client.get("/problems.atom", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    make_problem(problem.product)
    changed = client.get("/problems.atom", headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200


def test_a_feed_of_nonsense_is_refused_in_plain_text(client: Client, db: None) -> None:
    response = client.get("/problems.atom?sort=loud")
    assert response.status_code == 400
    assert "There is no sort “loud”" in response.content.decode()


# ---- what a page costs

# What each page asks the database for, whatever it shows. A signed-in reader adds the session,
# the person, the roles, the own votes, and on the front page the three kinds of what waits.
COSTS = {
    "/": (4, 11),
    "/problems/": (6, 10),
    "/problems/?limit=100&q=fault&product=base&sort=people": (11, 15),
    "/problems/?q=fault+product:base+component:net,kernel+no:release": (12, 16),
    "/products/base/": (13, 17),
    "/products/": (2, 5),
    "/problems.atom": (1, 4),
}


@pytest.mark.parametrize("rows", [1, 30, 300])
@pytest.mark.parametrize("address", COSTS)
def test_a_list_costs_the_same_number_of_queries_whatever_it_shows(
    client: Client, product: Product, reporter: Person, django_assert_num_queries: AssertQueries,
    address: str, rows: int,
) -> None:  # fmt: skip
    # Where a page has all there is, nothing is counted.
    is_counted = rows == 300 or not address.startswith("/problems/")
    many_problems(product, reporter, rows)
    for component in product.components.all():
        for _ in range(min(rows, 3)):
            make_maintainer(component)
    signed_out, signed_in = (most - (not is_counted) for most in COSTS[address])
    with django_assert_num_queries(signed_out):
        assert client.get(address).status_code == 200
    sign_in(client, reporter)
    with django_assert_num_queries(signed_in):
        assert client.get(address).status_code == 200


# ---- one's own page, and the client


def test_my_page_shows_what_waits_what_one_reported_and_what_one_voted_for(
    client: Client, product: Product, reporter: Person, maintainer: Person
) -> None:
    own = make_problem(product, reporter, component="net")
    other = make_problem(product, component="kernel")
    third = make_problem(product, component="net")
    for problem in (other, third):
        cast_vote(problem, maintainer, Door.WEB)
    assert numbers_on(page_of(sign_in(Client(), reporter), "/my/")) == [own.pk]
    html = page_of(sign_in(Client(), maintainer), "/my/")
    assert numbers_on(html) == [other.pk, third.pk]
    assert "New in what you maintain" in html
    assert "You have these too" in html
    assert client.get("/my/")["Location"] == "/accounts/login/?next=%2Fmy%2F"


def test_the_client_is_explained_with_this_servers_address(client: Client, settings: Any) -> None:
    settings.BASE_URL = "https://tracker.example.org"
    html = page_of(client, "/send-problem/")
    assert "send-problem.pyz --server https://tracker.example.org register" in html
