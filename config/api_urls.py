"""The addresses of version 1 of the API."""

from django.urls import URLPattern, URLResolver, include, re_path

from accounts.api.views import Unknown

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"", include("accounts.api.urls")),
    re_path(r"", include("patches.api.urls")),
    re_path(r"", include("votes.api.urls")),
    re_path(r"", include("tracker.api.urls")),
    re_path(r"", Unknown.as_view()),
]
