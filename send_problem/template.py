"""The empty form: what this system knows is filled in, notes explain the rest."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from send_problem.catalogue import Catalogue, Product
from send_problem.report_form import HEAD, NOTE
from send_problem.system_facts import Facts, architecture, release_among
from send_problem.words import same_choice


@dataclass(frozen=True)
class Template:
    """The text of the form, and what was filled in by API key."""

    text: str
    filled: dict[str, str]


def make_template(
    server: str, catalogue: Catalogue, facts: Facts, *, product: str = "", component: str = ""
) -> Template:
    """Compose the form for ``server``."""
    filled = _fill(catalogue, facts, product, component)
    lines = _opening(server, catalogue)
    for item in HEAD:
        lines += _notes(item.key, catalogue, facts, filled)
        lines.append(f"{item.name}: {filled.get(item.key, '')}".rstrip())
    lines += _texts()
    return Template("\n".join(lines) + "\n", filled)


def _fill(catalogue: Catalogue, facts: Facts, product: str, component: str) -> dict[str, str]:
    chosen = catalogue.product(product) if product else _own_product(catalogue, facts)
    components = list(chosen.components) if chosen else []
    only = components[0] if len(components) == 1 else ""
    releases = chosen.releases if chosen else []
    # What is no release of the product would be refused; unasked, the server may know it.
    unknown = "" if catalogue.known else facts.versions[0]
    filled = {
        "product": chosen.slug if chosen else product,
        "component": same_choice(component, components) or component or only,
        "kind": catalogue.kinds[0] if catalogue.kinds else "",
        "release": release_among(facts.versions, releases) or unknown,
        "architecture": architecture(facts.machine, catalogue.architectures),
        "hardware": facts.hardware,
        "is_confidential": "no",
    }
    return {key: value for key, value in filled.items() if value}


def _own_product(catalogue: Catalogue, facts: Facts) -> Product | None:
    """The product that is this system, else the only one that there is."""
    for name in facts.names:
        for product in catalogue.products:
            if same_choice(name, [product.slug, product.title]):
                return product
    return catalogue.products[0] if len(catalogue.products) == 1 else None


def _opening(server: str, catalogue: Catalogue) -> list[str]:
    lines = _note(
        f"A problem report for {server}",
        f"Lines that begin with '{NOTE}' are notes to you; they are not sent."
        " Fill in the rest, save, and run:",
    )
    lines += [f"{NOTE}", f"{NOTE}     send-problem send THIS-FILE [ATTACHMENTS...]"]
    if not catalogue.known:
        lines += [NOTE]
        lines += _note("The server could not be asked, so its products are not listed here.")
    return lines


def _notes(key: str, catalogue: Catalogue, facts: Facts, filled: dict[str, str]) -> list[str]:
    product = catalogue.product(filled.get("product", ""))
    if key == "product":
        return ["", *_note("Needed. The product that has the problem."), *_products(catalogue)]
    if key == "component":
        return ["", *_note("Needed. The part of the product."), *_components(catalogue, product)]
    if key == "kind":
        return ["", *_one_of(catalogue.kinds)]
    if key == "severity":
        return ["", *_note("How bad it is for you."), *_one_of(catalogue.severities)]
    if key == "release":
        return ["", *_note(_origin(facts, filled)), *_one_of(product.releases if product else [])]
    if key == "is_confidential":
        return ["", *_note("yes: only you and the developers see it (a security hole, say).")]
    if key == "synopsis":
        return ["", *_note("Needed. One line that says what is wrong.")]
    return []


def _origin(facts: Facts, filled: dict[str, str]) -> str:
    what = "The next three are" if "release" in filled else "The last two of the next three are"
    return f"{what} from this system ({facts.title}). Correct them if it was elsewhere."


def _products(catalogue: Catalogue) -> list[str]:
    return _table({product.slug: product.title for product in catalogue.products})


def _components(catalogue: Catalogue, product: Product | None) -> list[str]:
    if product is not None:
        return _table(product.components)
    lines: list[str] = []
    for other in catalogue.products:
        lines += _note(f"of {other.slug}: {', '.join(other.components)}")
    return lines


def _texts() -> list[str]:
    return [
        "",
        *_note(
            "Needed. From here on everything is text, as long as you like; Markdown is"
            " understood. What happens? What did you expect? Which messages appear?"
        ),
        "Description:",
        "",
        "",
        *_note("The steps that make it happen, from the start."),
        "How-To-Repeat:",
        "",
    ]


def _one_of(choices: list[str]) -> list[str]:
    return _note(f"One of: {', '.join(choices)}") if choices else []


def _table(rows: dict[str, str]) -> list[str]:
    width = max((len(slug) for slug in rows), default=0)
    return [f"{NOTE}     {slug:<{width}}  {title}".rstrip() for slug, title in rows.items()]


def _note(*paragraphs: str) -> list[str]:
    lines: list[str] = []
    for text in paragraphs:
        lines += textwrap.wrap(
            text,
            76,
            initial_indent=f"{NOTE} ",
            subsequent_indent=f"{NOTE} ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines
