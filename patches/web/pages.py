"""What the pages of patches share: fetching one as far as the viewer may know of it."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from patches.models import Patch, PatchVersion
from patches.policies import visible_patches


def with_people(rows: QuerySet[Patch]) -> QuerySet[Patch]:
    """With what the head of every page of a patch names."""
    return rows.select_related("product", "author", "submitter", "decided_by")


def the_patch(request: HttpRequest, number: int) -> Patch:
    """Fetch and authorise at once: what a person may not know of is not there."""
    return get_object_or_404(with_people(visible_patches(request.user)), pk=number)


def the_version(patch: Patch, number: int) -> PatchVersion:
    """A version of a patch that was fetched for the viewer."""
    rows = patch.versions.select_related("submitter").defer("changes")
    found = get_object_or_404(rows, number=number)
    found.patch = patch
    return found
