"""+1 on a problem, cast and withdrawn."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.inputs import Input, Words, read, texts
from accounts.api.problems import Document, describe
from accounts.api.schema import sample
from accounts.api.views import ApiView, person_of
from accounts.policies import require
from tracker.api.requests import door_of, problem_or_404
from tracker.models import Problem
from tracker.policies import may
from votes.models import Vote
from votes.services import Environment, VoteRefused, cast_vote, withdraw_vote


class VoteInput(Input):
    release = Words(help_text="Where one has it: a release of the product.")
    architecture = Words()
    note = Words(help_text="A short line for others to read.")


class VoteSerializer(serializers.Serializer[Any]):
    voted = serializers.BooleanField()
    status = serializers.ChoiceField(choices=Vote.Status.values, allow_null=True)
    people = serializers.IntegerField()
    waiting = serializers.IntegerField()
    votes = serializers.IntegerField()
    heat = serializers.FloatField()


class VoteView(ApiView):
    limits: ClassVar = {"PUT": "vote", "DELETE": "vote"}

    @extend_schema(
        operation_id="cast_vote",
        examples=[
            sample({"release": "15.0", "architecture": "arm64", "note": "also with a USB adapter"})
        ],
        request=VoteInput,
        responses=VoteSerializer,
    )
    def put(self, request: Request, number: int) -> Response:
        """Say "I have this too", and where. Saying it again changes only the where."""
        person = person_of(request)
        problem = problem_or_404(person, number)
        require(may("problem.vote", person, problem))
        said = texts(read(VoteInput, request)) if request.data else {}
        where = Environment(**said) if said else None
        vote = cast_vote(problem, person, door_of(request), where)
        return Response(_numbers(problem, vote.status))

    @extend_schema(operation_id="withdraw_vote", responses={200: VoteSerializer})
    def delete(self, request: Request, number: int) -> Response:
        """Take the +1 back; nothing happens where there is none."""
        person = person_of(request)
        problem = problem_or_404(person, number)
        with transaction.atomic():
            withdraw_vote(problem, person)
        return Response(_numbers(problem, None))


def _numbers(problem: Problem, status: str | None) -> dict[str, Any]:
    return {
        "voted": status is not None,
        "status": status,
        "people": problem.people,
        "waiting": problem.waiting,
        "votes": problem.votes,
        "heat": problem.heat,
    }


@describe.register
def _(error: VoteRefused) -> Document:
    document = Document(409, str(error), "vote-refused")
    if error.head is not None:
        number = error.head.pk
        document.members["head"] = {"number": number, "url": f"{settings.BASE_URL}/{number}"}
    return document
