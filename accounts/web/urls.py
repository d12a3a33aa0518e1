"""Pages of accounts. The public page of a person shows reports, so it lives in tracker."""

from django.urls import URLPattern, path

from accounts.web import codes, people, profile, setup

urlpatterns: list[URLPattern] = [
    path("setup/<str:secret>", setup.first_administrator, name="setup"),
    # Before allauth's own of the same names.
    path("accounts/login/code/confirm/", codes.sign_in_code, name="account_confirm_login_code"),
    path("accounts/confirm-email/", codes.address_code, name="account_email_verification_sent"),
    path(
        "accounts/password/reset/confirm/",
        codes.password_code,
        name="account_confirm_password_reset_code",
    ),
    path("my/profile/", profile.profile, name="profile"),
    path("my/profile/end-sessions", profile.end_sessions, name="end_sessions"),
    path("my/tokens/", profile.tokens, name="tokens"),
    path("my/tokens/<int:pk>/revoke", profile.revoke, name="revoke_token"),
    path("people/", people.directory, name="people"),
    path("people/<int:pk>/manage", people.manage, name="manage_person"),
    path("people/<int:pk>/role", people.set_role, name="set_role"),
    path("people/<int:pk>/do/<slug:action>", people.act, name="act_on_person"),
]
