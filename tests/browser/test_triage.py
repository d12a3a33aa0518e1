"""The triage of twenty fresh reports from the keyboard alone, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Person
from tests.browser.conftest import SitDown
from tests.triage.desks import in_state
from tracker.changes import ProblemChange
from tracker.models import BulkChange, Door, Problem, Product
from tracker.services import change

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def reports(product: Product, reporter: Person) -> list[Problem]:
    """Twenty new reports as the queue has them, and what is known already."""
    in_state(product, "open", 90, synopsis="em0 drops packets under load", component="net")
    for i in range(3):
        in_state(product, "open", 60, synopsis=f"wifi card {i} loses its link", component="net")
    words = {
        4: "packets dropped by em0 under load",
        5: "wifi card 9 loses its link",
        18: "em0 dropping packets under load",
    }
    return [
        in_state(
            product, "new", 40 - i, reporter=reporter, component="kernel",
            synopsis=words.get(i, f"Fault {i} of the twenty"),
        )
        for i in range(20)
    ]  # fmt: skip


class Desk:
    """A desk that is worked by its keys, and waits for what each brings."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.goto("/triage/")

    def at(self, problem: Problem) -> None:
        expect(self.page.locator("#detail-title")).to_contain_text(f"#{problem.pk}")
        expect(self.page.locator("[data-queue] [aria-current]")).to_contain_text(f"#{problem.pk}")

    def keys(self, *pressed: str) -> None:
        for key in pressed:
            self.page.keyboard.press(key)

    def done(self, words: str) -> None:
        expect(self.page.locator("[data-last]")).to_contain_text(words)


def test_twenty_fresh_reports_are_triaged_from_the_keyboard_alone(
    sit_down: SitDown, reports: list[Problem], product: Product, triager: Person
) -> None:
    page = sit_down(triager)
    desk = Desk(page)
    desk.at(reports[0])
    expect(page.locator("#detail-title")).to_be_focused()
    accept_ask_and_close(desk, reports)
    mark_and_classify(desk, reports)
    change_four_at_once(desk, reports)
    meet_somebody_else(desk, reports, triager)
    for i in range(13, 18):
        desk.at(reports[i])
        desk.keys("a")
    desk.at(reports[18])
    desk.keys("d", "1")
    desk.at(reports[19])
    desk.keys("x", "1")
    # No new one is left: what waits for feedback comes up.
    desk.at(reports[2])
    desk.keys("?")
    expect(page.locator("#desk-keys")).to_be_visible()
    desk.keys("?")
    expect(page.locator("#desk-keys")).to_be_hidden()
    assert_all_is_done(reports, triager)


def accept_ask_and_close(desk: Desk, reports: list[Problem]) -> None:
    """0 and 1 are accepted, 2 gets a question, 3 is closed wrongly, restored, and closed again."""
    desk.keys("j")
    desk.at(reports[1])
    desk.keys("k")
    for i in (0, 1):
        desk.at(reports[i])
        desk.keys("a")
    desk.at(reports[2])
    desk.keys("f")
    expect(desk.page.locator("#ask")).to_be_focused()
    # Every letter is text here.
    desk.page.keyboard.type("Which board? jafdxub")
    desk.keys("Control+Enter")
    desk.at(reports[3])
    desk.keys("x", "3")
    desk.at(reports[4])
    desk.keys("u")
    desk.at(reports[3])
    desk.keys("x", "2")


def mark_and_classify(desk: Desk, reports: list[Problem]) -> None:
    """4 and 6 are duplicates, 5 is moved, rated, taken and accepted, 7 is left where it is."""
    desk.at(reports[4])
    desk.keys("p")
    expect(desk.page.locator("#peek-title")).to_contain_text("em0 drops packets under load")
    expect(desk.page.locator("[data-peeked]")).to_be_focused()
    desk.keys("Enter")
    desk.at(reports[5])
    desk.keys("c")
    expect(desk.page.locator("#act-component")).to_have_value("net")
    desk.keys("Enter")
    desk.done("kernel → net")
    desk.keys("s", "1")
    desk.done("normal → critical")
    desk.keys("m")
    desk.done("none → tom")
    desk.at(reports[5])
    desk.keys("a")
    desk.at(reports[6])
    desk.keys("d", "#")
    desk.page.keyboard.type(str(reports[0].pk))
    desk.keys("Enter")
    desk.at(reports[7])
    desk.keys("c")
    desk.page.keyboard.type("nowhere")
    desk.keys("Escape")
    expect(desk.page.locator("#detail-title")).to_be_focused()
    desk.keys("a")


def change_four_at_once(desk: Desk, reports: list[Problem]) -> None:
    """8 to 11 are chosen with b, previewed, and changed together."""
    page = desk.page
    for i in range(8, 12):
        desk.at(reports[i])
        desk.keys("b", *(["j"] if i < 11 else []))
    expect(page.locator("[data-chosen]")).to_have_text("4 chosen")
    desk.keys("B")
    expect(page.locator("h1")).to_have_text("Change 4 problems")
    page.locator("#b-state").focus()
    page.keyboard.type("sus")
    page.locator("#b-severity").focus()
    page.keyboard.type("minor")
    page.locator("#b-comment").focus()
    desk.keys("Tab", "Enter")
    expect(page.locator("#preview")).to_contain_text("4 will change")
    page.locator(".bulk-apply button").focus()
    desk.keys("Enter")
    expect(page.locator("h1")).to_have_text("A change of 4 problems")
    page.goto("/triage/")


