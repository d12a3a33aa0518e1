"""Every address of the product: the apps' own lists, put together."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

from accounts.api.views import Unknown
from config.client import send_problem_pyz

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("votes.web.urls")),
    path("", include("votes.web.triage_urls")),
    path("", include("patches.web.urls")),
    path("", include("tracker.web.urls")),
    path("", include("notifications.web.urls")),
    path("", include("accounts.web.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("api/v1/", include("config.api_urls")),
    re_path(r"^api/", Unknown.as_view()),
    path("send-problem.pyz", send_problem_pyz),
    path("admin/", admin.site.urls),
    # After all of our own, so that none is shadowed.
    path("", include("tracker.web.old_addresses")),
]

handler400 = "config.refusals.bad_request"
handler500 = "config.refusals.server_error"
