"""What the mail of an hour says of problems and patches, for who wants it together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from django.conf import settings

from accounts.models import Person
from notifications.events.adding_up import grounds_of, left_of, told_by
from notifications.events.mail import CONFIDENTIAL, Happening, happenings
from notifications.models import Message
from notifications.patches.mail import PatchHappening
from notifications.patches.mail import happenings as patch_happenings
from notifications.patches.mail import told_by as patch_events_of
from notifications.plain import paragraphs, width, wrap
from patches.models import Patch, PatchEvent
from tracker.models import Event, Problem
from tracker.policies import visible_problems
from tracker.text import clean_line

# Problems that one mail names.
MOST: Final = 50
# Of a comment so much is shown; the rest is behind the link.
CHARS: Final = 600


@dataclass(frozen=True)
class RoundupPart:
    """One problem, and what happened to it."""

    problem: Problem
    happenings: list[Happening]

    @property
    def url(self) -> str:
        return f"{settings.BASE_URL}{self.problem.get_absolute_url()}"

    def as_text(self) -> list[str]:
        title = wrap(f"#{self.problem.pk} {clean_line(self.problem.synopsis)}")
        said = (part for each in self.happenings for part in each.as_text())
        line = "=" * max(map(width, title.split("\n")))
        secret = f"{CONFIDENTIAL}\n" if self.problem.is_confidential else ""
        return [f"{title}\n{line}\n{secret}{self.url}", *said]


@dataclass(frozen=True)
class PatchPart:
    """One patch, and what happened to it."""

    patch: Patch
    happenings: list[PatchHappening]

    @property
    def url(self) -> str:
        return f"{settings.BASE_URL}{self.patch.get_absolute_url()}"

    @property
    def title(self) -> str:
        return f"patch {self.patch.pk}: {clean_line(self.patch.title)}"

    def as_text(self) -> list[str]:
        title = wrap(self.title)
        line = "=" * max(map(width, title.split("\n")))
        secret = f"{CONFIDENTIAL}\n" if self.patch.is_secret else ""
        said = (part for each in self.happenings for part in each.as_text())
        return [f"{title}\n{line}\n{secret}{self.url}", *said]


@dataclass(frozen=True)
class RoundupWords:
    """The parts of the mail, in the words of its reader."""

    parts: list[RoundupPart]
    patches: list[PatchPart]
    left_out: int
    stop_url: str

    @property
    def headline(self) -> str:
        count = len(self.parts) + len(self.patches) + self.left_out
        if count == 1 and self.patches:
            return f"News of {self.patches[0].title}"
        if count == 1:
            problem = self.parts[0].problem
            return f"News of #{problem.pk} {clean_line(problem.synopsis)}"
        if not self.patches:
            return f"News of {count} problems that you follow"
        return f"News of {count} problems and patches" if self.parts else f"News of {count} patches"

    reason = "these are told together, once an hour"
    stop_label = "Stop these hourly mails"

    @property
    def settings_url(self) -> str:
        return f"{settings.BASE_URL}/my/subscriptions/"

    def as_text(self) -> str:
        """The whole in plain text; lines of ours fit 72 columns."""
        return paragraphs(
            [
                *(part for each in self.parts for part in each.as_text()),
                *(part for each in self.patches for part in each.as_text()),
                f"and {self.left_out} more." if self.left_out else "",
                "\n".join(
                    [
                        "-- ",
                        wrap(f"You get this because {self.reason}:"),
                        self.settings_url,
                        f"{self.stop_label}:",
                        self.stop_url,
                    ]
                ),
            ]
        )

    def for_html(self) -> dict[str, Any]:
        """What the template prints."""
        return {"words": self, "title": self.headline, "settings_url": self.settings_url}


def roundup_words(message: Message, person: Person, stop_url: str) -> RoundupWords | None:
    """The mail as it is true now; None when nothing is left of it. The same number of queries
    whatever it holds of problems, and some more for each patch."""
    told = told_by(grounds_of(message))
    numbers = {event.problem_id for event in told}
    visible = set(visible_problems(person).filter(pk__in=numbers).values_list("pk", flat=True))
    left = left_of([event for event in told if event.problem_id in visible], message)
    of_patches = patch_events_of(message)
    if not left and not of_patches:
        return None
    by_problem = sorted(left, key=lambda event: (event.problem_id, event.pk))
    groups = [list(each) for _, each in groupby(by_problem, attrgetter("problem_id"))]
    shown = happenings([e for group in groups[:MOST] for e in group], person) if groups else []
    parts = [_part(group, shown) for group in groups[:MOST]]
    by_patch = sorted(of_patches, key=lambda event: (event.patch_id, event.pk))
    about = [list(each) for _, each in groupby(by_patch, attrgetter("patch_id"))]
    patches = [_patch_part(group, person) for group in about[:MOST]]
    left_out = len(groups) - len(parts) + len(about) - len(patches)
    return RoundupWords(parts, patches, left_out, stop_url)


def _patch_part(events: list[PatchEvent], person: Person) -> PatchPart:
    said = [each.cut(CHARS) for each in patch_happenings(events, person)]
    return PatchPart(events[0].patch, said)


def _part(events: list[Event], shown: list[Happening]) -> RoundupPart:
    problem = events[0].problem
    return RoundupPart(problem, [e.cut(CHARS) for e in shown if e.problem_id == problem.pk])
