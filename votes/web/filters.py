"""What a list page shows of its own search: choices, what is chosen, and how to undo it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote_plus

from django.http import QueryDict

from tracker.models import Component, Kind, Product, Release, Severity, State
from votes.listing import SORT_LABELS, ListQuery
from votes.search.language import Qualifier, Query, Term, Word

# The controls of the form: the parameter of each, and the qualifier that it stands for.
CONTROLS = {
    "product": "product",
    "component": "component",
    "release": "release",
    "kind": "kind",
    "severity": "severity",
    "assignee": "assignee",
    "reporter": "author",
}
TABS = ("match", "heat", "people", "newest", "active")


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
    """The controls of a list. Product, component and release choices cost one query each.

    Box, form and chips say the same: the box all of the search, the form's controls what they can
    say and its own text the rest, and each chip one term.
    """

    def __init__(self, params: QueryDict, query: ListQuery) -> None:
        self.params = params
        self.query = query
        self.tree = query.tree

    @property
    def text(self) -> str:
        """What stands in the search box; as it was typed where that makes no sense."""
        return self.params.get("q", "") if self.query.search.faults else str(self.tree)

    @property
    def sorts(self) -> list[Choice]:
        """The orders, each with the address of the list in that order, from its first page."""
        words = bool(self.query.search.text.wanted_terms)
        usual = "match" if words else "heat"
        plain = self.tree.without(*self.tree.named("sort"))
        shown = [value for value in TABS if words or value != "match"]
        if self.query.sort not in shown:
            shown.append(self.query.sort)
        tabs = []
        for value in shown:
            tree = plain if value == usual else plain.plus(Qualifier("sort", (value,)))
            tabs.append(
                Choice(value, SORT_LABELS[value], value == self.query.sort, self._url(tree))
            )
        return tabs

    @cached_property
    def chips(self) -> list[Chip]:
        """What narrows the list, term by term."""
        return [
            Chip(*_name_and_value(term), self._url(self.tree.without(term)))
            for term in dict.fromkeys(self.tree.terms)
            if not (isinstance(term, Qualifier) and term.name == "sort")
        ]

    @cached_property
    def chosen(self) -> dict[str, str]:
        """What each control of the form stands at."""
        return {parameter: said.values[0] for parameter, said in self._said.items()}

    @property
    def rest(self) -> str:
        """What the form's controls do not say; all that was typed where that makes no sense."""
        if self.query.search.faults:
            return self.text
        said = [*self._said.values(), *self._state]
        return str(self.tree.without(*said, *self.tree.named("sort")))

    @property
    def sort(self) -> str:
        """The order, where it is not the usual one."""
        named = self.tree.named("sort")
        return named[0].values[0] if named else ""

    @cached_property
    def _said(self) -> dict[str, Qualifier]:
        """The qualifiers that a control can say: said once, of one value, not negated."""
        found = {}
        for parameter, name in CONTROLS.items():
            named = self.tree.named(name)
            if len(named) == 1 and len(named[0].values) == 1 and not named[0].is_negated:
                found[parameter] = named[0]
        return found

    @cached_property
    def _state(self) -> list[Qualifier]:
        named = self.tree.named("state")
        can_tick = len(named) == 1 and not named[0].is_negated
        return named if can_tick and set(named[0].values) <= {*State.values, "any"} else []

    @cached_property
    def products(self) -> list[Choice]:
        found = Product.objects.values_list("slug", "title").order_by("-is_active", "title")
        return self._choices("product", found)

    @cached_property
    def components(self) -> list[Choice]:
        found = Component.objects.order_by("slug", "product__slug").values_list("slug", "title")
        if product := self.chosen.get("product"):
            found = found.filter(product__slug=product)
        return self._choices("component", dict(found).items())

    @cached_property
    def releases(self) -> list[Choice]:
        found = Release.objects.order_by("-position", "-pk").values_list("name", flat=True)
        if product := self.chosen.get("product"):
            found = found.filter(product__slug=product)
        return self._choices("release", {name: name for name in found}.items())

    @property
    def states(self) -> list[Choice]:
        chosen = {value for each in self._state for value in each.values}
        every = [(str(state), str(state)) for state in State] + [("any", "any state")]
        return [Choice(value, label, value in chosen) for value, label in every]

    @property
    def kinds(self) -> list[Choice]:
        return self._choices("kind", Kind.choices)

    @property
    def severities(self) -> list[Choice]:
        return self._choices("severity", Severity.choices)

    def any_state_url(self) -> str:
        """The same search among closed problems, too."""
        return self._url(self.tree.plus(Qualifier("is", ("any",))))

    def _url(self, tree: Query) -> str:
        """The first page of another search, as large as this one."""
        limit = self.params.get("limit", "")
        return search_url(tree) + (f"&limit={quote_plus(limit)}" if limit else "")

    def _choices(self, name: str, pairs: Iterable[tuple[str, str]]) -> list[Choice]:
        """The choices; what was asked for stays among them, even when nothing bears that name."""
        chosen = self.chosen.get(name, "")
        choices = [Choice(value, str(label), value == chosen) for value, label in pairs]
        if chosen and not any(choice.is_chosen for choice in choices):
            choices.append(Choice(chosen, chosen, is_chosen=True))
        return choices


def _name_and_value(term: Term) -> tuple[str, str]:
    no = "not " if term.is_negated else ""
    if isinstance(term, Word):
        return f"{no}{'phrase' if term.is_phrase else 'word'}", term.text
    return f"{no}{term.name}", ", ".join(term.values)


def search_url(tree: Query) -> str:
    """The query string of a search, or "?" alone, which leads to the bare list."""
    # Colons and the like stay as they are, so that the address can be read.
    return f"?q={quote_plus(str(tree), safe=':/,=')}" if tree.terms else "?"


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
    return f"?{params.urlencode(safe=':/,')}"
