"""How a product has its patches rated, what its branches need, and who looks after its files."""

from __future__ import annotations

import re
from typing import Any, Final

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.inputs import Input, Words, read, texts
from accounts.api.paging import entries
from accounts.api.schema import sample
from accounts.api.views import ApiView, person_of
from accounts.policies import Viewer, require
from patches.models import MaintainersFile, RatingDimension
from patches.owners import keeping
from patches.owners.rules import FILE_CHARS
from patches.policies import may
from patches.reviews import dimensions, managing
from patches.reviews.dimensions import Dimension
from patches.reviews.needs import USUAL, By, Different, Needed
from tracker.models import Product

FAULTS_SHOWN: Final = 200
_ADDRESS = re.compile(r"[^\s@,;:<>()]+@[^\s@,;:<>()]+")


def product_or_404(slug: str) -> Product:
    """A product that takes patches."""
    product = Product.objects.filter(slug=slug, is_active=True).first()
    if product is None:
        raise Http404
    return product


class DimensionSerializer(serializers.Serializer[Dimension]):
    slug = serializers.CharField()
    title = serializers.CharField()
    is_objection = serializers.BooleanField(help_text="To rate there speaks against the patch.")
    has_minus = serializers.BooleanField(help_text="One may say no as well as yes.")
    asks_environment = serializers.BooleanField(help_text="Asks where it was tried.")
    voided_by = serializers.ChoiceField(choices=RatingDimension.VoidedBy.values)


class DimensionListSerializer(serializers.Serializer[Any]):
    results = DimensionSerializer(many=True)


class NeededSerializer(serializers.Serializer[Needed]):
    dimension = serializers.CharField()
    count = serializers.IntegerField(help_text="0: nobody may speak against it there.")
    by = serializers.ChoiceField(choices=By.values)
    different = serializers.ChoiceField(
        choices=Different.values, help_text="In what those who are counted must differ."
    )


class RuleSerializer(serializers.Serializer[Any]):
    branch = serializers.CharField(help_text="A pattern; empty for the main branch.")
    is_usual = serializers.BooleanField(help_text="What holds where no other rule matches.")
    needs = NeededSerializer(many=True)
    words = serializers.CharField()


class RuleListSerializer(serializers.Serializer[Any]):
    results = RuleSerializer(many=True)


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


class DimensionsView(ApiView):
    @extend_schema(operation_id="list_rating_dimensions", responses=DimensionListSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """In what a product has its patches rated."""
        found = dimensions.of(product_or_404(slug))
        return Response({"results": entries(DimensionSerializer, found)})


class RulesView(ApiView):
    @extend_schema(operation_id="list_branch_rules", responses=RuleListSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """What patches for each branch need. The first that matches holds; the last is usual."""
        product = product_or_404(slug)
        known = dimensions.by_slug(product)
        rows = product.branch_rules.order_by("position", "id").prefetch_related("requirements")
        rules = [(row.branch, False, managing.parts_of(row)) for row in rows]
        rules.append(("*", True, list(USUAL)))
        results = [
            {
                "branch": branch,
                "is_usual": is_usual,
                "needs": entries(NeededSerializer, parts),
                "words": managing.words_of(parts, known),
            }
            for branch, is_usual, parts in rules
        ]
        return Response({"results": results})


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
    if not may("patch.manage", viewer):
        text = _ADDRESS.sub(lambda found: keeping.veiled(found[0]), file.text)
        file.text = text
        faults = []
    else:
        found = keeping.faults_of(file)[:FAULTS_SHOWN]
        faults = [{"line": fault.line, "reason": fault.reason} for fault in found]
    at = serializers.DateTimeField().to_representation(file.changed_at)
    return {"format": file.format, "text": file.text, "changed_at": at, "faults": faults}
