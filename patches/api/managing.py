"""In what a product has its patches rated, and what its branches need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, Words, read, texts
from accounts.api.paging import entries
from accounts.api.schema import KEY, sample
from accounts.api.views import ApiView, person_of
from accounts.models import Person
from accounts.policies import require
from patches.api.products import product_or_404
from patches.api.representation import address
from patches.models import BranchRule, RatingDimension
from patches.policies import may
from patches.reviews import dimensions, managing, needs
from patches.reviews.dimensions import Dimension
from patches.reviews.managing import DimensionWords, PartWords
from patches.reviews.needs import USUAL, By, Different, Needed
from tracker.drafts import DraftErrors
from tracker.models import Product

# As the pages name the fields of a part.
_PART: Final = re.compile(r"(dimension|count|by|different)_(\d+)")
_POSITION: Final[dict[str, Any]] = {"required": False, "min_value": 0, "max_value": 1000}


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
    id = serializers.IntegerField(allow_null=True, help_text="Null for the usual one.")
    branch = serializers.CharField(help_text="A pattern; empty for the main branch.")
    is_usual = serializers.BooleanField(help_text="What holds where no other rule matches.")
    needs = NeededSerializer(many=True)
    words = serializers.CharField()


class RuleListSerializer(serializers.Serializer[Any]):
    results = RuleSerializer(many=True)


class DimensionChange(Input):
    title = Words(allow_null=False)
    is_objection = serializers.BooleanField(required=False)
    has_minus = serializers.BooleanField(required=False)
    asks_environment = serializers.BooleanField(required=False)
    voided_by = Words(help_text=f"One of: {', '.join(RatingDimension.VoidedBy.values)}.")
    position = serializers.IntegerField(help_text="Among the others, from 0.", **_POSITION)


class DimensionInput(DimensionChange):
    title = Words(required=True, allow_null=False)


class PartInput(Input):
    dimension = Words(required=True, allow_null=False, help_text="Slug.")
    count = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=managing.MOST_PEOPLE,
        help_text="How many people; 1 if left out. 0: nobody may speak against it there.",
    )
    by = Words(help_text=f"One of: {', '.join(By.values)}. Anybody if left out.")
    different = Words(help_text="In what they must differ: architecture, release, or nothing.")


class RuleChange(Input):
    branch = Words(help_text="A pattern; empty for the main branch.")
    needs = PartInput(many=True, required=False, help_text="All that it asks for.")
    position = serializers.IntegerField(help_text="Among the others, from 0.", **_POSITION)


class RuleInput(RuleChange):
    branch = Words(required=True, help_text="A pattern; empty for the main branch.")


def _managed(request: Request, slug: str) -> tuple[Person, Product]:
    person = person_of(request)
    product = product_or_404(slug)
    require(may("patch.manage", person))
    return person, product


# Dimensions


class DimensionsView(ApiView):
    @extend_schema(operation_id="list_rating_dimensions", responses=DimensionListSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """In what a product has its patches rated."""
        found = dimensions.of(product_or_404(slug))
        return Response({"results": entries(DimensionSerializer, found)})

    @extend_schema(
        operation_id="add_rating_dimension",
        examples=[sample({"title": "Performance", "asks_environment": True})],
        parameters=[KEY],
        request=DimensionInput,
        responses={201: DimensionSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Have patches rated in one more, after the others unless `position` says otherwise."""
        person, product = _managed(request, slug)
        said = texts(read(DimensionInput, request))
        position = said.pop("position", None)

        def work(row: object) -> Made:
            made = managing.add_dimension(product, person, DimensionWords(**said))
            _place_dimension(product, person, made.slug, position)
            where = address("api_rating_dimension", slug, made.slug)
            return Made(_dimension(product, made.slug), where)

        return once(request, person, work)


class DimensionView(ApiView):
    @extend_schema(
        operation_id="change_rating_dimension",
        examples=[sample({"title": "Speed", "position": 0})],
        request=DimensionChange,
        responses=DimensionSerializer,
    )
    def patch(self, request: Request, slug: str, dimension: str) -> Response:
        """Change what is named; what people said in it stays."""
        person, product = _managed(request, slug)
        with transaction.atomic():
            managing.hold(product, person)
            found = _found_dimension(product, dimension)
            said = texts(read(DimensionChange, request))
            position = said.pop("position", None)
            names = DimensionWords.__dataclass_fields__
            words = {name: getattr(found, name) for name in names} | said
            managing.update_dimension(product, person, dimension, DimensionWords(**words))
            _place_dimension(product, person, dimension, position)
        return Response(_dimension(product, dimension))

    @extend_schema(operation_id="remove_rating_dimension", request=None, responses={204: None})
    def delete(self, request: Request, slug: str, dimension: str) -> Response:
        """Have patches rated in it no more; what people said in it stays in the histories."""
        person, product = _managed(request, slug)
        _found_dimension(product, dimension)
        managing.remove_dimension(product, person, dimension)
        return Response(status=204)


