"""Reading a diff in a real browser: from the keyboard, with comments under its lines."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.models import Person
from patches.models import LineComment, Thread
from patches.reading.suggestions import proposed
from tests.browser.conftest import SitDown
from tests.patching import diff, make_patch, newest, parsed
from tracker.models import Product

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_range_is_commented_on_from_the_keyboard_sent_answered_and_resolved(
    sit_down: SitDown, product: Product, committer: Person, reporter: Person
) -> None:
    text = diff("sys/dev/em/if_em.c") + diff("sys/net/if.c", "\treturn (ENXIO);")
    patch = make_patch(product, reporter, text=parsed(text))
    version = newest(patch)
    page = sit_down(committer)
    page.goto(version.get_absolute_url())

    # The second file, its first line, two lines further, and the next one with that.
    for key in ("j", "j", "c", "ArrowDown", "ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator("tr.is-chosen")).to_have_count(2)
    # What is heard of a line is more than its number.
    expect(page.locator("a:focus")).to_have_attribute("aria-label", "13, added: return (ENXIO);")
    page.keyboard.press("c")
    form = page.locator("[data-line-form]")
    expect(form).to_contain_text("Comment on lines 12 to 13")
    page.keyboard.type("Why ENXIO?")
    form.locator("[data-suggest]").click()
    page.keyboard.type("\treturn (EBUSY);")
    page.keyboard.press("Control+Enter")
    talk = page.locator("[data-talk]")
    expect(talk).to_contain_text("not sent yet")
    expect(page.locator("#draft-bar")).to_contain_text("1 comment not sent yet")
    comment = LineComment.objects.get()
    place = comment.thread.places.get()
    assert (place.path, place.start, place.end) == ("sys/net/if.c", 12, 13)
    assert comment.thread.lines == "\terror = 0;\n\treturn (ENXIO);"
    assert proposed(comment.text) == ("\treturn (EBUSY);",)

    # By the pointer: a click on a number, Shift and a click for more; Escape takes it back.
    page.locator("#content").get_by_role("link", name="14", exact=True).first.click()
    page.get_by_role("link", name="16", exact=True).first.click(modifiers=["Shift"])
    expect(page.locator("[data-line-form]")).to_contain_text("lines 14 to 16")
    page.keyboard.press("Escape")
    expect(page.locator("[data-line-form]")).to_have_count(0)

    page.locator("[data-send]").click()
    page.wait_for_url("**/patches/*/#review-*")
    comment.refresh_from_db()
    assert comment.review.sent_at is not None

    # Its author answers and resolves, without leaving the page.
    page = sit_down(reporter)
    page.goto(version.get_absolute_url())
    page.keyboard.press("n")
    expect(page.locator("[data-talk]")).to_be_focused()
    page.keyboard.press("c")
    page.keyboard.type("It says so in the manual.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-talk] .is-draft")).to_contain_text("in the manual")
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator("[data-talk]")).to_contain_text("resolved by rita")
    assert Thread.objects.get().resolved_by == reporter
    page.keyboard.press("?")
    expect(page.locator("#diff-keys")).to_be_visible()

    page.goto(f"{version.get_absolute_url()}?view=split")
    for key in ("j", "c", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator("a:focus")).to_have_attribute("aria-label", "13, removed: return (0);")
    page.keyboard.press("f")
    expect(page.locator("summary:focus")).to_contain_text("if_em.c")
