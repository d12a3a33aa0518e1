"""A patch and its versions as the API shows them to one viewer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from accounts.api.paging import entries
from accounts.policies import Viewer
from patches.models import Patch, PatchComponent, PatchFix, PatchVersion, Rating, Turn
from patches.overview import versions_of
from patches.reviews import needs
from patches.reviews.holding import holding
from patches.waiting import turns
from tracker.policies import visible_problems


@dataclass(frozen=True)
class Around:
    """What belongs to some patches, by their numbers, as far as the viewer may know of it."""

    fixes: dict[int, list[int]]
    components: dict[int, list[str]]
    # Those that fix a confidential problem.
    secret: set[int]


def around(viewer: Viewer, patches: Iterable[Patch]) -> Around:
    """Two queries, however many patches."""
    numbers = [patch.pk for patch in patches]
    fixes: dict[int, list[int]] = defaultdict(list)
    components: dict[int, list[str]] = defaultdict(list)
    seen = visible_problems(viewer).filter(patch_fixes__patch__in=numbers)
    fixed = PatchFix.objects.filter(patch__in=numbers, problem__in=seen.values("pk"))
    secret = set()
    columns = ("patch", "problem", "problem__is_confidential")
    for patch, problem, is_confidential in fixed.order_by("problem").values_list(*columns):
        fixes[patch].append(problem)
        if is_confidential:
            secret.add(patch)
    rows = PatchComponent.objects.filter(patch__in=numbers).order_by("component__slug")
    for patch, slug in rows.values_list("patch", "component__slug"):
        components[patch].append(slug)
    return Around(fixes, components, secret)


class ListedPatchSerializer(serializers.Serializer[Patch]):
    """What lists show: all but the long texts."""

    number = serializers.IntegerField()
    url = serializers.SerializerMethodField()
    api_url = serializers.SerializerMethodField()
    product = serializers.CharField(source="product.slug")
    components = serializers.SerializerMethodField()
    fixes = serializers.SerializerMethodField(help_text="Numbers of problems.")
    title = serializers.CharField()
    target = serializers.CharField(help_text="The branch that it is for; empty for the main one.")
    author = serializers.CharField(source="author.handle", default=None, allow_null=True)
    author_name = serializers.CharField(
        help_text="The name in the patch, where it is not that of the account."
    )
    submitter = serializers.CharField(source="submitter.handle", default=None, allow_null=True)
    is_confidential = serializers.SerializerMethodField(
        help_text="By itself, or for a problem that it fixes."
    )
    state = serializers.ChoiceField(choices=Patch.State.values)
    turn = serializers.ChoiceField(choices=Turn.values, help_text="For whom it waits.")
    turn_since = serializers.DateTimeField()
    is_reviewed = serializers.BooleanField(
        help_text="Whether a human other than its author has judged the present content."
    )
    demand = serializers.IntegerField(help_text="Distinct people behind what it fixes.")
    latest = serializers.IntegerField(help_text="The number of its newest version.")
    content_since = serializers.IntegerField(
        help_text="The version with which the present content came; later ones are rebases."
    )
    is_forgotten = serializers.BooleanField(
        help_text="Whether it is on the board: nobody has reviewed it for 90 days."
    )
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(source="decided_by.handle", default=None, allow_null=True)
    commit = serializers.CharField(help_text="As what it went in, where it did.")

    def get_url(self, patch: Patch) -> str:
        return f"{settings.BASE_URL}{patch.get_absolute_url()}"

    def get_api_url(self, patch: Patch) -> str:
        return address("api_patch", patch.pk)

    def get_components(self, patch: Patch) -> list[str]:
        return self._around.components.get(patch.pk, [])

    def get_fixes(self, patch: Patch) -> list[int]:
        return self._around.fixes.get(patch.pk, [])

    def get_is_confidential(self, patch: Patch) -> bool:
        return patch.is_confidential or patch.pk in self._around.secret

    @property
    def _around(self) -> Around:
        found: Around = self.context["around"]
        return found


class VersionSerializer(serializers.Serializer[PatchVersion]):
    patch = serializers.IntegerField(source="patch_id")
    number = serializers.IntegerField()
    url = serializers.SerializerMethodField()
    patch_url = serializers.SerializerMethodField(help_text="As `git apply` takes it.")
    mbox_url = serializers.SerializerMethodField(help_text="As `git am` takes it.")
    kind = serializers.ChoiceField(choices=PatchVersion.Kind.values)
    submitter = serializers.CharField(source="submitter.handle", default=None, allow_null=True)
    door = serializers.CharField()
    note = serializers.CharField()
    base_commit = serializers.CharField()
    content = serializers.CharField(
        help_text="The same for versions that change the same in the same way."
    )
    content_since = serializers.IntegerField()
    commits = serializers.IntegerField(source="commits_count")
    files = serializers.IntegerField(source="files_count")
    added = serializers.IntegerField(help_text="Lines.")
    removed = serializers.IntegerField(help_text="Lines.")
    size = serializers.IntegerField(help_text="Bytes of its diffs.")
    created_at = serializers.DateTimeField()

    def get_url(self, version: PatchVersion) -> str:
        return f"{settings.BASE_URL}{version.get_absolute_url()}"

    def get_patch_url(self, version: PatchVersion) -> str:
        return address("api_patch_text", version.patch_id, version.number)

    def get_mbox_url(self, version: PatchVersion) -> str:
        return address("api_patch_mbox", version.patch_id, version.number)


class RatingSerializer(serializers.Serializer[Rating]):
    id = serializers.IntegerField()
    person = serializers.CharField(source="person.handle")
    version = serializers.IntegerField(source="version.number")
    dimension = serializers.CharField(help_text="Slug.")
    value = serializers.IntegerField(help_text="1 or -1; 0 takes back what was said before.")
    release = serializers.CharField(source="release.name", default=None, allow_null=True)
    architecture = serializers.CharField()
    hardware = serializers.CharField()
    note = serializers.CharField()
    at = serializers.DateTimeField()


class PatchSerializer(ListedPatchSerializer):
    """One patch, whole."""

    description = serializers.CharField(help_text="Plain text.")
    decision = serializers.CharField(help_text="What was said with the decision.")
    waits_for = serializers.SerializerMethodField(help_text="Whose turn it is, in a sentence.")
    missing = serializers.SerializerMethodField(
        help_text="Each part of the rule of its branch that is not there yet."
    )
    needs = serializers.SerializerMethodField(help_text="The same in one sentence.")
    ratings = serializers.SerializerMethodField(help_text="Those that hold for the newest version.")
    versions = serializers.SerializerMethodField(help_text="The newest first.")

    def get_waits_for(self, patch: Patch) -> str:
        return turns.turn_words(patch)

    def get_missing(self, patch: Patch) -> list[str]:
        missing: list[str] = self.context["missing"]
        return missing

    def get_needs(self, patch: Patch) -> str:
        return needs.in_a_sentence(patch, self.context["missing"]) if patch.is_waiting else ""

    @extend_schema_field(RatingSerializer(many=True))
    def get_ratings(self, patch: Patch) -> Any:
        return entries(RatingSerializer, self.context["held"])

    @extend_schema_field(VersionSerializer(many=True))
    def get_versions(self, patch: Patch) -> Any:
        return entries(VersionSerializer, versions_of(patch))


def listed(viewer: Viewer, patches: list[Patch]) -> list[dict[str, Any]]:
    """Patches as a list shows them."""
    return entries(ListedPatchSerializer, patches, around=around(viewer, patches))


def whole(viewer: Viewer, patch: Patch) -> dict[str, Any]:
    """One patch as its own address shows it."""
    held = holding(patch)
    missing = needs.missing(patch, needs.voices(patch, held)) if patch.is_waiting else []
    context = {"around": around(viewer, [patch]), "missing": missing, "held": held}
    return dict(PatchSerializer(patch, context=context).data)


def address(name: str, *args: object) -> str:
    """The address of a part of the API, whole."""
    return f"{settings.BASE_URL}{reverse(name, args=args)}"
