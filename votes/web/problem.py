"""The page of a problem, why it stands where it stands, and who voted."""

from __future__ import annotations

import math
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Person
from accounts.policies import as_person
from accounts.policies import may as may_to_account
from tracker.models import Problem
from tracker.policies import rights_on, visible_problems
from tracker.timeline import Timeline, field_news, stamp, timeline
from tracker.web.comments import likely_outcome
from tracker.web.edit import (
    OUTCOME,
    EditForm,
    base_of,
    number_in,
    outcome_choices,
    permitted,
)
from tracker.web.forms import CommentForm, EnvironmentForm
from tracker.web.pages import new_form_token, page, the_problem, with_place
from votes.matrix import matrix
from votes.models import Vote
from votes.selectors import rank_arithmetic, trends, votes_of
from votes.versions import no_longer_of, versions_of
from votes.voters import notes, voters, weights

# Beyond this many the arithmetic is shown month by month only.
MOST_SINGLE_VOTES = 50
VOTERS_PER_PAGE = 100
QUICK_FIELDS = ("state", "resolution", "duplicate_of", "assignee")


def with_everything(rows: QuerySet[Problem]) -> QuerySet[Problem]:
    """With all that the page names."""
    return rows.select_related(
        "product", "component", "release", "fixed_in", "assignee", "reporter", "duplicate_of"
    ).prefetch_related("product__releases")


@require_safe
@page
def problem(request: HttpRequest, number: int) -> HttpResponseBase:
    """Everything about one problem. A constant number of queries."""
    shown = the_problem(request, number, with_everything)
    context = _context(request, shown, timeline(shown, request.user))
    return render(request, "problems/problem.html", context)


@require_safe
@never_cache
@page
def news(request: HttpRequest, number: int) -> HttpResponseBase:
    """The page again, for one that is open: without its frame, and without entries that it has.

    `seen` is the number of the last event that the page shows.
    """
    seen = number_in(request.GET, "seen")
    shown = the_problem(request, number, with_everything)
    context = _context(request, shown, timeline(shown, request.user, after=seen))
    context["layout"] = "problems/bare.html"
    context["news"] = field_news(shown, request.user, seen) if seen else []
    return render(request, "problems/problem.html", context)


def _context(request: HttpRequest, shown: Problem, told: Timeline) -> dict[str, Any]:
    relatives = _relatives(request, shown)
    votes = votes_of(request.user, [shown, *relatives["duplicates"]])
    own = votes.get(shown.pk)
    return {
        "problem": shown,
        "timeline": told,
        "stamp": stamp(shown, told.seen),
        "my_vote": own.status if own else "",
        "own_vote": own,
        "trend": trends([shown])[shown.pk],
        "notes": notes(shown, request.user),
        **_places(request, shown, had=bool(votes)),
        **relatives,
        **_forms(request, shown, own),
    }


def _places(request: HttpRequest, shown: Problem, *, had: bool) -> dict[str, Any]:
    """In which releases and on which machines it is, and where it is gone for the viewer.

    `had` is whether they voted on it or on a duplicate of it.
    """
    seen = matrix(shown)
    versions = versions_of(shown, request.user, seen)
    gone = no_longer_of(request.user, shown) if had else []
    said = {each.release for each in gone}
    may_say = had and not shown.is_duplicate
    sayable = [r for r in versions.releases if may_say and r not in said]
    today = timezone.now().date()
    out = (r for r in sayable if r.released_on is not None and r.released_on <= today)
    return {
        "matrix": seen,
        "versions": versions,
        "gone": gone,
        "gone_releases": sayable,
        # Whoever is rid of it has probably installed the latest that came out.
        "gone_likely": next(out, None),
    }


