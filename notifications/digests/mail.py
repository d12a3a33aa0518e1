"""What a digest says: the sum of it in one line, then some lines for each problem."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from accounts.models import Person
from notifications import deeds
from notifications.deeds import Deed, Offer
from notifications.digests.schedule import zone
from notifications.digests.shapes import Digest, Line, PatchLine, Section
from notifications.models import DigestSubscription
from notifications.outbox.envelopes import DIGEST_REACH, LIST_REACH, VOTES_REACH, unsubscribe_url
from notifications.plain import COLUMNS, paragraphs, shorten, wrap
from tracker.models import Problem

Kind, Period = DigestSubscription.Kind, DigestSubscription.Period

# In a text mail a link takes a line, so only what may need doing has one.
ACTS_IN_TEXT: Final = {
    Kind.OWN: frozenset({"patches", "forgotten", "untold", "untouched", "risen"}),
    Kind.VOTES: frozenset({"changed", "asked"}),
    Kind.SEARCH: frozenset({"new", "risen"}),
    Kind.COMPONENT: frozenset[str](),
}
_PERIODS: Final = {
    Period.DAILY: ("daily", "every day"),
    Period.WEEKLY: ("weekly", "every week"),
    Period.MONTHLY: ("monthly", "every month"),
}
_ACT: Final = " What is behind “act” asks before it does anything."
# What the sections of each kind come to, in the order in which it is said.
_SUMS: Final = {
    Kind.VOTES: {
        "chosen patches": "{} of your patches",
        "fixed": "{} fixed",
        "changed": "{} changed",
        "asked": "{} of what you follow",
        "risen": "{} grew",
    },
    Kind.SEARCH: {"new": "{} new", "risen": "{} rose"},
    Kind.COMPONENT: {"closed": "{} closed", "new": "{} new", "risen": "{} rose"},
}


# The same of patches, in the digest of what one maintains.
_SUMS_OF_PATCHES: Final = {
    "patches": "{} patch{} to review",
    "ready": "{} patch{} ready",
    "forgotten": "{} patch{} forgotten",
    "untold": "{} patch{} nobody was told of",
    "reviews": "{} of your reviews ended",
}


@dataclass(frozen=True)
class Row:
    """One problem of a section as it is read, with what its reader may do by a link."""

    line: Line
    offers: list[Offer]
    act_url: str

    @property
    def url(self) -> str:
        return f"{settings.BASE_URL}{self.line.problem.get_absolute_url()}"


@dataclass(frozen=True)
class PatchRow:
    """One patch of a section as it is read, with what its reader may do by a link."""

    line: PatchLine
    offers: list[Offer]
    act_url: str

    @property
    def url(self) -> str:
        return f"{settings.BASE_URL}{self.line.patch.get_absolute_url()}"

    @property
    def author(self) -> str:
        """Who wrote it, by the name that is known."""
        author = self.line.patch.author
        return author.handle if author is not None else self.line.patch.author_name

    @property
    def place(self) -> str:
        """The product, with its component where it is one alone."""
        components = [each.slug for each in self.line.patch.components.all()]
        product = self.line.patch.product.slug
        return f"{product}/{components[0]}" if len(components) == 1 else product


@dataclass(frozen=True)
class Part:
    """A section as it is read: without what an earlier one has told of."""

    section: Section
    title: str
    rows: list[Row]
    patch_rows: list[PatchRow]


@dataclass(frozen=True)
class DigestWords:
    """A digest in the words of its reader, or of the readers of a list."""

    digest: Digest
    row: DigestSubscription
    since: datetime
    stop_url: str
    # Without anybody, as on a list, nothing can be done by its links.
    reader: Person | None = None
    # Somebody asked to have it now.
    is_extra: bool = False
    offers: dict[int, list[Offer]] = field(default_factory=dict)
    # From when on its links act, now where that is None.
    links_from: datetime | None = None

    @property
    def summary(self) -> str:
        """The one line that says whether to read on."""
        if self.row.kind == Kind.OWN:
            return self._summary_of_own
        sums = _SUMS[Kind(self.row.kind)]
        said = [words.format(n) for key, words in sums.items() if (n := self.digest.count(key))]
        return ", ".join(said) or "nothing new"

    @property
    def _summary_of_own(self) -> str:
        untouched = self.digest.count("untouched")
        risen = self.digest.count("risen")
        everywhere = self.digest.count("risen everywhere")
        said = self._sums_of_patches
        if untouched:
            said.append(f"{untouched} report{_s(untouched)} untouched")
        if risen:
            said.append(f"{risen} of yours rose")
        if everywhere and everywhere > risen:
            said.append(f"{everywhere} rose everywhere")
        return ", ".join(said) or "nothing new"

    @property
    def _sums_of_patches(self) -> list[str]:
        said = []
        for key, words in _SUMS_OF_PATCHES.items():
            if count := self.digest.count(key):
                said.append(words.format(count, _es(count)))
        return said

    @property
    def subject(self) -> str:
        asked = "Asked for: " if self.is_extra else ""
        return f"{asked}{self.name}: {self.summary}"

    @property
    def name(self) -> str:
        """What it is called, at the start of its subject."""
        if self.row.kind == Kind.VOTES:
            return "What you voted for"
        if self.row.saved_search is not None:
            return self.row.saved_search.name
        if self.row.component is not None:
            return f"[{self.row.component.product}/{self.row.component}]"
        return f"Your {self.period} digest"

    @property
    def page_title(self) -> str:
        """What the page is called that sets it."""
        if self.row.saved_search is not None:
            return f"Mail of “{self.row.saved_search.name}”"
        if self.row.component is not None:
            return f"Digest of {self.row.component.product}/{self.row.component}"
        return "What you voted for, by mail" if self.row.kind == Kind.VOTES else "Your digest"

    @property
    def period(self) -> str:
        return _PERIODS.get(Period(self.row.period), _PERIODS[Period.WEEKLY])[0]

    @property
    def why(self) -> str:
        """Why it came, as a sentence."""
        if self.is_extra:
            return f"You get this because you asked for it. {self.next_one}"
        if self.row.period == Period.OFF:
            who = "You do" if self.row.component is None else "The list does"
            return f"{who} not get this: it is switched off."
        often = _PERIODS[Period(self.row.period)][1]
        if self.row.component is not None:
            place = f"{self.row.component.product}/{self.row.component}"
            return f"This list gets it {often} because it is the list of {place}."
        return f"You get this {often} because {self._ground}."

    @property
    def next_one(self) -> str:
        """What one that was asked for says of others."""
        if self.row.period == Period.OFF:
            return "No other comes: it is switched off."
        return "The next one comes when it would."

    @property
    def _ground(self) -> str:
        if self.row.saved_search is not None:
            return f"you have “{self.row.saved_search.name}” mailed to you"
        if self.row.kind == Kind.VOTES:
            return "you switched it on, or chose to be told of something in it"
        return "you switched it on" if self.row.is_chosen else "you look after something here"

    @property
    def settings_url(self) -> str:
        return f"{settings.BASE_URL}{settings_path(self.row)}"

    @property
    def stop_label(self) -> str:
        return "Stop it for the whole list" if self.row.component is not None else "Stop it"

    @property
    def has_acts(self) -> bool:
        """Whether its reader may do something by its links."""
        lines = (line for section in self.digest.sections for line in section.patches)
        return any(self.offers.values()) or any(line.deeds for line in lines)

    @property
    def base_url(self) -> str:
        return settings.BASE_URL

    @cached_property
    def parts(self) -> list[Part]:
        """What is read, each problem once."""
        told: set[int] = set()
        told_patches: set[int] = set()
        gained = {line.problem.pk: line.gained for s in self.digest.sections for line in s.lines
                  if line.gained}  # fmt: skip
        found = []
        for section in self.digest.sections:
            lines = [
                line if line.gained else replace(line, gained=gained.get(line.problem.pk, 0))
                for line in section.lines
                if line.problem.pk not in told
            ]
            told.update(line.problem.pk for line in lines)
            of_patches = [line for line in section.patches if line.patch.pk not in told_patches]
            told_patches.update(line.patch.pk for line in of_patches)
            rows = [self._row(line) for line in lines]
            patch_rows = [self._patch_row(line) for line in of_patches]
            left = len(section.lines) + len(section.patches) - len(rows) - len(patch_rows)
            beside = ", beside those above" if left else ""
            if rows or patch_rows:
                found.append(Part(section, f"{section.title}{beside}", rows, patch_rows))
        return found

    def _patch_row(self, line: PatchLine) -> PatchRow:
        if self.reader is None or not line.deeds:
            return PatchRow(line, [], "")
        choice = deeds.ticket(self.reader.pk, Deed.CHOOSE_PATCH, line.patch.pk, self.links_from)
        offers = [
            Offer(deed, settings.BASE_URL + choice.path(deed), is_of_patch=True)
            for deed in line.deeds
        ]
        return PatchRow(line, offers, choice.url)

    def _row(self, line: Line) -> Row:
        offers = self.offers.get(line.problem.pk, [])
        act_url = ""
        if offers and self.reader is not None:
            number = line.problem.pk
            act_url = deeds.ticket(self.reader.pk, Deed.CHOOSE, number, self.links_from).url
        return Row(line, offers, act_url)

    def as_text(self) -> str:
        """The whole in plain text, 72 columns wide."""
        since = f"{self.since:%A}, {self.since.day} {self.since:%B %Y}"
        acts = ACTS_IN_TEXT[Kind(self.row.kind)]
        return paragraphs(
            [
                wrap(f"Since {since}: {self.summary}."),
                *(_part_text(part, with_acts=part.section.key in acts) for part in self.parts),
                "\n".join(
                    [
                        "-- ",
                        wrap(self.why + _ACT * self.has_acts),
                        f"When it comes: {self.settings_url}",
                        f"{self.stop_label}:",
                        self.stop_url,
                    ]
                ),
            ]
        )

    def for_html(self) -> dict[str, Any]:
        """What the template prints."""
        return {"words": self, "title": self.subject}


def settings_path(row: DigestSubscription) -> str:
    """The page on which it is set when the digest comes."""
    if row.saved_search is not None:
        return reverse("search-digest", args=[row.saved_search_id])
    if row.component is not None:
        return reverse("component-digest", args=[row.component.product.slug, row.component.slug])
    return reverse("my-votes-digest" if row.kind == Kind.VOTES else "my-digest")


def stop_url_of(row: DigestSubscription) -> str:
    """The address that ends just this digest."""
    if row.component is not None:
        return unsubscribe_url(0, LIST_REACH, row.component.pk)
    reach = VOTES_REACH if row.kind == Kind.VOTES else DIGEST_REACH
    return unsubscribe_url(row.reader.pk, reach, row.saved_search_id)


def digest_words(digest: Digest, row: DigestSubscription, *, is_extra: bool = False) -> DigestWords:
    """`digest` as its reader reads it, with times of their own zone. Two queries, a list none."""
    words = plain_words(digest, row, is_extra=is_extra)
    if row.person is None:
        return words
    offers = deeds.offers(row.person, problems_of(digest), with_aside=offers_aside(row))
    return replace(words, offers=offers)


def plain_words(digest: Digest, row: DigestSubscription, *, is_extra: bool = False) -> DigestWords:
    """`digest` as its reader reads it, without the links that act."""
    return DigestWords(
        digest,
        row,
        digest.window.start.astimezone(zone(row.time_zone)),
        stop_url_of(row),
        row.person,
        is_extra,
    )


def problems_of(digest: Digest) -> list[Problem]:
    """Each problem that it tells of, once."""
    found = {line.problem.pk: line.problem for s in digest.sections for line in s.lines}
    return list(found.values())


def acted_on(digest: Digest) -> list[int]:
    """The patches to which its reader may do something by a link, each once."""
    lines = (line for section in digest.sections for line in section.patches)
    return list(dict.fromkeys(line.patch.pk for line in lines if line.deeds))


def offers_aside(row: DigestSubscription) -> bool:
    """Setting aside is about what a digest chooses by itself; a search finds what it says."""
    return row.kind in {Kind.OWN, Kind.VOTES}


def _part_text(part: Part, *, with_acts: bool) -> str:
    lines = [part.title.upper(), *(_row_text(row, with_act=with_acts) for row in part.rows)]
    lines += [_patch_text(row, with_act=with_acts) for row in part.patch_rows]
    if part.section.others:
        numbers = ", ".join(f"#{number}" for number in part.section.others)
        lines.append(textwrap.fill(f"and {numbers}", COLUMNS, initial_indent="  ",
                                   subsequent_indent="  "))  # fmt: skip
    if part.section.left_out:
        lines.append(f"  and {part.section.left_out} more: {part.section.url}")
    return "\n".join(lines)


def _row_text(row: Row, *, with_act: bool) -> str:
    """A few lines for each problem, however long its synopsis is."""
    problem, line = row.line.problem, row.line
    people = f"{problem.people} {'person' if problem.people == 1 else 'people'}"
    gained = f", +{line.gained}" if line.gained else ""
    secret = "confidential · " if problem.is_confidential else ""
    where = f"{people}{gained} · {problem.product}/{problem.component} · {secret}"
    lines = [
        _short(f"  #{problem.pk} {problem.synopsis}", indent=2),
        *(_short(f"    {said}", indent=4) for said in line.said),
        f"    {where}{row.url}",
    ]
    if with_act and row.act_url:
        lines.append(f"    act: {row.act_url}")
    return "\n".join(lines)


def _patch_text(row: PatchRow, *, with_act: bool) -> str:
    """A few lines for each patch, however long its title is."""
    patch, line = row.line.patch, row.line
    people = f"{patch.demand} {'person' if patch.demand == 1 else 'people'} · "
    by = f" · by {row.author}" if row.author else ""
    secret = " · confidential" if patch.is_secret else ""
    lines = [
        _short(f"  patch {patch.pk}: {patch.title}", indent=2),
        *(_short(f"    {said}", indent=4) for said in line.said),
        f"    {people if patch.demand else ''}{row.place}{by}{secret} · {row.url}",
    ]
    if with_act and row.act_url:
        lines.append(f"    act: {row.act_url}")
    return "\n".join(lines)


def _short(text: str, indent: int) -> str:
    return " " * indent + shorten(text, COLUMNS - indent)


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _es(count: int) -> str:
    return "" if count == 1 else "es"
