"""One change to many problems: preview, apply, undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from django.conf import settings
from django.db.models import Count
from django.http import Http404, QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, Words, read, texts
from accounts.api.paging import page_serializer, slice_of
from accounts.api.schema import KEY, PAGING, sample
from accounts.api.views import ApiView, person_of
from accounts.models import Person
from accounts.policies import require
from tracker import bulk
from tracker.api.requests import door_of
from tracker.bulk import Asked, Pick, Previewed
from tracker.changes import ProblemChange
from tracker.drafts import Faults
from tracker.models import BulkChange, BulkChangeItem, Event, Kind, Resolution, Severity, State
from tracker.policies import may, visible_problems
from tracker.timeline import FieldChange, describe
from votes import listing

_LARGEST: Final = 2**63 - 1
_ASKED: Final = {"change": {"state": "closed", "resolution": "overtaken by events"}}


class FieldsInput(Input):
    state = Words(allow_null=False, help_text=f"One of: {', '.join(State.values)}.")
    resolution = Words(help_text=f"Of a closed problem: {', '.join(Resolution.values)}.")
    component = Words(allow_null=False, help_text="Slug.")
    severity = Words(allow_null=False, help_text=f"One of: {', '.join(Severity.values)}.")
    kind = Words(allow_null=False, help_text=f"One of: {', '.join(Kind.values)}.")
    assignee = Words(help_text="A handle, empty or null for nobody.")
    fixed_in = Words(help_text="A release, empty or null for none.")
    duplicate_of = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=_LARGEST,
        help_text="A number, or null to take the marking back.",
    )  # fmt: skip


class AskedInput(Input):
    change = FieldsInput(required=False)
    comment = Words(help_text="Markdown, added to each.")


class PreviewInput(AskedInput):
    numbers = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=_LARGEST),
        required=False, max_length=bulk.MOST,
    )  # fmt: skip
    q = Words(
        help_text="Instead of numbers: all that match this search, as in the search box, "
        f"{bulk.MOST} at the most."
    )


class PickInput(Input):
    number = serializers.IntegerField(required=True, min_value=1, max_value=_LARGEST)
    version = serializers.IntegerField(required=True, min_value=0, max_value=2**31 - 1)


class BulkInput(AskedInput):
    problems = PickInput(many=True, required=True, help_text="As the preview gave them.")


class FieldChangeSerializer(serializers.Serializer[FieldChange]):
    field = serializers.CharField()
    old = serializers.CharField()
    new = serializers.CharField()


class PreviewedSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    version = serializers.IntegerField()
    synopsis = serializers.CharField()
    changes = FieldChangeSerializer(many=True)
    refusal = serializers.CharField(help_text="Why it cannot be changed so; empty if it can.")


class PreviewSerializer(serializers.Serializer[Any]):
    matching = serializers.IntegerField(
        help_text=f"How many match, counted to {listing.COUNT_LIMIT + 1}; of numbers, how many "
        "were sent: what there is not, or not for you, is left out of `problems`."
    )
    problems = PreviewedSerializer(many=True)


class LeftOutSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    reason = serializers.CharField()


class ListedBulkSerializer(serializers.Serializer[BulkChange]):
    id = serializers.IntegerField()
    url = serializers.URLField()
    at = serializers.DateTimeField()
    asked = serializers.DictField(child=serializers.JSONField(), help_text="Empty for an undo.")
    count = serializers.IntegerField(help_text="Problems that were changed.")
    left_out = LeftOutSerializer(many=True)
    undoes = serializers.IntegerField(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)


class ChangedSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    changes = FieldChangeSerializer(many=True)


class BulkSerializer(ListedBulkSerializer):
    problems = ChangedSerializer(many=True)


class PreviewView(ApiView):
    @extend_schema(
        operation_id="preview_bulk_change",
        examples=[sample({"q": "is:stale component:net", **_ASKED})],
        request=PreviewInput,
        responses={200: PreviewSerializer},
    )
    def post(self, request: Request) -> Response:
        """What a change would do to each of many problems. Nothing is written."""
        person = person_of(request)
        require(may("problem.triage", person))
        said = read(PreviewInput, request)
        numbers, matching = _numbers(person, said)
        shown = bulk.preview(person, numbers, _asked(said))
        changes = _in_words(person, [each.changes for each in shown])
        return Response(
            {
                "matching": matching,
                "problems": [
                    _previewed(each, words) for each, words in zip(shown, changes, strict=True)
                ],
            }
        )


def _numbers(person: Person, said: dict[str, Any]) -> tuple[list[int], int]:
    """The problems that are meant, and how many there are. Raises `DraftErrors`."""
    if said.get("numbers"):
        return said["numbers"], len(set(said["numbers"]))
    if not (said.get("q") or "").strip():
        faults = Faults()
        faults.add("numbers", "Name the problems: send numbers, or q for all that match a search.")
        faults.raise_if_any()
    params = QueryDict(mutable=True)
    params["q"] = said["q"]
    query = listing.parse_query(params)
    found = listing.find(query, person)
    first = listing.page(found, replace(query, limit=bulk.MOST))
    return [problem.pk for problem in first.problems], listing.count_up_to(found)


def _asked(said: dict[str, Any]) -> Asked:
    change = dict(said.get("change") or {})
    marking = {"duplicate_of": change.pop("duplicate_of")} if "duplicate_of" in change else {}
    return Asked(ProblemChange(**texts(change), **marking), said.get("comment") or "")


def _previewed(each: Previewed, changes: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "number": each.problem.pk,
        "version": each.problem.version,
        "synopsis": each.problem.synopsis,
        "changes": changes,
        "refusal": each.refusal,
    }


def _in_words(
    person: Person, changes: Sequence[list[dict[str, Any]]]
) -> list[list[dict[str, str]]]:
    """As history tells them; numbers that `person` may not know are left out. One query."""
    entries = describe([Event(changes=each) for each in changes], person)
    return [
        [{"field": c.field, "old": c.old, "new": c.new} for c in entry.changes] for entry in entries
    ]


class BulkChangesView(ApiView):
    @extend_schema(
        operation_id="list_bulk_changes",
        parameters=PAGING,
        responses=page_serializer(ListedBulkSerializer),
    )
    def get(self, request: Request) -> Response:
        """One's own bulk changes and their undos, newest first."""
        page = slice_of(BulkChange.objects.filter(actor=person_of(request)), request, "-id")
        counted = BulkChangeItem.objects.filter(bulk_change__in=[row.pk for row in page.rows])
        counts = dict(counted.order_by().values_list("bulk_change").annotate(Count("pk")))
        return Response(page.answer([_listed(row, counts.get(row.pk, 0)) for row in page.rows]))

    @extend_schema(
        operation_id="apply_bulk_change",
        examples=[sample({"problems": [{"number": 12, "version": 3}], **_ASKED})],
        parameters=[KEY],
        request=BulkInput,
        responses={201: BulkSerializer},
    )
    def post(self, request: Request) -> Response:
        """Change those problems that are still at the version that was previewed.

        Each is changed wholly or not at all; `left_out` names the others with the reason. 409 when
        that is every one of them.
        """
        person = person_of(request)
        require(may("problem.triage", person))
        said = read(BulkInput, request)
        picks = [Pick(each["number"], each["version"]) for each in said["problems"]]

        def work(row: object) -> Made:
            done = bulk.apply(person, picks, _asked(said), door_of(request))
            return Made(_whole(person, done), f"{settings.BASE_URL}{request.path}{done.pk}/")

        return once(request, person, work)