def _relatives(request: HttpRequest, shown: Problem) -> dict[str, Any]:
    """The head and the duplicates, as far as the viewer may know of them."""
    visible = visible_problems(request.user).filter(_group(shown))
    relatives = list(
        visible.only("number", "synopsis", "head", "duplicate_of", "is_confidential")[:200]
    )
    return {
        "duplicate_of": next((p for p in relatives if p.pk == shown.duplicate_of_id), None),
        "head": next((p for p in relatives if p.pk == shown.head_id), None),
        "duplicates": [p for p in relatives if p.pk not in {shown.duplicate_of_id, shown.head_id}],
    }


def _group(shown: Problem) -> Q:
    """The problems that this one's page names: its own duplicates, and what it duplicates."""
    if shown.duplicate_of_id is None:
        # By number, as in `voters`.
        return Q(pk__in=shown.group.values("pk"))
    own = Problem.objects.filter(duplicate_of=shown.pk).values_list("pk", flat=True)
    return Q(pk__in=[*own, shown.duplicate_of_id, shown.head_id])


def _forms(request: HttpRequest, shown: Problem, own: Vote | None) -> dict[str, Any]:
    rights = rights_on(request.user, shown)
    decisions = permitted(shown, rights)
    edit = EditForm(problem=shown, rights=rights, viewer=request.user)
    quick = [name for name in QUICK_FIELDS if decisions[name]]
    said = {}
    if own is not None:
        said = {"release": own.release, "architecture": own.architecture, "note": own.note}
    return {
        "rights": rights,
        "may_edit": any(decisions.values()),
        "quick_fields": [edit[name] for name in quick],
        "quick_base": base_of(shown, quick, request.user),
        "comment_form": CommentForm(
            outcomes=outcome_choices(shown, rights),
            base=base_of(shown, OUTCOME, request.user),
            initial={"then": likely_outcome(shown, request.user)},
        ),
        "form_token": new_form_token(),
        "environment_form": EnvironmentForm(
            initial=said, product=shown.product, auto_id="where_%s"
        ),
        "may_judge": may_to_account("person.trust", request.user),
        "votes_are_discounted": _is_discounted(as_person(request.user)),
    }


def _is_discounted(person: Person | None) -> bool:
    return person is not None and person.votes_discounted_at is not None


@require_safe
@page
def why(request: HttpRequest, number: int) -> HttpResponseBase:
    """The arithmetic of the rank, for a reader with a calculator."""
    shown = the_problem(request, number, with_place)
    rank = rank_arithmetic(shown)
    single = weights(shown, rank.now) if rank.people <= MOST_SINGLE_VOTES else []
    head = (
        visible_problems(request.user).filter(pk=shown.head_id).first() if shown.head_id else None
    )
    context = {
        "problem": shown,
        "head": head,
        "rank": rank,
        "log_of_sum": math.log(rank.worth_today) if rank.people else None,
        "weights": [(weight, math.exp(weight.back)) for weight in single],
        "difference": abs(rank.heat - rank.stored),
        "agrees": math.isclose(rank.heat, rank.stored, rel_tol=0, abs_tol=1e-9),
    }
    return render(request, "problems/why.html", context)


@require_safe
@page
def voters_list(request: HttpRequest, number: int) -> HttpResponseBase:
    """Who has it and where, for all; whose votes count and what to do about it, for triagers."""
    shown = the_problem(request, number, with_place)
    found = Paginator(voters(shown, request.user), VOTERS_PER_PAGE).get_page(
        request.GET.get("page")
    )
    others = {vote.problem_id for vote in found} - {shown.pk}
    visible = visible_problems(request.user).filter(pk__in=others)
    context = {
        "problem": shown,
        "shown": found,
        # The duplicates on which votes were cast, where they may be known.
        "visible": set(visible.values_list("pk", flat=True)),
        "may_judge": may_to_account("person.trust", request.user),
        "previous_url": f"?page={found.previous_page_number()}" if found.has_previous() else "",
        "next_url": f"?page={found.next_page_number()}" if found.has_next() else "",
    }
    return render(request, "problems/voters.html", context)
