"""Products with their components and releases, and what the server is."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.paging import page_serializer, slice_of
from accounts.api.schema import PAGING
from accounts.api.views import ApiView
from tracker.models import SYNOPSIS_CHARS, TEXT_CHARS, Component, Kind, Product, Release, Severity

# For templates to offer; any other word is taken too.
ARCHITECTURES = ["amd64", "arm64", "armv7", "i386", "powerpc64", "powerpc64le", "riscv64", "s390x"]


class ComponentSerializer(serializers.ModelSerializer[Component]):
    class Meta:
        model = Component
        fields = ("slug", "title", "description")


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    class Meta:
        model = Release
        fields = ("name", "is_supported")


class ProductSerializer(serializers.ModelSerializer[Product]):
    components = ComponentSerializer(many=True)
    releases = ReleaseSerializer(many=True, help_text="The newest first.")

    class Meta:
        model = Product
        fields = ("slug", "title", "description", "components", "releases")


def products() -> QuerySet[Product]:
    """Those that take reports, with the components that do."""
    components = Component.objects.filter(is_active=True).order_by("slug")
    releases = Release.objects.order_by("-position", "-id")
    return Product.objects.filter(is_active=True).prefetch_related(
        Prefetch("components", components), Prefetch("releases", releases)
    )


class ProductsView(ApiView):
    @extend_schema(
        operation_id="list_products",
        parameters=PAGING,
        responses=page_serializer(ProductSerializer),
    )
    def get(self, request: Request) -> Response:
        """The products that take reports, by slug."""
        page = slice_of(products(), request, "slug")
        return Response(page.answer(ProductSerializer(page.rows, many=True).data))


class ProductView(ApiView):
    @extend_schema(operation_id="get_product", responses=ProductSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """One product with its components and releases."""
        product = products().filter(slug=slug).first()
        if product is None:
            raise Http404
        return Response(ProductSerializer(product).data)


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
                "version": VERSION,
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


VERSION = "0.1.0"
