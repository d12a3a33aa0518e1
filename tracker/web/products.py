"""Managing products, components, their maintainers and releases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.policies import Denied, require
from tracker import products
from tracker.drafts import DraftErrors
from tracker.models import Component, Product, Release
from tracker.policies import may
from tracker.products import ADDRESS_CHARS, BRANCH_CHARS, SLUG_CHARS, TITLE_CHARS
from tracker.web.forms import WordsForm, choice_field, line_field, set_choices, text_field
from tracker.web.pages import person_of, signed_in

form_methods = require_http_methods(["GET", "HEAD", "POST"])

SLUG_HELP = "Stands in addresses and cannot be changed later: lower-case letters, digits, dashes."
BRANCH_HELP = "The line that it is of, such as “stable/15”; empty for the main line."
LIST_HELP = "Gets a digest every week, of public problems only; empty for none."
HANDLES_HELP = "Handles with spaces between. They get the role of a developer."


class ProductForm(WordsForm):
    """What a product is."""

    title = line_field("Title", TITLE_CHARS, required=True)
    description = text_field("Description", "One or two sentences.", rows=3)
    is_active = forms.BooleanField(label="Takes new reports", required=False)


class NewProductForm(WordsForm):
    """A product with its first component."""

    title = line_field("Title", TITLE_CHARS, required=True)
    slug = line_field("Short name", SLUG_CHARS, SLUG_HELP, required=True, placeholder="base")
    description = text_field("Description", "One or two sentences.", rows=3)
    component = line_field(
        "First component",
        TITLE_CHARS,
        "Reports are made against a part of a product. One is enough to begin with.",
    )
    maintainers = line_field("Its maintainers", 2000, HANDLES_HELP)


class ComponentForm(WordsForm):
    """A part of a product, and who looks after it."""

    title = line_field("Title", TITLE_CHARS, required=True)
    description = text_field("Description", "What belongs to it, so that people choose right.", 3)
    maintainers = line_field("Maintainers", 2000, HANDLES_HELP)
    list_address = line_field("Address of its mailing list", ADDRESS_CHARS, LIST_HELP)
    is_active = forms.BooleanField(label="Takes new reports", required=False)


class NewComponentForm(WordsForm):
    """A new part of a product."""

    title = line_field("Title", TITLE_CHARS, required=True)
    slug = line_field("Short name", SLUG_CHARS, f"{SLUG_HELP} Made of the title if left empty.")
    description = text_field("Description", "What belongs to it, so that people choose right.", 3)
    maintainers = line_field("Maintainers", 2000, HANDLES_HELP)


class NewReleaseForm(WordsForm):
    """A new release of a line of development."""

    name = line_field("Name", 50, required=True, placeholder="15.0")
    branch = line_field("Branch", BRANCH_CHARS, BRANCH_HELP, placeholder="stable/15")
    after = choice_field("Comes after", [("", "all others")])
    released_on = line_field("Released on", 10, type="date")
    is_supported = forms.BooleanField(label="Supported", required=False, initial=True)


class ReleaseForm(WordsForm):
    """A release."""

    name = line_field("Name", 50, required=True)
    branch = line_field("Branch", BRANCH_CHARS, BRANCH_HELP)
    released_on = line_field("Released on", 10, type="date")
    position = line_field("Order", 7, "A whole number; the higher, the newer.", required=True)
    is_supported = forms.BooleanField(label="Supported", required=False)


@form_methods
@signed_in
def new_product(request: HttpRequest) -> HttpResponseBase:
    """Make a product."""
    require(may("product.manage", request.user))
    form = NewProductForm(request.POST if request.method == "POST" else None)

    def save(words: dict[str, Any]) -> str:
        product = products.create_product(person_of(request), **words)
        messages.success(request, f"{product.title} is there. Add its components and releases.")
        return reverse("product-edit", args=[product.slug])

    return _answer(request, form, save, "New product", None)


@form_methods
@signed_in
def edit_product(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The product with its components and releases, each with the way to change it."""
    product = get_object_or_404(Product, slug=slug)
    rights = {name: may(f"{name}.manage", request.user) for name in ("product", "component",
              "release", "clock")}  # fmt: skip
    if not any(rights.values()):
        raise Denied(rights["release"].reason)
    initial = {name: getattr(product, name) for name in ProductForm.base_fields}
    form = ProductForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST":
        try:
            products.update_product(product, person_of(request), **_complete(form))
            messages.success(request, "Saved.")
            return redirect("product-edit", slug=slug)
        except DraftErrors as faults:
            form.refuse(faults.errors)
            product.refresh_from_db()
    context = {
        "product": product,
        "form": form,
        "rights": rights,
        "components": product.components.prefetch_related("maintainers"),
        "releases": product.releases.all(),
    }
    return render(request, "products/manage.html", context, status=400 if form.errors else 200)


