"""Who looks after which files of a product."""

from __future__ import annotations

from typing import Any, Final

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.inputs import Input, Words, read, texts
from accounts.api.schema import sample
from accounts.api.views import ApiView, person_of
from accounts.policies import Viewer, require
from patches.models import MaintainersFile
from patches.owners import keeping
from patches.owners.rules import FILE_CHARS
from patches.policies import may
from tracker.models import Component, Product

FAULTS_SHOWN: Final = 200


def product_or_404(slug: str) -> Product:
    """A product that takes patches."""
    product = Product.objects.filter(slug=slug, is_active=True).first()
    if product is None:
        raise Http404
    return product


class FaultSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    reason = serializers.CharField()


class MaintainersSerializer(serializers.Serializer[Any]):
    format = serializers.ChoiceField(choices=["", *MaintainersFile.Format.values])
    text = serializers.CharField(
        help_text="Empty where there is none. Addresses are whole for those alone who may change"
        " it."
    )
    changed_at = serializers.DateTimeField(allow_null=True)
    faults = FaultSerializer(
        many=True, help_text="Lines that cannot be followed, for those who may change it."
    )


class MaintainersInput(Input):
    format = Words(
        required=True,
        allow_null=False,
        help_text=f"One of: {', '.join(MaintainersFile.Format.values)}.",
    )
    text = Words(required=True, help_text=f"At most {FILE_CHARS:,} characters; empty for none.")


class PathsSerializer(serializers.Serializer[Any]):
    paths = serializers.ListField(
        child=serializers.CharField(), help_text="Patterns as in a CODEOWNERS file."
    )


class PathsInput(Input):
    paths = serializers.ListField(
        child=Words(allow_null=False),
        max_length=keeping.PATTERNS,
        help_text="All of them: `/sys/netinet/` is a folder, `*.c` are files of a kind.",
    )


class MaintainersView(ApiView):
    @extend_schema(operation_id="get_maintainers", responses=MaintainersSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """A product's own list of who looks after which files."""
        return Response(_file(product_or_404(slug), request.user))

    @extend_schema(
        operation_id="set_maintainers",
        examples=[sample({"format": "codeowners", "text": "/sys/netinet/ @mara\n"})],
        request=MaintainersInput,
        responses=MaintainersSerializer,
    )
    def put(self, request: Request, slug: str) -> Response:
        """Replace that list. Lines that cannot be followed are told, and refuse nothing."""
        person = person_of(request)
        product = product_or_404(slug)
        require(may("patch.manage", person))
        said = texts(read(MaintainersInput, request))
        keeping.set_file(product, person, file_format=said["format"], text=said["text"])
        return Response(_file(product, person))


def _file(product: Product, viewer: Viewer) -> dict[str, Any]:
    file = MaintainersFile.objects.filter(product=product).first()
    if file is None:
        return {"format": "", "text": "", "changed_at": None, "faults": []}
    may_manage = may("patch.manage", viewer)
    found = keeping.faults_of(file)[:FAULTS_SHOWN] if may_manage else []
    return {
        "format": file.format,
        "text": file.text if may_manage else keeping.veiled(file.text),
        "changed_at": serializers.DateTimeField().to_representation(file.changed_at),
        "faults": [{"line": fault.line, "reason": fault.reason} for fault in found],
    }


class PathsView(ApiView):
    @extend_schema(operation_id="get_component_paths", responses=PathsSerializer)
    def get(self, request: Request, slug: str, component: str) -> Response:
        """The files that a component declares as its own."""
        return Response({"paths": keeping.patterns_of(_component(slug, component))})

    @extend_schema(
        operation_id="set_component_paths",
        examples=[sample({"paths": ["/sys/netinet/", "*.h"]})],
        request=PathsInput,
        responses=PathsSerializer,
    )
    def put(self, request: Request, slug: str, component: str) -> Response:
        """Replace them: patches that touch these files belong to the component."""
        person = person_of(request)
        found = _component(slug, component)
        require(may("patch.manage", person))
        lines = "\n".join(" ".join(each.split()) for each in read(PathsInput, request)["paths"])
        keeping.set_patterns(found, person, lines)
        return Response({"paths": keeping.patterns_of(found)})


def _component(slug: str, component: str) -> Component:
    found = Component.objects.filter(product=product_or_404(slug), slug=component).first()
    if found is None:
        raise Http404
    return found
