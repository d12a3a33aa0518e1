"""Comments and attachments: adding them, taking them away as downloads, and the preview."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import Viewer
from tracker import markdown
from tracker.changes import Conflict, ProblemChange
from tracker.downloads import download
from tracker.drafts import DraftErrors, Faults
from tracker.models import TEXT_CHARS, Door, Problem, Resolution, State
from tracker.policies import rights_on
from tracker.services import attach_all, change, comment
from tracker.web.edit import OUTCOME, base_of, outcome_choices, read_base
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
    form = comment_form(request, problem, request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        uploads = uploads_of(request)
        try:
            return HttpResponseRedirect(once(request, lambda: _add(request, problem), uploads))
        except DraftErrors as faults:
            errors, status = dict(faults.errors), 400
            form.refuse({**errors, "uploads": errors.pop("file", [])})
        except Conflict as conflict:
            status = 409
            form.refuse({"then": [str(conflict)]})
    context = {
        "problem": problem,
        "form": form,
        "form_token": request.POST.get("form_token") or new_form_token(),
    }
    return render(request, "problems/comment.html", context, status=status)


def comment_form(
    request: HttpRequest, problem: Problem, data: QueryDict | None = None
) -> CommentForm:
    """The form of a comment, with what this person may set the problem to at the same time."""
    outcomes = outcome_choices(problem, rights_on(request.user, problem))
    initial = {"then": likely_outcome(problem, request.user)}
    base = base_of(problem, OUTCOME, request.user)
    return CommentForm(data, outcomes=outcomes, base=base, initial=initial)


def likely_outcome(problem: Problem, viewer: Viewer) -> str:
    """What the form offers: a reporter whose time ran out answers to have it opened again."""
    is_late = problem.resolution == Resolution.FEEDBACK_TIMEOUT
    is_reporter = viewer is not None and viewer.pk is not None and viewer.pk == problem.reporter_id
    return State.OPEN.value if is_late and is_reporter else ""


def _add(request: HttpRequest, problem: Problem) -> str:
    person, uploads = person_of(request), uploads_of(request)
    text, then = request.POST.get("text", ""), request.POST.get("then", "")
    if not text.strip() and not uploads and not then:
        faults = Faults()
        faults.add("text", "Write something, or choose a file.")
        faults.raise_if_any()
    attachments = attach_all(problem, person, uploads, Door.WEB)
    place = "#attachments" if attachments else ""
    if text.strip():
        added = comment(problem, person, text, Door.WEB, attachments)
        place = f"#comment-{added.pk}"
    if then:
        state, _, resolution = then.partition("/")
        asked = ProblemChange(state=state, resolution=resolution)
        change(problem, person, asked, Door.WEB, base=read_base(request.POST, "then_base"))
    return f"{problem.get_absolute_url()}{place}"


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
