"""A patch from its author's machine to the decision, in a real browser, with forms alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Person
from patches.models import Patch, Rating
from tests.browser.conftest import SitDown
from tests.patches.test_patch_forms import MAIL
from tests.patching import diff, make_patch, newest
from tracker.models import Problem

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TITLE = "em: reset the ring after resume"


@pytest.fixture
def mails(problem: Problem, tmp_path: Path) -> list[Path]:
    """Two versions, as git writes them."""
    files = [tmp_path / "0001-em.patch", tmp_path / "v2-0001-em.patch"]
    for file, line in zip(files, ("\treturn (ENXIO);", "\treturn (EBUSY);"), strict=True):
        file.write_bytes(MAIL % (problem.pk, diff(new=line)))
    return files


def test_a_patch_is_brought_read_commented_on_rated_and_integrated(
    sit_down: SitDown,
    problem: Problem,
    outsider: Person,
    maintainer: Person,
    committer: Person,
    mails: list[Path],
) -> None:
    otto = sit_down(outsider, java_script=False)
    bring(otto, problem, mails[0])
    patch = Patch.objects.get()

    mara = sit_down(maintainer, java_script=False)
    mara.goto(patch.get_absolute_url())
    mara.get_by_role("link", name="Read the diff").click()
    comment_on_line(mara, "13", "Why ENXIO?")
    ask_for_changes(mara)
    expect(mara.locator("#talk")).to_contain_text("Why ENXIO?")
    expect(mara.locator(".turn").first).to_have_text("Waits for otto, its author.")

    otto.goto(patch.get_absolute_url())
    otto.get_by_role("link", name="New version").first.click()
    otto.get_by_label("Files").set_input_files(mails[1])
    otto.get_by_label("What is new").fill("EBUSY it is.")
    otto.get_by_role("button", name="Send the version").click()
    expect(otto.locator("#versions")).to_contain_text("Version 2")
    expect(otto.locator("#ratings")).to_contain_text("void since version 2 changed the content")

    cleo = sit_down(committer)
    cleo.goto(patch.get_absolute_url())
    rate(cleo)
    expect(cleo.locator(".turn").last).to_have_text("Has all that it needs.")
    integrate(cleo, "0123abcd")
    expect(cleo.locator(".decision")).to_contain_text("Integrated by cleo just now as 0123abcd")
    problem.refresh_from_db()
    patch.refresh_from_db()
    assert (patch.state, patch.latest, problem.state) == ("integrated", 2, "patched")
    assert not patch.threads.filter(resolved_at=None).exists()


def bring(page: Page, problem: Problem, file: Path) -> None:
    """Look at it first, then submit what was recognised."""
    page.goto(f"/patches/new?problem={problem.pk}")
    page.get_by_label("Files").set_input_files(file)
    page.get_by_role("button", name="Look at it first").click()
    expect(page.locator(".recognised")).to_contain_text("sys/dev/em/if_em.c")
    expect(page.get_by_label("Title")).to_have_value(TITLE)
    page.get_by_role("button", name="Submit the patch").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(TITLE)
    expect(page.locator(".demand")).to_contain_text("1 person behind")
    expect(page.locator(".turn").first).to_have_text("Waits for a first review.")


def comment_on_line(page: Page, number: str, text: str) -> None:
    page.locator(f"a[href$=':new:{number}']").click()
    page.locator("textarea[name=text]").fill(text)
    page.get_by_role("button", name="Add to draft").click()
    expect(page.locator("#draft-bar")).to_contain_text("1 comment not sent yet")


def ask_for_changes(page: Page) -> None:
    """With a rating of what was tried, which needs a place."""
    page.get_by_role("link", name="Add words or ratings").click()
    expect(page.locator(".remarks")).to_contain_text("Why ENXIO?")
    page.get_by_label("What you say of it").fill("It **works**, but see there.")
    page.get_by_label("Works here").select_option("1")
    page.get_by_label("Ask its author for changes").check()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Say on which architecture")).to_be_visible()
    page.get_by_label("Architecture").fill("amd64")
    page.get_by_label("Release").select_option("15.0")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url(re.compile(r"/patches/\d+/#review-\d+$"))
    assert Rating.objects.get().architecture == "amd64"


def rate(page: Page) -> None:
    """Answer the open thread as well: what is asked there was done."""
    page.get_by_role("link", name="Read version 2").click()
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator("[data-talk]").first).to_contain_text("resolved by cleo")
    page.go_back()
    page.keyboard.press("c")
    page.keyboard.type("Thank you.")
    page.get_by_label("Quality").select_option("1")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url(re.compile(r"#review-\d+$"))


def integrate(page: Page, commit: str) -> None:
    page.get_by_role("link", name="Integrate").first.click()
    page.get_by_label("Commit").fill(commit)
    page.get_by_role("button", name="Integrate").click()


def test_no_page_of_a_patch_is_wider_than_a_narrow_screen(
    sit_down: SitDown, problem: Problem, administrator: Person
) -> None:
    patch = make_patch(fixes=[problem], title="em: " + "do_not_hang_under_load_" * 8)
    page = sit_down(administrator)
    page.set_viewport_size({"width": 360, "height": 740})
    own = [f"/patches/{patch.pk}/{tail}" for tail in ("", "edit", "integrate", "new-version")]
    review = f"{newest(patch).get_absolute_url()}review"
    for path in [*own, review, "/patches/", "/patches/new", "/products/base/ratings"]:
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path
