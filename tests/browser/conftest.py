"""A real browser, and people who sit in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from accounts.models import Person
from tests.chromium import PATIENCE, chromium
from tests.conftest import sign_in

SitDown = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, chromium() as started:
        # Playwright's loop runs in this thread, where the tests ask the database themselves.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield started


@pytest.fixture
def sit_down(browser: Browser, live_server: LiveServer) -> Iterator[SitDown]:
    """Opens a browser of its own for a person, signed in; `java_script=False` turns that off.

    A page on which the browser complains (an error of a script, something the content policy
    forbids) fails the test.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_for(person: Person | None = None, *, java_script: bool = True) -> Page:
        context = browser.new_context(
            base_url=str(live_server.url), java_script_enabled=java_script
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        if person is not None:
            session = sign_in(Client(), person).cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies(
                [{"name": session.key, "value": session.value, "url": str(live_server.url)}]
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
