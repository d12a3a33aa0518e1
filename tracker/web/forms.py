"""Forms that carry words to the services, which judge them; what was typed stays in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.forms.utils import ErrorDict

from tracker.models import SYNOPSIS_CHARS, Component, Kind, Product, Release, Severity

Choices = list[tuple[str, str]]
NOT_SAID = ("", "not said")


class WordsForm(forms.Form):
    """A form that only reads. `required` marks what a service will ask for.

    `refuse` puts a service's faults beside the fields they are about.
    """

    use_required_attribute = False

    def full_clean(self) -> None:
        self._errors = ErrorDict(renderer=self.renderer)
        self.cleaned_data: dict[str, Any] = {}
        if not self.is_bound:
            return
        for name, field in self.fields.items():
            prefixed = self.add_prefix(name)
            if isinstance(field.widget, forms.FileInput) or prefixed not in self.data:
                continue
            value = field.widget.value_from_datadict(self.data, self.files, prefixed)
            self.cleaned_data[name] = value
        for name, field in self.fields.items():
            if isinstance(field.widget, forms.CheckboxInput):
                # An unticked box is not sent at all.
                self.cleaned_data[name] = self.add_prefix(name) in self.data

    def words(self) -> dict[str, Any]:
        """What was sent, by field; fields that were not sent are left out."""
        self.full_clean()
        return dict(self.cleaned_data)

    def refuse(self, errors: Mapping[str, Iterable[str]]) -> None:
        """Show a service's faults; those about no field of this form stand above it."""
        if self._errors is None:
            self.full_clean()
        for name, sentences in errors.items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)


class ManyFiles(forms.ClearableFileInput):
    """Several files in one field."""

    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"


def line_field(label: str, most: int, help_text: str = "", **attrs: Any) -> forms.CharField:
    """A field of one line; what goes without saying is optional."""
    required = bool(attrs.pop("required", False))
    widget = forms.TextInput(attrs={"maxlength": most, **attrs})
    return forms.CharField(label=label, required=required, help_text=help_text, widget=widget)


def text_field(label: str, help_text: str = "", rows: int = 8, **attrs: Any) -> forms.CharField:
    """A field of several lines."""
    required = bool(attrs.pop("required", False))
    widget = forms.Textarea(attrs={"rows": rows, **attrs})
    return forms.CharField(label=label, required=required, help_text=help_text, widget=widget)


def choice_field(
    label: str, choices: Choices, help_text: str = "", **attrs: Any
) -> forms.CharField:
    """A field with a few answers. The service says what to do about any other."""
    required = bool(attrs.pop("required", False))
    widget = forms.Select(attrs=attrs, choices=choices)
    return forms.CharField(label=label, required=required, help_text=help_text, widget=widget)


def files_field(help_text: str = "") -> forms.FileField:
    return forms.FileField(label="Files", required=False, help_text=help_text, widget=ManyFiles())


KIND_CHOICES: Choices = [(k.value, k.label) for k in Kind]
SEVERITY_CHOICES: Choices = [
    (Severity.CRITICAL.value, "critical: data is lost, or nothing works"),
    (Severity.MAJOR.value, "major: an important thing does not work"),
    (Severity.NORMAL.value, "normal"),
    (Severity.MINOR.value, "minor: a nuisance"),
]


def component_choices(product: Product | None, always: str = "") -> Choices:
    """Components that take reports, and the one that is chosen already."""
    if product is None:
        return [("", "choose the product first")]
    rows: Iterable[Component] = product.components.order_by("title")
    found = [(c.slug, c.title) for c in rows if c.is_active or c.slug == always]
    return [("", "choose one"), *found]


def release_choices(product: Product | None) -> Choices:
    """Releases, the newest first."""
    if product is None:
        return [NOT_SAID]
    rows: Iterable[Release] = product.releases.all()
    return [NOT_SAID, *((r.name, r.name if r.is_supported else f"{r.name} (old)") for r in rows)]


class ReportForm(WordsForm):
    """A report. Its first two fields stand outside of the HTML form and name it by `form`."""

    product = choice_field(
        "Product",
        [],
        required=True,
        form="report",
        **{"hx-get": "/problems/new/choices", "hx-target": "#choices"},
    )
    synopsis = line_field(
        "What is wrong, in one line",
        SYNOPSIS_CHARS,
        "Name the part and the symptom: “em0 stops passing traffic after resume”.",
        required=True,
        form="report",
        autocomplete="off",
        **{
            "hx-post": "/problems/similar",
            "hx-trigger": "input changed delay:350ms, input delay:900ms from:#id_description",
            "hx-target": "#similar",
            "hx-include": "#id_product, #id_component, #id_description, "
            "#report [name=csrfmiddlewaretoken]",
            "hx-sync": "this:replace",
        },
    )
    component = choice_field("Component", [], "The part that seems to be at fault.", required=True)
    release = choice_field("Release", [], "Where you saw it.")
    architecture = line_field("Architecture", 50, list="architectures", placeholder="amd64")
    hardware = line_field("Hardware", 200, placeholder="The machine or card, where it matters")
    kind = choice_field("Kind", KIND_CHOICES, required=True)
    severity = choice_field(
        "Severity", SEVERITY_CHOICES, "For one person who has it. Votes say how many.",
        required=True,
    )  # fmt: skip
    description = text_field("What happens, and what you expected", rows=10, required=True)
    how_to_repeat = text_field("How to repeat it", "The shortest way that shows it.", rows=5)
    is_confidential = forms.BooleanField(
        label="Confidential",
        required=False,
        help_text="For security holes. Only you, the maintainers of the component, triagers "
        "and committers will see it until they open it.",
    )
    uploads = files_field("Logs, core files, pictures, patches: choose several at once.")

    def __init__(self, *args: Any, product: Product | None, products: Choices, **kwargs: Any):
        super().__init__(*args, **kwargs)
        set_choices(self, "product", products)
        components = component_choices(product)
        self.bare_product = product if len(components) == 1 else None
        set_choices(self, "component", components)
        set_choices(self, "release", release_choices(product))


_FOCUSED_BY_C: dict[str, Any] = {"data-comment": "", "aria-keyshortcuts": "c"}


class CommentForm(WordsForm):
    """A comment, perhaps with files. `base` is what its last choice started from."""

    text = text_field("Comment", rows=5, required=True, **_FOCUSED_BY_C)
    uploads = files_field()
    then = choice_field("Then set it to", [])

    def __init__(self, *args: Any, outcomes: Choices, base: str, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.base = base
        if outcomes:
            set_choices(self, "then", [("", "leave it as it is"), *outcomes])
        else:
            del self.fields["then"]


class EnvironmentForm(WordsForm):
    """Where a voter has the problem."""

    release = choice_field("Release", [])
    architecture = line_field("Architecture", 50, list="architectures", placeholder="arm64")
    note = line_field("Note", 200, placeholder="Also after a fresh install")

    def __init__(self, *args: Any, product: Product, **kwargs: Any):
        super().__init__(*args, **kwargs)
        set_choices(self, "release", release_choices(product))


def set_choices(form: forms.Form, name: str, choices: Choices) -> None:
    """Give a select of `form` its answers."""
    widget = form.fields[name].widget
    assert isinstance(widget, forms.Select)  # noqa: S101 - for the type checker
    widget.choices = choices
