"""The look: contrast, pages without inline code, words and pictures that templates share."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.db import OperationalError
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from tests.conftest import sign_in
from tracker.models import Problem, Product
from tracker.templatetags.groundswell import ago
from votes import listing
from votes.web.charts import CHART_BOTTOM, CHART_HEIGHT, SPARK_HEIGHT, bar_chart, spark_bars

STATIC = settings.STATICFILES_DIRS[0]
SHEET = (STATIC / "css" / "groundswell.css").read_text()
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+):\s*light-dark\((#\w{6}),\s*(#\w{6})\)", SHEET)
}
TEXT, MARK = 4.5, 3.0
GROUNDS = ("paper", "sheet", "well")
PAIRS = [
    *((ink, ground, TEXT) for ground in GROUNDS for ink in ("ink", "ink-soft", "ink-faint")),
    *((ink, g, TEXT) for g in GROUNDS for ink in ("vote", "danger", "caution", "settled")),
    *(("ink", f"{kind}-wash", TEXT) for kind in ("vote", "danger", "caution", "settled")),
    *((kind, f"{kind}-wash", TEXT) for kind in ("vote", "danger", "caution", "settled")),
    # What a search marks, in the synopsis of a row that was visited and in its snippet.
    ("ink-soft", "caution-wash", TEXT),
    ("on-vote", "vote", TEXT),
    ("paper", "ink", TEXT),
    *((mark, g, MARK) for g in GROUNDS for mark in ("line-strong", "focus")),
    *((mark, g, MARK) for g in ("paper", "sheet") for mark in ("vote", "vote-quiet")),
]


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, WCAG 2.2."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "least"), PAIRS)
def test_every_pair_of_ink_and_ground_can_be_read(
    front: str, ground: str, least: float, scheme: str
) -> None:
    which = ("light", "dark").index(scheme)
    assert contrast(TOKENS[front][which], TOKENS[ground][which]) >= least


class Inline(HTMLParser):
    """Collects what a strict content security policy would refuse to run or apply."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(f"<{tag}>")
        self.found += [name for name in names if name == "style" or name.startswith("on")]
        for name, value in attrs:
            elsewhere = (value or "").startswith(("http:", "https:", "//"))
            if name in {"src", "href"} and tag in {"script", "link", "img"} and elsewhere:
                self.found.append(str(value))


@pytest.mark.parametrize(
    "address", ["/", "/problems/", "/products/", "/products/base/", "/nothing"]
)
def test_pages_carry_no_inline_code_and_load_nothing_from_elsewhere(
    client: Client, problem: Problem, reporter: Person, address: str
) -> None:
    for viewer in (client, sign_in(Client(), reporter)):
        response = viewer.get(address)
        inline = Inline()
        inline.feed(response.content.decode())
        assert inline.found == []
        assert "default-src 'self'" in response["Content-Security-Policy"]
        assert "unsafe" not in response["Content-Security-Policy"]


def test_what_a_page_loads_is_there(client: Client, problem: Problem) -> None:
    html = client.get("/").content.decode()
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html))
    assert len(files) >= 5
    for file in files:
        response = client.get(file)
        response.close()
        assert response.status_code == 200, file


def test_the_page_of_a_broken_server_needs_no_request_and_no_database() -> None:
    assert "Something broke" in render_to_string("500.html")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (OperationalError("database or disk is full"), 503, "cannot work just now"),
        (ZeroDivisionError(), 500, "Something broke"),
    ],
)
def test_a_database_that_is_away_is_told_from_a_mistake(
    error: Exception, status: int, words: str, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(listing, "page", fail)
    answer = Client(raise_request_exception=False).get("/")
    assert (answer.status_code, "Retry-After" in answer) == (status, status == 503)
    assert words in answer.content.decode()


def test_a_missing_page_says_so_in_words(client: Client, db: None) -> None:
    response = client.get("/products/none/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=119), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=13), "1 week ago"),
        (timedelta(days=45), "1 month ago"),
        (timedelta(days=364), "12 months ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(seconds=-30), "just now"),
        (timedelta(days=-2), "in 2 days"),
    ],
)
def test_times_are_told_in_the_largest_unit_that_fits(before: timedelta, words: str) -> None:
    now = timezone.now()
    assert ago(now - before, now) == words


def test_the_bars_of_a_trend_are_as_high_as_their_months() -> None:
    quiet, half, full = spark_bars([0, 10, 20])
    assert (half.height, full.height) == (SPARK_HEIGHT / 2, SPARK_HEIGHT)
    assert 0 < quiet.height < half.height
    assert [bar.is_now for bar in (quiet, half, full)] == [False, False, True]
    assert all(bar.y + bar.height == SPARK_HEIGHT for bar in (quiet, half, full))


def test_one_vote_in_a_quiet_year_does_not_look_like_a_crowd() -> None:
    assert spark_bars([0] * 11 + [1])[-1].height < SPARK_HEIGHT / 2


def test_a_product_without_votes_says_so_instead_of_an_empty_picture(
    client: Client, product: Product
) -> None:
    html = client.get("/products/base/").content.decode()
    assert "Nobody voted in these 24 months." in html
    assert 'class="bar' not in html


@pytest.mark.parametrize(
    ("highest", "values"),
    [
        (0, [0, 1]),
        (3, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6, 8]),
        (20, [0, 5, 10, 15, 20]),
        (230, [0, 100, 200, 300]),
    ],
)
def test_the_axis_of_a_chart_has_round_numbers_and_room_for_the_highest(
    highest: int, values: list[int]
) -> None:
    chart = bar_chart([(date(2026, 1, 1), highest), (date(2026, 2, 1), 0)])
    assert [line.value for line in chart.grid] == values
    base = CHART_HEIGHT - CHART_BOTTOM
    top = chart.grid[-1].y
    expected = (base - top) * highest / values[-1]
    assert chart.bars[0].height == pytest.approx(expected, abs=0.01)
    assert chart.total == highest
