"""Changing what is said of a patch: only what was touched is asked for."""

from __future__ import annotations

import json
import re
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.policies import Denied, require
from patches.intake import submitting
from patches.models import Patch
from patches.policies import rights_on
from patches.web.forms import MOST_COMPONENTS, EditForm, read_fixes
from patches.web.pages import the_patch
from tracker.changes import Conflict, FieldsMoved, fingerprint
from tracker.drafts import DraftErrors, Faults
from tracker.models import Door, Problem
from tracker.policies import visible_problems
from tracker.web.pages import person_of, signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def edit(request: HttpRequest, patch: int) -> HttpResponseBase:
    """The form; POST changes what was touched."""
    shown = the_patch(request, patch)
    rights = rights_on(request.user, shown)
    require(rights["edit"])
    words = _words(request, shown)
    typed = request.POST if request.method == "POST" else None
    slugs = shown.product.components.order_by("slug").values_list("slug", flat=True)
    form = EditForm(typed, initial=words, components=list(slugs[: MOST_COMPONENTS + 1]))
    if not rights["set_confidential"]:
        del form.fields["is_confidential"]
    status, base = 200, _read_base(request.POST.get("base", ""))
    if request.method == "POST":
        try:
            _change(request, shown, form, words, base)
            return redirect("patch", patch=patch)
        except DraftErrors as faults:
            status = 400
            form.refuse(faults.errors)
        except FieldsMoved as moved:
            status = 409
            form.refuse({name: [_theirs(words, name)] for name in moved.fields})
            base |= {name: fingerprint(words[name]) for name in moved.fields}
        except Conflict as conflict:
            status = 409
            form.refuse({"": [str(conflict)]})
        except Denied as denied:
            status = 403
            form.refuse({"": [denied.reason]})
    prints = {name: fingerprint(words[name]) for name in form.fields}
    context = {"patch": shown, "form": form, "base": json.dumps(prints | base)}
    return render(request, "patches/edit.html", context, status=status)


def _words(request: HttpRequest, patch: Patch) -> dict[str, Any]:
    """What the form shows: of what it fixes, what the person may know of."""
    return {
        "title": patch.title,
        "description": patch.description,
        "target": patch.target,
        "fixes": " ".join(str(problem.pk) for problem in _known_fixes(request, patch)),
        "components": " ".join(patch.components.order_by("slug").values_list("slug", flat=True)),
        "is_confidential": patch.is_confidential,
    }


def _known_fixes(request: HttpRequest, patch: Patch) -> list[Problem]:
    return list(visible_problems(request.user).filter(patch_fixes__patch=patch).order_by("pk"))


def _theirs(words: dict[str, Any], name: str) -> str:
    """What somebody else made of a field."""
    if name in {"description", "is_confidential"}:
        return "Somebody else changed this meanwhile. Save again to have it as it is here."
    now = f"“{words[name]}”" if words[name] else "empty"
    return f"Somebody else changed this meanwhile: it is {now}. Save again to have it as here."


def _change(
    request: HttpRequest, patch: Patch, form: EditForm, words: dict[str, Any], base: dict[str, str]
) -> None:
    if not base:
        raise Conflict("This form came without what it showed. Look at it and save again.")
    touched = {
        name: value
        for name, value in form.words().items()
        if name in base and fingerprint(value) != base[name]
    }
    moved = [name for name in touched if fingerprint(words[name]) != base[name]]
    if moved:
        raise FieldsMoved(moved)
    if not touched:
        messages.info(request, "Nothing was changed: everything was so already.")
        return
    faults = Faults()
    if "fixes" in touched:
        touched["fixes"] = _fixes(request, patch, touched["fixes"], faults)
    if "components" in touched:
        slugs = re.split(r"[\s,]+", touched["components"].strip(" ,"))
        named = submitting.check_components(patch.product, filter(None, slugs), faults)
        touched["components"] = named
    faults.raise_if_any()
    submitting.edit(patch, person_of(request), Door.WEB, **touched)


def _fixes(request: HttpRequest, patch: Patch, typed: str, faults: Faults) -> list[Problem]:
    """What it is to fix now; what the person may not know of stays."""
    named = read_fixes(typed, request.user, faults)
    known = {problem.pk for problem in _known_fixes(request, patch)}
    return [*named, *patch.fixes.exclude(pk__in=known)]


def _read_base(text: str) -> dict[str, str]:
    try:
        read = json.loads(text[:10_000])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(read, dict):
        return {}
    return {str(k): str(v) for k, v in read.items() if k in EditForm.base_fields}
