"""Comments, files and history of one problem."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.http import Http404, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, Words, read, texts
from accounts.api.paging import entries, page_serializer, slice_of
from accounts.api.problems import TooLarge
from accounts.api.schema import KEY, PAGING, sample
from accounts.api.views import ApiView, person_of
from accounts.policies import Viewer, require
from tracker.api.requests import door_of, problem_or_404
from tracker.downloads import download
from tracker.models import Attachment, Comment, Event
from tracker.policies import may, visible_problems
from tracker.services import attach, comment
from tracker.untold import readable

# What a form needs around its file: the boundary and the headers.
FORM_BYTES = 64 * 1024


class AttachmentSerializer(serializers.Serializer[Attachment]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    content_type = serializers.CharField()
    sha256 = serializers.CharField()
    url = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_url(self, attachment: Attachment) -> str:
        path = reverse("api_attachment", args=[attachment.problem_id, attachment.pk])
        return f"{settings.BASE_URL}{path}"


class CommentSerializer(serializers.Serializer[Comment]):
    id = serializers.IntegerField()
    author = serializers.CharField(source="author.handle", default=None, allow_null=True)
    origin_author = serializers.CharField(
        help_text="Who wrote it in the tracker that it was imported from, if nobody here."
    )
    text = serializers.CharField(help_text="Markdown.")
    door = serializers.CharField()
    attachments = AttachmentSerializer(many=True)
    created_at = serializers.DateTimeField()


class ChangedFieldSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)


class EventSerializer(serializers.Serializer[Event]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Event.Kind.values)
    actor = serializers.CharField(source="actor.handle", default=None, allow_null=True)
    door = serializers.CharField()
    changes = serializers.SerializerMethodField()
    comment = serializers.IntegerField(source="comment_id", allow_null=True)
    attachment = serializers.IntegerField(source="attachment_id", allow_null=True)
    note = serializers.CharField()
    at = serializers.DateTimeField()

    def get_changes(self, event: Event) -> list[dict[str, Any]]:
        known: set[int] = self.context["known"]
        return [_without_hidden(change, known) for change in event.changes]


class CommentInput(Input):
    text = Words(required=True, help_text="Markdown.")


class FileInput(serializers.Serializer[Any]):
    file = serializers.FileField()


class CommentsView(ApiView):
    limits: ClassVar = {"POST": "comment"}

    @extend_schema(
        operation_id="list_comments",
        parameters=PAGING,
        responses=page_serializer(CommentSerializer),
    )
    def get(self, request: Request, number: int) -> Response:
        """The comments, oldest first."""
        problem = problem_or_404(request.user, number)
        rows = problem.comments.select_related("author").prefetch_related("attachments")
        page = slice_of(rows, request, "id")
        return Response(page.answer(entries(CommentSerializer, page.rows)))

    @extend_schema(
        operation_id="add_comment",
        examples=[sample({"text": "Still there after the update."})],
        parameters=[KEY],
        request=CommentInput,
        responses={201: CommentSerializer},
    )
    def post(self, request: Request, number: int) -> Response:
        """Add a comment. The reporter's answer to a question puts the problem back to open."""
        person = person_of(request)
        problem = problem_or_404(person, number)
        require(may("problem.comment", person, problem))
        text = texts(read(CommentInput, request))["text"]

        def work(row: object) -> Made:
            added = comment(problem, person, text, door_of(request))
            return Made(dict(CommentSerializer(added).data))

        return once(request, person, work)


class AttachmentsView(ApiView):
    parser_classes = (MultiPartParser,)
    limits: ClassVar = {"POST": "attach"}

    @property
    def most_bytes(self) -> int:
        return settings.ATTACHMENT_BYTES + FORM_BYTES

    @extend_schema(
        operation_id="list_attachments",
        parameters=PAGING,
        responses=page_serializer(AttachmentSerializer),
    )
    def get(self, request: Request, number: int) -> Response:
        """The files, oldest first."""
        problem = problem_or_404(request.user, number)
        page = slice_of(problem.attachments.all(), request, "id")
        return Response(page.answer(entries(AttachmentSerializer, page.rows)))

    @extend_schema(
        operation_id="add_attachment",
        parameters=[KEY],
        request={"multipart/form-data": FileInput},
        responses={201: AttachmentSerializer},
    )
    def post(self, request: Request, number: int) -> Response:
        """Add a file: one a request, in the form field `file`."""
        person = person_of(request)
        problem = problem_or_404(person, number)
        require(may("problem.attach", person, problem))
        upload = _the_file(request)

        def work(row: object) -> Made:
            made = attach(problem, person, upload, door_of(request))
            body = dict(AttachmentSerializer(made).data)
            return Made(body, body["url"])

        return once(request, person, work)


class AttachmentView(ApiView):
    @extend_schema(
        operation_id="download_attachment",
        responses={
            (200, "application/octet-stream"): OpenApiResponse(
                OpenApiTypes.BINARY, "The file, as a download."
            )
        },
    )
    def get(self, request: Request, number: int, attachment_id: int) -> HttpResponseBase:
        """The file itself."""
        problem = problem_or_404(request.user, number)
        attachment = problem.attachments.filter(pk=attachment_id).first()
        if attachment is None:
            raise Http404
        return download(request._request, attachment)  # noqa: SLF001 - Django's own request


class HistoryView(ApiView):
    @extend_schema(
        operation_id="list_history", parameters=PAGING, responses=page_serializer(EventSerializer)
    )
    def get(self, request: Request, number: int) -> Response:
        """Who did what, when and through which door, oldest first."""
        problem = problem_or_404(request.user, number)
        page = slice_of(problem.events.select_related("actor"), request, "id")
        rows = readable(page.rows, request.user)
        known = known_numbers(request.user, _named_numbers(rows))
        return Response(page.answer(entries(EventSerializer, rows, known=known)))


def _the_file(request: Request) -> Any:
    files = request.FILES.getlist("file")
    if len(files) != 1 or len(request.FILES) != 1:
        raise ValidationError({"file": "Send one file a request, in the form field “file”."})
    if (files[0].size or 0) > settings.ATTACHMENT_BYTES:
        raise TooLarge(
            f"“{files[0].name}” has {files[0].size:,} bytes; at most {settings.ATTACHMENT_BYTES:,}"
            " are taken."
        )
    return files[0]


def known_numbers(viewer: Viewer, numbers: Iterable[int]) -> set[int]:
    """Those of `numbers` that `viewer` may know of. One query, none without numbers."""
    wanted = set(numbers)
    if not wanted:
        return set()
    return set(visible_problems(viewer).filter(pk__in=wanted).values_list("pk", flat=True))


def _named_numbers(events: Iterable[Event]) -> Iterable[int]:
    for event in events:
        for change in event.changes:
            if change.get("field") == "duplicate_of":
                yield from (n for n in (change["old"], change["new"]) if n is not None)


def _without_hidden(change: dict[str, Any], known: set[int]) -> dict[str, Any]:
    """The number of a problem that the viewer may not know of is not told by history either.

    Databases keep the keys of JSON in orders of their own; answers have one.
    """
    ordered = {key: change.get(key) for key in ("field", "old", "new")}
    if change.get("field") != "duplicate_of":
        return ordered
    shown = {key: change[key] if change[key] in known else None for key in ("old", "new")}
    return ordered | shown
