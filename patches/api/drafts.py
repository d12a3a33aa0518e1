"""What somebody writes on lines before it is sent, and lines that others suggest."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, Words, read, texts
from accounts.api.schema import KEY, sample
from accounts.api.views import ApiView, person_of
from accounts.models import Person
from accounts.policies import require
from patches.api.representation import VersionSerializer, address
from patches.api.requests import LARGEST_NUMBER, patch_or_404, version_named
from patches.api.reviews import VERSION, LineCommentInput, RemarkSerializer, comment_on
from patches.models import LineComment, Patch
from patches.overview import draft_of
from patches.policies import may
from patches.reviews import reviewing
from tracker.api.requests import door_of
from tracker.drafts import DraftErrors

SUGGESTIONS_AT_ONCE = 100


class DraftSerializer(serializers.Serializer[Any]):
    """Empty where there is none."""

    version = serializers.IntegerField(allow_null=True, help_text="On which it will be sent.")
    comments = RemarkSerializer(many=True)


class DraftCommentInput(LineCommentInput):
    version = serializers.IntegerField(help_text="The newest if left out.", **VERSION)


class OtherWords(Input):
    text = Words(required=True, help_text="Markdown.")


class SuggestionsInput(Input):
    comments = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_NUMBER),
        min_length=1,
        max_length=SUGGESTIONS_AT_ONCE,
        help_text="Comments that suggest lines, by their `id`.",
    )


class DraftView(ApiView):
    limits: ClassVar = {"POST": "comment"}

    @extend_schema(operation_id="get_review_draft", responses=DraftSerializer)
    def get(self, request: Request, patch: int) -> Response:
        """What one has written on lines, on pages too, and not sent. Nobody else sees it."""
        person = person_of(request)
        draft = draft_of(patch_or_404(person, patch), person)
        body = {
            "version": draft.review.version.number if draft else None,
            "comments": draft.remarks if draft else [],
        }
        return Response(DraftSerializer(body).data)

    @extend_schema(
        operation_id="add_to_review_draft",
        examples=[sample({"path": "sys/dev/em/if_em.c", "start": 13, "text": "Who frees it?"})],
        parameters=[KEY],
        request=DraftCommentInput,
        responses={201: RemarkSerializer},
    )
    def post(self, request: Request, patch: int) -> Response:
        """Write on lines, or answer, without sending it.

        It goes out with the next review that says `with_draft`.
        """
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(may("patch.review", person, shown))
        said = texts(read(DraftCommentInput, request))

        def work(row: object) -> Made:
            version = version_named(shown, said.pop("version", None))
            added = comment_on(version, person, said)
            return Made(_remark(shown, person, added.pk))

        return once(request, person, work)

    @extend_schema(operation_id="discard_review_draft", request=None, responses={204: None})
    def delete(self, request: Request, patch: int) -> Response:
        """Throw it away. Doing it twice is doing it once."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        reviewing.discard_draft(version_named(shown, None), person)
        return Response(status=204)


class CommentView(ApiView):
    @extend_schema(
        operation_id="change_draft_comment",
        examples=[sample({"text": "Who frees it, and when?"})],
        request=OtherWords,
        responses=RemarkSerializer,
    )
    def patch(self, request: Request, patch: int, comment: int) -> Response:
        """Say it in other words, as long as it is not sent."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        found = _own(shown, person, comment)
        words = texts(read(OtherWords, request))["text"]
        reviewing.edit_line_comment(found, person, words)
        return Response(_remark(shown, person, comment))

    @extend_schema(operation_id="remove_draft_comment", request=None, responses={204: None})
    def delete(self, request: Request, patch: int, comment: int) -> Response:
        """Take one comment out of the draft."""
        person = person_of(request)
        found = _own(patch_or_404(person, patch), person, comment)
        reviewing.remove_line_comment(found, person)
        return Response(status=204)


def _own(patch: Patch, person: Person, comment: int) -> LineComment:
    rows = LineComment.objects.select_related("review__patch", "thread")
    found = rows.filter(review__author=person, review__patch=patch, pk=comment).first()
    if found is None:
        raise Http404
    return found


def _remark(patch: Patch, person: Person, comment: int) -> dict[str, Any]:
    draft = draft_of(patch, person)
    for remark in draft.remarks if draft else ():
        if remark.comment.pk == comment:
            return dict(RemarkSerializer(remark).data)
    raise Http404


class SuggestionsView(ApiView):
    limits: ClassVar = {"POST": "report"}

    @extend_schema(
        operation_id="apply_suggestions",
        examples=[sample({"comments": [31, 34]})],
        parameters=[KEY],
        request=SuggestionsInput,
        responses={201: VersionSerializer},
    )
    def post(self, request: Request, patch: int) -> Response:
        """Make the next version, with the lines that these comments suggest; resolves them."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(may("patch.add_version", person, shown))
        numbers = read(SuggestionsInput, request)["comments"]

        def work(row: object) -> Made:
            made = reviewing.apply_suggestions(
                shown, person, _sent(shown, numbers), door_of(request)
            )
            where = address("api_patch_version", patch, made.number)
            return Made(dict(VersionSerializer(made).data), where)

        return once(request, person, work)


def _sent(patch: Patch, numbers: list[int]) -> list[LineComment]:
    """The comments by number. Raises `DraftErrors` for one that nobody has sent on this patch."""
    sent = LineComment.objects.filter(review__patch=patch, review__sent_at__isnull=False)
    found = list(sent.filter(pk__in=numbers).order_by("id"))
    if gone := sorted(set(numbers) - {each.pk for each in found}):
        raise DraftErrors(
            {"comments": [f"There is no comment {number} on this patch." for number in gone]}
        )
    return found
