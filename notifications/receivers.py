"""What notifications does when the apps below tell of something."""

from __future__ import annotations

from typing import Any

from accounts.models import Person
from accounts.signals import account_mail_requested
from notifications.outbox import queue_account_mail


def connect() -> None:
    account_mail_requested.connect(mail_the_account, dispatch_uid="notifications.mail_the_account")


def mail_the_account(
    to: str, subject: str, text: str, html: str = "", person: Person | None = None, **kwargs: Any
) -> None:
    queue_account_mail(to, subject, text, html, person)
