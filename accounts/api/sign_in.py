"""Signing up and in by mailed code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Fault
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.inputs import Input, Words, name_of, read, texts
from accounts.api.limits import spend
from accounts.api.problems import Document, describe
from accounts.api.schema import sample
from accounts.api.views import ApiView
from accounts.codes import VALID_FOR, CodeRefused, ask_to_sign_in, ask_to_sign_up, meet
from accounts.models import SignInChallenge


class SignUpInput(Input):
    email = serializers.EmailField(max_length=254)
    handle = Words(help_text="The public name; made from the address when left out.")


class SignInInput(Input):
    email = serializers.EmailField(max_length=254)


class ConfirmInput(Input):
    challenge = serializers.CharField(max_length=100)
    code = serializers.CharField(max_length=100)
    system = serializers.CharField(
        max_length=100, help_text="The name of the system that the token is for."
    )


class ChallengeSerializer(serializers.Serializer[Any]):
    challenge = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    detail = serializers.CharField()


class ConfirmedPersonSerializer(serializers.Serializer[Any]):
    handle = serializers.CharField()
    email = serializers.EmailField()


class ConfirmedSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="The secret; it is shown this once.")
    name = serializers.CharField()
    person = ConfirmedPersonSerializer()


class AskingView(ApiView):
    """Asks for a code. Whoever is signed in as somebody may do so too."""

    authentication_classes = ()
    limits: ClassVar = {"POST": "code"}
    cache_control: ClassVar = "no-store"

    def ask(self, email: str, mail: Callable[[], SignInChallenge]) -> Response:
        spend("code_for_address", email.lower())
        challenge = mail()
        body = {
            "challenge": str(challenge.pk),
            "expires_in": int(VALID_FOR.total_seconds()),
            "detail": f"A mail with a code is on its way to {challenge.email}.",
        }
        return Response(body, 202)


class SignUpView(AskingView):
    @extend_schema(
        operation_id="sign_up",
        examples=[sample({"email": "rita@example.org", "handle": "rita"})],
        request=SignUpInput,
        responses={202: ChallengeSerializer},
    )
    def post(self, request: Request) -> Response:
        """Ask for an account: a code is mailed, and typing it makes the account.

        The answer is the same whether or not the address is registered already; where it is, the
        code signs in.
        """
        said = texts(read(SignUpInput, request))
        handle = said.get("handle", "").strip()
        try:
            return self.ask(said["email"], lambda: ask_to_sign_up(said["email"], handle))
        except Fault as fault:
            raise ValidationError({"handle": fault.messages}) from fault


class SignInView(AskingView):
    @extend_schema(
        operation_id="sign_in",
        examples=[sample({"email": "rita@example.org"})],
        request=SignInInput,
        responses={202: ChallengeSerializer},
    )
    def post(self, request: Request) -> Response:
        """Ask for a code to sign in with.

        The answer is the same whether or not the address is registered; where it is not, the mail
        says so.
        """
        said = read(SignInInput, request)
        return self.ask(said["email"], lambda: ask_to_sign_in(said["email"]))


class ConfirmView(ApiView):
    authentication_classes = ()
    limits: ClassVar = {"POST": "confirm"}
    cache_control: ClassVar = "no-store"

    @extend_schema(
        operation_id="confirm",
        examples=[
            sample(
                {
                    "challenge": "d0f1b6a2-8a8e-4a53-9d0b-2f0a54f1c7a9",
                    "code": "40318926",
                    "system": "rita@nas",
                }
            )
        ],
        request=ConfirmInput,
        responses={201: ConfirmedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Type the mailed code, and get a token for the system that asked.

        A code is good for 15 minutes, five tries and one use.
        """
        said = read(ConfirmInput, request)
        token, secret = meet(said["challenge"], said["code"], name_of(said["system"]))
        person = {"handle": token.person.handle, "email": token.person.email}
        return Response({"token": secret, "name": token.name, "person": person}, 201)


@describe.register
def _(error: CodeRefused) -> Document:
    return Document(400, str(error), "code")
