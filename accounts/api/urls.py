"""Addresses of accounts below /api/v1/."""

from django.urls import URLPattern, path

from accounts.api import docs, people, sign_in

urlpatterns: list[URLPattern] = [
    path("schema/", docs.SchemaView.as_view(), name="api_schema"),
    path("docs/", docs.DocsView.as_view(), name="api_docs"),
    path("auth/sign-up/", sign_in.SignUpView.as_view(), name="api_sign_up"),
    path("auth/sign-in/", sign_in.SignInView.as_view(), name="api_sign_in"),
    path("auth/confirm/", sign_in.ConfirmView.as_view(), name="api_confirm"),
    path("me/", people.MeView.as_view(), name="api_me"),
    path("tokens/", people.TokensView.as_view(), name="api_tokens"),
    path("tokens/current/", people.CurrentTokenView.as_view(), name="api_current_token"),
    path("tokens/<int:token_id>/", people.TokenView.as_view(), name="api_token"),
]