def _found_dimension(product: Product, slug: str) -> Dimension:
    found = dimensions.by_slug(product).get(slug)
    if found is None:
        raise Http404
    return found


def _dimension(product: Product, slug: str) -> dict[str, Any]:
    return dict(DimensionSerializer(_found_dimension(product, slug)).data)


def _place_dimension(product: Product, person: Person, slug: str, position: int | None) -> None:
    if position is not None:
        at = list(dimensions.by_slug(product)).index(slug)
        managing.move_dimension(product, person, slug, position - at)


# Rules


class RulesView(ApiView):
    @extend_schema(operation_id="list_branch_rules", responses=RuleListSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """What patches for each branch need. The first that matches holds; the last is usual."""
        product = product_or_404(slug)
        known = dimensions.by_slug(product)
        rows = product.branch_rules.order_by("position", "id").prefetch_related("requirements")
        rules = [_told(row.pk, row.branch, needs.parts_of(row), known) for row in rows]
        return Response({"results": [*rules, _told(None, "*", list(USUAL), known)]})

    @extend_schema(
        operation_id="add_branch_rule",
        examples=[
            sample(
                {
                    "branch": "stable/*",
                    "needs": [
                        {"dimension": "quality", "by": "committer"},
                        {"dimension": "works", "count": 2, "different": "architecture"},
                        {"dimension": "fails", "count": 0},
                    ],
                }
            )
        ],
        parameters=[KEY],
        request=RuleInput,
        responses={201: RuleSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Add a rule, after the others unless `position` says otherwise."""
        person, product = _managed(request, slug)
        said = texts(read(RuleInput, request))
        parts = _parts(said.get("needs", ()))

        def work(row: object) -> Made:
            with _faults_of_parts():
                made = managing.add_rule(product, person, said["branch"], parts)
            _place_rule(made, person, said.get("position"))
            return Made(_rule(product, made.pk), address("api_branch_rule", slug, made.pk))

        return once(request, person, work)


class RuleView(ApiView):
    @extend_schema(
        operation_id="change_branch_rule",
        examples=[sample({"branch": "stable/15", "position": 0})],
        request=RuleChange,
        responses=RuleSerializer,
    )
    def patch(self, request: Request, slug: str, rule: int) -> Response:
        """Change what is named: its pattern, its place, or all that it asks for."""
        person, product = _managed(request, slug)
        with transaction.atomic():
            managing.hold(product, person)
            found = _found_rule(product, rule)
            said = texts(read(RuleChange, request))
            told = entries(NeededSerializer, needs.parts_of(found))
            parts = _parts(said.get("needs", told))
            with _faults_of_parts():
                managing.update_rule(found, person, said.get("branch", found.branch), parts)
            _place_rule(found, person, said.get("position"))
        return Response(_rule(product, rule))

    @extend_schema(operation_id="remove_branch_rule", request=None, responses={204: None})
    def delete(self, request: Request, slug: str, rule: int) -> Response:
        """For its branches holds what else matches, or the usual."""
        person, product = _managed(request, slug)
        managing.remove_rule(_found_rule(product, rule), person)
        return Response(status=204)


def _found_rule(product: Product, rule: int) -> BranchRule:
    found = product.branch_rules.select_related("product").filter(pk=rule).first()
    if found is None:
        raise Http404
    return found


def _rule(product: Product, rule: int) -> dict[str, Any]:
    found = _found_rule(product, rule)
    known = dimensions.by_slug(product)
    return _told(found.pk, found.branch, needs.parts_of(found), known)


def _told(
    pk: int | None, branch: str, parts: list[Needed], known: dict[str, Dimension]
) -> dict[str, Any]:
    return {
        "id": pk,
        "branch": branch,
        "is_usual": pk is None,
        "needs": entries(NeededSerializer, parts),
        "words": managing.words_of(parts, known),
    }


def _parts(said: Any) -> list[PartWords]:
    rows = [texts(each) for each in said]
    return [PartWords(**row | {"count": str(row.get("count", 1))}) for row in rows]


def _place_rule(rule: BranchRule, person: Person, position: int | None) -> None:
    if position is not None:
        rows = rule.product.branch_rules.order_by("position", "id")
        at = list(rows.values_list("pk", flat=True)).index(rule.pk)
        managing.move_rule(rule, person, position - at)


@contextmanager
def _faults_of_parts() -> Iterator[None]:
    """Names the fields of a part as the body does."""
    try:
        yield
    except DraftErrors as faults:
        named = {
            "needs" if name == "parts" else _PART.sub(r"needs.\2.\1", name): lines
            for name, lines in faults.errors.items()
        }
        raise DraftErrors(named) from faults
