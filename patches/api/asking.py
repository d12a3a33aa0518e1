"""Who was asked to look at a patch, and what they answered."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, Words, read, texts
from accounts.api.paging import entries, page_serializer, slice_of
from accounts.api.schema import KEY, PAGING, sample
from accounts.api.views import ApiView, person_of
from accounts.models import Person
from accounts.policies import Viewer, as_person, require
from accounts.selectors import person_by_handle
from patches.api.requests import patch_or_404
from patches.models import Patch, ReviewRequest
from patches.owners import requests
from patches.owners.suggesting import Suggestion, suggest
from patches.policies import may
from tracker.api.requests import door_of
from tracker.drafts import DraftErrors, nearest
from tracker.models import Door

ANSWERS = ("claim", "snooze", "decline")


class ReviewRequestSerializer(serializers.Serializer[ReviewRequest]):
    id = serializers.IntegerField()
    person = serializers.CharField(source="person.handle")
    reason = serializers.CharField()
    asked_by = serializers.CharField(source="asked_by.handle", default=None, allow_null=True)
    state = serializers.ChoiceField(choices=ReviewRequest.State.values)
    snoozed_until = serializers.SerializerMethodField(help_text="Of one's own; of others null.")
    asked_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_snoozed_until(self, row: ReviewRequest) -> Any:
        viewer: Person | None = self.context["viewer"]
        is_own = viewer is not None and row.person_id == viewer.pk
        until = row.snoozed_until if is_own else None
        return serializers.DateTimeField().to_representation(until) if until else None


class SuggestedReviewerSerializer(serializers.Serializer[Suggestion]):
    person = serializers.CharField(source="person.handle")
    reason = serializers.CharField()


class SuggestedReviewersSerializer(serializers.Serializer[Any]):
    results = SuggestedReviewerSerializer(many=True)


class AskInput(Input):
    person = Words(required=True, allow_null=False, help_text="A handle.")


class AnswerInput(Input):
    answer = Words(
        required=True,
        allow_null=False,
        help_text="`claim`: one looks at it; `snooze`: out of one's queue for some days;"
        " `decline`: not one's own, and it goes on to somebody else.",
    )
    days = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=requests.SNOOZE_DAYS_AT_MOST,
        help_text=f"Goes with `snooze`; {requests.SNOOZE_DAYS} if left out.",
    )


class AnswerSerializer(serializers.Serializer[Any]):
    request = ReviewRequestSerializer()
    passed_on_to = serializers.CharField(
        allow_null=True, help_text="Who has it now, after `decline`; null for nobody."
    )


def _shown(row: ReviewRequest, viewer: Viewer) -> dict[str, Any]:
    return dict(ReviewRequestSerializer(row, context={"viewer": as_person(viewer)}).data)


class RequestsView(ApiView):
    @extend_schema(
        operation_id="list_review_requests",
        parameters=PAGING,
        responses=page_serializer(ReviewRequestSerializer),
    )
    def get(self, request: Request, patch: int) -> Response:
        """Who was asked to look at a patch, why, and what they answered."""
        shown = patch_or_404(request.user, patch)
        rows = shown.review_requests.select_related("person", "asked_by")
        page = slice_of(rows, request, "id")
        viewer = as_person(request.user)
        return Response(page.answer(entries(ReviewRequestSerializer, page.rows, viewer=viewer)))

    @extend_schema(
        operation_id="ask_for_review",
        examples=[sample({"person": "mara"})],
        parameters=[KEY],
        request=AskInput,
        responses={201: ReviewRequestSerializer},
    )
    def post(self, request: Request, patch: int) -> Response:
        """Ask somebody to look at a patch. Who was asked already is not asked again."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(may("patch.ask", person, shown))
        handle = texts(read(AskInput, request))["person"].strip().removeprefix("@")
        asked = person_by_handle(handle[:100])
        if asked is None:
            raise DraftErrors({"person": [f"There is nobody here called “{handle[:40]}”."]})

        def work(row: object) -> Made:
            return Made(_shown(requests.ask(shown, person, asked, door_of(request)), person))

        return once(request, person, work)


class SuggestedView(ApiView):
    @extend_schema(operation_id="suggest_reviewers", responses=SuggestedReviewersSerializer)
    def get(self, request: Request, patch: int) -> Response:
        """Who could be asked: who changed these lines, or reviewed that, and was not asked yet."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(may("patch.ask", person, shown))
        found = suggest(shown) if shown.is_waiting else []
        return Response({"results": entries(SuggestedReviewerSerializer, found)})


class OwnRequestView(ApiView):
    @extend_schema(
        operation_id="answer_review_request",
        examples=[sample({"answer": "snooze", "days": 7})],
        request=AnswerInput,
        responses=AnswerSerializer,
    )
    def put(self, request: Request, patch: int) -> Response:
        """Claim a patch, put it off, or pass it on. Saying the same twice is saying it once."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(may("patch.review", person, shown))
        said = read(AnswerInput, request)
        answer = said["answer"]
        if answer not in ANSWERS:
            fault = f"Choose one of: {', '.join(ANSWERS)}.{nearest(answer[:50], ANSWERS)}"
            raise DraftErrors({"answer": [fault]})
        if "days" in said and answer != "snooze":
            raise DraftErrors({"days": ["This goes with “snooze” alone."]})
        following = _answer(shown, person, answer, said.get("days"), door_of(request))
        own = shown.review_requests.select_related("person", "asked_by").get(person=person)
        name = following.person.handle if following else None
        return Response({"request": _shown(own, person), "passed_on_to": name})


def _answer(
    patch: Patch, person: Person, answer: str, days: int | None, door: Door
) -> ReviewRequest | None:
    """Do it; after passing on, the request of who has it now."""
    if answer == "claim":
        requests.claim(patch, person, door)
    elif answer == "snooze":
        requests.snooze(patch, person, days or requests.SNOOZE_DAYS)
    else:
        return requests.decline(patch, person, door)
    return None
