"""What one page of a version shows: which files, their rows, the commits that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from patches.models import PatchCommit, PatchVersion
from patches.reading.colours import language_of
from patches.reading.files import ALL, FileDiff, Source, Stored, files_of
from patches.reading.paging import (
    FileOnPage,
    PageOfFiles,
    Part,
    page_of_file,
    page_with,
    pages_of,
    parts_of,
)
from patches.reading.painting import Painted, Wanted, paint_all
from patches.reading.places import Place
from patches.reading.whole import combined_files


@dataclass(frozen=True)
class Asked:
    """Which part of a version: one commit, `ALL` of them as one diff, or None for one after the
    other; the number of a page; one file alone (commit and path); what has to be on the page."""

    commit: int | None = None
    page: int = 1
    file: tuple[int, str] | None = None
    seek: Place | None = None
    blanks: bool = False


@dataclass(frozen=True)
class ShownFile:
    """A file with its rows; none where it is folded."""

    file: FileDiff
    is_folded: bool
    parts: Sequence[Part] = ()
    painted: Sequence[Painted] = ()


@dataclass(frozen=True)
class Section:
    """Files of one commit, None in a diff of all; `begins` where none of it was before."""

    commit: PatchCommit | None
    begins: bool
    files: list[ShownFile]


@dataclass(frozen=True)
class Showing:
    """A page: its number and of how many, its sections, and all pages for the tree. `alone` is the
    file that is shown alone."""

    number: int
    count: int
    sections: list[Section]
    pages: list[PageOfFiles]
    commits: list[PatchCommit]
    alone: FileDiff | None = None


class NoSuchFile(Exception):
    """The version has no such commit or file."""


def show(version: PatchVersion, asked: Asked) -> Showing:
    """The page that is asked for. Two queries. Raises `NoSuchFile` and `CannotBeShown`."""
    commits = list(version.commits.order_by("position"))
    positions = {commit.position for commit in commits}
    if asked.commit and asked.commit not in positions:
        raise NoSuchFile
    with Stored(version) as stored:
        files, source = _files(version, asked, stored)
        pages = pages_of(files)
        if asked.file:
            return _alone(asked, files, source, pages, commits)
        number = _number(asked, pages)
        shown = _painted(pages[number - 1].files, source, asked)
    sections = _sections(shown, commits, asked, pages, number)
    return Showing(number, len(pages), sections, pages, commits)


def _files(version: PatchVersion, asked: Asked, stored: Stored) -> tuple[list[FileDiff], Source]:
    if asked.commit == ALL:
        return combined_files(version)
    return files_of(version, asked.commit or ALL), stored


def _number(asked: Asked, pages: Sequence[PageOfFiles]) -> int:
    if asked.seek:
        return page_with(pages, asked.seek.commit, asked.seek.path)
    return min(max(asked.page, 1), len(pages))


def _painted(files: Sequence[FileOnPage], source: Source, asked: Asked) -> list[ShownFile]:
    parts = [[] if each.is_folded else parts_of(each.file, source) for each in files]
    painted = iter(
        paint_all(
            [
                _wanted(each.file, part, asked)
                for each, its in zip(files, parts, strict=True)
                for part in its
            ]
        )
    )
    return [
        ShownFile(each.file, each.is_folded, its, [next(painted) for _ in its])
        for each, its in zip(files, parts, strict=True)
    ]


def _wanted(file: FileDiff, part: Part, asked: Asked) -> Wanted:
    return Wanted(part.data, language_of(file.path.rpartition("/")[2]), asked.blanks)


def _alone(
    asked: Asked,
    files: Sequence[FileDiff],
    source: Source,
    pages: list[PageOfFiles],
    commits: list[PatchCommit],
) -> Showing:
    file = next((f for f in files if (f.commit, f.path) == asked.file), None)
    if file is None:
        raise NoSuchFile
    line = (asked.seek.side.value, asked.seek.start) if asked.seek else None
    page = page_of_file(file, source, asked.page, line)
    painted = paint_all([_wanted(file, part, asked) for part in page.parts])
    shown = ShownFile(file, is_folded=False, parts=page.parts, painted=painted)
    commit = next((c for c in commits if c.position == file.commit), None)
    section = Section(commit, begins=False, files=[shown])
    return Showing(page.number, page.count, [section], pages, commits, file)


def _sections(
    shown: Sequence[ShownFile],
    commits: Sequence[PatchCommit],
    asked: Asked,
    pages: Sequence[PageOfFiles],
    number: int,
) -> list[Section]:
    """The files of a page by commit. Commits without files stand on the last page."""
    by_position = {commit.position: commit for commit in commits}
    before = pages[number - 2].files[-1].file.commit if number > 1 else None
    found = [
        Section(by_position.get(position), begins=position != before, files=list(files))
        for position, files in groupby(shown, lambda each: each.file.commit)
    ]
    if asked.commit == ALL or number < len(pages):
        return found
    full = {each.file.commit for page in pages for each in page.files}
    empty = [c for c in commits if c.position not in full and asked.commit in (None, c.position)]
    found += [Section(commit, begins=True, files=[]) for commit in empty]
    return sorted(found, key=lambda section: section.commit.position if section.commit else 0)
