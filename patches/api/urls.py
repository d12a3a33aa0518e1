"""Addresses of patches below /api/v1/."""

from django.urls import URLPattern, path

from patches.api import (
    asking,
    drafts,
    errors,  # noqa: F401 - registers itself
    history,
    managing,
    patches,
    products,
    regrouping,
    reviews,
    versions,
)

_PATCH = "patches/<int:patch>/"
_VERSION = f"{_PATCH}versions/<int:version>"
_PRODUCT = "products/<str:slug>/"

urlpatterns: list[URLPattern] = [
    path("patches/", patches.PatchesView.as_view(), name="api_patches"),
    path(_PATCH, patches.PatchView.as_view(), name="api_patch"),
    path(f"{_PATCH}decision/", patches.DecisionView.as_view(), name="api_patch_decision"),
    path(f"{_PATCH}versions/", versions.VersionsView.as_view(), name="api_patch_versions"),
    path(f"{_VERSION}/", versions.VersionView.as_view(), name="api_patch_version"),
    path(f"{_VERSION}/take-out/", regrouping.TakeOutView.as_view(), name="api_patch_take_out"),
    path(f"{_PATCH}join/", regrouping.JoinView.as_view(), name="api_patch_join"),
    path(f"{_VERSION}/files/", versions.FilesView.as_view(), name="api_patch_files"),
    path(f"{_VERSION}/changes/", versions.ChangesView.as_view(), name="api_patch_changes"),
    path(f"{_VERSION}.patch", versions.TextView.as_view(), name="api_patch_text"),
    path(f"{_VERSION}.mbox", versions.MboxView.as_view(), name="api_patch_mbox"),
    path(f"{_PATCH}reviews/", reviews.ReviewsView.as_view(), name="api_reviews"),
    path(f"{_PATCH}threads/", reviews.ThreadsView.as_view(), name="api_threads"),
    path(
        f"{_PATCH}threads/<int:thread>/resolved/",
        reviews.ResolvedView.as_view(),
        name="api_thread_resolved",
    ),
    path(f"{_PATCH}ratings/", reviews.RatingsView.as_view(), name="api_ratings"),
    path(f"{_PATCH}requests/", asking.RequestsView.as_view(), name="api_review_requests"),
    path(f"{_PATCH}requests/own/", asking.OwnRequestView.as_view(), name="api_own_request"),
    path(f"{_PATCH}requests/suggested/", asking.SuggestedView.as_view(), name="api_reviewers"),
    path(f"{_PATCH}draft/", drafts.DraftView.as_view(), name="api_draft"),
    path(f"{_PATCH}draft/<int:comment>/", drafts.CommentView.as_view(), name="api_draft_comment"),
    path(f"{_PATCH}suggestions/", drafts.SuggestionsView.as_view(), name="api_suggestions"),
    path(f"{_PATCH}history/", history.HistoryView.as_view(), name="api_patch_history"),
    path(
        f"{_PRODUCT}rating-dimensions/",
        managing.DimensionsView.as_view(),
        name="api_rating_dimensions",
    ),
    path(
        f"{_PRODUCT}rating-dimensions/<str:dimension>/",
        managing.DimensionView.as_view(),
        name="api_rating_dimension",
    ),
    path(f"{_PRODUCT}branch-rules/", managing.RulesView.as_view(), name="api_branch_rules"),
    path(
        f"{_PRODUCT}branch-rules/<int:rule>/", managing.RuleView.as_view(), name="api_branch_rule"
    ),
    path(f"{_PRODUCT}maintainers/", products.MaintainersView.as_view(), name="api_maintainers"),
    path(
        f"{_PRODUCT}components/<str:component>/paths/",
        products.PathsView.as_view(),
        name="api_component_paths",
    ),
]
