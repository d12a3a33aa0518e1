"""What people say on the lines of a version: comments, answers, resolving, suggestions.

Each works as a plain form that leads back to the diff. For a script (`HX-Request`) the answer is
the thread as it is now, or `data-removed` for one that is gone, and the bar of what is not sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods, require_POST

from accounts.policies import require
from patches.git.running import GitFailed
from patches.models import LineComment, PatchVersion, Thread
from patches.policies import may
from patches.reading.places import Place, read_place
from patches.reading.suggestions import fenced
from patches.reviews import reviewing
from patches.web.diff_frame import address_of, frame, talk_html
from patches.web.diff_lines import lines_at
from patches.web.pages import the_patch, the_version
from tracker.changes import Conflict
from tracker.drafts import DraftErrors, Faults
from tracker.models import Door
from tracker.text import number_of
from tracker.web.edit import number_in
from tracker.web.forms import WordsForm, line_field, text_field
from tracker.web.pages import is_htmx, new_form_token, once, person_of, safe_next, signed_in

_NUMBER: Final[dict[str, Any]] = {"inputmode": "numeric", "autocomplete": "off"}
_FOCUSED_BY_C: Final[dict[str, Any]] = {"data-comment": "", "class": "code"}


class LinesForm(WordsForm):
    """A comment on lines that can be chosen without a script."""

    start = line_field("From line", 9, **_NUMBER)
    end = line_field("To line", 9, **_NUMBER)
    text = text_field("Comment", rows=8, **_FOCUSED_BY_C)


class WordsOnly(WordsForm):
    """The words of an answer, or others for a comment."""

    text = text_field("Comment", rows=8, **_FOCUSED_BY_C)


# ---- beginning a thread


def comment_page(request: HttpRequest, version: PatchVersion) -> HttpResponseBase:
    """The form for some lines, as a page of its own."""
    place = read_place(request.GET.get("comment", ""))
    if place is None:
        raise Http404
    require(may("patch.review", request.user, version.patch))
    lines = lines_at(version, place)
    initial: dict[str, int | str] = {"start": place.start, "end": place.end}
    if request.GET.get("suggest") and lines:
        initial["text"] = fenced("\n".join(lines))
    return _comment_page(request, version, place, LinesForm(initial=initial), lines)


def _comment_page(
    request: HttpRequest,
    version: PatchVersion,
    place: Place,
    form: LinesForm,
    lines: list[str],
    status: int = 200,
) -> HttpResponse:
    context = {
        "patch": version.patch,
        "version": version,
        "place": place,
        "form": form,
        "lines": lines,
        "back": address_of(version.patch, version.number, place),
        "form_token": request.POST.get("form_token") or new_form_token(),
    }
    return render(request, "patches/diff_comment.html", context, status=status)


@require_POST
@signed_in
def comment(request: HttpRequest, patch: int, version: int) -> HttpResponseBase:
    """Begin a thread, in the draft. `place` names the lines, `start` and `end` may widen them."""
    read = the_version(the_patch(request, patch), version)
    place = _widened(request, read_place(request.POST.get("place", "")))

    def add() -> Thread:
        added = reviewing.add_line_comment(
            read, person_of(request), request.POST.get("text", ""),
            commit=place.commit, path=place.path, side=place.side.value,
            start=place.start, end=place.end,
        )  # fmt: skip
        return added.thread

    def refused(faults: DraftErrors) -> HttpResponse:
        form = LinesForm(request.POST)
        form.refuse(faults.errors)
        return _comment_page(request, read, place, form, lines_at(read, place), 400)

    return _done(request, read, add, refused)


def _widened(request: HttpRequest, place: Place | None) -> Place:
    if place is None:
        raise Http404
    start = number_in(request.POST, "start") or place.start
    end = number_in(request.POST, "end") or start
    return replace(place, start=min(start, end), end=max(start, end))


# ---- in a thread


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def answer(request: HttpRequest, patch: int, version: int, thread: int) -> HttpResponseBase:
    """Add to a thread, in the draft; `resolves` resolves it with sending."""
    read = the_version(the_patch(request, patch), version)
    found = _thread(request, read, thread)
    if request.method != "POST":
        return _words_page(request, read, WordsOnly(), "Answer", request.path)
    resolves = {"1": True, "0": False}.get(request.POST.get("resolves", ""))

    def add() -> Thread:
        words = request.POST.get("text", "")
        reviewing.answer(found, person_of(request), words, version=read, resolves=resolves)
        return found

    return _done(request, read, add, _refused(request, read, "Answer"))


@require_POST
@signed_in
def resolve(request: HttpRequest, patch: int, version: int, thread: int) -> HttpResponseBase:
    """Resolve a thread now, or open it again."""
    read = the_version(the_patch(request, patch), version)
    found = _thread(request, read, thread)

    def settle() -> Thread:
        resolved = request.POST.get("resolved") == "1"
        reviewing.resolve(found, person_of(request), Door.WEB, resolved=resolved)
        return found

    return _done(request, read, settle, _refused(request, read, "Answer"))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def edit(request: HttpRequest, patch: int, version: int, comment: int) -> HttpResponseBase:
    """Other words for a comment that is not sent."""
    read = the_version(the_patch(request, patch), version)
    if request.method != "POST":
        found = get_object_or_404(_own(request, read), pk=comment)
        form = WordsOnly(initial={"text": found.text})
        return _words_page(request, read, form, "Edit your comment", request.path)

    def change() -> Thread:
        found = _still_there(request, read, comment)
        reviewing.edit_line_comment(found, person_of(request), request.POST.get("text", ""))
        return found.thread

    return _done(request, read, change, _refused(request, read, "Edit your comment"))


@require_POST
@signed_in
def remove(request: HttpRequest, patch: int, version: int, comment: int) -> HttpResponseBase:
    """Take a comment out of the draft."""
    read = the_version(the_patch(request, patch), version)

    def drop() -> Thread:
        found = _still_there(request, read, comment)
        reviewing.remove_line_comment(found, person_of(request))
        return found.thread

    return _done(request, read, drop, _refused(request, read, "Edit your comment"))


@require_POST
@signed_in
def apply(request: HttpRequest, patch: int, version: int) -> HttpResponseBase:
    """Make a version of the suggestions that were chosen."""
    shown = the_patch(request, patch)
    read = the_version(shown, version)
    chosen = [number_of(word) for word in request.POST.getlist("comments")[:100]]
    comments = LineComment.objects.filter(
        pk__in=chosen, thread__patch=shown, review__sent_at__isnull=False
    ).order_by("id")

    def make() -> str:
        found = list(comments)
        if not found:
            faults = Faults()
            faults.add("comments", "Choose at least one suggestion.")
            faults.raise_if_any()
        made = reviewing.apply_suggestions(shown, person_of(request), found, Door.WEB)
        return address_of(shown, made.number, None)

    try:
        address = once(request, make)
    except (DraftErrors, Conflict, GitFailed) as fault:
        for sentence in _sentences(fault):
            messages.error(request, sentence)
        address = safe_next(request, address_of(shown, read.number, None))
    return HttpResponseRedirect(address)


# ---- what all share


def _thread(request: HttpRequest, version: PatchVersion, thread: int) -> Thread:
    return get_object_or_404(
        reviewing.threads_for(version.patch, request.user).select_related("patch"), pk=thread
    )


def _own(request: HttpRequest, version: PatchVersion) -> QuerySet[LineComment]:
    rows = LineComment.objects.select_related("review__patch", "thread")
    return rows.filter(review__author=person_of(request), review__patch=version.patch)


def _still_there(request: HttpRequest, version: PatchVersion, comment: int) -> LineComment:
    """One's own comment, which one may have removed in another window."""
    found = _own(request, version).filter(pk=comment).first()
    if found is None:
        raise Conflict("That comment is no longer there.")
    return found


