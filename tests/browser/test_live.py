"""Two people in front of one problem, and everything that can happen under their hands.

The whole product as processes: streams are what a test server of one thread has not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.chromium import PATIENCE, chromium
from tests.services import Groundswell, groundswell, wait_until

pytestmark = pytest.mark.browser

CAST = """
from django.test import Client
from accounts.models import Role
from tests.conftest import sign_in
from tests.people import make_person
from tests.problems import make_maintainer, make_problem, make_product
product = make_product("base")
people = {
    "tom": make_person("tom", Role.TRIAGER),
    "mara": make_maintainer(product.components.get(slug="kernel"), "mara"),
}
for name in ("live", "edited", "hidden"):
    words = {"synopsis": name, "description": "A. " * 900}
    make_problem(product, people["mara"], component="kernel", **words)
for handle, person in people.items():
    print(handle, sign_in(Client(), person).cookies["groundswell_session"].value)
"""
LIVE, EDITED, HIDDEN = "/1", "/2", "/3"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def running() -> Iterator[Groundswell]:
    with groundswell() as installation:
        yield installation


@pytest.fixture(scope="module")
def sessions(running: Groundswell) -> dict[str, str]:
    lines = running.manage("shell", "-v", "0", "-c", CAST).splitlines()
    return dict(line.split() for line in lines)


SitDown = Callable[[str], Page]


@pytest.fixture
def sit_down(browser: Browser, running: Groundswell, sessions: dict[str, str]) -> Iterator[SitDown]:
    """Opens a browser for one of the cast; what the browser complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_for(handle: str) -> Page:
        context = browser.new_context(base_url=running.base_url)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        if handle in sessions:
            value = sessions[handle]
            context.add_cookies(
                [{"name": "groundswell_session", "value": value, "url": running.base_url}]
            )
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
        )
        return page

    yield open_for
    for context in contexts:
        context.close()
    assert not complaints


def say(page: Page, text: str) -> None:
    """Write a comment; `text` is plain, of one line."""
    page.get_by_label("Comment", exact=True).fill(f"{text}\n\n" * 5)
    page.get_by_role("button", name="Add comment").click()
    expect(page.locator(".thread")).to_contain_text(text)


@contextmanager
def nothing_moves(page: Page) -> Iterator[None]:
    """What has the cursor stays where it is on the screen."""
    where = "document.activeElement.getBoundingClientRect().top"
    before = page.evaluate(where)
    assert before > 0
    yield
    assert abs(page.evaluate(where) - before) < 2


def test_what_the_other_one_does_appears_while_one_writes_and_nothing_moves_or_is_lost(
    sit_down: SitDown,
) -> None:
    tom, mara = sit_down("tom"), sit_down("mara")
    tom.goto(LIVE)
    mara.goto(LIVE)
    tom.evaluate("window.untouched = true")
    mine = tom.get_by_label("Comment", exact=True)
    mine.click()
    tom.keyboard.type("I was about ")
    with nothing_moves(tom):
        say(mara, "Who has it too?")
        expect(tom.locator(".thread")).to_contain_text("Who has it too?")
        expect(tom.locator(".live-note")).to_contain_text("1 new comment")
    mara.locator(".problem-tally [data-vote]").click()
    expect(tom.locator(".problem-tally .tally-count")).to_have_text("0")
    mara.locator("summary", has_text="Change").click()
    mara.get_by_label("State").select_option("in progress")
    mara.get_by_role("button", name="Save").click()
    expect(tom.locator(".problem-head .state")).to_have_text("in progress")
    expect(tom.locator(".live-note")).to_contain_text("mara changed state from new to in progress")
    tom.keyboard.type("to ask.")
    expect(mine).to_have_value("I was about to ask.")
    expect(mine).to_be_focused()
    # The button that was swapped in still works, in place.
    tom.locator(".problem-tally [data-vote]").click()
    expect(mara.locator(".problem-tally .tally-count")).to_have_text("1")
    assert tom.evaluate("window.untouched")


def test_who_edits_hears_at_once_that_the_same_field_was_changed_and_chooses(
    sit_down: SitDown,
) -> None:
    tom, mara = sit_down("tom"), sit_down("mara")
    tom.goto(f"{EDITED}/edit")
    tom.get_by_label("Severity").select_option("major")
    text = tom.get_by_label("Description")
    text.fill("My words.")
    mara.goto(f"{EDITED}/edit")
    mara.get_by_label("Severity").select_option("critical")
    mara.get_by_label("Description").fill("Their words.")
    mara.get_by_label("Architecture").fill("arm64")
    with nothing_moves(tom):
        mara.get_by_role("button", name="Save").click()
        news = tom.locator(".field-news")
        expect(news).to_have_count(2)
    expect(news.first).to_contain_text("mara changed severity from normal to critical")
    expect(news.first).to_contain_text("Yours: major.")
    # What nobody touched here is taken over; what was typed stays.
    expect(tom.get_by_label("Architecture")).to_have_value("arm64")
    expect(text).to_have_value("My words.")
    # Without a choice the server asks again, and still nothing is lost.
    tom.get_by_role("button", name="Keep major").click()
    tom.get_by_role("button", name="Save").click()
    expect(tom.get_by_role("alert")).to_contain_text("Nothing of yours is lost")
    expect(tom.get_by_label("Yours:")).to_have_count(1)
    expect(text).to_have_value("My words.")
    tom.get_by_label("Theirs:").check()
    tom.get_by_role("button", name="Save").click()
    tom.wait_for_url(re.compile(rf"{EDITED}$"))
    expect(tom.locator(".report")).to_contain_text("Their words.")
    expect(tom.locator(".problem-head .severity")).to_have_text("major")


def test_a_stranger_gets_nothing_more_of_a_problem_that_becomes_confidential(
    sit_down: SitDown,
) -> None:
    tom, stranger = sit_down("tom"), sit_down("a stranger")
    asked: list[str] = []
    stranger.goto(HIDDEN)
    stranger.on("response", lambda answer: asked.append(f"{answer.status} {answer.url}"))
    tom.goto(f"{HIDDEN}/edit")
    tom.get_by_label("Confidential").check()
    tom.get_by_role("button", name="Save").click()
    tom.wait_for_url(re.compile(rf"{HIDDEN}$"))
    say(tom, "Between us.")
    # The stream has ended, and the browser is refused when it comes back, or was already.
    while not [line for line in asked if line.startswith("404")]:
        stranger.wait_for_event("response")
    expect(stranger.locator("body")).not_to_contain_text("Between us.")
    assert not [line for line in asked if line.startswith("200") and "/news" in line]


def test_pages_go_on_after_redis_and_the_web_process_were_killed_and_end_with_the_house(
    sit_down: SitDown, running: Groundswell
) -> None:
    tom, mara = sit_down("tom"), sit_down("mara")
    tom.goto(LIVE)
    tom.evaluate("window.untouched = true")
    for name in ("redis", "web"):
        killed = running.kill(name)
        wait_until(lambda name=name, killed=killed: running.pid(name) != killed)  # type: ignore[misc]
        mara.goto(LIVE)
        say(mara, f"Said after {name} was killed.")
        expect(tom.locator(".thread")).to_contain_text(f"Said after {name} was killed.")
    assert tom.evaluate("window.untouched")
    running.stop()
    assert "is killed" not in running.output()
    assert "graceful shutdown exceeded" not in running.output()
