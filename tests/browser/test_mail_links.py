"""The pages behind links in mails: they ask first, do it once, and say how it ended."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications import deeds
from notifications.deeds import Deed
from notifications.gate.addresses import reply_address
from tests.browser.conftest import SitDown
from tests.gate.letters import answers_to, deliver, letter, link_in, open_gate
from tracker.models import Comment, Problem
from votes.models import Vote

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_held_mail_and_a_deed_are_asked_about_done_once_and_told_again(
    sit_down: SitDown, settings: Settings, problem: Problem, outsider: Person
) -> None:
    open_gate(settings)
    to = reply_address(outsider.pk, problem.pk)
    deliver(letter("somebody@example.org", to, "It is still broken here."), to)
    question = link_in(answers_to(outsider.email)[0])
    page = sit_down()

    page.goto(question)
    expect(page.get_by_label("What it says")).to_have_text("It is still broken here.")
    assert not Comment.objects.exists()
    page.get_by_role("button", name="It is mine").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Done")
    page.goto(question)
    expect(page.get_by_role("button", name="It is mine")).to_have_count(0)
    assert Comment.objects.get().author == outsider

    page.goto(deeds.ticket(outsider.pk, Deed.CHOOSE, problem.pk).path(Deed.VOTE))
    assert not Vote.objects.filter(person=outsider).exists()
    for _ in range(2):
        page.get_by_role("button", name="+1").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Done")
        page.go_back()
    assert Vote.objects.filter(person=outsider, problem=problem).count() == 1
