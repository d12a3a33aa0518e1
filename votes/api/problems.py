"""Problems: lists, reports, changes."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, Words, read, texts
from accounts.api.paging import address_of, entries, page_serializer
from accounts.api.problems import Changed
from accounts.api.schema import IF_MATCH, KEY, PAGING, sample
from accounts.api.views import ApiView, etag_of, person_of
from accounts.models import Person
from accounts.policies import require
from tracker.api.requests import door_of, problem_or_404
from tracker.changes import ProblemChange
from tracker.drafts import DraftErrors, Faults, ProblemDraft, check, find_product
from tracker.duplicates import lock_groups
from tracker.models import Kind, Problem, Resolution, Severity, State
from tracker.policies import may
from tracker.services import change, lock, report
from tracker.similar import FEW, MOST, Similar, similar_problems
from votes.api.representation import (
    RELATED,
    ListedProblemSerializer,
    ProblemSerializer,
    sight_of,
    whole,
)
from votes.listing import SORTS, find, page, parse_query
from votes.search.highlight import matches

_LARGEST_NUMBER = 2**63 - 1
DESCRIPTION_IN_ADDRESS = 4_000
_ASKED = ("product", "synopsis", "description", "limit")


class ReportInput(Input):
    product = Words(required=True, help_text="Slug.")
    component = Words(required=True, help_text="Slug.")
    synopsis = Words(required=True, help_text="One line.")
    description = Words(required=True, help_text="Markdown.")
    kind = Words(help_text=f"One of: {', '.join(Kind.values)}.")
    severity = Words(help_text=f"One of: {', '.join(Severity.values)}.")
    how_to_repeat = Words(help_text="Markdown.")
    release = Words(help_text="The name of a release of the product.")
    architecture = Words()
    hardware = Words()
    is_confidential = serializers.BooleanField(required=False)


class ChangeInput(Input):
    product = Words(allow_null=False)
    component = Words(allow_null=False)
    synopsis = Words(allow_null=False)
    description = Words(allow_null=False)
    how_to_repeat = Words()
    kind = Words(allow_null=False)
    severity = Words(allow_null=False)
    release = Words(help_text="Empty or null for none.")
    architecture = Words()
    hardware = Words()
    fixed_in = Words(help_text="A release, empty or null for none.")
    assignee = Words(help_text="A handle, empty or null for nobody.")
    is_confidential = serializers.BooleanField(required=False)
    state = Words(allow_null=False, help_text=f"One of: {', '.join(State.values)}.")
    resolution = Words(help_text=f"Of a closed problem: {', '.join(Resolution.values)}.")
    duplicate_of = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=_LARGEST_NUMBER,
        help_text="A number: closes this problem as its duplicate. Null takes that back.",
    )


class SimilarSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    url = serializers.URLField()
    synopsis = serializers.CharField()
    state = serializers.CharField()
    resolution = serializers.CharField(help_text="Empty while it is open.")
    people = serializers.IntegerField()
    votes = serializers.IntegerField()
    score = serializers.FloatField(help_text="From 0 to 1.")
    words = serializers.ListField(
        child=serializers.CharField(), help_text="Those of the synopsis that it has, too."
    )


class SimilarInput(Input):
    product = Words(required=True, allow_null=False, help_text="Slug.")
    synopsis = Words(required=True, allow_null=False, help_text="As it would be reported.")
    description = Words(help_text="Markdown; what goes beyond some thousand words is passed over.")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST, help_text=f"{FEW} by default."
    )


class SimilarListSerializer(serializers.Serializer[Any]):
    results = SimilarSerializer(many=True)


def _filter(name: str, says: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=says, **options)


FILTERS = [
    _filter(
        "q",
        "Words, phrases and qualifiers, such as `panic is:open component:net updated:<30d`: the"
        " language of the search box, described at `/search/help`. At most 2,000 characters. The"
        " other filters say the same as qualifiers, and all must hold.",
    ),
    _filter("product", "Slug."),
    _filter("component", "Slug."),
    OpenApiParameter(
        "state",
        str,
        many=True,
        enum=[*State.values, "any"],
        description="May be repeated. Without it, and without a qualifier that says otherwise, only"
        " open problems are listed.",
    ),
    _filter("kind", "", enum=Kind.values),
    _filter("severity", "", enum=Severity.values),
    _filter("release", "The name of the release it was found in."),
    _filter("assignee", "A handle, `me`, or `none`."),
    _filter("reporter", "A handle, `me`, or `none`."),
    _filter("voted", "`me`: those that one voted on.", enum=["me"]),
    _filter(
        "sort",
        "`match` (how well the words fit) where there are words, and `heat` where there are none,"
        " unless said otherwise.",
        enum=list(SORTS),
    ),
    *PAGING,
]


class MatchSerializer(serializers.Serializer[Any]):
    """How a problem matches the words of the search."""

    synopsis_spans = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="Pairs of where a match in `synopsis` begins and ends, in characters from 0.",
    )
    snippet = serializers.CharField(help_text="A piece of the text that matches, or empty.")
    snippet_spans = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    )


class FoundProblemSerializer(ListedProblemSerializer):
    """As in all lists, and how it matches."""

    match = serializers.SerializerMethodField()

    @extend_schema_field(MatchSerializer(allow_null=True))
    def get_match(self, problem: Problem) -> dict[str, Any] | None:
        """Null for a search without words."""
        found = self.context["matches"].get(problem.pk)
        if found is None:
            return None
        return {
            "synopsis_spans": [list(span) for span in found.synopsis.spans],
            "snippet": found.snippet.text,
            "snippet_spans": [list(span) for span in found.snippet.spans],
        }


class ProblemsView(ApiView):
    limits: ClassVar = {"POST": "report"}

    @extend_schema(
        operation_id="list_problems",
        parameters=FILTERS,
        responses=page_serializer(FoundProblemSerializer),
    )
    def get(self, request: Request) -> Response:
        """The problems that match, in order. Lists leave the long texts out."""
        query = parse_query(request.query_params)
        found = page(find(query, request.user), query, RELATED)
        results = entries(
            FoundProblemSerializer,
            found.problems,
            sight=sight_of(request.user, found.problems),
            matches=matches(query.search.text, found.problems),
        )
        return Response(
            {
                "next": address_of(request, found.next_cursor),
                "previous": address_of(request, found.previous_cursor),
                "results": results,
            }
        )

    @extend_schema(
        operation_id="report_problem",
        examples=[
            sample(
                {
                    "product": "base",
                    "component": "kernel",
                    "synopsis": "em0 stops passing traffic",
                    "description": "After an hour of load no packet leaves the card.",
                    "release": "15.0",
                    "architecture": "amd64",
                }
            )
        ],
        parameters=[KEY],
        request=ReportInput,
        responses={201: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Report a problem. The reporter's own vote is cast with it."""
        person = person_of(request)
        require(may("problem.report", person))
        draft = _draft(request)

        def work(row: object) -> Made:
            problem = report(draft, person, door_of(request))
            body = whole(person, problem)
            return Made(body, body["api_url"])

        return once(request, person, work)


