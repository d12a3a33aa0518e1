"""Putting right what is a version of what: a version taken out, a patch joined with another."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.policies import require
from patches.intake import regrouping
from patches.models import Patch
from patches.policies import may, visible_patches
from patches.web.pages import the_patch, the_version
from tracker.changes import Conflict
from tracker.drafts import DraftErrors
from tracker.models import Door
from tracker.text import number_of
from tracker.web.forms import WordsForm, line_field
from tracker.web.pages import person_of, signed_in

form_methods = require_http_methods(["GET", "HEAD", "POST"])


class JoinForm(WordsForm):
    """The patch of which this one is a version."""

    into = line_field("Of which patch", 20, "Its number.", required=True, inputmode="numeric")


@form_methods
@signed_in
def take_out(request: HttpRequest, patch: int, version: int) -> HttpResponseBase:
    """Whether the newest version shall be a patch of its own; POST makes it one."""
    shown = the_patch(request, patch)
    require(may("patch.add_version", request.user, shown))
    taken, form, status = the_version(shown, version), WordsForm(None), 200
    if request.method == "POST":
        try:
            made = regrouping.take_out(taken, person_of(request), Door.WEB)
            messages.success(request, f"It is patch {made.pk} now.")
            return redirect(made.get_absolute_url())
        except (Conflict, DraftErrors) as refused:
            status = 409
            form.refuse({"": _sentences(refused)})
    context = {"patch": shown, "version": taken, "form": form}
    return render(request, "patches/take_out.html", context, status=status)


@form_methods
@signed_in
def join(request: HttpRequest, patch: int) -> HttpResponseBase:
    """Of which patch this one is a version; POST makes it the next one there."""
    shown = the_patch(request, patch)
    require(regrouping.may_end(person_of(request), shown))
    form = JoinForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        into = _named(request)
        if into is None:
            status = 400
            form.refuse({"into": ["There is no such patch: write its number, such as 12."]})
        else:
            require(may("patch.add_version", request.user, into))
            try:
                version = regrouping.join(shown, into, person_of(request), Door.WEB)
                messages.success(request, f"It is version {version.number} of this patch now.")
                return redirect(into.get_absolute_url())
            except (Conflict, DraftErrors) as refused:
                status = 409
                form.refuse({"": _sentences(refused)})
    return render(request, "patches/join.html", {"patch": shown, "form": form}, status=status)


def _named(request: HttpRequest) -> Patch | None:
    number = number_of(request.POST.get("into", "").strip().removeprefix("#"))
    return visible_patches(request.user).filter(pk=number).first()


def _sentences(refused: Conflict | DraftErrors) -> list[str]:
    return [str(refused)] if isinstance(refused, Conflict) else refused.sentences
