"""A problem as the API shows it to one viewer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from accounts.api.paging import entries
from accounts.policies import Viewer
from tracker.api.conversation import known_numbers
from tracker.models import Kind, Problem, Resolution, Severity, State
from votes.models import Vote
from votes.selectors import votes_of


class MyVoteSerializer(serializers.Serializer[Vote]):
    status = serializers.ChoiceField(choices=Vote.Status.values)
    release = serializers.CharField(source="release.name", default=None, allow_null=True)
    architecture = serializers.CharField()
    note = serializers.CharField()
    cast_at = serializers.DateTimeField()


class ListedProblemSerializer(serializers.Serializer[Problem]):
    """What lists show: all but the long texts."""

    number = serializers.IntegerField()
    url = serializers.SerializerMethodField()
    api_url = serializers.SerializerMethodField()
    product = serializers.CharField(source="product.slug")
    component = serializers.CharField(source="component.slug")
    kind = serializers.ChoiceField(choices=Kind.values)
    severity = serializers.ChoiceField(choices=Severity.values)
    synopsis = serializers.CharField()
    release = serializers.CharField(source="release.name", default=None, allow_null=True)
    architecture = serializers.CharField()
    hardware = serializers.CharField()
    state = serializers.ChoiceField(choices=State.values)
    resolution = serializers.ChoiceField(choices=[*Resolution.values, ""])
    duplicate_of = serializers.SerializerMethodField()
    fixed_in = serializers.CharField(source="fixed_in.name", default=None, allow_null=True)
    assignee = serializers.CharField(source="assignee.handle", default=None, allow_null=True)
    reporter = serializers.CharField(source="reporter.handle", default=None, allow_null=True)
    origin = serializers.CharField(help_text="Its key in the tracker that it was imported from.")
    origin_author = serializers.CharField(
        help_text="Who reported it in the tracker that it was imported from, if nobody here."
    )
    is_confidential = serializers.BooleanField()
    people = serializers.IntegerField(help_text="Distinct people whose vote counts.")
    waiting = serializers.IntegerField(help_text="People whose vote does not count yet.")
    votes = serializers.IntegerField(help_text="The votes that are shown: people + waiting.")
    heat = serializers.FloatField(help_text="Orders lists; -1e9 without any counted vote.")
    my_vote = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    version = serializers.IntegerField(help_text="Counts the changes of fields.")

    def get_url(self, problem: Problem) -> str:
        return f"{settings.BASE_URL}/{problem.pk}"

    def get_api_url(self, problem: Problem) -> str:
        return f"{settings.BASE_URL}{reverse('api_problem', args=[problem.pk])}"

    def get_duplicate_of(self, problem: Problem) -> int | None:
        number = problem.duplicate_of_id
        return number if number in self.context["sight"].known else None

    @extend_schema_field(MyVoteSerializer(allow_null=True))
    def get_my_vote(self, problem: Problem) -> dict[str, Any] | None:
        vote = self.context["sight"].votes.get(problem.pk)
        return MyVoteSerializer(vote).data if vote else None


class ProblemSerializer(ListedProblemSerializer):
    """One problem, whole."""

    description = serializers.CharField(help_text="Markdown.")
    how_to_repeat = serializers.CharField(help_text="Markdown.")


RELATED = ("product", "component", "release", "fixed_in", "assignee", "reporter")


@dataclass(frozen=True)
class Sight:
    """What a viewer knows around some problems: own votes, and the numbers that may be named."""

    votes: dict[int, Vote]
    known: set[int]


def sight_of(viewer: Viewer, problems: Iterable[Problem]) -> Sight:
    """Two queries at the most, however many problems."""
    rows = list(problems)
    targets = (p.duplicate_of_id for p in rows if p.duplicate_of_id is not None)
    return Sight(votes_of(viewer, rows), known_numbers(viewer, targets))


def listed(viewer: Viewer, problems: list[Problem]) -> list[dict[str, Any]]:
    """Problems as a list shows them; `RELATED` must be loaded."""
    return entries(ListedProblemSerializer, problems, sight=sight_of(viewer, problems))


def whole(viewer: Viewer, problem: Problem) -> dict[str, Any]:
    """One problem as its own address shows it."""
    return dict(ProblemSerializer(problem, context={"sight": sight_of(viewer, [problem])}).data)
