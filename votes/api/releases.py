"""In which releases a problem is, and where people say that it is gone."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.inputs import Input, Words, read, texts
from accounts.api.paging import entries
from accounts.api.schema import sample
from accounts.api.views import ApiView, person_of
from accounts.policies import Viewer, require
from tracker.api.requests import door_of, problem_or_404
from tracker.marking import mark_releases
from tracker.models import Problem, ReleaseStatus
from tracker.policies import may
from tracker.versions import Answer
from votes.models import NoLonger
from votes.no_longer import say_no_longer, take_back_no_longer
from votes.versions import Line, no_longer_of, versions_of


class LineSerializer(serializers.Serializer[Line]):
    release = serializers.CharField(source="verdict.release.name")
    branch = serializers.CharField(
        source="verdict.release.branch", help_text="Empty for the main line."
    )
    status = serializers.ChoiceField(source="verdict.answer", choices=Answer.values)
    reason = serializers.CharField(source="verdict.reason", help_text="One sentence.")
    is_marked = serializers.BooleanField(
        source="verdict.is_marked", help_text="Whether somebody marked this very release."
    )
    have = serializers.IntegerField(help_text="People who said that they have it there.")
    gone = serializers.IntegerField(help_text="People who said that it is gone there.")


class VersionsSerializer(serializers.Serializer[Any]):
    answered_by = serializers.IntegerField(
        allow_null=True,
        help_text="The problem that answers: of a duplicate its head, null for one that is hidden.",
    )
    results = LineSerializer(many=True, help_text="The newest release first.")


class MarksInput(Input):
    releases = serializers.DictField(
        child=Words(),
        required=True,
        help_text="Name of a release -> "
        f"{', '.join(ReleaseStatus.Status.values)}, or null to take the mark back.",
    )


class ReleasesView(ApiView):
    @extend_schema(operation_id="get_releases", responses=VersionsSerializer)
    def get(self, request: Request, number: int) -> Response:
        """In which releases the problem is, computed from what was said, with the reasons."""
        return Response(_answers(request.user, problem_or_404(request.user, number)))

    @extend_schema(
        operation_id="mark_releases",
        examples=[sample({"releases": {"14.3": "affected", "15.0": "fixed"}})],
        request=MarksInput,
        responses=VersionsSerializer,
    )
    def put(self, request: Request, number: int) -> Response:
        """Mark the named releases, all or none; what is not named stays, and so does the state."""
        person = person_of(request)
        problem = problem_or_404(person, number)
        require(may("problem.classify", person, problem))
        said = read(MarksInput, request)["releases"]
        mark_releases(problem, person, texts(said), door_of(request))
        return Response(_answers(person, problem_or_404(person, number)))


def _answers(viewer: Viewer, problem: Problem) -> dict[str, Any]:
    versions = versions_of(problem, viewer)
    return {
        "answered_by": versions.of.pk if versions.of is not None else None,
        "results": entries(LineSerializer, versions.lines),
    }


class NoLongerInput(Input):
    release = Words(required=True, help_text="On which it is gone: a release of the product.")
    architecture = Words(help_text="That of one's vote, unless another one is said.")
    note = Words(help_text="A short line for others to read.")


class NoLongerSerializer(serializers.Serializer[NoLonger]):
    release = serializers.CharField(source="release.name")
    architecture = serializers.CharField()
    note = serializers.CharField()
    said_at = serializers.DateTimeField()


class OwnNoLongerSerializer(serializers.Serializer[Any]):
    results = NoLongerSerializer(many=True, help_text="All that one says of this problem.")


class NoLongerView(ApiView):
    limits: ClassVar = {"PUT": "vote", "DELETE": "vote"}

    @extend_schema(
        operation_id="say_no_longer",
        examples=[sample({"release": "15.0", "note": "gone since the update"})],
        request=NoLongerInput,
        responses=OwnNoLongerSerializer,
    )
    def put(self, request: Request, number: int) -> Response:
        """Say that a problem that one voted on is gone on a release. The vote stays."""
        person = person_of(request)
        problem = problem_or_404(person, number)
        require(may("problem.vote", person, problem))
        said = texts(read(NoLongerInput, request))
        say_no_longer(problem, person, door_of(request), **said)
        return _own(person, problem)

    @extend_schema(
        operation_id="take_back_no_longer",
        parameters=[OpenApiParameter("release", str, description="All of them without it.")],
        responses={200: OwnNoLongerSerializer},
    )
    def delete(self, request: Request, number: int) -> Response:
        """Take it back; nothing happens where it was not said."""
        person = person_of(request)
        problem = problem_or_404(person, number)
        take_back_no_longer(problem, person, request.query_params.get("release", ""))
        return _own(person, problem)


def _own(viewer: Viewer, problem: Problem) -> Response:
    return Response({"results": entries(NoLongerSerializer, no_longer_of(viewer, problem))})
