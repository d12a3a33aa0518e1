"""A report before it is one: the single place where what people send is judged.

Every door fills in a `ProblemDraft` with plain words (slugs, release names) and calls `check`,
which either gives the objects to store or raises `DraftErrors` with every fault at once.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tracker.models import (
    SYNOPSIS_CHARS,
    TEXT_CHARS,
    Component,
    Kind,
    Product,
    Release,
    Severity,
)
from tracker.text import clean_line, clean_text, is_blank


class DraftErrors(Exception):
    """All that is wrong: field name -> sentences, each saying what to do."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items()))
        self.errors = errors

    @property
    def sentences(self) -> list[str]:
        """All of them, for where no field stands beside which they could."""
        return [sentence for sentences in self.errors.values() for sentence in sentences]


@dataclass
class ProblemDraft:
    """What a reporter says, in words. Empty means not said."""

    product: str = ""
    component: str = ""
    synopsis: str = ""
    description: str = ""
    how_to_repeat: str = ""
    kind: str = Kind.DEFECT
    severity: str = Severity.NORMAL
    release: str = ""
    architecture: str = ""
    hardware: str = ""
    is_confidential: bool = False


@dataclass
class CheckedDraft:
    """A draft whose words were found to name things that exist."""

    product: Product
    component: Component
    release: Release | None
    synopsis: str
    description: str
    how_to_repeat: str
    kind: Kind
    severity: Severity
    architecture: str
    hardware: str
    is_confidential: bool


@dataclass
class Faults:
    """Collects what is wrong, field by field."""

    errors: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, sentence: str) -> None:
        self.errors[name].append(sentence)

    def raise_if_any(self) -> None:
        if self.errors:
            raise DraftErrors(dict(self.errors))


def check(draft: ProblemDraft) -> CheckedDraft:
    """The draft with its words looked up. Raises `DraftErrors` naming every wrong field."""
    faults = Faults()
    product = find_product(draft.product, faults)
    component = find_component(product, draft.component, faults)
    checked = CheckedDraft(
        product=product,  # type: ignore[arg-type]
        component=component,  # type: ignore[arg-type]
        release=find_release(product, draft.release, faults),
        synopsis=check_line("synopsis", draft.synopsis, SYNOPSIS_CHARS, faults, required=True),
        description=check_text("description", draft.description, faults, required=True),
        how_to_repeat=check_text("how_to_repeat", draft.how_to_repeat, faults),
        kind=Kind(check_choice("kind", draft.kind, Kind.values, faults, Kind.DEFECT)),
        severity=Severity(
            check_choice("severity", draft.severity, Severity.values, faults, Severity.NORMAL)
        ),
        architecture=check_line("architecture", draft.architecture, 50, faults),
        hardware=check_line("hardware", draft.hardware, 200, faults),
        is_confidential=bool(draft.is_confidential),
    )
    faults.raise_if_any()
    return checked


def nearest(word: str, choices: Iterable[str]) -> str:
    """The end of a sentence that helps: the nearest choice, or all of a few."""
    names = sorted(choices)
    close = difflib.get_close_matches(word[:100].lower(), names, n=1, cutoff=0.6)
    if close:
        return f" Did you mean “{close[0]}”?"
    if 0 < len(names) <= 20:
        return f" Choose one of: {', '.join(names)}."
    return ""


def find_product(slug: str, faults: Faults) -> Product | None:
    """An active product by its slug."""
    slug = clean_line(slug)
    found = Product.objects.filter(slug=slug.lower()[:50]).first()
    if found and found.is_active:
        return found
    if found:
        faults.add("product", f"“{found.slug}” takes no new reports any more.")
    elif not slug:
        faults.add("product", "Say which product has the problem." + nearest("", _products()))
    else:
        faults.add("product", f"There is no product “{slug[:50]}”." + nearest(slug, _products()))
    return None


def _products() -> Iterable[str]:
    return Product.objects.filter(is_active=True).values_list("slug", flat=True)


def find_component(product: Product | None, slug: str, faults: Faults) -> Component | None:
    """An active component of `product`; where the product is unknown nothing more is said."""
    if product is None:
        return None
    slug = clean_line(slug)
    found = product.components.filter(slug=slug.lower()[:50]).first()
    if found and found.is_active:
        return found
    choices = product.components.filter(is_active=True).values_list("slug", flat=True)
    if found:
        faults.add("component", f"“{found.slug}” takes no new reports." + nearest("", choices))
    elif not slug:
        faults.add(
            "component", f"Say which part of {product} has the problem." + nearest("", choices)
        )
    else:
        faults.add(
            "component", f"{product} has no component “{slug[:50]}”." + nearest(slug, choices)
        )
    return None


def find_release(
    product: Product | None, name: str, faults: Faults, field: str = "release"
) -> Release | None:
    """A release of `product` by its name; an empty name is no release."""
    name = clean_line(name)
    if product is None or not name:
        return None
    found = product.releases.filter(name__iexact=name[:50]).first()
    if found is None:
        choices = product.releases.values_list("name", flat=True)
        faults.add(field, f"{product} has no release “{name[:50]}”." + nearest(name, choices))
    return found


def check_line(name: str, text: str, most: int, faults: Faults, *, required: bool = False) -> str:
    """One line of at most `most` characters."""
    # A line far too long is not worth normalising.
    line = clean_line(text) if len(text) <= 20 * most else text
    if len(line) > most:
        faults.add(name, f"Keep it to {most} characters; this has {len(line):,}.")
    elif required and is_blank(line):
        faults.add(name, "Say in one line what is wrong.")
    return line


def check_text(name: str, text: str, faults: Faults, *, required: bool = False) -> str:
    """Several lines of at most `TEXT_CHARS` characters."""
    if len(text) > TEXT_CHARS:
        faults.add(
            name,
            f"Keep it to {TEXT_CHARS:,} characters; this has {len(text):,}. "
            "Attach what is longer as a file.",
        )
        return ""
    cleaned = clean_text(text)
    if required and is_blank(cleaned):
        faults.add(name, "Say what happens, and what you expected instead.")
    return cleaned


def check_choice(name: str, value: str, choices: list[str], faults: Faults, default: str) -> str:
    """One of `choices`; an empty value is the default."""
    word = clean_line(value[:100]).lower()
    if not word:
        return default
    if word not in choices:
        faults.add(name, f"There is no {name.replace('_', ' ')} “{word}”." + nearest(word, choices))
        return default
    return word
