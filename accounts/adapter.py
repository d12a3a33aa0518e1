"""How allauth's flows reach people: through the outbox, and without saying who is registered."""

from __future__ import annotations

import re
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.handles import check_handle
from accounts.models import Person
from accounts.services import ensure_email_address
from accounts.signals import account_mail_requested

# A closed account cannot be signed in to, reset or signed up for anew; its owner is told so.
_MAILS_TO_STRANGERS = {"account/email/unknown_account", "account/email/account_already_exists"}


class AccountAdapter(DefaultAccountAdapter):
    """Replaced parts of allauth's default."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "account_inactive": "This account is closed.",
        "email_password_mismatch": "This address and password do not belong together."
        " Try again, or let us mail you a code.",
        "enter_current_password": "This is not your current password.",
        "incorrect_code": "This is not the code. Look into the newest mail and type it again.",
        "incorrect_password": "This is not your password.",
        "duplicate_email": "This is your address already.",
        "email_taken": "This address belongs to another account.",
        "rate_limited": "That was quick. Wait a few seconds, then ask again.",
        "too_many_login_attempts": "Too many tries. Wait some minutes, then start again.",
    }

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Check a handle; allauth calls it a username."""
        return username if shallow else check_handle(username)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Ask for a mail to be sent; its row is written in the transaction that this is part of."""
        person = Person.objects.filter(email__iexact=email).first()
        if template_prefix in _MAILS_TO_STRANGERS and person and not person.is_active:
            template_prefix = "account/email/account_closed"
        message = self.render_mail(template_prefix, email, context)
        text = str(message.body)
        with transaction.atomic():
            account_mail_requested.send(
                type(self),
                to=email,
                subject=str(message.subject),
                text=text,
                html=_as_html(text, context.get("code", "")),
                kind="code" if "code" in context else "notice",
                person=person,
            )

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMultiAlternatives:
        """The subject and text of a mail. Its links lead to BASE_URL, whatever a request says."""
        words = {"base_url": settings.BASE_URL, "email": email} | context
        subject = render_to_string(f"{template_prefix}_subject.txt", words)
        text = render_to_string(f"{template_prefix}_message.txt", words)
        to = [email] if isinstance(email, str) else email
        return EmailMultiAlternatives(" ".join(subject.split()), text.strip() + "\n", None, to)

    def is_safe_url(self, url: str | None) -> bool:
        """Whether one may be sent to `url` after a form: only to places on this very site."""
        request: HttpRequest = allauth_context.request
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )

    def pre_login(
        self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any
    ) -> HttpResponse | None:
        """Believe our own note of a proven address where allauth has none, as after an import."""
        if isinstance(user, Person) and user.is_active and user.is_confirmed:
            ensure_email_address(user)
        answer: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return answer

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Sign in. The person is read again: proving an address has just written the row."""
        user.refresh_from_db()
        super().login(request, user)


def _as_html(text: str, code: str) -> str:
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    return render_to_string("account/email/message.html", {"parts": paragraphs, "code": code})
