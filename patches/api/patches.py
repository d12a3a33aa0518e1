"""Patches: lists, new ones, changes, decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, Words, read, texts
from accounts.api.paging import address_of, page_serializer
from accounts.api.problems import Changed
from accounts.api.schema import IF_MATCH, KEY, PAGING, sample
from accounts.api.views import ApiView, Parser, etag_of, person_of
from accounts.models import Person
from accounts.policies import require
from patches import deciding
from patches.api.representation import ListedPatchSerializer, PatchSerializer, listed, whole
from patches.api.requests import (
    FORM_BYTES,
    LARGEST_NUMBER,
    PatchForm,
    PatchInput,
    body_of,
    patch_or_404,
    problems_named,
    read_patch,
    version_named,
)
from patches.intake import submitting
from patches.locking import lock_with_problems
from patches.models import Patch
from patches.parsed import ParsedPatch
from patches.policies import may
from patches.waiting.listing import SORT_LABELS, TURNS, find, page, parse
from tracker.api.requests import door_of
from tracker.drafts import DraftErrors, Faults, find_product, nearest
from tracker.models import Problem, Product

DIFF: Final = (
    "--- a/sys/dev/em/if_em.c\n+++ b/sys/dev/em/if_em.c\n@@ -10,3 +10,3 @@\n"
    " \terror = 0;\n-\treturn (0);\n+\treturn (error);\n }\n"
)
WRONG_TRUTH: Final = {"", "0", "no", "false"}


def _filter(name: str, says: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=says, **options)


FILTERS = [
    _filter(
        "turn",
        "`first`, the usual one: what waits for its first review; `more`: for further reviews;"
        " `author`; `committer`; `all` that wait; `decided`.",
        enum=list(TURNS),
    ),
    _filter(
        "forgotten", "`1`: the board of those that nobody reviewed for 90 days; `turn` says nothing"
        " there.",
    ),
    _filter("product", "Slug."),
    _filter("component", "Slug; `-` for those that belong to none."),
    _filter("author", "A handle, or `me`."),
    _filter("reviewer", "Who is to look at it, of decided ones who did: a handle, or `me`."),
    _filter("path", "A file that it touches, or a folder above it."),
    OpenApiParameter("problem", int, description="The number of a problem that it fixes."),
    _filter("target", "The branch that it is for; `main` for the main one."),
    _filter("q", "Words of the title."),
    _filter(
        "sort",
        "`demand`, unless said otherwise; of decided ones `latest`, of forgotten ones `age`.",
        enum=list(SORT_LABELS),
    ),
    *PAGING,
]  # fmt: skip


class PatchChangeInput(Input):
    title = Words(allow_null=False)
    description = Words(help_text="Plain text.")
    target = Words(help_text="The branch that it is for; empty for the main one.")
    fixes = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_NUMBER),
        required=False,
        max_length=submitting.FIXES_AT_MOST,
        help_text="All that it shall fix, of what one may know of.",
    )
    components = serializers.ListField(
        child=Words(allow_null=False),
        required=False,
        max_length=50,
        help_text="Slugs: all of them.",
    )
    is_confidential = serializers.BooleanField(required=False)


class DecisionInput(Input):
    decision = Words(
        required=True,
        allow_null=False,
        help_text="One of: integrate, decline, withdraw, reopen.",
    )
    note = Words(help_text="Needed to decline: why.")
    commit = Words(help_text="As what it went in; goes with `integrate`.")
    mark_problems = serializers.BooleanField(
        required=False,
        help_text="Goes with `integrate`: whether what it fixes becomes patched. True if left out.",
    )
    version = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_NUMBER,
        help_text="Goes with `integrate` and `decline`: the version that was looked at. 409 where"
        " other content came since.",
    )


class PatchesView(ApiView):
    parser_classes = (Parser, MultiPartParser)
    limits: ClassVar = {"POST": "report"}

    @property
    def most_bytes(self) -> int:
        return most_bytes(self.request)

    @extend_schema(
        operation_id="list_patches",
        parameters=FILTERS,
        responses=page_serializer(ListedPatchSerializer),
    )
    def get(self, request: Request) -> Response:
        """The patches that match, in order: without parameters what waits for a first review."""
        said = request.query_params
        is_forgotten = said.get("forgotten", "").strip().casefold() not in WRONG_TRUTH
        query = parse(said, is_forgotten=is_forgotten)
        if "me" in {query.author, query.reviewer}:
            person_of(request)
        found = page(find(query, request.user), query)
        return Response(
            {
                "next": address_of(request, found.next_cursor),
                "previous": address_of(request, found.previous_cursor),
                "results": listed(request.user, found.patches),
            }
        )

    @extend_schema(
        operation_id="submit_patch",
        examples=[sample({"fixes": [12], "patch": DIFF, "title": "em: tell of errors"})],
        parameters=[KEY],
        request={"application/json": PatchInput, "multipart/form-data": PatchForm},
        responses={201: PatchSerializer},
    )
    def post(self, request: Request) -> Response:
        """Submit a patch: for a product, or for the problems that it fixes.

        As JSON with the text in `patch`, or as a form with one or several files in `file`.
        """
        person = person_of(request)
        require(may("patch.submit", person))
        said = _read_words(request)
        parsed = read_patch(request, said.pop("patch", ""))

        def work(row: object) -> Made:
            patch = _submit(request, person, parsed, dict(said))
            body = whole(person, patch_or_404(person, patch.pk))
            return Made(body, body["api_url"])

        return once(request, person, work)


def most_bytes(request: Request) -> int:
    """The largest body of a request that brings a patch: a form may bring files."""
    if (request.content_type or "").startswith("multipart/"):
        return settings.ATTACHMENT_BYTES + FORM_BYTES
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0


def _read_words(request: Request) -> dict[str, Any]:
    form = PatchInput(data=body_of(request))
    form.is_valid(raise_exception=True)
    return texts(form.understood)


def _submit(request: Request, person: Person, parsed: ParsedPatch, said: dict[str, Any]) -> Patch:
    faults = Faults()
    fixes = problems_named(person, said.pop("fixes", None) or (), faults)
    product = _product(said.pop("product", ""), fixes, faults)
    faults.raise_if_any()
    assert product is not None  # noqa: S101 - else there were faults
    if not fixes:
        named = submitting.named_problems(parsed, person)
        fixes = [problem for problem in named if problem.product_id == product.pk]
    submitting.refuse_doubled(parsed, person, product, said.get("target", ""))
    return submitting.submit(parsed, person, door_of(request), product, fixes=fixes, **said)


def _product(slug: str, fixes: list[Problem], faults: Faults) -> Product | None:
    if not slug and fixes:
        return fixes[0].product
    if not slug and not faults.errors:
        faults.add("product", "Name the product, or in “fixes” the problems that it fixes.")
        return None
    return find_product(slug, faults) if slug else None


class PatchView(ApiView):
    @extend_schema(operation_id="get_patch", responses=PatchSerializer)
    def get(self, request: Request, patch: int) -> Response:
        """One patch: its versions, what holds of it, what it needs, and for whom it waits.

        Who may not know of a problem that it fixes gets the 404 of a missing one.
        """
        return Response(whole(request.user, patch_or_404(request.user, patch)))

    @extend_schema(
        operation_id="change_patch",
        examples=[sample({"title": "em: tell of errors", "target": "stable/15", "fixes": [12]})],
        parameters=[IF_MATCH],
        request=PatchChangeInput,
        responses=PatchSerializer,
    )
    def patch(self, request: Request, patch: int) -> Response:
        """Change what is named, all of it or nothing; what is not named stays."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(may("patch.submit", person))
        said = _read_change(request, person, shown)
        with transaction.atomic():
            _ask_match(request, person, shown, said.get("fixes", ()))
            submitting.edit(shown, person, door_of(request), **said)
        answer = whole(person, patch_or_404(person, patch))
        return Response(answer, headers={"ETag": etag_of(answer)})


