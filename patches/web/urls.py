"""Addresses of patches. In each, `patch` is the number of a patch, `version` of its version."""

from django.urls import URLPattern, path

from patches.web import (
    decide,
    diff_urls,
    edit,
    feeds,
    lists,
    manage,
    new,
    owners,
    patch,
    regroup,
    requests,
    review,
    text,
)
from tracker.web import converters  # noqa: F401 - registers them

urlpatterns: list[URLPattern] = [
    path("patches/", lists.patches, name="patches"),
    path("patches.atom", feeds.patches, name="patches-feed"),
    path("patches/forgotten/", lists.forgotten, name="patches-forgotten"),
    path("patches/forgotten.atom", feeds.forgotten, name="patches-forgotten-feed"),
    path("patches/new", new.new, name="patch-new"),
    path("patches/<int:patch>/", patch.patch, name="patch"),
    path("patches/<int:patch>/news", patch.news, name="patch-news"),
    path("patches/<int:patch>.patch", text.latest, name="patch-text"),
    path("patches/<int:patch>/<int:version>.patch", text.diff, name="patch-version-text"),
    path("patches/<int:patch>/<int:version>.mbox", text.mbox, name="patch-mbox"),
    path("patches/<int:patch>/edit", edit.edit, name="patch-edit"),
    path("patches/<int:patch>/new-version", new.new_version, name="patch-new-version"),
    path("patches/<int:patch>/join", regroup.join, name="patch-join"),
    path("patches/<int:patch>/<int:version>/take-out", regroup.take_out, name="patch-take-out"),
    path("patches/<int:patch>/discard", review.discard, name="patch-discard"),
    *(
        path(f"patches/<int:patch>/{deed}", decide.decide, {"deed": deed}, name=f"patch-{deed}")
        for deed in decide.DEEDS
    ),
    *diff_urls.urlpatterns,
    path("patches/<int:patch>/<int:version>/review", review.review, name="patch-review"),
    path("patches/<int:patch>/<int:version>/rate", review.rate_alone, name="patch-rate"),
    path("products/<short_name:slug>/ratings", manage.ratings, name="product-ratings"),
    path(
        "products/<short_name:slug>/ratings/dimensions/new",
        manage.new_dimension,
        name="dimension-new",
    ),
    path(
        "products/<short_name:slug>/ratings/dimensions/<short_name:dimension>",
        manage.edit_dimension,
        name="dimension-edit",
    ),
    path("products/<short_name:slug>/ratings/rules/new", manage.new_rule, name="rule-new"),
    path("products/<short_name:slug>/ratings/rules/<int:rule>", manage.edit_rule, name="rule-edit"),
    path("patches/<int:patch>/reviewers", requests.reviewers, name="patch-reviewers"),
    path("patches/<int:patch>/reviewers/ask", requests.ask, name="patch-ask"),
    path("patches/<int:patch>/reviewers/claim", requests.claim, name="patch-claim"),
    path("patches/<int:patch>/reviewers/snooze", requests.snooze, name="patch-snooze"),
    path("patches/<int:patch>/reviewers/not-mine", requests.not_mine, name="patch-not-mine"),
    path("products/<short_name:slug>/maintainers", owners.maintainers, name="product-maintainers"),
    path(
        "products/<short_name:slug>/components/<short_name:component>/paths",
        owners.component_paths,
        name="component-paths",
    ),
]
