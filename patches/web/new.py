"""Bringing a patch, and a new version of one: read first, shown if wanted, then kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.policies import require
from patches.intake import submitting
from patches.models import Patch
from patches.parsed import ParsedPatch
from patches.policies import may, visible_patches
from patches.web.forms import NewForm, VersionForm, read_fixes, read_patch, text_of, uploads_of
from patches.web.pages import the_patch
from tracker.changes import Conflict
from tracker.drafts import DraftErrors, Faults, find_product
from tracker.models import Door, Problem, Product
from tracker.policies import visible_problems
from tracker.web.edit import number_in
from tracker.web.forms import Choices, WordsForm
from tracker.web.pages import new_form_token, once, person_of, signed_in

form_methods = require_http_methods(["GET", "HEAD", "POST"])


@form_methods
@signed_in
def new(request: HttpRequest) -> HttpResponseBase:
    """The form of a new patch; POST shows what was recognised, or keeps it."""
    require(may("patch.submit", request.user))
    sent = request.POST if request.method == "POST" else None
    form = NewForm(sent, products=_products(), initial=_initial(request))
    context: dict[str, Any] = {"title": "Submit a patch"}
    if sent is None or "look" in sent:
        return _show(request, form, context)
    return _kept(request, form, context, lambda: _submit(request))


@form_methods
@signed_in
def new_version(request: HttpRequest, patch: int) -> HttpResponseBase:
    """The form of the next version."""
    shown = the_patch(request, patch)
    require(may("patch.add_version", request.user, shown))
    sent = request.POST if request.method == "POST" else None
    form = VersionForm(sent)
    context = {"title": "New version", "patch": shown}
    if sent is None or "look" in sent:
        return _show(request, form, context)
    return _kept(request, form, context, lambda: _add_version(request, shown))


def _products() -> Choices:
    rows = Product.objects.filter(is_active=True).order_by("title")
    found = [(p.slug, p.title) for p in rows]
    return found if len(found) == 1 else [("", "choose one"), *found]


def _initial(request: HttpRequest) -> dict[str, str]:
    """`?problem=12` says what it fixes, and so of which product it is."""
    number = number_in(request.GET, "problem")
    problem = visible_problems(request.user).select_related("product").filter(pk=number).first()
    if problem is None:
        return {"product": request.GET.get("product", "")}
    return {"product": problem.product.slug, "fixes": str(problem.pk)}


def _show(
    request: HttpRequest, form: WordsForm, context: dict[str, Any], status: int = 200
) -> HttpResponseBase:
    """The form; after a wish to look with what was recognised, kept in it."""
    if request.method == "POST" and not form.errors:
        faults = Faults()
        parsed = read_patch(request, faults)
        form.refuse(faults.errors)
        status = 400 if faults.errors else 200
        if parsed is not None:
            context |= _recognised(request, parsed)
            form.data = _filled(request, form, parsed)
    lost = bool(uploads_of(request)) and not form.data.get("text", "")
    context |= {
        "form": form,
        "lost_files": lost,
        "form_token": request.POST.get("form_token") or new_form_token(),
    }
    return render(request, "patches/new.html", context, status=status)


def _kept(
    request: HttpRequest, form: WordsForm, context: dict[str, Any], keep: Any
) -> HttpResponseBase:
    """Where the patch is now; or the form with what is wrong."""
    try:
        return HttpResponseRedirect(once(request, keep, uploads_of(request)))
    except DraftErrors as faults:
        form.refuse(faults.errors)
        return _show(request, form, context, 400)
    except Conflict as conflict:
        form.refuse({"": [str(conflict)]})
        return _show(request, form, context, 409)


def _recognised(request: HttpRequest, parsed: ParsedPatch) -> dict[str, Any]:
    """What the page says of a patch that was read; `same` are those that have its content."""
    same = visible_patches(request.user).filter(versions__content=parsed.content)
    return {"parsed": parsed, "same": list(same.distinct().order_by("number")[:3])}


def _filled(request: HttpRequest, form: WordsForm, parsed: ParsedPatch) -> QueryDict:
    """What was sent, with what the patch itself says where nothing was typed."""
    data = request.POST.copy()
    uploads = uploads_of(request)
    if uploads:
        data["text"] = text_of(uploads)
    if isinstance(form, NewForm):
        data["looked"] = "1"
        for name, value in (("title", parsed.title), ("description", parsed.description)):
            data[name] = data.get(name, "") or value
        if not data.get("fixes", "").strip():
            named = _named(request, parsed, data.get("product", ""))
            data["fixes"] = " ".join(str(problem.pk) for problem in named)
    return data


def _named(request: HttpRequest, parsed: ParsedPatch, product: str) -> Iterable[Problem]:
    """The problems that the patch itself names, of this product and known to the person."""
    rows = visible_problems(request.user).filter(product__slug=product)
    return rows.filter(pk__in=list(parsed.named_problems)).order_by("pk")


def _submit(request: HttpRequest) -> str:
    words = request.POST
    faults = Faults()
    product = find_product(words.get("product", ""), faults)
    parsed = read_patch(request, faults)
    fixes = read_fixes(words.get("fixes", ""), request.user, faults)
    faults.raise_if_any()
    assert product is not None  # noqa: S101 - else there were faults
    assert parsed is not None  # noqa: S101
    if not fixes and "looked" not in words:
        fixes = list(_named(request, parsed, product.slug))
    submitting.refuse_doubled(parsed, person_of(request), product, words.get("target", ""))
    patch = submitting.submit(
        parsed,
        person_of(request),
        Door.WEB,
        product,
        title=words.get("title", ""),
        description=words.get("description", ""),
        fixes=fixes,
        target=words.get("target", ""),
        is_confidential="is_confidential" in words,
        note=words.get("note", ""),
    )
    return patch.get_absolute_url()


def _add_version(request: HttpRequest, patch: Patch) -> str:
    faults = Faults()
    parsed = read_patch(request, faults)
    faults.raise_if_any()
    assert parsed is not None  # noqa: S101 - else there were faults
    note, latest = request.POST.get("note", ""), patch.latest
    version = submitting.add_version(patch, parsed, person_of(request), Door.WEB, note=note)
    if version.number <= latest:
        messages.info(request, f"Version {version.number} is the very same: nothing was added.")
    return f"{patch.get_absolute_url()}#versions"
