"""Oneself and one's tokens."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from django.http import Http404
from django.utils.crypto import salted_hmac
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, name_of, read
from accounts.api.paging import page_serializer, slice_of
from accounts.api.schema import KEY, PAGING, sample
from accounts.api.views import ApiView, person_of
from accounts.models import AccessToken, IdempotentRequest
from accounts.policies import may, require
from accounts.selectors import live_tokens
from accounts.services import TOKEN_PREFIX, make_token, revoke_token


class OwnTokenSerializer(serializers.Serializer[AccessToken]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class MeSerializer(serializers.Serializer[Any]):
    handle = serializers.CharField()
    email = serializers.EmailField()
    roles = serializers.ListField(child=serializers.CharField())
    token = OwnTokenSerializer(allow_null=True)


class TokenSerializer(serializers.Serializer[AccessToken]):
    id = serializers.IntegerField()
    name = serializers.CharField(help_text="The system that the token is for.")
    prefix = serializers.CharField(help_text="The first characters of the secret.")
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    is_current = serializers.SerializerMethodField()

    def get_is_current(self, token: AccessToken) -> bool:
        return token.pk == self.context.get("current")


class NewTokenSerializer(TokenSerializer):
    token = serializers.CharField(help_text="The secret; it is shown this once.")


class TokenInput(Input):
    name = serializers.CharField(max_length=100, help_text="The system that the token is for.")


class MeView(ApiView):
    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who is signed in, and with which token."""
        person = person_of(request)
        token = request.auth if isinstance(request.auth, AccessToken) else None
        body = {
            "handle": person.handle,
            "email": person.email,
            "roles": sorted(person.roles),
            "token": token and {"id": token.pk, "name": token.name},
        }
        return Response(body)


class TokensView(ApiView):
    limits: ClassVar = {"POST": "token"}
    cache_control: ClassVar = "no-store"

    @extend_schema(
        operation_id="list_tokens", parameters=PAGING, responses=page_serializer(TokenSerializer)
    )
    def get(self, request: Request) -> Response:
        """One's own tokens that still open something, newest first."""
        person = person_of(request)
        require(may("token.manage", person, person))
        page = slice_of(live_tokens(person), request, "-id")
        return Response(page.answer([_described(token, request) for token in page.rows]))

    @extend_schema(
        operation_id="make_token",
        examples=[sample({"name": "build server"})],
        parameters=[KEY],
        request=TokenInput,
        responses={201: NewTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a token for a further system. Its secret is in this answer only."""
        person = person_of(request)
        require(may("token.manage", person, person))
        name = name_of(read(TokenInput, request)["name"])

        def make(row: IdempotentRequest | None) -> Made:
            token, secret = make_token(person, name, _secret_of(row) if row else None)
            body = dict(_described(token, request))
            return Made(body if row else body | {"token": secret}, f"{request.path}{token.pk}/")

        return once(request, person, make, _reveal)


class TokenView(ApiView):
    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke one of one's own tokens; it opens nothing from now on."""
        person = person_of(request)
        require(may("token.manage", person, person))
        token = live_tokens(person).filter(pk=token_id).first()
        if token is None:
            raise Http404
        revoke_token(token, person)
        return Response(status=204)


class CurrentTokenView(ApiView):
    @extend_schema(operation_id="sign_out", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Revoke the token that this very request carries: sign this system out."""
        person = person_of(request)
        if not isinstance(request.auth, AccessToken):
            raise Http404
        revoke_token(request.auth, person)
        return Response(status=204)


def _described(token: AccessToken, request: Request) -> dict[str, Any]:
    current = request.auth.pk if isinstance(request.auth, AccessToken) else None
    return TokenSerializer(token, context={"current": current}).data


def _secret_of(row: IdempotentRequest) -> str:
    """A secret that follows from the row and the server's key, so that a retry can be answered.

    Kept with the answer it could be read from the database, where only digests may be.
    """
    words = f"{row.pk}:{row.key}:{row.created_at.isoformat()}"
    digest = salted_hmac("accounts.api.people.token", words, algorithm="sha256").digest()
    return TOKEN_PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _reveal(row: IdempotentRequest, made: Made) -> None:
    made.body = made.body | {"token": _secret_of(row)}
