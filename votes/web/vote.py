"""+1 from a page: cast, say where, withdraw; and what triagers do about voters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from accounts import policies as account_policies
from accounts import services as account_services
from accounts.models import Person
from accounts.policies import require
from tracker.drafts import DraftErrors
from tracker.models import Door, Problem
from tracker.web.pages import (
    is_htmx,
    page,
    person_of,
    safe_next,
    signed_in,
    the_problem,
    with_place,
)
from votes.models import Vote
from votes.selectors import group_votes, votes_of
from votes.services import Environment, VoteRefused, cast_vote, withdraw_vote


@require_POST
@page
def vote(request: HttpRequest, number: int) -> HttpResponseBase:
    """Cast a +1, or say where one has it; as often as one likes, it counts once."""
    problem = the_problem(request, number, with_place)
    if not request.user.is_authenticated:
        return _to_sign_in(request, problem)
    person = person_of(request)
    try:
        cast_vote(problem, person, Door.WEB, _environment(request))
    except VoteRefused as refused:
        return _refused(request, problem, reason_of(refused), refused.head)
    except DraftErrors as faults:
        return _refused(request, problem, format_html("{}", " ".join(faults.sentences)))
    return _tally(request, problem) if is_htmx(request) else _back(request, problem)


@require_POST
@page
def withdraw(request: HttpRequest, number: int) -> HttpResponseBase:
    """Take the +1 back; without one, nothing happens."""
    problem = the_problem(request, number, with_place)
    withdraw_vote(problem, person_of(request))
    return _tally(request, problem) if is_htmx(request) else _back(request, problem)


def _environment(request: HttpRequest) -> Environment | None:
    """Where the voter has it; None from the plain button, which changes nothing that was said."""
    if "release" not in request.POST:
        return None
    names = ("release", "architecture", "note")
    return Environment(*(request.POST.get(name, "") for name in names))


def _to_sign_in(request: HttpRequest, problem: Problem) -> HttpResponse:
    back = safe_next(request, problem.get_absolute_url())
    address = f"{resolve_url('account_login')}?{urlencode({'next': back})}"
    if is_htmx(request):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def _back(request: HttpRequest, problem: Problem) -> HttpResponse:
    return HttpResponseRedirect(safe_next(request, problem.get_absolute_url()))


def _tally(request: HttpRequest, problem: Problem, reason: str = "") -> HttpResponse:
    """The button as it is now, in place of the one that was pressed."""
    own = votes_of(request.user, [problem]).get(problem.pk)
    context = {
        "problem": problem,
        "my_vote": own.status if own else "",
        "large": request.POST.get("large") == "1",
        "vote_error": reason,
        "tally_next": safe_next(request, problem.get_absolute_url()),
    }
    return render(request, "problems/tally.html", context)


def _refused(
    request: HttpRequest, problem: Problem, reason: SafeString, head: Problem | None = None
) -> HttpResponse:
    """`head` is where to vote instead, with one button."""
    if is_htmx(request):
        problem.refresh_from_db(fields=["state", "resolution", "is_open", "people", "waiting"])
        return _tally(request, problem, reason)
    context = {"problem": problem, "reason": reason, "head": head}
    return render(request, "problems/refused.html", context, status=409)


def reason_of(refused: VoteRefused) -> SafeString:
    """Why not, with the way to where it can be done."""
    if refused.head is None:
        return format_html("{}", str(refused))
    return format_html(
        'This is a duplicate of <a href="{}">#{}</a>. Vote there instead.',
        refused.head.get_absolute_url(),
        refused.head.pk,
    )


Judgement = tuple[str, Callable[[Person, Person], None]]
JUDGEMENTS: Final[Mapping[str, Judgement]] = {
    "trust": ("person.trust", account_services.trust),
    "discount": ("person.discount_votes", account_services.discount_votes),
    "restore": ("person.discount_votes", account_services.restore_votes),
}


@require_POST
@signed_in
def judge(request: HttpRequest, number: int, handle: str, judgement: str) -> HttpResponseBase:
    """Vouch for a voter, or count none of this person's votes, or all of them again."""
    problem = the_problem(request, number, with_place)
    if judgement not in JUDGEMENTS:
        raise Http404
    action, judge_voter = JUDGEMENTS[judgement]
    require(account_policies.may(action, request.user))
    votes: list[Vote] = list(
        group_votes(problem).filter(person__handle__iexact=handle).select_related("person")[:1]
    )
    if not votes:
        raise Http404
    judge_voter(votes[0].person, person_of(request))
    return redirect("voters", number=problem.pk)