def _draft(request: Request) -> ProblemDraft:
    """What the request says. Raises with what has the wrong shape and the wrong words alike."""
    form = ReportInput(data=request.data)
    if form.is_valid():
        return ProblemDraft(**texts(form.understood))
    if "non_field_errors" in form.errors:
        raise ValidationError(form.errors)
    errors = {name: [str(text) for text in form.errors[name]] for name in form.errors}
    try:
        check(ProblemDraft(**texts(form.understood)))
    except DraftErrors as faults:
        errors = faults.errors | errors
    raise DraftErrors(errors)


class ProblemView(ApiView):
    @extend_schema(operation_id="get_problem", responses=ProblemSerializer)
    def get(self, request: Request, number: int) -> Response:
        """One problem. Outsiders get the 404 of a missing one for a confidential one."""
        return Response(whole(request.user, problem_or_404(request.user, number)))

    @extend_schema(
        operation_id="change_problem",
        examples=[sample({"state": "closed", "resolution": "fixed", "fixed_in": "15.0"})],
        parameters=[IF_MATCH],
        request=ChangeInput,
        responses=ProblemSerializer,
    )
    def patch(self, request: Request, number: int) -> Response:
        """Change what is named, all of it or nothing; what is not named stays."""
        person = person_of(request)
        problem = problem_or_404(person, number)
        said = read(ChangeInput, request)
        undo = {"duplicate_of": said.pop("duplicate_of")} if "duplicate_of" in said else {}
        asked = ProblemChange(**texts(said), **undo)
        with transaction.atomic():
            if "duplicate_of" in undo or problem.duplicate_of_id is not None:
                # Before any row, as whoever changes a group does.
                lock_groups()
            _ask_match(request, person, problem)
            change(problem, person, asked, door_of(request))
        answer = whole(person, problem_or_404(person, number))
        return Response(answer, headers={"ETag": etag_of(answer)})


