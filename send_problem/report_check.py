"""A report that was read, held against what the server offers, and made into an API request."""

from __future__ import annotations

from typing import Any

from send_problem.catalogue import Catalogue
from send_problem.report_form import FIELDS, Report
from send_problem.words import either, nearest, same_choice

_NAMES = {item.key: item.name for item in FIELDS}
_TRUTH = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False, "": False}


def check_report(report: Report, catalogue: Catalogue) -> None:
    """Add to the report's faults all that the server would refuse; spell choices as it does."""
    if report.values.get("is_confidential", "").casefold() not in _TRUTH:
        line = report.lines["is_confidential"]
        report.fault(line, "Confidential", "Confidential is yes or no")
    if catalogue.known:
        _check_place(report, catalogue)
        _check_choice(report, "kind", catalogue.kinds, "kinds")
        _check_choice(report, "severity", catalogue.severities, "severities")
    _check_length(report, "synopsis", catalogue.limits["synopsis_chars"])
    for key in ("description", "how_to_repeat"):
        _check_length(report, key, catalogue.limits["text_chars"])
    report.faults.sort()


def request_of(report: Report) -> dict[str, Any]:
    """The body for ``POST /api/v1/problems/``; empty fields are left out."""
    body: dict[str, Any] = {k: v for k, v in report.values.items() if v}
    body["is_confidential"] = _TRUTH[report.values.get("is_confidential", "").casefold()]
    return body


def _check_place(report: Report, catalogue: Catalogue) -> None:
    slugs = [product.slug for product in catalogue.products]
    _check_choice(report, "product", slugs, "products")
    product = catalogue.product(report.values.get("product", ""))
    if product is None:
        return
    what = f"components of {product.slug}"
    _check_choice(report, "component", list(product.components), what)
    _check_choice(report, "release", product.releases, f"releases of {product.slug}")
    if report.values.get("release") and not product.releases:
        detail = f"{product.slug} has no releases; leave Release empty, or name it in the text"
        report.fault(report.lines["release"], "Release", detail)


def _check_choice(report: Report, key: str, choices: list[str], what: str) -> None:
    value = report.values.get(key, "")
    if not value or not choices:
        return
    known = same_choice(value, choices)
    if known is not None:
        report.values[key] = known
        return
    near = nearest(value, choices)
    hint = f"did you mean {either(near)}?" if near else f"the {what} are {_some(choices)}"
    detail = f"'{value}' is not one of the {what}; {hint}"
    report.fault(report.lines[key], _NAMES[key], detail)


def _some(choices: list[str], most: int = 12) -> str:
    if len(choices) <= most:
        return either(choices)
    return f"{', '.join(choices[:most])} and {len(choices) - most} more"


def _check_length(report: Report, key: str, limit: int) -> None:
    length = len(report.values.get(key, ""))
    if length > limit:
        hint = "attach the rest as a file" if key != "synopsis" else "details go in Description"
        detail = f"{_NAMES[key]} has {length} characters, and {limit} are allowed; {hint}"
        report.fault(report.lines[key], _NAMES[key], detail)