Refused = Callable[[DraftErrors], HttpResponse]


def _refused(request: HttpRequest, version: PatchVersion, title: str) -> Refused:
    """A page with the words as they were sent, and what is wrong with them."""

    def answer(faults: DraftErrors) -> HttpResponse:
        form = WordsOnly(request.POST)
        form.refuse(faults.errors)
        return _words_page(request, version, form, title, request.path, 400)

    return answer


def _words_page(
    request: HttpRequest,
    version: PatchVersion,
    form: WordsForm,
    title: str,
    action: str,
    status: int = 200,
) -> HttpResponse:
    context = {
        "patch": version.patch, "version": version, "form": form, "title": title, "action": action,
        "resolves": request.POST.get("resolves", ""),
        "form_token": request.POST.get("form_token") or new_form_token(),
    }  # fmt: skip
    return render(request, "patches/diff_words.html", context, status=status)


def _done(
    request: HttpRequest, version: PatchVersion, work: Callable[[], Thread], refused: Refused
) -> HttpResponseBase:
    """Do it, then show the thread: in its place for a script, on its page else."""
    made: list[Thread] = []

    def address() -> str:
        made.append(work())
        return address_of(version.patch, version.number, None, made[0].pk)

    try:
        to = once(request, address)
    except DraftErrors as faults:
        return _problem(faults) if is_htmx(request) else refused(faults)
    except Conflict as conflict:
        if is_htmx(request):
            return _problem(conflict)
        if request.POST.get("text"):
            # What was typed is not lost.
            return refused(DraftErrors({"": [str(conflict)]}))
        messages.error(request, str(conflict))
        return HttpResponseRedirect(address_of(version.patch, version.number, None))
    if is_htmx(request):
        return _fragment(request, version, int(to.rpartition("-")[2]))
    return HttpResponseRedirect(to)


def _fragment(request: HttpRequest, version: PatchVersion, thread: int) -> HttpResponse:
    context: dict[str, Any] = frame(request, version)
    talk = next((talk for talk in context["talks"] if talk.thread.pk == thread), None)
    if talk is None:
        html = format_html('<div id="thread-{}" data-removed></div>', thread)
    else:
        html = talk_html(request, context, talk)
    return HttpResponse(html + render_to_string("patches/diff_bar.html", context, request))


def _problem(fault: DraftErrors | Conflict) -> HttpResponse:
    """What a script shows beside the form that it sent."""
    words = " ".join(_sentences(fault))
    status = 409 if isinstance(fault, Conflict) else 400
    return HttpResponse(words, content_type="text/plain; charset=utf-8", status=status)


def _sentences(fault: DraftErrors | Conflict | GitFailed) -> list[str]:
    if isinstance(fault, GitFailed):
        return [f"No version was made. {fault.reason} Try again later."]
    return [str(fault)] if isinstance(fault, Conflict) else fault.sentences
