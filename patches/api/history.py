"""What happened to a patch."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.paging import entries, page_serializer, slice_of
from accounts.api.schema import PAGING
from accounts.api.views import ApiView
from patches.api.requests import patch_or_404
from patches.models import PatchEvent
from patches.reviews import dimensions
from patches.reviews.talk import Entry, entries_of
from tracker.models import Door
from tracker.timeline import FieldChange


class PatchChangeSerializer(serializers.Serializer[FieldChange]):
    field = serializers.CharField()
    old = serializers.CharField(help_text="In words.")
    new = serializers.CharField(help_text="In words.")


class PatchEventSerializer(serializers.Serializer[Entry]):
    id = serializers.IntegerField(source="event.pk")
    at = serializers.DateTimeField(source="event.at")
    kind = serializers.ChoiceField(source="event.kind", choices=PatchEvent.Kind.values)
    actor = serializers.CharField(
        source="event.actor.handle",
        default=None,
        allow_null=True,
        help_text="Null for what the tracker itself did.",
    )
    door = serializers.ChoiceField(source="event.door", choices=Door.values)
    person = serializers.CharField(
        source="event.person.handle", default=None, allow_null=True, help_text="Who was asked."
    )
    version = serializers.IntegerField(source="event.version.number", default=None, allow_null=True)
    review = serializers.IntegerField(source="event.review_id", allow_null=True)
    turn_before = serializers.CharField(source="event.turn_before")
    turn_after = serializers.CharField(source="event.turn_after")
    state = serializers.SerializerMethodField(help_text="What was decided.")
    note = serializers.SerializerMethodField(help_text="What was said with it.")
    changes = PatchChangeSerializer(many=True)
    patched = serializers.ListField(
        child=serializers.IntegerField(), help_text="Problems that became patched with it."
    )

    def get_state(self, entry: Entry) -> str:
        return str(entry.event.data.get("state", ""))

    def get_note(self, entry: Entry) -> str:
        return str(entry.event.data.get("note", ""))


class HistoryView(ApiView):
    @extend_schema(
        operation_id="list_patch_history",
        parameters=PAGING,
        responses=page_serializer(PatchEventSerializer),
    )
    def get(self, request: Request, patch: int) -> Response:
        """Who did what, when and through which door, oldest first.

        Reviews and ratings have addresses of their own.
        """
        shown = patch_or_404(request.user, patch)
        rows = shown.events.select_related("actor", "person", "version", "review")
        page = slice_of(rows, request, "id")
        known = dimensions.by_slug(shown.product)
        told: Any = entries_of(page.rows, request.user, known)
        return Response(page.answer(entries(PatchEventSerializer, told)))
