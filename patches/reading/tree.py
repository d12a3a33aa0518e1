"""The files of a diff by commit and folder, each with its way to the page that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from patches.reading.files import FileDiff
from patches.reading.paging import FileOnPage, PageOfFiles

# Of more files only those of the page that is read are named one by one.
MOST_LEAVES: Final = 600


@dataclass(frozen=True)
class Leaf:
    """One file: its name without folders, and on which page it is."""

    name: str
    file: FileDiff
    page: int
    is_folded: bool
    talks: int


@dataclass(frozen=True)
class Folder:
    """Files of one folder, in the order of the diff."""

    path: str
    leaves: list[Leaf]


@dataclass(frozen=True)
class Branch:
    """The files of one commit; 0 for a diff of all."""

    commit: int
    folders: list[Folder]


@dataclass(frozen=True)
class Elsewhere:
    """A page whose files are not named, but for the first and the last."""

    page: int
    first: str
    last: str
    count: int


@dataclass(frozen=True)
class Tree:
    """All files, or those of one page and how the other pages begin and end."""

    branches: list[Branch]
    elsewhere: list[Elsewhere] = field(default_factory=list)


def tree_of(
    pages: Sequence[PageOfFiles], current: int, talks: Mapping[tuple[int, str], int]
) -> Tree:
    """The tree beside page `current`. `talks` counts threads by commit and path."""
    all_files = sum(len(page.files) for page in pages)
    if all_files <= MOST_LEAVES:
        return Tree(_branches([(p.number, each) for p in pages for each in p.files], talks))
    here = [(p.number, each) for p in pages if p.number == current for each in p.files]
    elsewhere = [
        Elsewhere(p.number, p.files[0].file.path, p.files[-1].file.path, len(p.files))
        for p in pages
        if p.number != current and p.files
    ]
    return Tree(_branches(here, talks), elsewhere)


def _branches(
    files: Sequence[tuple[int, FileOnPage]], talks: Mapping[tuple[int, str], int]
) -> list[Branch]:
    return [
        Branch(commit, _folders(list(of_commit), talks))
        for commit, of_commit in groupby(files, lambda each: each[1].file.commit)
    ]


def _folders(
    files: Sequence[tuple[int, FileOnPage]], talks: Mapping[tuple[int, str], int]
) -> list[Folder]:
    found: list[Folder] = []
    for folder, inside in groupby(files, lambda each: each[1].file.path.rpartition("/")[0]):
        leaves = [
            Leaf(
                each.file.path.rpartition("/")[2],
                each.file,
                page,
                each.is_folded,
                talks.get((each.file.commit, each.file.path), 0),
            )
            for page, each in inside
        ]
        found.append(Folder(f"{folder}/" if folder else "", leaves))
    return found
