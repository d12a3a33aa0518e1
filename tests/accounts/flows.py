"""What people do in their browser, as plain functions, and the mails that they get."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.models import Person
from notifications.models import Message
from tests.people import make_person

PASSWORD = "seven wet stones in a row"
# What Django's test client answers; its stubs name a private class.
Answer = Any


def mails_to(address: str) -> list[Message]:
    """The rows of the outbox for this address, oldest first."""
    return list(Message.objects.filter(address=address).order_by("pk"))


def mail_to(address: str) -> Message:
    """The newest of them."""
    return mails_to(address)[-1]


def code_to(address: str) -> str:
    """The code of the newest mail, which stands alone on a line and in the subject."""
    mail = mail_to(address)
    (code,) = re.findall(r"^[A-Z]{4}-[A-Z]{4}$", mail.text, re.MULTILINE)
    assert code in mail.subject
    return str(code)


def make_member(handle: str = "rita", **values: Any) -> Person:
    """A confirmed person with a password, as allauth knows them."""
    from accounts.services import ensure_email_address

    person = make_person(handle, password=values.pop("password", PASSWORD), **values)
    ensure_email_address(person)
    return person


def sign_up(
    client: Client,
    email: str = "nell@example.org",
    handle: str = "nell",
    password: str = "",
    **values: str,
) -> Answer:
    data = {"email": email, "username": handle, "password1": password} | values
    return client.post(reverse("account_signup"), data)


def type_sign_up_code(client: Client, code: str) -> Answer:
    return client.post(reverse("account_email_verification_sent"), {"code": code})


def ask_for_code(client: Client, email: str, **values: str) -> Answer:
    data = {"login": email, "password": "", "by_code": "1"} | values
    return client.post(reverse("account_login"), data)


def type_sign_in_code(client: Client, code: str) -> Answer:
    return client.post(reverse("account_confirm_login_code"), {"code": code})


def sign_in_with_password(client: Client, email: str, password: str = PASSWORD) -> Answer:
    return client.post(reverse("account_login"), {"login": email, "password": password})


def who(client: Client) -> str:
    """The handle that the client is signed in with, or nothing."""
    user = client.get(reverse("account_inactive")).context["request"].user
    return str(user.handle) if user.is_authenticated else ""


def as_seen(answer: Answer, *secrets: str) -> tuple[int, str, str]:
    """Status, where to, and the page, without what differs between any two visits."""
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    for secret in secrets:
        page = page.replace(secret, "…")
    return answer.status_code, answer.headers.get("Location", ""), page
