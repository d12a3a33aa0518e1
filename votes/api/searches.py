"""Saved searches: keeping them, and what each finds."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, Words, read, texts
from accounts.api.paging import entries, page_serializer, slice_of
from accounts.api.schema import KEY, PAGING, sample
from accounts.api.views import ApiView, person_of
from accounts.models import IdempotentRequest
from votes import saved_searches
from votes.listing import COUNT_LIMIT
from votes.models import SavedSearch

_SAMPLE = sample({"name": "Hot in the kernel", "query": "component:kernel", "is_shared": True})


class SavedSearchSerializer(serializers.Serializer[SavedSearch]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    query = serializers.CharField(help_text="As in the search box.")
    is_shared = serializers.BooleanField()
    owner = serializers.CharField(source="owner.handle")
    count = serializers.SerializerMethodField(
        help_text=f"How many it finds for you, {COUNT_LIMIT + 1} standing for more than "
        f"{COUNT_LIMIT}; null where it names what there is no longer."
    )
    url = serializers.SerializerMethodField()
    problems_url = serializers.SerializerMethodField(help_text="What it finds, in this API.")
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()

    def get_count(self, search: SavedSearch) -> int | None:
        counts: dict[int, int | None] = self.context["counts"]
        return counts[search.pk]

    def get_url(self, search: SavedSearch) -> str:
        return f"{settings.BASE_URL}{search.get_absolute_url()}"

    def get_problems_url(self, search: SavedSearch) -> str:
        asked = urlencode({"q": search.query})
        return f"{settings.BASE_URL}/api/v1/problems/?{asked}"


class NewSearchInput(Input):
    name = Words(required=True, help_text="One line; your own searches have different names.")
    query = Words(help_text="As in the search box. Empty: all open problems.")
    is_shared = serializers.BooleanField(required=False)


class SearchInput(NewSearchInput):
    name = Words(allow_null=False)


class SearchesView(ApiView):
    @extend_schema(
        operation_id="list_searches",
        parameters=PAGING,
        responses=page_serializer(SavedSearchSerializer),
    )
    def get(self, request: Request) -> Response:
        """One's own searches and those that others share, newest first."""
        page = slice_of(saved_searches.visible_searches(request.user), request, "-id")
        return Response(page.answer(_described(request, page.rows)))

    @extend_schema(
        operation_id="save_search",
        examples=[_SAMPLE],
        parameters=[KEY],
        request=NewSearchInput,
        responses={201: SavedSearchSerializer},
    )
    def post(self, request: Request) -> Response:
        """Keep a search under a name."""
        person = person_of(request)
        said = {"query": ""} | texts(read(NewSearchInput, request))

        def make(row: IdempotentRequest | None) -> Made:
            search = saved_searches.save(person, **said)
            (body,) = _described(request, [search])
            return Made(body, f"{request.path}{search.pk}/")

        return once(request, person, make)


class SearchView(ApiView):
    @extend_schema(operation_id="saved_search", responses=SavedSearchSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """One search, and how many it finds for you."""
        (body,) = _described(request, [_search(request, pk)])
        return Response(body)

    @extend_schema(
        operation_id="change_search",
        examples=[_SAMPLE],
        request=SearchInput,
        responses=SavedSearchSerializer,
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Rename, rewrite, share, or stop sharing. What is left out stays."""
        person, search = person_of(request), _search(request, pk)
        now: dict[str, Any] = {
            "name": search.name,
            "query": search.query,
            "is_shared": search.is_shared,
        }
        said = texts(read(SearchInput, request))
        (body,) = _described(request, [saved_searches.change(search, person, **(now | said))])
        return Response(body)

    @extend_schema(operation_id="delete_search", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Forget a search; its address, its feed and the mails of it end."""
        person = person_of(request)
        saved_searches.delete(_search(request, pk), person)
        return Response(status=204)


def _search(request: Request, pk: int) -> SavedSearch:
    found = saved_searches.visible_searches(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _described(request: Request, searches: list[SavedSearch]) -> list[dict[str, Any]]:
    counts = saved_searches.counts(request.user, searches)
    return entries(SavedSearchSerializer, searches, counts=counts)