def meet_somebody_else(desk: Desk, reports: list[Problem], triager: Person) -> None:
    """12 is changed from elsewhere while it is looked at: nothing is done before that was seen."""
    desk.at(reports[12])
    change(reports[12], triager, ProblemChange(severity="major"), Door.API)
    desk.keys("a")
    expect(desk.page.locator(".messages")).to_contain_text("tom changed its severity meanwhile.")
    desk.at(reports[12])
    assert Problem.objects.get(pk=reports[12].pk).state == "new"
    desk.keys("a")


def assert_all_is_done(reports: list[Problem], triager: Person) -> None:
    rows = [Problem.objects.get(pk=report.pk) for report in reports]
    states = {i: (row.state, row.resolution) for i, row in enumerate(rows)}
    accepted = {0, 1, 5, 7, 12, *range(13, 18)}
    assert {i for i, state in states.items() if state == ("open", "")} == accepted
    assert states[2][0] == "feedback"
    comment = rows[2].comments.get()
    assert (comment.text, comment.author) == ("Which board? jafdxub", triager)
    assert states[3] == ("closed", "not a defect")
    head = Problem.objects.get(synopsis="em0 drops packets under load")
    assert (states[4], rows[4].head) == (("closed", "duplicate"), head)
    assert (states[18], rows[18].head) == (("closed", "duplicate"), head)
    assert head.people == 2
    assert (str(rows[5].component), rows[5].severity, rows[5].assignee) == (
        "net", "critical", triager
    )  # fmt: skip
    assert (states[6], rows[6].head) == (("closed", "duplicate"), rows[0])
    assert str(rows[7].component) == "kernel"
    assert {states[i][0] for i in range(8, 12)} == {"suspended"}
    assert {rows[i].severity for i in range(8, 12)} == {"minor"}
    assert states[19] == ("closed", "fixed")
    assert BulkChange.objects.filter(undoes__isnull=False).count() == 1


def test_the_desk_is_complete_without_scripts(
    sit_down: SitDown, product: Product, triager: Person
) -> None:
    one, two = (in_state(product, "new", 9 - i) for i in range(2))
    page = sit_down(triager, java_script=False)
    page.goto("/triage/")
    page.locator("summary", has_text="Ask for feedback").click()
    page.locator("#ask").fill("Which board?")
    page.get_by_role("button", name="Ask and wait").click()
    expect(page.locator("#detail-title")).to_contain_text(f"#{two.pk}")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#detail-title")).to_contain_text(f"#{one.pk}")
    page.get_by_role("link", name=f"#{two.pk}").click()
    page.get_by_label("Another number").fill(str(one.pk))
    page.get_by_role("button", name="Same").last.click()
    assert Problem.objects.get(pk=one.pk).state == "new"
    assert Problem.objects.get(pk=two.pk).head_id == one.pk


def test_a_key_that_can_do_nothing_says_why_and_the_place_is_kept(
    sit_down: SitDown, product: Product, triager: Person
) -> None:
    one, two = (in_state(product, "new", 9 - i) for i in range(2))
    page = sit_down(triager)
    desk = Desk(page)
    note = page.locator(".desk-note")
    desk.at(one)
    desk.keys("B")
    expect(note).to_have_text("Choose some first, with b.")
    desk.keys("j")
    desk.at(two)
    expect(note).to_be_hidden()
    desk.keys("j")
    expect(note).to_have_text("This is the last one.")
    page.context.set_offline(True)
    desk.keys("a")
    expect(note).to_contain_text("the server could not be reached")
    page.context.set_offline(False)
    assert Problem.objects.get(pk=two.pk).state == "new"
    # What is ticked when one comes back is chosen.
    desk.keys("b", "o")
    expect(page.locator("h1")).to_contain_text(two.synopsis)
    page.go_back()
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
    # A number that makes no sense is there to be put right.
    desk.keys("d", "#")
    page.keyboard.type("twelve")
    desk.keys("Enter")
    expect(page.locator(".messages")).to_contain_text("Give the number of a problem")
    expect(page.locator("#act-duplicate")).to_be_focused()
    desk.keys("Escape")
    # The arrows of a closed list choose at once, and one may go on.
    page.locator("#d-product").focus()
    desk.keys("ArrowDown")
    page.wait_for_url("**/triage/?product=base*")
    expect(page.locator("#d-component")).to_be_visible()
    expect(page.locator("#d-product")).to_be_focused()
    # Whose session ended meanwhile is asked to sign in, by a link as by a button.
    page.goto("/triage/")
    desk.at(one)
    page.context.clear_cookies()
    desk.keys("j")
    expect(page).to_have_url(re.compile("/accounts/login/"))
