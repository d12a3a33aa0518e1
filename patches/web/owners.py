"""Who looks after which files of a product: to read and to try for all, to change for some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.policies import require
from patches.models import PATH_CHARS, MaintainersFile
from patches.owners import areas, keeping
from patches.owners.rules import FILE_CHARS, Rule
from patches.policies import may
from tracker.drafts import DraftErrors
from tracker.models import Component, Product
from tracker.text import clean_line
from tracker.web.forms import WordsForm, choice_field, text_field
from tracker.web.pages import page, person_of, signed_in

form_methods = require_http_methods(["GET", "HEAD", "POST"])

LINES_SHOWN: Final = 2000
FAULTS_SHOWN: Final = 200
TEXT_HELP = "The file as your project has it. Leave it empty to have none."
PATHS_HELP = (
    "One pattern in a line, written as in CODEOWNERS: <code>/sys/netinet/</code> is a folder, "
    "<code>*.c</code> are files of a kind, <code>docs/*</code> is what lies in a folder itself."
)
_CODE: dict[str, Any] = {"class": "code", "spellcheck": "false", "wrap": "off"}


class FileForm(WordsForm):
    """A maintainers file."""

    format = choice_field("Format", [(f.value, f.label) for f in MaintainersFile.Format])
    text = text_field("Text", TEXT_HELP, rows=16, maxlength=FILE_CHARS, **_CODE)


class PathsForm(WordsForm):
    """The files of a component."""

    paths = text_field("Files", PATHS_HELP, rows=10, **_CODE)


@dataclass(frozen=True)
class Answer:
    """Who would be asked for a path, and what decided that."""

    path: str
    owners: Sequence[areas.Owner]
    # The line that decides where it names nobody who could be asked; one that wants nobody asked.
    silent: Rule | None
    is_nobodys: bool


@form_methods
@page
def maintainers(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The maintainers file with what is wrong in it, and who would be asked for a path."""
    product = get_object_or_404(Product, slug=slug)
    file = MaintainersFile.objects.select_related("changed_by").filter(product=product).first()
    form = _file_form(request, file)
    if request.method == "POST":
        require(may("patch.manage", request.user))
        try:
            _save(request, product, form)
            return redirect("product-maintainers", slug=slug)
        except DraftErrors as faults:
            form.refuse(faults.errors)
    may_manage = may("patch.manage", request.user)
    context = {
        "product": product,
        "form": form,
        "may_manage": may_manage,
        "components": product.components.prefetch_related("paths", "maintainers"),
        "answer": _answer(product, request.GET.get("path", "")),
        "path": request.GET.get("path", "")[:PATH_CHARS],
        **_contents(file, with_faults=bool(may_manage)),
    }
    return render(request, "patches/owners.html", context, status=400 if form.errors else 200)


def _save(request: HttpRequest, product: Product, form: FileForm) -> None:
    words = form.words()
    file_format, text = words.get("format", ""), words.get("text", "")
    file = keeping.set_file(product, person_of(request), file_format=file_format, text=text)
    messages.success(request, _saved(file))


def _contents(file: MaintainersFile | None, *, with_faults: bool) -> dict[str, Any]:
    """The lines of the file, and what is wrong with them."""
    faults = keeping.faults_of(file) if file and with_faults else []
    lines = file.text.split("\n") if file else []
    return {
        "file": file,
        "faults": faults[:FAULTS_SHOWN],
        "more_faults": max(0, len(faults) - FAULTS_SHOWN),
        "lines": [keeping.veiled(line) for line in lines[:LINES_SHOWN]],
        "more_lines": max(0, len(lines) - LINES_SHOWN),
    }


def _file_form(request: HttpRequest, file: MaintainersFile | None) -> FileForm:
    initial = {"format": file.format, "text": file.text} if file else {}
    return FileForm(request.POST if request.method == "POST" else None, initial=initial)


def _saved(file: MaintainersFile | None) -> str:
    if file is None:
        return "There is no maintainers file any more."
    faults = len(keeping.faults_of(file))
    if not faults:
        return "Saved."
    things = "One thing" if faults == 1 else f"{faults} things"
    return f"Saved. {things} in it cannot be followed; see below."


def _answer(product: Product, path: str) -> Answer | None:
    path = clean_line(path[:PATH_CHARS]).removeprefix("./").strip("/")
    if not path:
        return None
    (finding,) = areas.find(product, [path])
    owners = areas.owners_of_findings([finding])
    silent = finding.rules[0] if finding.rules and not owners else None
    return Answer(path, owners, silent, finding.is_nobodys)


@form_methods
@signed_in
def component_paths(request: HttpRequest, slug: str, component: str) -> HttpResponseBase:
    """The files of a component."""
    found = get_object_or_404(
        Component.objects.select_related("product"), product__slug=slug, slug=component
    )
    require(may("patch.manage", request.user))
    initial = {"paths": "\n".join(keeping.patterns_of(found))}
    form = PathsForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST":
        try:
            keeping.set_patterns(found, person_of(request), form.words().get("paths", ""))
            messages.success(request, "Saved.")
            return redirect("product-maintainers", slug=slug)
        except DraftErrors as faults:
            form.refuse(faults.errors)
    context = {"product": found.product, "component": found, "form": form}
    return render(request, "patches/paths.html", context, status=400 if form.errors else 200)
