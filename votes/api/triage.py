"""The triage queue, and what helps to decide about one problem of it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.paging import address_of, limit_of, page_serializer
from accounts.api.schema import PAGING
from accounts.api.views import ApiView, person_of
from accounts.policies import require
from tracker import triage
from tracker.api.requests import problem_or_404
from tracker.models import Severity, State
from tracker.policies import may
from tracker.suggesting import Suggestion, tally
from tracker.triage import Section
from votes.api.representation import ListedProblemSerializer, listed
from votes.triage import Likely, likely_duplicates


class QueuedSerializer(serializers.Serializer[Any]):
    section = serializers.ChoiceField(choices=Section.values)
    is_mine = serializers.BooleanField(help_text="Whether one maintains its component.")
    problem = ListedProblemSerializer()


class LikelySerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    url = serializers.URLField()
    synopsis = serializers.CharField()
    state = serializers.ChoiceField(choices=State.values)
    severity = serializers.ChoiceField(choices=Severity.values)
    people = serializers.IntegerField()
    votes = serializers.IntegerField()
    score = serializers.FloatField(help_text="From 0 to 1.")
    words = serializers.ListField(child=serializers.CharField(), help_text="That both have.")


class SuggestionSerializer(serializers.Serializer[Any]):
    component = serializers.CharField(help_text="Slug.")
    share = serializers.FloatField(help_text="Of the weight of the most similar, from 0 to 1.")
    reason = serializers.CharField()
    because = serializers.ListField(child=serializers.IntegerField())


class TriageSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    version = serializers.IntegerField()
    section = serializers.ChoiceField(
        choices=Section.values, allow_null=True, help_text="Null: it does not wait for triage."
    )
    duplicates = LikelySerializer(many=True, help_text="The likeliest first, 20 at the most.")
    components = SuggestionSerializer(many=True, help_text="The likeliest first.")


FILTERS = [
    OpenApiParameter("product", str, description="Slug."),
    OpenApiParameter("component", str, description="Slug."),
    OpenApiParameter("section", str, enum=Section.values),
    *PAGING,
]


class QueueView(ApiView):
    @extend_schema(
        operation_id="triage_queue",
        parameters=FILTERS,
        responses=page_serializer(QueuedSerializer),
    )
    def get(self, request: Request) -> Response:
        """What waits for triage: new problems, those waiting for feedback, then stale ones.

        Those in what one maintains come first. For developers, triagers and committers.
        """
        person = person_of(request)
        require(may("problem.triage", person))
        said = request.query_params
        names = ("product", "component", "section", "cursor")
        product, component, section, cursor = (said.get(name, "") for name in names)
        query = triage.check_query(product, component, section, cursor, limit_of(request))
        page = triage.queue(person, query)
        problems = listed(person, [item.problem for item in page.items])
        return Response(
            {
                "next": address_of(request, page.next_cursor),
                "previous": address_of(request, page.previous_cursor),
                "results": [
                    {"section": item.section, "is_mine": item.is_mine, "problem": problem}
                    for item, problem in zip(page.items, problems, strict=True)
                ],
            }
        )


class TriageView(ApiView):
    @extend_schema(operation_id="triage_problem", responses=TriageSerializer)
    def get(self, request: Request, number: int) -> Response:
        """The likely duplicates of a problem, and the component that they suggest."""
        person = person_of(request)
        require(may("problem.triage", person))
        problem = problem_or_404(person, number)
        likely = likely_duplicates(person, problem)
        suggested = tally([each.similar for each in likely], problem.product.slug)
        return Response(
            {
                "number": problem.pk,
                "version": problem.version,
                "section": triage.section_of(problem),
                "duplicates": [_likely(each) for each in likely],
                "components": [_suggestion(each) for each in suggested],
            }
        )


def _likely(each: Likely) -> dict[str, Any]:
    problem = each.problem
    names = ("synopsis", "state", "severity", "people", "votes")
    return {
        "number": problem.pk,
        "url": f"{settings.BASE_URL}/{problem.pk}",
        **{name: getattr(problem, name) for name in names},
        "score": each.similar.score,
        "words": list(each.similar.words),
    }


def _suggestion(each: Suggestion) -> dict[str, Any]:
    return {
        "component": each.component.slug,
        "share": each.share,
        "reason": each.reason,
        "because": each.because,
    }
