"""Comments and attachments: adding them, taking them away as downloads, and the preview."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tracker import markdown
from tracker.downloads import download
from tracker.drafts import DraftErrors, Faults
from tracker.models import TEXT_CHARS, Door, Problem
from tracker.services import attach_all, comment
from tracker.web.forms import CommentForm
from tracker.web.pages import (
    is_htmx,
    new_form_token,
    once,
    page,
    person_of,
    signed_in,
    the_problem,
    with_place,
)


def uploads_of(request: HttpRequest) -> list[UploadedFile]:
    """The files of a form's field `uploads`; an empty choice is none."""
    return [upload for upload in request.FILES.getlist("uploads") if upload]


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def add_comment(request: HttpRequest, number: int) -> HttpResponseBase:
    """Add a comment with its files; what is wrong comes back with the text as typed."""
    problem = the_problem(request, number, with_place)
    form = CommentForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        uploads = uploads_of(request)
        try:
            return HttpResponseRedirect(once(request, lambda: _add(request, problem), uploads))
        except DraftErrors as faults:
            errors = dict(faults.errors)
            form.refuse({**errors, "uploads": errors.pop("file", [])})
    context = {
        "problem": problem,
        "form": form,
        "form_token": request.POST.get("form_token") or new_form_token(),
    }
    return render(request, "problems/comment.html", context, status=400 if form.errors else 200)


def _add(request: HttpRequest, problem: Problem) -> str:
    person, uploads = person_of(request), uploads_of(request)
    text = request.POST.get("text", "")
    if not text.strip() and not uploads:
        faults = Faults()
        faults.add("text", "Write something, or choose a file.")
        faults.raise_if_any()
    attachments = attach_all(problem, person, uploads, Door.WEB)
    if not text.strip():
        return f"{problem.get_absolute_url()}#attachments"
    added = comment(problem, person, text, Door.WEB, attachments)
    return f"{problem.get_absolute_url()}#comment-{added.pk}"


@require_POST
@signed_in
def attach(request: HttpRequest, number: int) -> HttpResponseBase:
    """Add files without a word."""
    return add_comment(request, number)


@require_safe
@page
def attachment(request: HttpRequest, number: int, pk: int, name: str) -> HttpResponseBase:
    """A file, as a download. The name in the address is for the reader only."""
    problem = the_problem(request, number, with_place)
    found = get_object_or_404(problem.attachments, pk=pk)
    return download(request, found)


@require_POST
@signed_in
def preview(request: HttpRequest) -> HttpResponseBase:
    """What texts will look like: a fragment for the page that asks, a page without scripts."""
    titles = {"text": "", "description": "", "how_to_repeat": "How to repeat it"}
    shown = [
        (title, markdown.render(request.POST[name][:TEXT_CHARS]))
        for name, title in titles.items()
        if request.POST.get(name)
    ]
    template = "preview.html" if is_htmx(request) else "preview_page.html"
    return render(request, f"problems/{template}", {"shown": shown or [("", "")]})
