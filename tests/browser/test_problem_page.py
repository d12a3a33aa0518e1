"""Report, vote, comment and change in a real browser, with and without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Person
from tests.browser.conftest import SitDown
from tests.problems import make_problem
from tracker.models import Comment, Problem, Product
from votes.models import Vote

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _files_in_a_folder_of_their_own(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "kept"


@pytest.fixture
def two_files(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "dmesg.txt", tmp_path / "trace.log"]
    for file in files:
        file.write_text(f"{file.name}: all is lost\n")
    return files


@pytest.mark.parametrize("java_script", [True, False], ids=["with scripts", "without scripts"])
def test_a_problem_is_reported_voted_on_discussed_and_closed(
    sit_down: SitDown,
    product: Product,
    reporter: Person,
    second_reporter: Person,
    triager: Person,
    two_files: list[Path],
    java_script: bool,
) -> None:
    rita = sit_down(reporter, java_script=java_script)
    report_with_files(rita, two_files)
    problem = Problem.objects.get()
    expect(rita).to_have_url(re.compile(rf"/{problem.pk}$"))
    with rita.expect_download() as download:
        rita.locator("#attachments").get_by_role("link", name="dmesg.txt").click()
    assert Path(download.value.path()).read_text() == "dmesg.txt: all is lost\n"

    sam = sit_down(second_reporter, java_script=java_script)
    sam.goto(f"/{problem.pk}")
    sam.locator(".problem-tally [data-vote]").click()
    expect(sam.locator(".problem-tally .tally-count")).to_have_text("2")
    say_where(sam, "15.0", "arm64", "also on a laptop")
    expect(sam.locator("#where")).to_contain_text("also on a laptop")
    comment_with_a_file(sam, "I have **this** as well.", two_files[1])
    expect(sam.locator(".entry strong")).to_have_text("this")

    tom = sit_down(triager, java_script=java_script)
    tom.goto(f"/{problem.pk}")
    tom.locator("summary", has_text="Change").click()
    tom.get_by_label("State").select_option("closed")
    tom.get_by_label("Resolution").select_option("fixed")
    tom.get_by_role("button", name="Save").click()
    expect(tom.locator(".problem-head .state")).to_have_text("fixed")
    expect(tom.locator(".thread")).to_contain_text("new → closed")
    sam.reload()
    expect(sam.locator(".problem-tally [data-vote]")).to_have_count(0)


def report_with_files(page: Page, files: list[Path]) -> None:
    page.goto("/problems/new")
    page.get_by_label("What is wrong").fill("the installer stops at the disk page")
    page.get_by_label("Component").select_option("kernel")
    page.get_by_label("Release").select_option("15.0")
    page.get_by_label("Architecture").fill("amd64")
    page.get_by_label("What happens").fill("It **stops**. I expected it to go on.")
    page.get_by_label("Files").set_input_files(files)
    page.get_by_role("button", name="Send the report").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("the installer stops")


def say_where(page: Page, release: str, architecture: str, note: str) -> None:
    page.locator("#where summary").click()
    page.get_by_label("Release").select_option(release)
    page.get_by_label("Architecture").fill(architecture)
    page.get_by_label("Note").fill(note)
    page.locator("#where form[action*='/vote'] button").click()


def comment_with_a_file(page: Page, text: str, file: Path) -> None:
    page.get_by_label("Comment", exact=True).fill(text)
    page.get_by_label("Files").set_input_files(file)
    page.get_by_role("button", name="Add comment").click()
    expect(page.locator(".entry .files")).to_contain_text(file.name)


def test_the_reload_after_a_vote_in_place_shows_the_same(
    sit_down: SitDown, problem: Problem, outsider: Person
) -> None:
    page = sit_down(outsider)
    page.goto(f"/{problem.pk}")
    page.evaluate("window.untouched = true")
    page.keyboard.press("v")
    expect(page.locator(".problem-tally .tally-count")).to_have_text("2")
    # For some milliseconds the button that was swapped in is not htmx's yet, but a plain form's.
    expect(page.locator(".htmx-added, .htmx-settling")).to_have_count(0)
    page.keyboard.press("v")
    expect(page.locator(".problem-tally .tally-count")).to_have_text("1")
    assert page.evaluate("window.untouched")
    page.reload()
    expect(page.locator(".problem-tally .tally-count")).to_have_text("1")
    assert not Vote.objects.filter(person=outsider).exists()


def test_likely_duplicates_appear_while_typing_and_take_a_vote(
    sit_down: SitDown, product: Product, outsider: Person
) -> None:
    likely = make_problem(product, component="net", synopsis="em0 loses its link after suspend")
    Problem.objects.filter(pk=likely.pk).update(state="open")
    page = sit_down(outsider)
    page.goto("/problems/new")
    page.get_by_label("What happens").fill("Typed before.")
    page.get_by_label("What is wrong").press_sequentially("em0 loses link after suspend")
    found = page.locator("#similar").get_by_role("link", name=likely.synopsis)
    expect(found).to_be_visible()
    page.locator("#similar [data-vote]").click()
    expect(page.locator("#similar .tally-count")).to_have_text("2")
    page.evaluate("window.untouched = true")
    page.get_by_role("button", name="Choose it").click()
    expect(page.get_by_label("Component")).to_have_value("net")
    expect(page.get_by_label("Component")).to_be_focused()
    assert page.evaluate("window.untouched")
    expect(page.get_by_label("What happens")).to_have_value("Typed before.")
    assert Vote.objects.filter(person=outsider, problem=likely).exists()


def test_another_product_brings_its_components_and_keeps_the_text(
    sit_down: SitDown, product: Product, outsider: Person
) -> None:
    ports = Product.objects.create(slug="ports", title="Ports")
    ports.components.create(slug="www", title="Web browsers")
    page = sit_down(outsider)
    page.goto("/problems/new?product=base")
    page.get_by_label("What happens").fill("Typed before.")
    page.get_by_label("Product").select_option("ports")
    page.get_by_label("Component").select_option("www")
    expect(page.get_by_label("What happens")).to_have_value("Typed before.")


def test_the_preview_stands_on_the_page_and_nothing_is_sent(
    sit_down: SitDown, problem: Problem, outsider: Person
) -> None:
    page = sit_down(outsider)
    page.goto(f"/{problem.pk}")
    page.keyboard.press("c")
    page.keyboard.type("Some **bold** words")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview strong")).to_have_text("bold")
    expect(page.get_by_label("Comment", exact=True)).to_have_value("Some **bold** words")
    assert not Comment.objects.exists()


def test_pressing_send_twice_makes_one_problem(
    sit_down: SitDown, product: Product, outsider: Person
) -> None:
    page = sit_down(outsider)
    page.goto("/problems/new")
    page.get_by_label("What is wrong").fill("the installer stops at the disk page")
    page.get_by_label("Component").select_option("kernel")
    page.get_by_label("What happens").fill("It stops.")
    page.get_by_role("button", name="Send the report").dblclick()
    expect(page.get_by_role("heading", level=1)).to_contain_text("the installer stops")
    assert Problem.objects.count() == 1


def test_a_narrow_screen_needs_no_sideways_scrolling(
    sit_down: SitDown, problem: Problem, triager: Person
) -> None:
    page = sit_down(triager)
    page.set_viewport_size({"width": 360, "height": 740})
    number = problem.pk
    paths = [f"/{number}{tail}" for tail in ("", "/edit", "/why", "/history", "/voters")]
    for path in [*paths, "/problems/new", "/products/base/edit"]:
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path