@form_methods
@signed_in
def new_component(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Add a component to a product."""
    product = get_object_or_404(Product, slug=slug)
    require(may("component.manage", request.user))
    form = NewComponentForm(request.POST if request.method == "POST" else None)

    def save(words: dict[str, Any]) -> str:
        products.create_component(product, person_of(request), **words)
        return reverse("product-edit", args=[product.slug])

    return _answer(request, form, save, "New component", product)


@form_methods
@signed_in
def edit_component(request: HttpRequest, slug: str, component: str) -> HttpResponseBase:
    """Change a component and its maintainers."""
    found = get_object_or_404(
        Component.objects.select_related("product"), product__slug=slug, slug=component
    )
    require(may("component.manage", request.user))
    kept = ("title", "description", "list_address", "is_active")
    initial = {name: getattr(found, name) for name in kept}
    handles = found.maintainers.order_by("handle").values_list("handle", flat=True)
    initial["maintainers"] = " ".join(handles)
    form = ComponentForm(request.POST if request.method == "POST" else None, initial=initial)

    def save(words: dict[str, Any]) -> str:
        products.update_component(found, person_of(request), **words)
        return reverse("product-edit", args=[slug])

    return _answer(request, form, save, f"Component {found.slug}", found.product)


@form_methods
@signed_in
def new_release(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Add a release to a product."""
    product = get_object_or_404(Product, slug=slug)
    require(may("release.manage", request.user))
    form = NewReleaseForm(request.POST if request.method == "POST" else None)
    names = product.releases.values_list("name", flat=True)
    set_choices(form, "after", [("", "all others"), *((name, name) for name in names)])

    def save(words: dict[str, Any]) -> str:
        products.create_release(product, person_of(request), **words)
        return reverse("product-edit", args=[product.slug])

    return _answer(request, form, save, "New release", product)


@form_methods
@signed_in
def edit_release(request: HttpRequest, slug: str, pk: int) -> HttpResponseBase:
    """Change a release."""
    found = get_object_or_404(Release.objects.select_related("product"), product__slug=slug, pk=pk)
    require(may("release.manage", request.user))
    initial = {name: getattr(found, name) for name in ReleaseForm.base_fields}
    initial["released_on"] = found.released_on.isoformat() if found.released_on else ""
    form = ReleaseForm(request.POST if request.method == "POST" else None, initial=initial)

    def save(words: dict[str, Any]) -> str:
        products.update_release(found, person_of(request), **words)
        return reverse("product-edit", args=[slug])

    return _answer(request, form, save, f"Release {found.name}", found.product)


def _complete(form: WordsForm) -> dict[str, Any]:
    """The words of a form with "" for those that were not sent."""
    words = form.words()
    return {name: words.get(name, "") for name in form.fields}


def _answer(
    request: HttpRequest,
    form: WordsForm,
    save: Callable[[dict[str, Any]], str],
    title: str,
    product: Product | None,
) -> HttpResponseBase:
    """Show the form; after a POST save it, or show it with what is wrong."""
    if request.method == "POST":
        try:
            return HttpResponseRedirect(save(_complete(form)))
        except DraftErrors as faults:
            form.refuse(faults.errors)
    context = {"form": form, "title": title, "product": product}
    return render(request, "products/manage_form.html", context, status=400 if form.errors else 200)
