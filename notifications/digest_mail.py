"""What a digest says: the sum of it in one line, then a line for each problem."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from accounts.models import Person
from notifications.digest_content import Digest, Line, Section
from notifications.models import DigestSubscription
from notifications.plain import COLUMNS, paragraphs, wrap
from notifications.schedule import zone
from votes.models import SavedSearch


@dataclass(frozen=True)
class DigestWords:
    """A digest in the words of its reader."""

    digest: Digest
    period: str
    since: datetime
    stop_url: str
    # None for the reader's own digest.
    search: SavedSearch | None = None

    @property
    def summary(self) -> str:
        """The one line that says whether to read on."""
        if self.search is not None:
            return self._summary_of_search
        untouched = self.digest.count("untouched")
        risen = self.digest.count("risen")
        everywhere = self.digest.count("risen everywhere")
        said = []
        if untouched:
            said.append(f"{untouched} report{_s(untouched)} untouched")
        if risen:
            said.append(f"{risen} of yours rose")
        if everywhere and everywhere > risen:
            said.append(f"{everywhere} rose everywhere")
        return ", ".join(said) or "nothing new"

    @property
    def _summary_of_search(self) -> str:
        new, risen = self.digest.count("new"), self.digest.count("risen")
        said = [f"{new} new" if new else "", f"{risen} rose" if risen else ""]
        return ", ".join(filter(None, said)) or "nothing new"

    @property
    def subject(self) -> str:
        if self.search is not None:
            return f"{self.search.name}: {self.summary}"
        return f"Your {self.period} digest: {self.summary}"

    @property
    def settings_url(self) -> str:
        if self.search is not None:
            return f"{settings.BASE_URL}{self.search.get_absolute_url()}"
        return f"{settings.BASE_URL}/my/digest/"

    def as_text(self) -> str:
        """The whole in plain text, 72 columns wide."""
        since = f"{self.since:%A}, {self.since.day} {self.since:%B %Y}"
        return paragraphs(
            [
                wrap(f"Since {since}: {self.summary}."),
                *(_section_text(section) for section in self.digest.sections),
                "\n".join(
                    [
                        "-- ",
                        wrap(f"You get this every {_PERIOD_NOUN[self.period]}."),
                        f"When it comes, and whether: {self.settings_url}",
                        "Stop it:",
                        self.stop_url,
                    ]
                ),
            ]
        )

    def for_html(self) -> dict[str, Any]:
        """What the template prints."""
        return {"words": self, "title": self.subject, "base_url": settings.BASE_URL}


_PERIOD_NOUN = {"daily": "day", "weekly": "week", "monthly": "month"}


def digest_words(
    digest: Digest, subscription: DigestSubscription, person: Person, stop_url: str
) -> DigestWords:
    """`digest` as `person` reads it, with times of their own zone."""
    period = subscription.period
    return DigestWords(
        digest,
        period if period in _PERIOD_NOUN else "weekly",
        digest.window.start.astimezone(zone(person.time_zone)),
        stop_url,
        subscription.saved_search,
    )


def _section_text(section: Section) -> str:
    lines = [section.title.upper(), *(_line_text(line) for line in section.lines)]
    if section.left_out:
        lines.append(f"  and {section.left_out} more: {section.url}")
    return "\n".join(lines)


def _line_text(line: Line) -> str:
    """Two lines for each problem, however long its synopsis is."""
    problem = line.problem
    people = f"{problem.people} {'person' if problem.people == 1 else 'people'}"
    gained = f", +{line.gained}" if line.gained else ""
    head = textwrap.shorten(f"#{problem.pk} {problem.synopsis}", COLUMNS - 2, placeholder=" …")
    secret = "confidential · " if problem.is_confidential else ""
    where = f"{people}{gained} · {problem.product}/{problem.component} · {secret}"
    return f"  {head}\n      {where}{settings.BASE_URL}{problem.get_absolute_url()}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