def _read_change(request: Request, person: Person, patch: Patch) -> dict[str, Any]:
    said = texts(read(PatchChangeInput, request))
    faults = Faults()
    if "fixes" in said:
        said["fixes"] = problems_named(person, said["fixes"], faults)
    if "components" in said:
        named = submitting.check_components(patch.product, said["components"], faults)
        said["components"] = named
    faults.raise_if_any()
    return said


def _ask_match(request: Request, person: Person, patch: Patch, fixes: list[Problem]) -> None:
    """`If-Match` against the patch as it is under its lock. Raises `Changed`."""
    wanted = request.headers.get("If-Match", "").strip()
    if not wanted or wanted == "*":
        return
    lock_with_problems(patch, [each.pk for each in fixes])
    current = etag_of(whole(person, patch_or_404(person, patch.pk)))
    if current not in [each.strip() for each in wanted.split(",")]:
        raise Changed(
            "Somebody changed this patch since you read it. Read it again, and send your change"
            " with the ETag of that answer."
        )


Decide = Callable[..., Patch]
DECISIONS: Final[dict[str, Decide]] = {
    "integrate": deciding.integrate,
    "decline": deciding.decline,
    "withdraw": deciding.withdraw,
    "reopen": deciding.reopen,
}


class DecisionView(ApiView):
    @extend_schema(
        operation_id="decide_on_patch",
        examples=[sample({"decision": "integrate", "commit": "1a2b3c4d", "mark_problems": True})],
        parameters=[KEY],
        request=DecisionInput,
        responses=PatchSerializer,
    )
    def post(self, request: Request, patch: int) -> Response:
        """Integrate, decline or withdraw a patch, or open it again."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        said = texts(read(DecisionInput, request))
        decide = _decision(shown, said)
        require(may(f"patch.{said.pop('decision')}", person, shown))

        def work(row: object) -> Made:
            decide(shown, person, door_of(request), **said)
            return Made(whole(person, patch_or_404(person, patch)), status=200)

        return once(request, person, work)


def _decision(patch: Patch, said: dict[str, Any]) -> Decide:
    """What is to be done; `said` is left with what goes with it."""
    name = said["decision"]
    if name not in DECISIONS:
        fault = f"Choose one of: {', '.join(DECISIONS)}.{nearest(name[:50], DECISIONS)}"
        raise DraftErrors({"decision": [fault]})
    alone = [each for each in ("commit", "mark_problems") if each in said]
    if name != "integrate" and alone:
        raise DraftErrors({each: ["This goes with “integrate” alone."] for each in alone})
    if "version" in said and name not in ("integrate", "decline"):
        raise DraftErrors({"version": ["This goes with “integrate” and “decline” alone."]})
    if "version" in said:
        version_named(patch, said["version"])
    said.setdefault("note", "")
    return DECISIONS[name]
