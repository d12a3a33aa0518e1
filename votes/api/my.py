"""One's own page for programs: what waits for me, what I wait for, and the news of what I have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.paging import entries
from accounts.api.views import ApiView, person_of
from tracker.clocks.words import outlooks
from tracker.models import Problem
from votes import mine
from votes.api.representation import ListedProblemSerializer, sight_of
from votes.looking import mark_seen
from votes.news import MOST_LINES, MOST_PROBLEMS, news, news_since

ROWS = 20


class MyProblemSerializer(ListedProblemSerializer):
    outlook = serializers.SerializerMethodField(
        help_text="For whom it waits, until when, and what happens then, in a sentence."
    )

    def get_outlook(self, problem: Problem) -> str:
        outlooks_by_number: Mapping[int, str] = self.context["outlooks"]
        return outlooks_by_number[problem.pk]


class PartSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(
        choices=["feedback", "assigned", "maintained", "asked", "reported"]
    )
    title = serializers.CharField(help_text="The reason in words.")
    problems = MyProblemSerializer(many=True, help_text=f"{ROWS} at the most.")
    more = serializers.BooleanField(help_text="Whether these are not all.")


class HappeningSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    words = serializers.CharField(help_text="Who did what.")


class NewsSerializer(serializers.Serializer[Any]):
    problem = MyProblemSerializer()
    is_fixed = serializers.BooleanField()
    happenings = HappeningSerializer(
        many=True, help_text=f"The latest, {MOST_LINES} at the most; the oldest of them first."
    )
    left_out = serializers.IntegerField(help_text="How many came before these.")


class MySerializer(serializers.Serializer[Any]):
    waits_for_me = PartSerializer(many=True)
    i_wait_for = PartSerializer(many=True)
    news_since = serializers.DateTimeField()
    news = NewsSerializer(
        many=True, help_text=f"{MOST_PROBLEMS} problems at the most, the fixed ones first."
    )


class MyView(ApiView):
    @extend_schema(operation_id="my", responses=MySerializer)
    def get(self, request: Request) -> Response:
        """What waits for oneself, what one waits for, and the news of what one voted for.

        Reading this leaves the news as they are.
        """
        person = person_of(request)
        waits, waited_for = mine.waits_for(person, ROWS), mine.waited_for_by(person, ROWS)
        since = news_since(person)
        fresh = news(person, since)
        listed = [problem for part in [*waits, *waited_for] for problem in part.problems]
        problems = {p.pk: p for p in [*listed, *(each.problem for each in fresh)]}
        shown = entries(
            MyProblemSerializer,
            problems.values(),
            sight=sight_of(person, problems.values()),
            outlooks=outlooks(problems.values()),
        )
        by_number = dict(zip(problems, shown, strict=True))
        return Response(
            {
                "waits_for_me": [_part(part, by_number) for part in waits],
                "i_wait_for": [_part(part, by_number) for part in waited_for],
                "news_since": since,
                "news": [
                    {
                        "problem": by_number[each.problem.pk],
                        "is_fixed": each.is_fixed,
                        "happenings": entries(HappeningSerializer, each.happenings),
                        "left_out": each.left_out,
                    }
                    for each in fresh
                ],
            }
        )


def _part(part: mine.Part, by_number: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    return {
        "reason": part.key,
        "title": part.title,
        "problems": [by_number[problem.pk] for problem in part.problems],
        "more": part.more,
    }


class MySeenView(ApiView):
    limits: ClassVar = {"POST": "vote"}

    @extend_schema(operation_id="mark_news_seen", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """One has read the news: from now on only later ones are told."""
        mark_seen(person_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
