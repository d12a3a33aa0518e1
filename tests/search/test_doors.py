"""The language through every door: page, API, feed and client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from accounts.models import Person
from tests.problems import make_problem
from tests.search.world import make_world
from tests.send_problem.conftest import give_account
from tests.send_problem.contract_server import World, contract_server
from tests.send_problem.running import Client as Terminal
from tests.test_lists import numbers_on, page_of
from tracker.models import Product
from votes.search.qualifiers import QUALIFIERS


def test_page_api_and_feed_find_the_same_in_the_same_order(client: Client, db: None) -> None:
    make_world()
    asked = {"q": 'crash -zebra is:any sort:match "of"'}
    for text in ("crash", "is:any sort:newest", "fault is:open sort:heat", "has:comment"):
        asked = {"q": text}
        listed = client.get("/api/v1/problems/", asked).json()["results"]
        numbers = [each["number"] for each in listed]
        assert numbers
        assert numbers_on(client.get("/problems/", asked).content.decode()) == numbers
        feed = client.get("/problems.atom", asked).content.decode()
        assert [int(n) for n in re.findall(r"<title>#(\d+) ", feed)] == numbers
        assert f"<title>Problems: {text.partition(' sort:')[0]} by " in feed


def test_the_box_shows_all_of_the_search_and_the_form_its_own_part(
    client: Client, product: Product
) -> None:
    make_problem(product, component="kernel", severity="critical", synopsis="Crash")
    html = page_of(
        client, "/problems/?q=crash+-is:stale+severity:critical&product=base&state=new&state=open"
    )

    def box(name: str) -> str:
        found = re.search(rf'<input type="search" id="{name}"[^>]* value="([^"]*)"', html)
        assert found
        return found[1]

    whole = "crash -is:stale severity:critical state:new,open product:base"
    assert box("search") == whole
    assert box("f-q") == "crash -is:stale"
    assert '<option value="base" selected>' in html
    assert '<option value="critical" selected>' in html
    assert len(re.findall(r'name="state" value="\w+" checked', html)) == 2
    assert numbers_on(html) == numbers_on(page_of(client, "/problems/?q=" + whole)) != []


def test_a_chip_takes_one_term_away_and_tabs_keep_the_search(
    client: Client, product: Product
) -> None:
    html = page_of(client, '/problems/?q=crash+component:net,kernel+-"page+fault"')
    text = re.sub(r"<[^>]+>", "", html)
    for chip in ("word: crash", "component: net, kernel", "not phrase: page fault"):
        assert f"Remove {chip}" in text
    assert 'href="?q=crash+-%22page+fault%22"' in html
    assert 'href="?q=component:net,kernel+-%22page+fault%22"' in html
    assert 'href="?q=crash+component:net,kernel+-%22page+fault%22+sort:heat"' in html


def test_words_that_are_passed_over_are_named(client: Client, problem: object) -> None:
    html = page_of(client, "/problems/?q=the+traffic")
    assert "nearly every text has them or they are no words: the" in html
    assert len(numbers_on(html)) == 1


def test_a_refused_search_names_its_faults_in_each_door(client: Client, db: None) -> None:
    asked = {"q": "sevrity:high kind:bug"}
    answer = client.get("/api/v1/problems/", asked)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert [each["field"] for each in answer.json()["errors"]] == ["q", "q"]
    assert "Did you mean “severity”?" in answer.json()["errors"][0]["detail"]
    feed = client.get("/problems.atom", asked)
    assert feed.status_code == 400
    assert "Did you mean “severity”?" in feed.content.decode()
    html = client.get("/problems/", asked)
    assert html.status_code == 400
    assert "Did you mean “severity”?" in html.content.decode()


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "is:open " * 5_000, "word " * 10_000, '"' * 1_999],
)
def test_too_much_is_refused_and_nothing_is_asked_of_the_database(
    client: Client, db: None, text: str
) -> None:
    answer = client.get("/api/v1/problems/", {"q": text})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "q"
    assert len(answer.content) < 2_000


def test_what_is_asked_forty_times_costs_as_much_as_once(
    client: Client, product: Product, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_problem(product, release="15.0")
    with CaptureQueriesContext(connection) as once:
        found = numbers_on(page_of(client, "/problems/?q=affects:15.0"))
    assert found
    with django_assert_num_queries(len(once)) as often:
        assert numbers_on(page_of(client, "/problems/?q=" + "affects:15.0+" * 40)) == found
    assert max(len(q["sql"]) for q in often) == max(len(q["sql"]) for q in once)


def test_a_product_that_does_not_exist_makes_no_mistakes_of_its_parts(
    client: Client, product: Product
) -> None:
    asked = {"q": "product:bse component:kernel affects:15.0"}
    (only,) = client.get("/api/v1/problems/", asked).json()["errors"]
    assert "There is no product “bse”. Did you mean “base”?" in only["detail"]
    older = {"product": "bse", "component": "kernel"}
    make_problem(product, component="kernel")
    assert client.get("/api/v1/problems/", older).json()["results"] == []


def test_a_form_beside_a_refused_search_holds_all_that_was_typed(client: Client, db: None) -> None:
    html = client.get("/problems/", {"q": "disk OR tape sevrity:high"}).content.decode()
    assert re.search(r'id="f-q"[^>]* value="disk OR tape sevrity:high"', html)


def test_control_characters_find_nothing_and_break_nothing(client: Client, problem: object) -> None:
    for text in ("\0", "\x1b[31m\x07", "\ud7ff\u202e", '"\0\0"', "author:\0", "arch:\0\x1b"):
        answer = client.get("/api/v1/problems/", {"q": text})
        assert (answer.status_code, answer.json()["results"]) == (200, []), text


def test_the_api_tells_where_a_problem_matches(client: Client, reporter: Person) -> None:
    make_problem(reporter=reporter, synopsis="Gadgets fail", description="The gadget is old.")
    (found,) = client.get("/api/v1/problems/", {"q": "gadget"}).json()["results"]
    assert found["match"] == {
        "synopsis_spans": [[0, 7]],
        "snippet": "The gadget is old.",
        "snippet_spans": [[4, 10]],
    }
    (found,) = client.get("/api/v1/problems/").json()["results"]
    assert found["match"] is None


def test_the_help_page_explains_every_qualifier_with_examples_that_work(
    client: Client, db: None
) -> None:
    assert "?q=product" not in page_of(client, "/search/help"), "there is no such product here"
    make_world()
    html = page_of(client, "/search/help")
    assert "?q=product" in html
    for name, known in QUALIFIERS.items():
        assert f'<dt id="{name}">' in html
        for example in known.examples:
            assert client.get("/problems/", {"q": example}).status_code == 200, example


# ---- the client


@pytest.fixture
def world() -> Iterator[World]:
    with contract_server() as running:
        yield running


@pytest.fixture
def terminal(tmp_path: Path, world: World) -> Terminal:
    client = Terminal(tmp_path)
    give_account(client, world, world.base_url)
    return client


def test_the_client_sends_the_text_as_it_was_meant_before_the_shell_took_its_marks(
    terminal: Terminal, world: World
) -> None:
    for words, text in (
        (["panic", "-usb", "is:open"], "panic -usb is:open"),
        (["panic", "page fault", "state:in progress"], 'panic "page fault" state:"in progress"'),
        (['"page fault" is:any'], '"page fault" is:any'),
        (["-hang", "lid", "-state:in progress"], '-hang lid -state:"in progress"'),
    ):
        assert terminal.run("search", *words).code == 0
        assert world.requests("GET", "/api/v1/problems/")[-1].query["q"] == [text]


def test_the_client_marks_matches_on_a_terminal_and_writes_plain_lines_to_a_pipe(
    terminal: Terminal, world: World
) -> None:
    found = {
        "number": 7, "people": 3, "state": "open", "synopsis": "A gadget fails",
        "match": {
            "synopsis_spans": [[2, 8]], "snippet": "Old gadget.", "snippet_spans": [[4, 10]],
        },
    }  # fmt: skip
    for _ in range(2):
        world.answer_instead("GET", "/api/v1/problems/", 200, {"results": [found], "next": None})
    assert terminal.run("search", "gadget").out == "#7\t3\topen\tA gadget fails\n"
    with terminal.terminal("search", "gadget") as screen:
        screen.ends()
        assert re.search(r"A \x1b\[1;4mgadget\x1b\[0m fails", screen.screen)
        assert "Old" in screen.screen


def test_the_client_tells_which_word_of_a_search_is_wrong(terminal: Terminal, world: World) -> None:
    says = "There is no qualifier “sevrity” (at character 1). Did you mean “severity”?"
    document = {"title": "Invalid fields", "status": 400, "detail": "Put right: q.",
                "errors": [{"field": "q", "detail": says}]}  # fmt: skip
    world.answer_instead("GET", "/api/v1/problems/", 400, document)
    done = terminal.run("search", "sevrity:high")
    assert done.code == 65
    assert "Did you mean “severity”?" in done.err
