"""Releases as the page and the API show them: the answer, its reason, and what people say."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from django.db.models import Q

from accounts.policies import Viewer, as_person
from tracker.models import Problem, Product, Release, ReleaseStatus
from tracker.policies import visible_problems
from tracker.versions import Answer, Verdict, affected_counts, answering, verdicts
from votes.matrix import Matrix, matrix
from votes.models import NoLonger
from votes.search.language import Qualifier, Query

LATEST: Final = 5


@dataclass(frozen=True)
class Line:
    """One release. `suggested` is the mark that what people say speaks for, "" for none."""

    verdict: Verdict
    have: int
    gone: int
    hint: str
    suggested: str

    @property
    def is_spoken_of(self) -> bool:
        """Whether anybody said anything of this very release."""
        return self.verdict.is_said or bool(self.have or self.gone)


@dataclass(frozen=True)
class Versions:
    """The releases of a problem, the newest first.

    `of` is the problem that answers: for a duplicate its head, and None when the viewer may not
    know of it; there are no lines then.
    """

    of: Problem | None
    lines: list[Line] = field(default_factory=list)

    @property
    def releases(self) -> list[Release]:
        return [line.verdict.release for line in self.lines]

    @cached_property
    def shown(self) -> list[Line]:
        """What a page shows without being asked: releases spoken of, and the latest supported."""
        supported = [line for line in self.lines if line.verdict.release.is_supported]
        latest = supported[:LATEST]
        return [line for line in self.lines if line.is_spoken_of or line in latest]

    @cached_property
    def others(self) -> list[Line]:
        return [line for line in self.lines if line not in self.shown]

    @property
    def hints(self) -> list[Line]:
        return [line for line in self.lines if line.hint]

    @property
    def is_known(self) -> bool:
        """Whether anything is known of any release."""
        return any(line.verdict.answer != Answer.UNKNOWN for line in self.lines)


def versions_of(problem: Problem, viewer: Viewer, seen: Matrix | None = None) -> Versions:
    """In which releases it is. `seen` is the problem's matrix where it is at hand.

    Two queries, with the matrix five, for a duplicate six.
    """
    of = answering(problem, viewer)
    if of is None:
        return Versions(None)
    if seen is None or of != problem:
        seen = matrix(of)
    return Versions(of, [_line(verdict, seen, of) for verdict in verdicts(of)])


def no_longer_of(viewer: Viewer, problem: Problem) -> list[NoLonger]:
    """Where `viewer` says that the problem is gone, the newest release first. One query."""
    person = as_person(viewer)
    if person is None:
        return []
    said = NoLonger.objects.filter(problem=problem, person=person).select_related("release")
    return list(said.order_by("-release__position", "-release"))


def _line(verdict: Verdict, seen: Matrix, problem: Problem) -> Line:
    name = verdict.release.name
    have, gone = seen.have[name], seen.gone[name]
    return Line(
        verdict, have, gone, _hint(have, gone, problem.votes), _suggested(verdict, have, gone)
    )


def _hint(have: int, gone: int, people: int) -> str:
    """What the people say of one release; "" when nobody says that it is gone."""
    if not gone:
        return ""
    says = "says" if gone == 1 else "say"
    still = f"; {have} still {'has' if have == 1 else 'have'} it there" if have else ""
    return f"{gone} of {people} who had it {says} that it is gone{still}."


def _suggested(verdict: Verdict, have: int, gone: int) -> str:
    """The people's majority, where nothing or something else is known; nobody has to follow."""
    if gone > have and verdict.answer in {Answer.AFFECTED, Answer.UNKNOWN}:
        return ReleaseStatus.Status.FIXED
    if have > gone and verdict.answer == Answer.UNKNOWN:
        return ReleaseStatus.Status.AFFECTED
    return ""


def hottest(viewer: Viewer, condition: Q, limit: int) -> list[Problem]:
    """The hottest of the problems under a condition that `viewer` may know of, open or closed.

    Open and closed ones are read apart, along the index of each. Two queries.
    """
    found = visible_problems(viewer).filter(condition).defer("description", "how_to_repeat")
    found = found.select_related("product", "component", "reporter").order_by("-heat", "-number")
    some = [p for is_open in (True, False) for p in found.filter(is_open__in=(is_open,))[:limit]]
    return sorted(some, key=lambda p: (-p.heat, -p.pk))[:limit]


@dataclass(frozen=True)
class ReleaseSummary:
    """A release in the list of a product's, with how many public problems it has."""

    release: Release
    problems: int

    @property
    def query(self) -> str:
        """What to type into the search box for these problems."""
        return search_for("affects", self.release)


def search_for(qualifier: str, release: Release) -> str:
    """The words of a search for `affects` or `fixed` in one release."""
    product = Qualifier("product", (release.product.slug,))
    return str(Query((product, Qualifier(qualifier, (release.name,)))))


def release_summaries(product: Product) -> list[ReleaseSummary]:
    """The releases of a product, the newest first."""
    counts = affected_counts(product)
    return [
        ReleaseSummary(release, counts[release.pk])
        for release in product.releases.select_related("product")
    ]
