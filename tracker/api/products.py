"""Products with their components and releases."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.paging import entries, page_serializer, slice_of
from accounts.api.schema import PAGING
from accounts.api.views import ApiView
from tracker.models import Component, Product, Release


class ComponentSerializer(serializers.ModelSerializer[Component]):
    class Meta:
        model = Component
        fields = ("slug", "title", "description")


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    class Meta:
        model = Release
        fields = ("name", "branch", "released_on", "is_supported")


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
        return Response(page.answer(entries(ProductSerializer, page.rows)))


class ProductView(ApiView):
    @extend_schema(operation_id="get_product", responses=ProductSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """One product with its components and releases."""
        product = products().filter(slug=slug).first()
        if product is None:
            raise Http404
        return Response(ProductSerializer(product).data)