def _ask_match(request: Request, person: Person, problem: Problem) -> None:
    """`If-Match` against the problem as it is under its lock. Raises `Changed`."""
    wanted = request.headers.get("If-Match", "").strip()
    if not wanted or wanted == "*":
        return
    lock(problem)
    current = etag_of(whole(person, problem_or_404(person, problem.pk)))
    if current not in [each.strip() for each in wanted.split(",")]:
        raise Changed


class SimilarView(ApiView):
    # A body is sent because it is long; nothing is written.
    limits: ClassVar = {"POST": "read"}

    @extend_schema(
        operation_id="similar_problems",
        parameters=[
            _filter("product", "Slug.", required=True),
            _filter("synopsis", "As it would be reported.", required=True),
            _filter("description", f"Its first {DESCRIPTION_IN_ADDRESS:,} characters; POST more."),
            OpenApiParameter("limit", int, description=f"From 1 to {MOST}; {FEW} by default."),
        ],
        responses=SimilarListSerializer,
    )
    def get(self, request: Request) -> Response:
        """Problems that a report like this may duplicate, the likeliest first.

        Of duplicates the head of their group; open ones and closed ones.
        """
        said = request.query_params
        asked = {name: said[name] for name in _ASKED if name in said}
        if "description" in asked:
            asked["description"] = asked["description"][:DESCRIPTION_IN_ADDRESS]
        return self._answer(request, asked)

    @extend_schema(
        operation_id="similar_problems_to_a_long_report",
        examples=[
            sample(
                {
                    "product": "base",
                    "synopsis": "em0 stops passing traffic",
                    "description": "After an hour of load no packet leaves the card.",
                    "limit": 5,
                }
            )
        ],
        request=SimilarInput,
        responses=SimilarListSerializer,
    )
    def post(self, request: Request) -> Response:
        """The same for a report whose description is too long for an address. Nothing is kept."""
        return self._answer(request, request.data)

    def _answer(self, request: Request, asked: Any) -> Response:
        form = SimilarInput(data=asked)
        form.is_valid(raise_exception=True)
        said = form.understood
        faults = Faults()
        product = find_product(said["product"] or "", faults)
        faults.raise_if_any()
        found = similar_problems(
            request.user,
            product.slug if product else "",
            said["synopsis"] or "",
            said.get("description") or "",
            said.get("limit") or FEW,
        )
        return Response({"results": [_similar(each) for each in found]})


def _similar(each: Similar) -> dict[str, Any]:
    return {
        "number": each.problem.pk,
        "url": f"{settings.BASE_URL}/{each.problem.pk}",
        "synopsis": each.problem.synopsis,
        "state": each.problem.state,
        "resolution": each.problem.resolution,
        "people": each.problem.people,
        "votes": each.problem.votes,
        "score": each.score,
        "words": list(each.words),
    }
