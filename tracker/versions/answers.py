"""Is it in this release? One answer for each release of a problem's product, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from django.db import models
from django.utils.dateformat import format as format_date

from accounts.policies import Viewer
from tracker.models import Problem, Release, ReleaseStatus, Resolution
from tracker.policies import visible_problems
from tracker.versions.lines import Lines

Status = ReleaseStatus.Status


class Answer(models.TextChoices):
    AFFECTED = "affected", "affected"
    FIXED = "fixed", "fixed"
    NOT_AFFECTED = "not affected", "not affected"
    UNKNOWN = "unknown", "unknown"


# Problems closed so are in no release, whatever was said before.
NOWHERE: Final = (Resolution.NOT_A_DEFECT, Resolution.DUPLICATE)
# Problems closed so leave it open whether what was reported was there.
DOUBTFUL: Final = (
    Resolution.CANNOT_REPRODUCE,
    Resolution.FEEDBACK_TIMEOUT,
    Resolution.OVERTAKEN,
)
MOST_NAMES: Final = 3
_NOTHING_SINCE: Final[Mapping[str, str]] = {
    Status.AFFECTED: "fixed it",
    Status.FIXED: "brought it back",
    Status.NOT_AFFECTED: "brought it in",
}


@dataclass(frozen=True)
class Statement:
    """What is said of one release: `words` are the beginning of a sentence."""

    status: str
    words: str


@dataclass(frozen=True)
class Verdict:
    """The answer for one release. `mark` is what a person set for this very release, if any."""

    release: Release
    answer: Answer
    reason: str
    mark: ReleaseStatus | None = None

    @property
    def is_said(self) -> bool:
        """Whether a person set it for this very release."""
        return self.mark is not None


def answering(problem: Problem, viewer: Viewer) -> Problem | None:
    """The problem whose answers hold for this one: its own, or those of its group's head.

    None when `viewer` may not know of the head. One query for a duplicate, none else.
    """
    if problem.head_id is None:
        return problem
    found = visible_problems(viewer).select_related("product", "release", "fixed_in")
    return found.filter(pk=problem.head_id).first()


def verdicts(problem: Problem) -> list[Verdict]:
    """The answers for every release of the product, the newest first. Two queries."""
    lines = Lines(problem.product.releases.all())
    marks = problem.release_statuses.select_related("set_by")
    history = History(problem, {mark.release_id: mark for mark in marks})
    return [history.verdict(release, lines) for release in lines.newest_first]


@dataclass(frozen=True)
class History:
    """All that is said of one problem's releases. `marks` are its rows, by release."""

    problem: Problem
    marks: Mapping[int, ReleaseStatus]

    def verdict(self, release: Release, lines: Lines) -> Verdict:
        """The nearest statement, going back from `release`, decides."""
        mark = self.marks.get(release.pk)
        if self.problem.resolution in NOWHERE:
            reason = f"Closed as {_with_article(self.problem.resolution)}."
            return Verdict(release, Answer.NOT_AFFECTED, reason, mark)
        behind = lines.behind(release)
        for distance, earlier in enumerate(behind):
            if said := self.said_of(earlier):
                reason = _reason(said, behind[: distance + 1])
                return Verdict(release, Answer(said.status), reason, mark)
        return Verdict(release, Answer.UNKNOWN, self._why_unknown(release))

    def said_of(self, release: Release) -> Statement | None:
        """What is said of this very release: a mark, else the fix, else the report."""
        if mark := self.marks.get(release.pk):
            by = f" by {mark.set_by.handle}" if mark.set_by is not None else ""
            return Statement(mark.status, f"Marked as {mark.status} in {release}{by}")
        if self.problem.fixed_in_id == release.pk:
            return Statement(Status.FIXED, f"Fixed in {release}")
        if self._came_out_after_closing(release):
            closed = format_date(self.problem.closed_at, "j F Y")  # type: ignore[arg-type]
            words = f"Closed as fixed on {closed}, before {release} came out"
            return Statement(Status.FIXED, words)
        if self.problem.release_id == release.pk and self.problem.resolution not in DOUBTFUL:
            return Statement(Status.AFFECTED, f"Reported in {release}")
        return None

    def _came_out_after_closing(self, release: Release) -> bool:
        """Whether `release` has the fix of a problem that was closed without saying where."""
        problem = self.problem
        if problem.resolution != Resolution.FIXED or problem.fixed_in_id or self.marks:
            return False
        if problem.closed_at is None or release.released_on is None:
            return False
        return problem.closed_at.astimezone(UTC).date() < release.released_on

    def _why_unknown(self, release: Release) -> str:
        problem = self.problem
        if problem.resolution in DOUBTFUL and problem.release_id is not None:
            return f"Closed as “{problem.resolution}”; nobody has marked {release}."
        if problem.release_id or problem.fixed_in_id or self.marks:
            return f"Nothing is said of {release} or of a release that it came from."
        return "Nobody has said in which release it is."


def _with_article(resolution: str) -> str:
    return "a duplicate" if resolution == Resolution.DUPLICATE else resolution


def _reason(said: Statement, way: Sequence[Release]) -> str:
    """One sentence. `way` leads from the release that is asked for to the one spoken of."""
    asked, spoken_of = way[0], way[-1]
    if asked == spoken_of:
        return f"{said.words}."
    cut = "" if asked.branch == spoken_of.branch else f", before {asked.branch} was cut"
    since = [str(release) for release in reversed(way[:-1])]
    return f"{said.words}{cut}; nothing says that {_any_of(since)} {_NOTHING_SINCE[said.status]}."


def _any_of(names: Sequence[str]) -> str:
    if len(names) > MOST_NAMES:
        return f"one of the {len(names)} releases since"
    return " or ".join([", ".join(names[:-1]), names[-1]]) if names[1:] else names[0]
