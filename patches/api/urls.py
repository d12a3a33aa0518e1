"""Addresses of patches below /api/v1/."""

from django.urls import URLPattern, path

from patches.api import asking, patches, products, reviews, versions

_PATCH = "patches/<int:patch>/"
_VERSION = f"{_PATCH}versions/<int:version>"

urlpatterns: list[URLPattern] = [
    path("patches/", patches.PatchesView.as_view(), name="api_patches"),
    path(_PATCH, patches.PatchView.as_view(), name="api_patch"),
    path(f"{_PATCH}decision/", patches.DecisionView.as_view(), name="api_patch_decision"),
    path(f"{_PATCH}versions/", versions.VersionsView.as_view(), name="api_patch_versions"),
    path(f"{_VERSION}/", versions.VersionView.as_view(), name="api_patch_version"),
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
    path(
        "products/<str:slug>/rating-dimensions/",
        products.DimensionsView.as_view(),
        name="api_rating_dimensions",
    ),
    path(
        "products/<str:slug>/branch-rules/", products.RulesView.as_view(), name="api_branch_rules"
    ),
    path(
        "products/<str:slug>/maintainers/",
        products.MaintainersView.as_view(),
        name="api_maintainers",
    ),
]
