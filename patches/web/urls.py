"""Addresses of patches. In each, `patch` is the number of a patch, `version` of its version."""

from django.urls import URLPattern, path

from patches.web import lists, patch

urlpatterns: list[URLPattern] = [
    path("patches/", lists.patches, name="patches"),
    path("patches/<int:patch>/", patch.patch, name="patch"),
]
