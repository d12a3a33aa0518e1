"""What a list page shows of its own query string: choices, what is chosen, and how to undo it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.http import QueryDict

from tracker.models import Component, Kind, Product, Release, Severity, State
from votes.listing import SORT_LABELS, ListQuery

# Every parameter that narrows the list, and the word before its value.
NARROWING = {
    "q": "words",
    "product": "product",
    "component": "component",
    "state": "state",
    "kind": "kind",
    "severity": "severity",
    "release": "release",
    "assignee": "assignee",
    "reporter": "reporter",
    "voted": "voted by",
}


@dataclass(frozen=True)
class Choice:
    """One entry of a select, a row of tick boxes, or the tabs."""

    value: str
    label: str
    is_chosen: bool
    url: str = ""


@dataclass(frozen=True)
class Chip:
    """One chosen filter, and the address of the list without it."""

    name: str
    value: str
    url_without: str


class Filters:
    """The controls of a list. Product, component and release choices cost one query each."""

    def __init__(self, params: QueryDict, query: ListQuery) -> None:
        self.params = params
        self.query = query

    @property
    def sorts(self) -> list[Choice]:
        """The orders, each with the address of the list in that order, from its first page."""
        tabs = []
        for value, label in SORT_LABELS.items():
            params = drop(self.params, "sort", "cursor")
            if value != "heat":
                params["sort"] = value
            tabs.append(Choice(value, label, value == self.query.sort, full_query(params)))
        return tabs

    @cached_property
    def chips(self) -> list[Chip]:
        """What narrows the list."""
        chips = []
        for name, word in NARROWING.items():
            for value in self.params.getlist(name):
                rest = drop(self.params, name, "cursor")
                rest.setlist(name, [v for v in self.params.getlist(name) if v != value])
                chips.append(Chip(word, value, full_query(rest)))
        return chips

    @cached_property
    def products(self) -> list[Choice]:
        found = Product.objects.values_list("slug", "title").order_by("-is_active", "title")
        return self._choices("product", found)

    @cached_property
    def components(self) -> list[Choice]:
        found = Component.objects.order_by("slug").values_list("slug", "title")
        if self.query.product:
            found = found.filter(product__slug=self.query.product)
        return self._choices("component", dict(found).items())

    @cached_property
    def releases(self) -> list[Choice]:
        found = Release.objects.order_by("-position", "-pk").values_list("name", flat=True)
        if self.query.product:
            found = found.filter(product__slug=self.query.product)
        return self._choices("release", {name: name for name in found}.items())

    @property
    def states(self) -> list[Choice]:
        chosen = self.params.getlist("state")
        every = [(str(state), str(state)) for state in State] + [("any", "any state")]
        return [Choice(value, label, value in chosen) for value, label in every]

    @property
    def kinds(self) -> list[Choice]:
        return self._choices("kind", Kind.choices)

    @property
    def severities(self) -> list[Choice]:
        return self._choices("severity", Severity.choices)

    def _choices(self, name: str, pairs: Iterable[tuple[str, str]]) -> list[Choice]:
        """The choices; what was asked for stays among them, even when nothing bears that name."""
        chosen = self.params.get(name, "")
        choices = [Choice(value, str(label), value == chosen) for value, label in pairs]
        if chosen and not any(choice.is_chosen for choice in choices):
            choices.append(Choice(chosen, chosen, is_chosen=True))
        return choices


def drop(params: QueryDict, *names: str) -> QueryDict:
    """A copy that can be changed, without `names`."""
    copy = params.copy()
    for name in names:
        copy.pop(name, None)
    return copy


def without_blanks(params: QueryDict) -> QueryDict:
    """A copy without the parameters that a form sends empty, so that addresses stay readable."""
    copy = params.copy()
    for name, values in params.lists():
        kept = [value for value in values if value.strip()]
        if kept:
            copy.setlist(name, kept)
        else:
            copy.pop(name)
    return copy


def full_query(params: QueryDict) -> str:
    """The query with its question mark, or "?" alone, which leads to the bare list."""
    return f"?{params.urlencode()}"
