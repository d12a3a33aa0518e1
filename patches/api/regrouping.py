"""Putting right what is a version of what: a version taken out, a patch joined to another."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, read
from accounts.api.schema import KEY, sample
from accounts.api.views import ApiView, person_of
from accounts.policies import require
from patches.api.representation import PatchSerializer, VersionSerializer, address, whole
from patches.api.requests import patch_or_404, version_or_404
from patches.intake import regrouping
from patches.policies import may, visible_patches
from tracker.api.requests import door_of
from tracker.drafts import DraftErrors


class JoinInput(Input):
    into = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="The patch of which it is the next version."
    )


class TakeOutView(ApiView):
    @extend_schema(
        operation_id="take_out_patch_version",
        parameters=[KEY],
        request=None,
        responses={201: PatchSerializer},
    )
    def post(self, request: Request, patch: int, version: int) -> Response:
        """Make the newest version a patch of its own, while nobody has said anything of it; that
        patch."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(may("patch.add_version", person, shown))
        taken = version_or_404(shown, version)

        def work(row: object) -> Made:
            made = regrouping.take_out(taken, person, door_of(request))
            return Made(whole(person, made), address("api_patch", made.pk))

        return once(request, person, work)


class JoinView(ApiView):
    @extend_schema(
        operation_id="join_patch",
        examples=[sample({"into": 7})],
        parameters=[KEY],
        request=JoinInput,
        responses={201: VersionSerializer},
    )
    def post(self, request: Request, patch: int) -> Response:
        """Make the newest version of a patch the next one of another, and end it; that version."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(regrouping.may_end(person, shown))
        number = read(JoinInput, request)["into"]
        into = visible_patches(person).filter(pk=number).first()
        if into is None:
            raise DraftErrors({"into": [f"There is no patch {number}."]})
        require(may("patch.add_version", person, into))

        def work(row: object) -> Made:
            version = regrouping.join(shown, into, person, door_of(request))
            body = dict(VersionSerializer(version).data)
            return Made(body, address("api_patch_version", into.pk, version.number))

        return once(request, person, work)
