"""From a row of the outbox to the mail that its reader gets, made when it is sent."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils.html import escape

from notifications.models import Message


class Withheld(Exception):
    """Its reader may no longer see what it tells, or can no longer be written to."""


class NothingToSay(Exception):
    """The digest would have nothing in it."""


def render(message: Message) -> EmailMultiAlternatives:
    """The complete mail. Raises `Withheld` and `NothingToSay`."""
    return account_mail(message)


def account_mail(message: Message) -> EmailMultiAlternatives:
    """A code or a notice, whose text the account's own pages have written."""
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[message.address],
        headers={
            "Message-ID": f"<{message.message_id}>",
            "Auto-Submitted": "auto-generated",
            "X-Groundswell-Reason": "account",
        },
    )
    mail.attach_alternative(message.html or _as_html(message.text), "text/html")
    return mail


def _as_html(text: str) -> str:
    return f'<pre style="font: inherit; white-space: pre-wrap">{escape(text)}</pre>'
