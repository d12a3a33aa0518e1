"""Changing a problem: only what was touched is asked for, and nothing typed is ever lost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.models import Person
from accounts.policies import Decision, Denied, Viewer
from tracker.changes import (
    RIGHT_FOR,
    Conflict,
    FieldsMoved,
    ProblemChange,
    fingerprint,
    in_words,
)
from tracker.drafts import DraftErrors, Faults
from tracker.models import (
    STATE_CHANGES,
    SYNOPSIS_CHARS,
    Door,
    Problem,
    Product,
    Resolution,
    State,
)
from tracker.policies import rights_on, visible_problems
from tracker.services import change
from tracker.text import number_of
from tracker.timeline import LONG_FIELDS, FieldNews, field_news, last_event, stamp
from tracker.web.forms import (
    KIND_CHOICES,
    SEVERITY_CHOICES,
    Choices,
    WordsForm,
    choice_field,
    line_field,
    release_choices,
    set_choices,
    text_field,
)
from tracker.web.pages import person_of, signed_in, the_problem

Rights = Mapping[str, Decision]

GROUPS: Final = (
    ("How far it is", ("state", "resolution", "duplicate_of", "assignee", "fixed_in")),
    ("Where it belongs", ("product", "component", "kind", "severity")),
    ("What it is", ("synopsis", "description", "how_to_repeat")),
    ("Where it was seen", ("release", "architecture", "hardware")),
    ("Who may see it", ("is_confidential",)),
)


# Stands in the form for the number of a problem that the person may not know of.
HIDDEN: Final = "hidden"


class EditForm(WordsForm):
    """Every field of a problem that can change, as words; a page shows the permitted ones."""

    synopsis = line_field("Synopsis", SYNOPSIS_CHARS, required=True)
    description = text_field("Description", rows=12, required=True)
    how_to_repeat = text_field("How to repeat it", rows=6)
    release = choice_field("Found in release", [])
    architecture = line_field("Architecture", 50, list="architectures")
    hardware = line_field("Hardware", 200)
    product = choice_field("Product", [], required=True)
    component = line_field("Component", 50, list="components", required=True)
    kind = choice_field("Kind", KIND_CHOICES, required=True)
    severity = choice_field("Severity", SEVERITY_CHOICES, required=True)
    fixed_in = choice_field("Fixed in release", [])
    state = choice_field("State", [], required=True)
    resolution = choice_field("Resolution", [])
    duplicate_of = line_field(
        "Duplicate of", 20, "Its number; empty undoes it.",
        inputmode="numeric",
    )  # fmt: skip
    assignee = line_field("Assignee", 41, "A handle; empty for nobody.", list="assignees")
    is_confidential = forms.BooleanField(
        label="Confidential", required=False, help_text="Hidden from all but those who work on it."
    )

    def __init__(self, *args: Any, problem: Problem, rights: Rights, viewer: Viewer, **kwargs: Any):
        kwargs.setdefault("initial", current_words(problem, viewer))
        kwargs.setdefault("auto_id", "edit_%s")
        super().__init__(*args, **kwargs)
        set_choices(self, "release", release_choices(problem.product))
        set_choices(self, "fixed_in", release_choices(problem.product))
        set_choices(self, "product", [(p.slug, p.title) for p in Product.objects.all()])
        set_choices(self, "state", state_choices(problem, rights))
        set_choices(self, "resolution", resolution_choices(problem, rights))


def current_words(problem: Problem, viewer: Viewer) -> dict[str, Any]:
    """The fields as the form shows them to `viewer`."""
    words = {name: in_words(problem, name) for name in EditForm.base_fields}
    words["duplicate_of"] = str(words["duplicate_of"] or "")
    if hides_target(problem, viewer):
        words["duplicate_of"] = HIDDEN
    return words


def hides_target(problem: Problem, viewer: Viewer) -> bool:
    """Whether it is a duplicate of what `viewer` may not know of. One query for such a one only,
    where the target is loaded."""
    target = problem.duplicate_of
    if target is None or not target.is_confidential:
        return False
    return not visible_problems(viewer).filter(pk=target.pk).exists()


def state_choices(problem: Problem, rights: Rights) -> Choices:
    """The state it has, and those that this person may give it."""
    states = [State(problem.state)]
    following = STATE_CHANGES[State(problem.state)]
    states += [s for s in State if s in following and rights[_state_right(problem, s)]]
    return [(state.value, state.label) for state in states]


def resolution_choices(problem: Problem, rights: Rights) -> Choices:
    """The ends that this person may give it; whoever may not name the other one marks none."""
    ends = list(Resolution)
    if not rights["mark_duplicate"] and problem.resolution != Resolution.DUPLICATE:
        ends.remove(Resolution.DUPLICATE)
    return [("", "–"), *((end.value, end.label) for end in ends)]


# The fields that a comment may set.
OUTCOME: Final = ("state", "resolution")


def outcome_choices(problem: Problem, rights: Rights) -> Choices:
    """What a comment may make of the problem: "open", or "closed/fixed" with its resolution."""
    states = [value for value, _ in state_choices(problem, rights)[1:]]
    ends = [r for r in Resolution if r != Resolution.DUPLICATE] if State.CLOSED in states else []
    going_on: Choices = [(value, value) for value in states if value != State.CLOSED]
    return going_on + [(f"closed/{r.value}", f"closed: {r.label}") for r in ends]


def _state_right(problem: Problem, state: State) -> str:
    if state == State.CLOSED:
        return "close"
    return "reopen" if problem.state == State.CLOSED else "change_state"


def permitted(problem: Problem, rights: Rights) -> dict[str, Decision]:
    """For each field of the form whether it may be changed, and if not, why."""
    decisions = {name: rights[action.removeprefix("problem.")] for name, action in
                 RIGHT_FOR.items()}  # fmt: skip
    has_choice = len(state_choices(problem, rights)) > 1
    decisions["state"] = Decision(True) if has_choice else rights["change_state"]
    closes = problem.state != State.CLOSED and bool(rights["close"])
    decisions["resolution"] = Decision(True) if closes else rights["change_state"]
    return decisions


def base_of(problem: Problem, names: Iterable[str], viewer: Viewer) -> str:
    """What the form showed when it was opened, for its hidden field `base`."""
    prints = {name: fingerprint(in_words(problem, name)) for name in names}
    if "duplicate_of" in prints and hides_target(problem, viewer):
        prints["duplicate_of"] = fingerprint(HIDDEN)
    return json.dumps(prints)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def edit(request: HttpRequest, number: int) -> HttpResponseBase:
    """The form with what this person may change; POST changes what was touched."""
    problem = the_problem(request, number, with_all)
    rights = rights_on(request.user, problem)
    decisions = permitted(problem, rights)
    if not any(decisions.values()):
        raise Denied(decisions["synopsis"].reason)
    if request.method == "POST":
        return _change(request, problem, rights, person_of(request))
    form = EditForm(problem=problem, rights=rights, viewer=request.user)
    seen = number_in(request.GET, "seen")
    news = field_news(problem, request.user, seen) if seen else []
    context = edit_context(problem, form, decisions, request.user, news=news)
    return render(request, "problems/edit.html", context)


def with_all(rows: Any) -> Any:
    """With everything that a form of a problem names."""
    return rows.select_related(
        "product", "component", "release", "fixed_in", "assignee", "reporter", "duplicate_of"
    )


def edit_context(
    problem: Problem, form: EditForm, decisions: Mapping[str, Decision], viewer: Viewer, **more: Any
) -> dict[str, Any]:
    """What the template of the form needs; `groups` are (title, fields, refused fields)."""
    groups = [
        (
            title,
            [form[name] for name in names if decisions[name]],
            [(form[name].label, form.initial[name], decisions[name].reason)
             for name in names if not decisions[name]],
        )
        for title, names in GROUPS
    ]  # fmt: skip
    offered = [name for name in form.fields if decisions[name]]
    seen = last_event(problem)
    return {
        "problem": problem,
        "form": form,
        "groups": groups,
        "base": base_of(problem, offered, viewer),
        "seen": seen,
        "stamp": stamp(problem, seen),
        "components": problem.product.components.filter(is_active=True),
        "assignees": problem.component.maintainers.order_by("handle"),
        **more,
    }


def _change(request: HttpRequest, problem: Problem, rights: Rights, person: Person) -> HttpResponse:
    base = read_base(request.POST)
    data = _with_unsent(request.POST, problem, base, person)
    form = EditForm(data, problem=problem, rights=rights, viewer=person)
    touched = {
        name: value
        for name, value in form.words().items()
        if name in base and fingerprint(value) != base[name] and not _gave_way(request.POST, name)
    }
    status = 400
    try:
        if not base:
            raise Conflict("This form came without what it showed. Look at it and save again.")
        asked = ProblemChange(**_as_asked(touched))
        whole = _unmasked(base, problem, person, touched)
        event = change(problem, person, asked, Door.WEB, base=whole)
        if event is None:
            messages.info(request, "Nothing was changed: everything was so already.")
        return redirect(problem)
    except DraftErrors as faults:
        form.refuse(faults.errors)
    except FieldsMoved as moved:
        return _moved(request, problem, touched, moved.fields)
    except Conflict as conflict:
        status = 409
        form.refuse({"": [str(conflict)]})
    except Denied as denied:
        status = 403
        form.refuse({"": [denied.reason]})
    context = edit_context(problem, form, permitted(problem, rights), person)
    # A second attempt is compared with what the first form showed.
    context["base"] = json.dumps({**json.loads(context["base"]), **base})
    context["seen"] = number_in(request.POST, "seen")
    return render(request, "problems/edit.html", context, status=status)


def _gave_way(data: QueryDict, name: str) -> bool:
    """Whether the person chose what somebody else made of the field."""
    return data.get(f"choose_{name}") == "theirs"


@dataclass(frozen=True)
class Meeting:
    """A field that two people changed: both values, and what the other one did, where known."""

    name: str
    label: str
    theirs: Any
    yours: Any
    news: FieldNews | None

    @property
    def is_long(self) -> bool:
        """Whether these are texts of several lines."""
        return self.name in LONG_FIELDS


def _moved(
    request: HttpRequest, problem: Problem, touched: dict[str, Any], names: list[str]
) -> HttpResponse:
    """Somebody changed the same: theirs stands in the form but where this person typed."""
    now = the_problem(request, problem.pk, with_all)
    rights = rights_on(request.user, now)
    current = current_words(now, request.user)
    form = EditForm(
        {**current, **touched}, problem=now, rights=rights, viewer=request.user, initial=current
    )
    form.words()
    seen = number_in(request.POST, "seen")
    news = {n.name: n for n in field_news(now, request.user, seen)} if seen else {}
    meetings = [
        Meeting(name, str(form[name].label), current[name], touched[name], news.get(name))
        for name in names
    ]
    context = edit_context(now, form, permitted(now, rights), request.user, meetings=meetings)
    return render(request, "problems/edit.html", context, status=409)


def read_base(data: QueryDict, name: str = "base") -> dict[str, str]:
    """What the form showed, as fingerprints; a form without it changes nothing."""
    try:
        read = json.loads(data.get(name, "")[:10_000])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(read, dict):
        return {}
    return {str(k): str(v) for k, v in read.items() if k in EditForm.base_fields}


def _unmasked(
    base: dict[str, str], problem: Problem, viewer: Viewer, touched: Mapping[str, Any]
) -> dict[str, str]:
    """What the form stood for where it did not show a number. Raises `FieldsMoved`.

    No answer depends on whether somebody has guessed that number.
    """
    if not hides_target(problem, viewer):
        return base
    if "duplicate_of" in touched and base["duplicate_of"] != fingerprint(HIDDEN):
        raise FieldsMoved(["duplicate_of"])
    return base | {"duplicate_of": fingerprint(in_words(problem, "duplicate_of"))}


def _with_unsent(
    data: QueryDict, problem: Problem, base: dict[str, str], viewer: Viewer
) -> dict[str, Any]:
    """A small form sends few fields; the others are as they stand, should it come back whole."""
    words = current_words(problem, viewer)
    if "is_confidential" in base or not words["is_confidential"]:
        words.pop("is_confidential")
    return words | data.dict()


def number_in(data: QueryDict, name: str) -> int:
    """A number that a form or an address carries; 0 where it carries none."""
    return number_of(data.get(name, ""))


def _as_asked(touched: dict[str, Any]) -> dict[str, Any]:
    """The words as a change has them: a number for `duplicate_of`, the rest as typed."""
    asked = dict(touched)
    if "duplicate_of" in asked:
        typed = asked["duplicate_of"].strip().lstrip("#").rsplit("/", 1)[-1]
        if typed and not (typed.isascii() and typed.isdigit() and len(typed) < 19):
            faults = Faults()
            faults.add("duplicate_of", "Give the number of a problem, such as 123.")
            faults.raise_if_any()
        asked["duplicate_of"] = int(typed) if typed else None
    return asked
