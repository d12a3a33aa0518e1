"""The diff of a version: `/patches/<patch>/<version>/`.

What is shown is in the address: `commit` (a position, or "all" for one diff of all), `page`, `file`
(one file alone), `at` or `thread` (what has to be on the page), `since` (another version), `view`
and `blanks` (which a cookie keeps), `comment` (the form for some lines, where there is no script).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from patches.models import PatchVersion
from patches.reading.files import ALL, FileDiff
from patches.reading.places import Place, read_file, read_place
from patches.reading.showing import Asked, NoSuchFile, Section, Showing, ShownFile, show
from patches.reading.talks import Talk
from patches.reading.tree import tree_of
from patches.reading.whole import Between, CannotBeShown, between
from patches.versions.lines import message_lines
from patches.web.diff_frame import frame, talk_html
from patches.web.diff_lines import read_whole_line
from patches.web.diff_table import Look, Table, plain_rows
from patches.web.diff_talk import comment_page
from patches.web.diff_text import coloured
from patches.web.pages import the_patch, the_version
from tracker.web.edit import number_in
from tracker.web.pages import page

# From so many rows on a page, browsers lay out files only when they come into sight.
LONG: Final = 1000
_HEIGHTS: Final = ((20, "rows-20"), (80, "rows-80"), (300, "rows-300"), (1000, "rows-1000"))
_VIEW_COOKIE, _BLANKS_COOKIE = "diff_view", "diff_blanks"
_A_YEAR: Final = 365 * 24 * 60 * 60


@dataclass(frozen=True)
class Choice:
    """How the viewer wants it: side by side or not, blanks visible or not."""

    is_split: bool
    blanks: bool

    @classmethod
    def of(cls, request: HttpRequest) -> Choice:
        """From the address, else from the cookie."""
        asked = request.GET.get("view") or request.COOKIES.get(_VIEW_COOKIE)
        blanks = request.GET.get("blanks") or request.COOKIES.get(_BLANKS_COOKIE)
        return cls(asked == "split", blanks == "shown")

    def keep(self, response: HttpResponseBase, request: HttpRequest) -> None:
        """In cookies, where the address says so."""
        kept = {
            _VIEW_COOKIE: ("view", "split" if self.is_split else "unified"),
            _BLANKS_COOKIE: ("blanks", "shown" if self.blanks else "plain"),
        }
        for cookie, (name, value) in kept.items():
            if name in request.GET:
                response.set_cookie(
                    cookie, value, max_age=_A_YEAR, path="/patches/", samesite="Lax",
                    secure=request.is_secure(), httponly=True,
                )  # fmt: skip


@dataclass
class FileView:
    """A file as the template shows it. `about` are threads on it as a whole, `elsewhere` on lines
    that are not shown; `comment` is the address of the form for the former, "" for none."""

    file: FileDiff
    is_folded: bool
    tables: list[SafeString]
    about: list[SafeString]
    elsewhere: list[SafeString]
    comment: SafeString
    # One of a few classes by its rows: how high a browser takes it to be before it lays it out.
    height: str


@dataclass
class SectionView:
    """A commit, the rows of its message, and its files."""

    section: Section
    message: SafeString
    files: list[FileView]


@require_safe
@page
def diff(request: HttpRequest, patch: int, version: int) -> HttpResponseBase:
    """The diff, or what changed since another version, or the form of a comment.

    A constant number of queries.
    """
    shown = the_patch(request, patch)
    read = the_version(shown, version)
    if "since" in request.GET:
        return _since(request, read)
    if "comment" in request.GET:
        return comment_page(request, read)
    choice = Choice.of(request)
    response = _diff(request, read, choice)
    choice.keep(response, request)
    return response


def _diff(request: HttpRequest, version: PatchVersion, choice: Choice) -> HttpResponseBase:
    context = frame(request, version)
    talks: list[Talk] = context["talks"]
    try:
        asked = _asked(request, version, talks, choice)
        showing = show(version, asked)
    except NoSuchFile:
        raise Http404 from None
    except CannotBeShown as reason:
        context |= {"reason": str(reason), "commits": version.commits.order_by("position")}
        return render(request, "patches/diff_not.html", context)
    views = Views(request, context, choice, asked)
    context |= _of_showing(showing, asked, talks)
    context |= {
        "choice": choice,
        "sections": [views.section(section) for section in showing.sections],
        "gone": [views.talk(t) for t in talks if t.is_gone and not t.is_later and not asked.file],
        "series": version.kind == PatchVersion.Kind.SERIES,
    }
    return render(request, "patches/diff.html", context)


def _of_showing(showing: Showing, asked: Asked, talks: Iterable[Talk]) -> dict[str, Any]:
    """What the template needs of the page beside the HTML of its files and threads."""
    counts = Counter((t.where.commit, t.where.path) for t in talks if t.where and not t.is_gone)
    return {
        "asked": asked,
        "showing": showing,
        "tree": tree_of(showing.pages, 0 if showing.alone else showing.number, counts),
        "is_combined": asked.commit == ALL,
        "is_long": _rows(showing) > LONG,
        "kept": _query(asked, with_file=False),
        "previous_url": _page_url(asked, showing, -1),
        "next_url": _page_url(asked, showing, +1),
        "here": _query(asked, page=showing.number),
    }


def _rows(showing: Showing) -> int:
    files = (file for section in showing.sections for file in section.files)
    return sum(len(painted.rows) for file in files for painted in file.painted)


def _asked(
    request: HttpRequest, version: PatchVersion, talks: Iterable[Talk], choice: Choice
) -> Asked:
    given = request.GET
    commit: int | None = None
    if word := given.get("commit", ""):
        commit = ALL if word == "all" else number_in(given, "commit") or -1
    file = read_file(given["file"]) if "file" in given else None
    if "file" in given and file is None:
        raise NoSuchFile
    if file and file[0] == ALL:
        commit = ALL
    if commit == ALL and version.commits_count == 1:
        # The same lines, which can be commented on.
        commit, file = None, file and (1, file[1])
    seek = read_place(given.get("at", "")) or _place_of(talks, number_in(given, "thread"))
    return Asked(commit, number_in(given, "page") or 1, file, seek, choice.blanks)


def _place_of(talks: Iterable[Talk], thread: int) -> Place | None:
    return next((talk.where for talk in talks if talk.thread.pk == thread), None)


def _query(asked: Asked, *, with_file: bool = True, page: int = 0) -> str:
    """The address of what is asked for, from the question mark on; without the page unless told."""
    said: dict[str, str] = {}
    if asked.commit is not None:
        said["commit"] = str(asked.commit or "all")
    if asked.file and with_file:
        said["file"] = f"{asked.file[0] or 'all'}:{asked.file[1]}"
    if page > 1:
        said["page"] = str(page)
    return f"?{urlencode(said, safe='/:,')}"


def _page_url(asked: Asked, showing: Showing, step: int) -> str:
    number = showing.number + step
    return _query(asked, page=number) if 1 <= number <= showing.count else ""


class Views:
    """Makes HTML of files and threads, each once."""

    def __init__(
        self,
        request: HttpRequest,
        context: Mapping[str, Any],
        choice: Choice,
        asked: Asked,
    ) -> None:
        self._request, self._context = request, context
        may_comment = bool(context["rights"]["review"]) and asked.commit != ALL
        kept = _query(asked)
        sep = "&amp;" if len(kept) > 1 else ""
        version: PatchVersion = context["version"]
        whole = f"/patches/{version.patch_id}/{version.number}/line?at="
        self._look = Look(choice.is_split, f"{kept}{sep}comment=" if may_comment else "", whole)
        self._by_file: dict[tuple[int, str], list[Talk]] = defaultdict(list)
        for talk in context["talks"]:
            if talk.where and not talk.is_gone and (asked.commit != ALL):
                self._by_file[talk.where.commit, talk.where.path].append(talk)

    def talk(self, talk: Talk) -> SafeString:
        """One thread."""
        return talk_html(self._request, self._context, talk)

    def section(self, section: Section) -> SectionView:
        """One commit with its message, where it begins."""
        message = SafeString("")
        commit = section.commit
        if commit and section.begins and (commit.subject or commit.message):
            table = Table(
                f"m{commit.position}", f"{commit.position}:", self._look,
                self._under(commit.position, ""),
            )  # fmt: skip
            message = table.message(plain_rows(message_lines(commit.subject, commit.message)))
        return SectionView(section, message, [self.file(each) for each in section.files])

    def file(self, shown: ShownFile) -> FileView:
        """One file with its rows and threads."""
        file = shown.file
        under = self._under(file.commit, file.path)
        # A row has no line of one side, or of the other: only lines go into the table.
        about = [mark_safe(html) for (_, line), html in under.items() if not line]  # noqa: S308
        lines = {at: html for at, html in under.items() if at[1]}
        table = Table(file.lines_anchor, file.name, self._look, lines)
        tables = table.html(shown.parts, shown.painted)
        rest = [mark_safe(lines[at]) for at in lines if at not in table.placed]  # noqa: S308
        height = _height(shown)
        return FileView(file, shown.is_folded, tables, about, rest, table.whole_file, height)

    def _under(self, commit: int, path: str) -> dict[tuple[str, int], str]:
        """Threads as HTML by the side and line under which they stand."""
        found: dict[tuple[str, int], str] = defaultdict(str)
        for talk in self._by_file.get((commit, path), ()):
            if talk.where:
                found[talk.where.side.value, talk.where.end] += self.talk(talk)
        return found


def _height(shown: ShownFile) -> str:
    rows = sum(len(painted.rows) for painted in shown.painted)
    return next((name for most, name in _HEIGHTS if rows <= most), "rows-many")


# ---- between versions


def _since(request: HttpRequest, version: PatchVersion) -> HttpResponseBase:
    old = get_object_or_404(version.patch.versions, number=number_in(request.GET, "since"))
    if old.number >= version.number:
        raise Http404
    reason, found = "", Between()
    try:
        found = between(old, version)
    except CannotBeShown as error:
        reason = str(error)
    context = frame(request, version) | {
        "old": old,
        "reason": reason,
        "between": found,
        "entries": [(entry, coloured(entry.text, is_nested=True)) for entry in found.entries],
        "text": coloured(found.text),
    }
    return render(request, "patches/diff_since.html", context)


# ---- one line, whole


@require_safe
@page
def whole_line(request: HttpRequest, patch: int, version: int) -> HttpResponseBase:
    """A line that is too long for the page, as plain text."""
    read = the_version(the_patch(request, patch), version)
    place = read_place(request.GET.get("at", ""))
    line = read_whole_line(read, place) if place else None
    if line is None:
        raise Http404
    response = HttpResponse(line, content_type="text/plain; charset=utf-8")
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Content-Disposition"] = "inline"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
