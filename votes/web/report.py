"""Reporting a problem, with those that it may be the same as beside it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import require
from tracker.drafts import DraftErrors, ProblemDraft
from tracker.models import Door, Product
from tracker.policies import may
from tracker.services import attach_all, report
from tracker.similar import FEW, MOST, WORTH_A_LOOK, Similar, similar_problems
from tracker.suggesting import LEAST_SHARE, Suggestion, tally
from tracker.web.comments import uploads_of
from tracker.web.forms import Choices, ReportForm
from tracker.web.pages import new_form_token, once, page, person_of, signed_in
from votes.selectors import votes_of

DRAFT_FIELDS = (
    *("product", "component", "synopsis", "description", "how_to_repeat", "kind", "severity"),
    *("release", "architecture", "hardware", "is_confidential"),
)
_COMPARED = ("synopsis", "description", "component")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: HttpRequest) -> HttpResponseBase:
    """The form of a report; first of all, the choice of a product."""
    require(may("problem.report", request.user))
    products = list(Product.objects.filter(is_active=True))
    if request.method == "POST":
        return _send(request, products)
    product = _chosen(products, request.GET.get("product", ""))
    if product is None:
        context = {"products": products, "may_make": may("product.manage", request.user)}
        return render(request, "problems/new_product.html", context)
    initial = {name: request.GET.get(name, "") for name in DRAFT_FIELDS if request.GET.get(name)}
    initial.update(product=product.slug, kind=initial.get("kind", "defect"))
    initial.setdefault("severity", "normal")
    form = _form(None, product, products, initial=initial)
    return _page(request, form, product)


def _chosen(products: list[Product], slug: str) -> Product | None:
    """The product that was named, or the only one there is."""
    if len(products) == 1:
        return products[0]
    return next((product for product in products if product.slug == slug), None)


def _form(data: Any, product: Product | None, products: list[Product], **kwargs: Any) -> ReportForm:
    choices: Choices = [(p.slug, p.title) for p in products]
    return ReportForm(data, product=product, products=choices, **kwargs)


def _page(
    request: HttpRequest, form: ReportForm, product: Product | None, status: int = 200
) -> HttpResponseBase:
    context = {
        "form": form,
        "product": product,
        "form_token": request.POST.get("form_token") or new_form_token(),
        "lost_files": bool(request.FILES),
        **_similar(request, product, *(str(form[name].value() or "") for name in _COMPARED)),
    }
    return render(request, "problems/new.html", context, status=status)


def _send(request: HttpRequest, products: list[Product]) -> HttpResponseBase:
    product = _chosen(products, request.POST.get("product", ""))
    # Without scripts these buttons show what may be the same problem, and take the component that
    # is suggested, before anything is sent.
    if "take" in request.POST:
        taken = request.POST.copy()
        taken["component"] = request.POST.get("take", "")
        return _page(request, _form(taken, product, products), product)
    form = _form(request.POST, product, products)
    if "look" in request.POST:
        return _page(request, form, product)
    words = form.words()
    draft = ProblemDraft(**{name: words[name] for name in DRAFT_FIELDS if name in words})
    try:
        return HttpResponseRedirect(
            once(request, lambda: _make(request, draft), uploads_of(request))
        )
    except DraftErrors as faults:
        errors = dict(faults.errors)
        form.refuse({"uploads": errors.pop("file", []), **errors})
        return _page(request, form, product, status=400)


def _make(request: HttpRequest, draft: ProblemDraft) -> str:
    """The report and its files, inside one transaction."""
    person = person_of(request)
    problem = report(draft, person, Door.WEB)
    attach_all(problem, person, uploads_of(request), Door.WEB)
    messages.success(request, f"Thank you. This is problem #{problem.pk}, and your +1 is on it.")
    return problem.get_absolute_url()


@require_safe
@page
def choices(request: HttpRequest) -> HttpResponseBase:
    """The components and releases of another product: a fragment for the form."""
    products = list(Product.objects.filter(is_active=True))
    product = _chosen(products, request.GET.get("product", ""))
    form = _form(None, product, products)
    return render(request, "problems/new_choices.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@page
def similar(request: HttpRequest) -> HttpResponseBase:
    """What may be the same problem, with a +1 beside each: a fragment for the form.

    The form posts, because a description is too long for an address; nothing is kept.
    """
    said = request.POST if request.method == "POST" else request.GET
    products = list(Product.objects.filter(is_active=True))
    product = _chosen(products, said.get("product", ""))
    context = _similar(request, product, *(said.get(name, "") for name in _COMPARED))
    return render(request, "problems/similar.html", context)


def _similar(
    request: HttpRequest, product: Product | None, synopsis: str, description: str, component: str
) -> dict[str, Any]:
    if product is None or len(synopsis.strip()) < 3:
        return {"similar": []}
    found = similar_problems(request.user, product.slug, synopsis, description, MOST)
    shown = [each for each in found[:FEW] if each.score >= WORTH_A_LOOK]
    own = votes_of(request.user, [each.problem for each in shown])
    rows = [
        (each.problem, own[each.problem.pk].status if each.problem.pk in own else "", each.words)
        for each in shown
    ]
    return {
        "similar": rows,
        "suggested": _suggested(found, product, component),
        "looked": True,
        "back": f"/problems/new?product={product.slug}",
    }


def _suggested(found: list[Similar], product: Product, component: str) -> Suggestion | None:
    """The likeliest component, where it is not chosen already and half of the weight says so."""
    first = next(iter(tally(found, product.slug)), None)
    if first is None or first.share < LEAST_SHARE or first.component.slug == component:
        return None
    return first
