"""The qualifiers: what each means for a problem. The help page and the errors read this table.

A `Reader` turns values, of which one has to hold, into a condition, and a condition is made for the
one who looks: `me` is that person, and what that person may not know of decides nothing.

Apps above this one add their own when they are ready: `register` a qualifier, and with
`register_has` a value of `has:` and `no:`. Such a condition holds for all that its reader may know
of, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Lower
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual

from accounts.models import Person
from accounts.policies import Viewer, as_person
from tracker.models import (
    OPEN,
    Attachment,
    Clock,
    ClockKind,
    Comment,
    Kind,
    Resolution,
    Severity,
    State,
)
from tracker.policies import visible_problems
from tracker.versions import affected_in, fixed_in
from votes.models import Vote
from votes.search.places import Named
from votes.search.values import WrongValue, choice, numbers, span

Condition = Callable[[Viewer], Q]
Reader = Callable[[Sequence[str], Named], Condition]
OneReader = Callable[[str, Named], Condition]

CLOSED: Final = Q(is_open__in=(False,))
NOTHING: Final = Q(pk__in=())
SORTS: Final = ("heat", "match", "people", "newest", "oldest", "active")
FIELDS: Final = ("synopsis", "comments")


@dataclass(frozen=True)
class Known:
    """One qualifier. `any_state`: whoever asks for it means closed problems, too."""

    says: str
    read: Reader
    examples: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    any_state: bool = False


def _always(condition: Q) -> Condition:
    return lambda viewer: condition


def _each(read: OneReader) -> Reader:
    """One of the values, each read by itself."""

    def read_all(values: Sequence[str], named: Named) -> Condition:
        conditions = [read(value, named) for value in dict.fromkeys(values)]
        return lambda viewer: _any_of([condition(viewer) for condition in conditions])

    return read_all


def _any_of(conditions: Sequence[Q]) -> Q:
    """An empty Q holds for all, which `|` does not see."""
    if not all(conditions):
        return Q()
    return reduce(or_, conditions)


def _has(rows: QuerySet[Any]) -> Q:
    """Problems that `rows` name, looked at from the problem: for what most problems have."""
    return Q(Exists(rows.filter(problem=OuterRef("pk"))))


def _among(rows: QuerySet[Any], column: str = "problem") -> Q:
    """Problems that `rows` name, found from the rows: for what few problems have."""
    return Q(pk__in=rows.order_by().values(column))


# ---- the values of `is:`


def _is_duplicate(viewer: Viewer) -> Q:
    return Q(duplicate_of__isnull=False)


_IS: Final[Mapping[str, Condition]] = {
    "open": _always(OPEN),
    "closed": _always(CLOSED),
    "any": _always(Q()),
    "confidential": _always(Q(is_confidential=True)),
    "public": _always(Q(is_confidential=False)),
    "duplicate": _is_duplicate,
    "stale": _always(_among(Clock.objects.filter(kind=ClockKind.STALE, fired_at__isnull=False))),
    "assigned": _always(Q(assignee__isnull=False)),
    "unassigned": _always(Q(assignee__isnull=True)),
}
# These say by themselves whether open or closed problems are meant.
IS_ANY_STATE: Final = frozenset({"open", "closed", "any", "duplicate"})


def _is(value: str, named: Named) -> Condition:
    return _IS[choice(value, _IS, "is:")]


# ---- what a problem has


def has_duplicate(viewer: Viewer) -> Q:
    # Only duplicates that the reader may know of: a confidential one must not show through.
    duplicates = visible_problems(viewer).filter(duplicate_of__isnull=False)
    return _among(duplicates, "duplicate_of")


_HAS: Final[dict[str, Condition]] = {
    "attachment": _always(_among(Attachment.objects.all())),
    "duplicate": has_duplicate,
    "comment": _always(_has(Comment.objects.all())),
    "vote": _always(Q(people__gt=0) | Q(waiting__gt=0)),
    "assignee": _always(Q(assignee__isnull=False)),
    "release": _always(Q(release__isnull=False)),
}


def _has_what(value: str, named: Named) -> Condition:
    # "comments" is as good as "comment".
    singular = value[:-1] if value.lower().endswith("s") and len(value) > 2 else value
    return _HAS[choice(singular, _HAS, "has:")]


def _has_no(value: str, named: Named) -> Condition:
    has = _has_what(value, named)
    return lambda viewer: ~has(viewer)


# ---- words of fixed lists


def _state(value: str, named: Named) -> Condition:
    found = choice(value, [*State.values, "any"], "state")
    if found == "any":
        return _always(Q())
    if found == State.CLOSED:
        return _always(CLOSED)
    # The first says what the second means, so that the indexes of the orders serve it.
    return _always(OPEN & Q(state=found))


def _resolution(value: str, named: Named) -> Condition:
    return _always(CLOSED & Q(resolution=choice(value, Resolution.values, "resolution")))


def _kind(value: str, named: Named) -> Condition:
    return _always(Q(kind=choice(value, Kind.values, "kind")))


def _severity(value: str, named: Named) -> Condition:
    return _always(Q(severity=choice(value, Severity.values, "severity")))


# ---- places


def _ids(values: Sequence[str], ids_of: Callable[[str], list[int]]) -> list[int]:
    return list(dict.fromkeys(pk for value in values for pk in ids_of(value)))


def _product(values: Sequence[str], named: Named) -> Condition:
    return _always(Q(product__in=_ids(values, named.products)))


def _component(values: Sequence[str], named: Named) -> Condition:
    return _always(Q(component__in=_ids(values, named.components)))


def _release(values: Sequence[str], named: Named) -> Condition:
    return _always(Q(release__in=_ids(values, named.releases)))


def _affects(values: Sequence[str], named: Named) -> Condition:
    return _always(affected_in(_ids(values, named.releases)))


def _fixed(values: Sequence[str], named: Named) -> Condition:
    return _always(fixed_in(_ids(values, named.releases)))


def _arch(value: str, named: Named) -> Condition:
    return _always(Q(architecture__iexact=value))


# ---- people


def _person(column: str) -> OneReader:
    """`me`, `none`, or a handle. That nobody has a handle is not said: handles are not listed."""

    def read(value: str, named: Named) -> Condition:
        handle = value.removeprefix("@").lower()
        if handle in {"none", "nobody"}:
            return _always(Q(**{f"{column}__isnull": True}))
        if handle == "me":
            return lambda viewer: Q(**{column: me}) if (me := as_person(viewer)) else NOTHING
        return _always(Q(**{column: _by_handle(handle)}))

    return read


def _by_handle(handle: str) -> Subquery:
    """One value, so that it is looked up first and the problems by their index then."""
    people = Person.objects.alias(plain=Lower("handle")).filter(plain=handle)
    return Subquery(people.order_by().values("pk")[:1])


def _commenter(value: str, named: Named) -> Condition:
    handle = value.removeprefix("@").lower()
    if handle == "me":
        return _of_me(lambda me: _among(Comment.objects.filter(author=me)))
    return _always(_among(Comment.objects.filter(author=_by_handle(handle))))


def _voted(value: str, named: Named) -> Condition:
    if value.removeprefix("@").lower() != "me":
        raise WrongValue("Only “voted:me” can be asked for: who voted for what is theirs to say.")
    # From the votes to the problems: most people have few votes among many problems.
    return _of_me(lambda me: _among(Vote.objects.filter(person=me)))


def _of_me(condition: Callable[[Person], Q]) -> Condition:
    def made(viewer: Viewer) -> Q:
        me = as_person(viewer)
        return condition(me) if me else NOTHING

    return made


# ---- times and numbers


def _time(column: str) -> OneReader:
    def read(value: str, named: Named) -> Condition:
        return _always(span(value).condition(column))

    return read


def _number(value: str, named: Named) -> Condition:
    least, most = numbers(value)
    found = Q(pk__gte=least) if least is not None else Q()
    return _always(found & Q(pk__lte=most) if most is not None else found)


def _votes(value: str, named: Named) -> Condition:
    least, most = numbers(value)
    shown, found = F("people") + F("waiting"), Q()
    if least is not None:
        found &= Q(GreaterThanOrEqual(shown, min(least, 2**31)))
    if most is not None:
        found &= Q(LessThanOrEqual(shown, min(most, 2**31)))
    return _always(found)


# ---- what is no condition: where words stand, and in which order all is listed


def _in(value: str, named: Named) -> Condition:
    choice(value, FIELDS, "in:")
    return _always(Q())


def _sort(value: str, named: Named) -> Condition:
    choice(value, SORTS, "sort")
    return _always(Q())


QUALIFIERS: Final[dict[str, Known]] = {
    "is": Known(
        "open, closed or any (open ones are meant unless something says otherwise); duplicate, "
        "confidential, public, assigned, unassigned; stale: nobody has said anything for long",
        _each(_is),
        ("is:open", "is:closed", "is:unassigned", "is:stale"),
    ),
    "state": Known(
        ", ".join(State.values) + ", or any",
        _each(_state),
        ("state:new,open", 'state:"in progress"'),
        ("status",),
        any_state=True,
    ),
    "resolution": Known(
        "how it was closed: " + ", ".join(Resolution.values),
        _each(_resolution),
        ("resolution:fixed", "resolution:will-not-fix"),
        any_state=True,
    ),
    "kind": Known(", ".join(Kind.values), _each(_kind), ("kind:defect",), ("type",)),
    "severity": Known(
        ", ".join(Severity.values), _each(_severity), ("severity:critical,major",), ("priority",)
    ),
    "product": Known("the short name of a product", _product, ("product:base",)),
    "component": Known(
        "a part of a product, with the product before a slash where several have it",
        _component,
        ("component:net", "component:base/net"),
    ),
    "release": Known(
        "the release in which it was reported",
        _release,
        ("release:14.3", "no:release"),
        ("version", "found"),
    ),
    "affects": Known(
        "releases that have it, open or closed", _affects, ("affects:15.0",), any_state=True
    ),
    "fixed": Known(
        "releases that had it and no longer do", _fixed, ("fixed:14.3",), any_state=True
    ),
    "arch": Known("the architecture that it was reported on", _each(_arch), ("arch:arm64",),
                  ("architecture",)),
    "assignee": Known(
        "who works on it: a handle, me or none",
        _each(_person("assignee")),
        ("assignee:me", "assignee:none"),
        ("assigned", "owner"),
    ),
    "author": Known(
        "who reported it: a handle or me", _each(_person("reporter")), ("author:me",),
        ("reporter", "creator"),
    ),
    "commenter": Known(
        "who wrote a comment: a handle or me", _each(_commenter), ("commenter:me",), ("commented",)
    ),
    "voted": Known("me: what one has said +1 to", _each(_voted), ("voted:me",)),
    "has": Known(
        ", ".join(_HAS),
        _each(_has_what),
        ("has:attachment", "has:duplicate"),
    ),
    "no": Known(
        "the opposite of has: " + ", ".join(_HAS),
        _each(_has_no),
        ("no:assignee", "no:comment"),
    ),
    "created": Known(
        "when it was reported: a day, month or year, a span of them, or an age",
        _each(_time("created_at")),
        ("created:<30d", "created:2026-01..2026-03", "created:>=2026-01-15"),
        ("reported", "opened"),
    ),
    "updated": Known(
        "when it last changed or was commented on",
        _each(_time("changed_at")),
        ("updated:<30d", "updated:>6m"),
        ("changed", "modified"),
    ),
    "closed": Known(
        "when it was closed", _each(_time("closed_at")), ("closed:2026-11",), any_state=True
    ),
    "votes": Known(
        "how many people said +1: a number or a range",
        _each(_votes),
        ("votes:>10", "votes:5..20"),
        ("people",),
    ),
    "number": Known(
        "its number; plain numbers among the words find it, too",
        _each(_number),
        ("number:123", "number:>5000"),
        ("id", "bug"),
        any_state=True,
    ),
    "in": Known(
        "where the words have to stand: synopsis or comments",
        _each(_in),
        ("in:synopsis panic", "in:comments workaround"),
    ),
    "sort": Known(
        "the order: heat, match (how well the words fit), people, newest, oldest, active",
        _each(_sort),
        ("sort:heat", "sort:match"),
        ("order",),
    ),
}  # fmt: skip

# What may be typed before a colon -> the qualifier.
NAMES: Final[dict[str, str]] = {
    typed: name for name, known in QUALIFIERS.items() for typed in (name, *known.aliases)
}


def register(name: str, says: str, read: OneReader, examples: tuple[str, ...]) -> None:
    """Add a qualifier, of whose values one has to hold. `says` is for the help page."""
    QUALIFIERS[name] = Known(says, _each(read), examples)
    NAMES[name] = name


def register_has(value: str, condition: Condition, says: str) -> None:
    """Add a value of `has:` and `no:`, and what it is."""
    _HAS[value] = condition
    values = ", ".join(_HAS)
    _SAYS.append(says)
    QUALIFIERS["has"] = replace(QUALIFIERS["has"], says="; ".join([values, *_SAYS]))
    QUALIFIERS["no"] = replace(QUALIFIERS["no"], says=f"the opposite of has: {values}")


# What values of `has:` are that do not speak for themselves.
_SAYS: Final[list[str]] = []


def is_about_state(name: str, values: tuple[str, ...]) -> bool:
    """Whether a qualifier says by itself which states are meant, so that open is no default."""
    if name == "is":
        return any(value.lower() in IS_ANY_STATE for value in values)
    return QUALIFIERS[name].any_state