class BulkChangeView(ApiView):
    @extend_schema(operation_id="get_bulk_change", responses=BulkSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """One of one's own bulk changes, with what it did to each problem."""
        person = person_of(request)
        return Response(_whole(person, _own(person, pk)))


class UndoView(ApiView):
    @extend_schema(operation_id="undo_bulk_change", request=None, responses={200: BulkSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Restore every field of every problem that nobody changed since; once.

        Gives the undo, whose `left_out` names the others. Comments stay.
        """
        person = person_of(request)
        undone = bulk.undo(_own(person, pk), person, door_of(request))
        return Response(_whole(person, undone))


def _own(person: Person, pk: int) -> BulkChange:
    found = BulkChange.objects.filter(actor=person, pk=pk).first() if pk <= _LARGEST else None
    if found is None:
        raise Http404
    return found


def _listed(row: BulkChange, count: int) -> dict[str, Any]:
    return {
        "id": row.pk,
        "url": f"{settings.BASE_URL}/triage/changes/{row.pk}/",
        "at": _time(row.at),
        "asked": row.asked,
        "count": count,
        "left_out": row.left_out,
        "undoes": row.undoes_id,
        "undone_at": _time(row.undone_at) if row.undone_at else None,
    }


def _time(value: Any) -> Any:
    return serializers.DateTimeField().to_representation(value)


def _whole(person: Person, row: BulkChange) -> dict[str, Any]:
    """With those of its problems that `person` may still see. Three queries."""
    visible = visible_problems(person).values("pk")
    items = list(row.items.filter(problem__in=visible).select_related("event").order_by("problem"))
    changes = _in_words(person, [item.event.changes for item in items])
    problems = [
        {"number": item.problem_id, "changes": words}
        for item, words in zip(items, changes, strict=True)
    ]
    return {**_listed(row, row.items.count()), "problems": problems}
