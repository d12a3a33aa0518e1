"""Mails as their readers get them. Plain functions."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

from django.core.mail import EmailMultiAlternatives

from accounts.models import Person
from notifications.backends.base import to_bytes
from notifications.models import Message
from notifications.outbox.rendering import render
from tests.services import parse_message
from tracker.models import Event, Problem


def told(problem: Problem, **values: Any) -> list[str]:
    """The handles of those who are told of the problem's latest event, in order."""
    event = Event.objects.filter(problem=problem, **values).latest("id")
    return sorted(Message.objects.filter(event=event).values_list("person__handle", flat=True))


def mail_to(person: Person, **values: Any) -> EmailMessage:
    """The latest mail to a person, parsed from the bytes that would be sent."""
    return parsed(render(Message.objects.filter(person=person, **values).latest("id")))


def parsed(mail: EmailMultiAlternatives) -> EmailMessage:
    return parse_message(to_bytes(mail))


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())
