"""A newcomer in a real browser, with mail that went through a real mail server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Person, Role
from accounts.services import first_administrator_link
from notifications.models import Message
from notifications.outbox import sending
from tests.chromium import PATIENCE
from tests.services import SmtpServer, smtp, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADDRESS = "nell@example.org"
PASSWORD = "seven wet stones in a row"


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def context(
    browser: Browser, live_server: LiveServer, request: pytest.FixtureRequest
) -> Iterator[BrowserContext]:
    # The tries of the test before, with the same address, do not count here.
    cache.clear()
    context = browser.new_context(
        base_url=str(live_server.url), java_script_enabled=bool(request.param)
    )
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def server(settings: Settings) -> Iterator[SmtpServer]:
    with smtp() as server:
        settings.EMAIL_BACKEND = "notifications.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.host, server.port
        yield server


def newest_code(server: SmtpServer) -> str:
    """Deliver what waits, as the worker does, and read the newest mail."""
    waiting = Message.objects.filter(state=Message.State.QUEUED)
    wait_until(waiting.exists, what="a mail with a code")
    for message in waiting.order_by("pk"):
        sending.deliver(message.pk)
    part = server.messages[-1].get_body(("plain",))
    assert part is not None
    assert server.recipients[-1] == ADDRESS
    lines = part.get_content().splitlines()
    (code,) = [line for line in lines if re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", line)]
    return str(code)


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


def sign_out(page: Page) -> None:
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def expect_signed_in(page: Page, handle: str) -> None:
    expect(page.locator(".menu summary")).to_contain_text(handle)


def test_a_newcomer_signs_up_and_comes_back_by_code_and_by_password(
    page: Page, server: SmtpServer
) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("E-mail address").fill(ADDRESS)
    page.get_by_label("Handle").fill("nell")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Mail me a code")
    page.get_by_label("Code", exact=True).fill(newest_code(server))
    press(page, "Confirm")
    expect_signed_in(page, "nell")

    sign_out(page)
    page.goto("/my/tokens/")
    page.get_by_label("E-mail address").fill(ADDRESS)
    press(page, "Mail me a code")
    page.get_by_label("Code", exact=True).fill(newest_code(server))
    press(page, "Sign in")
    expect(page).to_have_url(re.compile("/my/tokens/$"))
    expect_signed_in(page, "nell")

    sign_out(page)
    page.goto("/accounts/login/")
    page.get_by_label("E-mail address").fill(ADDRESS)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect_signed_in(page, "nell")


def test_the_one_time_link_makes_an_administrator_who_gives_a_role(
    page: Page, live_server: LiveServer, settings: Settings
) -> None:
    settings.BASE_URL = str(live_server.url)
    link = first_administrator_link()
    assert link
    page.goto(link)
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_label("Handle").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Become administrator")
    expect_signed_in(page, "ada")

    other = Person.objects.create_user("tom@example.org", "tom")
    Person.objects.filter(pk=other.pk).update(email_confirmed_at=other.joined_at)
    page.goto("/people/")
    page.get_by_role("link", name="tom", exact=True).click()
    press(page, "Give triager")
    expect(page.get_by_text("tom is now triager.")).to_be_visible()
    assert Person.objects.get(handle="tom").has_role(Role.TRIAGER)


def test_no_page_about_signing_in_is_wider_than_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    for path in ("signup", "login", "login/code", "password/reset", "inactive"):
        page.goto(f"/accounts/{path}/")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
