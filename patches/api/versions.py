"""The versions of a patch: their files, what changed, and as text for git."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import texts
from accounts.api.paging import entries, page_serializer, slice_of
from accounts.api.schema import KEY, PAGING, sample
from accounts.api.views import ApiView, Parser, person_of
from accounts.policies import require
from patches.api.patches import DIFF, most_bytes
from patches.api.representation import VersionSerializer, address
from patches.api.requests import (
    VersionForm,
    VersionInput,
    body_of,
    patch_or_404,
    read_patch,
    version_or_404,
)
from patches.git.writing import as_mbox, as_patch
from patches.intake import submitting
from patches.models import PatchFile, PatchVersion
from patches.policies import may
from tracker.api.requests import door_of


class FileSerializer(serializers.Serializer[PatchFile]):
    commit = serializers.IntegerField(source="commit.position", help_text="From 1.")
    subject = serializers.CharField(source="commit.subject", help_text="Of the commit.")
    path = serializers.CharField()
    old_path = serializers.CharField(help_text="Of one that was renamed or copied; else empty.")
    status = serializers.ChoiceField(choices=PatchFile.Status.values)
    is_binary = serializers.BooleanField()
    old_mode = serializers.CharField()
    new_mode = serializers.CharField()
    added = serializers.IntegerField(help_text="Lines.")
    removed = serializers.IntegerField(help_text="Lines.")


class ChangesSerializer(serializers.Serializer[PatchVersion]):
    version = serializers.IntegerField(source="number")
    before = serializers.SerializerMethodField(
        help_text="The version that it is compared with; null for the first."
    )
    by = serializers.ChoiceField(
        source="changes_by",
        choices=PatchVersion.Changes.choices,
        help_text="How it was compared; empty where that is still to come.",
    )
    text = serializers.CharField(source="changes")

    def get_before(self, version: PatchVersion) -> int | None:
        return version.number - 1 or None


class VersionsView(ApiView):
    parser_classes = (Parser, MultiPartParser)
    limits: ClassVar = {"POST": "report"}

    @property
    def most_bytes(self) -> int:
        return most_bytes(self.request)

    @extend_schema(
        operation_id="list_patch_versions",
        parameters=PAGING,
        responses=page_serializer(VersionSerializer),
    )
    def get(self, request: Request, patch: int) -> Response:
        """The versions of a patch, the newest first."""
        shown = patch_or_404(request.user, patch)
        rows = shown.versions.select_related("submitter").defer("changes")
        page = slice_of(rows, request, "-number")
        return Response(page.answer(entries(VersionSerializer, page.rows)))

    @extend_schema(
        operation_id="add_patch_version",
        examples=[sample({"patch": DIFF, "note": "Tells of the error at once."})],
        parameters=[KEY],
        request={"application/json": VersionInput, "multipart/form-data": VersionForm},
        responses={201: VersionSerializer},
    )
    def post(self, request: Request, patch: int) -> Response:
        """Add a version, which supersedes the one before. What the newest says is no new
        one; what an earlier one says is."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(may("patch.add_version", person, shown))
        form = VersionInput(data=body_of(request))
        form.is_valid(raise_exception=True)
        said = texts(form.understood)
        parsed = read_patch(request, said.get("patch", ""))

        def work(row: object) -> Made:
            note = said.get("note", "")
            version = submitting.add_version(shown, parsed, person, door_of(request), note=note)
            body = dict(VersionSerializer(version).data)
            return Made(body, address("api_patch_version", patch, version.number))

        return once(request, person, work)


class VersionView(ApiView):
    @extend_schema(operation_id="get_patch_version", responses=VersionSerializer)
    def get(self, request: Request, patch: int, version: int) -> Response:
        """One version."""
        found = version_or_404(patch_or_404(request.user, patch), version)
        return Response(VersionSerializer(found).data)


class FilesView(ApiView):
    @extend_schema(
        operation_id="list_patch_files",
        parameters=PAGING,
        responses=page_serializer(FileSerializer),
    )
    def get(self, request: Request, patch: int, version: int) -> Response:
        """What each commit of a version does to which file."""
        found = version_or_404(patch_or_404(request.user, patch), version)
        rows = found.files.select_related("commit").defer("hunks")
        page = slice_of(rows, request, "id")
        return Response(page.answer(entries(FileSerializer, page.rows)))


class ChangesView(ApiView):
    @extend_schema(operation_id="get_patch_changes", responses=ChangesSerializer)
    def get(self, request: Request, patch: int, version: int) -> Response:
        """What changed with a version: `git range-diff` or an interdiff as text."""
        found = version_or_404(patch_or_404(request.user, patch), version)
        return Response(ChangesSerializer(found).data)


_TEXT = {(200, "text/plain"): OpenApiResponse(OpenApiTypes.BINARY, "Bytes, as git has them.")}


class TextView(ApiView):
    @extend_schema(operation_id="download_patch", responses=_TEXT)
    def get(self, request: Request, patch: int, version: int) -> HttpResponseBase:
        """A version as a diff, which `git apply` and `patch -p1` take."""
        found = version_or_404(patch_or_404(request.user, patch), version)
        return _as_text(as_patch(found), f"patch-{patch}-v{version}.patch")


class MboxView(ApiView):
    @extend_schema(operation_id="download_patch_mbox", responses=_TEXT)
    def get(self, request: Request, patch: int, version: int) -> HttpResponseBase:
        """A version as mails, of which `git am` makes the same commits."""
        found = version_or_404(patch_or_404(request.user, patch), version)
        return _as_text(as_mbox(found), f"patch-{patch}-v{version}.mbox")


def _as_text(text: bytes, name: str) -> HttpResponse:
    """Text that no browser takes for anything else."""
    headers: dict[str, Any] = {
        "ETag": f'"{hashlib.sha256(text).hexdigest()[:32]}"',
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)
