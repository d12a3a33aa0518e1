"""What the server is, what it takes, and where everything else is."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.views import ApiView
from tracker.models import SYNOPSIS_CHARS, TEXT_CHARS, Kind, Severity

# For templates to offer; any other word is taken too.
ARCHITECTURES = ["amd64", "arm64", "armv7", "i386", "powerpc64", "powerpc64le", "riscv64", "s390x"]


class LimitsSerializer(serializers.Serializer[Any]):
    attachment_bytes = serializers.IntegerField()
    attachments_per_problem = serializers.IntegerField()
    synopsis_chars = serializers.IntegerField()
    text_chars = serializers.IntegerField()


class ClientSerializer(serializers.Serializer[Any]):
    url = serializers.URLField()


class ServerSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.CharField()
    base_url = serializers.URLField()
    limits = LimitsSerializer()
    kinds = serializers.ListField(child=serializers.CharField())
    severities = serializers.ListField(child=serializers.CharField())
    architectures_hint = serializers.ListField(child=serializers.CharField())
    client = ClientSerializer()


class ServerView(ApiView):
    @extend_schema(operation_id="server", responses=ServerSerializer)
    def get(self, request: Request) -> Response:
        """What this server is, and what it takes."""
        return Response(
            {
                "name": "Groundswell",
                "version": settings.VERSION,
                "base_url": settings.BASE_URL,
                "limits": {
                    "attachment_bytes": settings.ATTACHMENT_BYTES,
                    "attachments_per_problem": settings.ATTACHMENTS_PER_PROBLEM,
                    "synopsis_chars": SYNOPSIS_CHARS,
                    "text_chars": TEXT_CHARS,
                },
                "kinds": Kind.values,
                "severities": Severity.values,
                "architectures_hint": ARCHITECTURES,
                "client": {"url": f"{settings.BASE_URL}/send-problem.pyz"},
            }
        )


INDEX = {
    "server": "api_server",
    "problems": "api_problems",
    "similar": "api_similar",
    "products": "api_products",
    "me": "api_me",
    "tokens": "api_tokens",
    "sign_up": "api_sign_up",
    "sign_in": "api_sign_in",
    "confirm": "api_confirm",
    "schema": "api_schema",
    "docs": "api_docs",
}
IndexSerializer = type(
    "IndexSerializer", (serializers.Serializer,), {name: serializers.URLField() for name in INDEX}
)


class IndexView(ApiView):
    @extend_schema(operation_id="index", responses=IndexSerializer)
    def get(self, request: Request) -> Response:
        """The addresses from which all others are found."""
        return Response({key: settings.BASE_URL + reverse(name) for key, name in INDEX.items()})
