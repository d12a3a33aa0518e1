"""The keys, the colours and the +1 of the lists in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.models import Person
from tests.browser.conftest import SitDown
from tests.people import make_person
from tests.problems import make_problem
from tracker.models import Problem, Product
from votes.models import Vote

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CURRENT = "[data-row].is-current"


@pytest.fixture
def three(product: Product, reporter: Person) -> list[Problem]:
    """Three problems as the newest-first list shows them."""
    return [make_problem(product, reporter, synopsis=f"Fault {i}") for i in (1, 2, 3)][::-1]


def current(page: Page) -> str:
    """The title of the current row."""
    return page.locator(f"{CURRENT} [data-open]").inner_text()


def test_j_and_k_move_through_a_list_and_o_opens_the_current_row(
    sit_down: SitDown, three: list[Problem]
) -> None:
    page = sit_down()
    page.goto("/problems/?sort=newest")
    page.keyboard.press("j")
    assert current(page) == "Fault 3"
    page.keyboard.press("j")
    assert current(page) == "Fault 2"
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert current(page) == "Fault 1"
    page.keyboard.press("k")
    assert current(page) == "Fault 2"
    expect(page.locator(CURRENT)).to_have_count(1)
    page.keyboard.press("o")
    page.wait_for_url(f"/{three[1].pk}")


def test_the_current_row_follows_the_tab_key(sit_down: SitDown, three: list[Problem]) -> None:
    page = sit_down()
    page.goto("/problems/?sort=newest")
    page.keyboard.press("j")
    while current(page) == "Fault 3":
        page.keyboard.press("Tab")
    assert current(page) == "Fault 2"
    page.keyboard.press("j")
    assert current(page) == "Fault 1"


def test_enter_opens_the_current_row(sit_down: SitDown, three: list[Problem]) -> None:
    page = sit_down()
    page.goto("/problems/?sort=newest")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"/{three[0].pk}")


def test_slash_goes_to_the_search_and_keys_are_letters_while_typing(
    sit_down: SitDown, three: list[Problem]
) -> None:
    page = sit_down()
    page.goto("/")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("jock?")
    expect(page.locator("#search")).to_have_value("jock?")
    expect(page.locator(CURRENT)).to_have_count(0)
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator(CURRENT)).to_have_count(1)


def test_question_mark_shows_and_hides_the_keys(sit_down: SitDown, three: list[Problem]) -> None:
    page = sit_down()
    page.goto("/")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator(CURRENT)).to_have_count(0)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_hidden()


def test_keys_with_a_modifier_stay_the_browsers(sit_down: SitDown, three: list[Problem]) -> None:
    page = sit_down()
    page.goto("/")
    page.keyboard.press("Control+j")
    page.keyboard.press("Alt+v")
    expect(page.locator(CURRENT)).to_have_count(0)


def test_c_leads_to_a_report_from_a_list_and_to_the_comment_on_a_problem(
    sit_down: SitDown, three: list[Problem], outsider: Person
) -> None:
    page = sit_down(outsider)
    page.goto(f"/{three[0].pk}")
    page.keyboard.press("c")
    expect(page.locator("textarea[data-comment]")).to_be_focused()
    page.goto("/")
    page.keyboard.press("c")
    page.wait_for_url(re.compile(r"/problems/new"))


def test_v_casts_and_withdraws_the_vote_of_the_current_row_in_place(
    sit_down: SitDown, three: list[Problem], outsider: Person
) -> None:
    page = sit_down(outsider)
    page.goto("/problems/?sort=newest")
    page.keyboard.press("j")
    page.keyboard.press("j")
    tally = page.locator(f"#vote-{three[1].pk}")
    page.keyboard.press("v")
    expect(tally.locator("[data-vote]")).to_have_attribute("aria-pressed", "true")
    expect(tally.locator(".tally-count")).to_have_text("2")
    assert Vote.objects.filter(person=outsider).get().problem_id == three[1].pk
    assert page.url.endswith("/problems/?sort=newest")
    assert current(page) == "Fault 2"
    page.keyboard.press("v")
    expect(tally.locator("[data-vote]")).to_have_attribute("aria-pressed", "false")
    expect(tally.locator(".tally-count")).to_have_text("1")
    assert not Vote.objects.filter(person=outsider).exists()


def test_a_vote_whose_session_ended_leads_to_sign_in_instead_of_silence(
    sit_down: SitDown, three: list[Problem], outsider: Person
) -> None:
    page = sit_down(outsider)
    page.goto("/problems/?sort=newest")
    page.context.clear_cookies(name="groundswell_session")
    page.locator(f"#vote-{three[0].pk} [data-vote]").click()
    page.wait_for_url(re.compile(r"/accounts/login/"))
    assert not Vote.objects.filter(person=outsider).exists()


def test_a_vote_that_fails_in_the_background_is_sent_as_a_plain_form(
    sit_down: SitDown, three: list[Problem], outsider: Person
) -> None:
    page = sit_down(outsider)

    def cut(route: Route) -> None:
        if route.request.headers.get("hx-request"):
            route.abort()
        else:
            route.continue_()

    page.route("**/vote", cut)
    page.goto("/problems/?sort=newest")
    with page.expect_navigation():
        page.locator(f"#vote-{three[0].pk} [data-vote]").click()
    assert page.url.endswith("/problems/?sort=newest")
    button = page.locator(f"#vote-{three[0].pk} [data-vote]")
    expect(button).to_have_attribute("aria-pressed", "true")
    assert Vote.objects.filter(person=outsider, problem=three[0]).exists()


@pytest.mark.parametrize("width", [360, 700, 800, 980, 1280])
def test_the_menu_of_the_person_opens_within_the_page(
    sit_down: SitDown, three: list[Problem], width: int
) -> None:
    page = sit_down(make_person("somebody-with-a-handle-as-long-as-it-gets"[:40]))
    page.set_viewport_size({"width": width, "height": 740})
    page.goto("/")
    page.locator(".menu > summary").click()
    box = page.locator(".menu-items").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.keyboard.press("Escape")
    expect(page.locator(".menu-items")).to_be_hidden()


def test_the_chosen_colours_last_over_pages(sit_down: SitDown, three: list[Problem]) -> None:
    page = sit_down()

    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

    page.emulate_media(color_scheme="light")
    page.goto("/")
    light = ground()
    button = page.locator("[data-scheme]")
    button.click()
    expect(button).to_have_text("Colours: light")
    button.click()
    expect(button).to_have_text("Colours: dark")
    dark = ground()
    assert dark != light
    page.goto("/problems/")
    assert ground() == dark
    page.locator("[data-scheme]").click()
    assert ground() == light
    page.emulate_media(color_scheme="dark")
    assert ground() == dark


@pytest.mark.parametrize("address", ["/", "/problems/", "/products/", "/products/base/", "/none"])
def test_no_page_scrolls_sideways_on_a_small_phone_and_none_complains(
    sit_down: SitDown, three: list[Problem], address: str
) -> None:
    page = sit_down()
    Problem.objects.filter(pk=three[0].pk).update(
        people=1_234_567, waiting=4321, synopsis="x" * 200, severity="critical",
        state="in progress",
    )  # fmt: skip
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text))
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{address}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert [text for text in said if "404" not in text] == []
