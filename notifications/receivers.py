"""What notifications does when the apps below tell of something."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed, email_confirmed
from django.db.models.signals import post_save

from accounts.models import Person
from accounts.signals import account_mail_requested
from notifications.digests.settings import reschedule_digest
from notifications.events import asking
from notifications.gate import senders, suspension
from notifications.live.publishing import tell_after_commit
from notifications.live.topics import patch_topic, problem_topic
from notifications.outbox.queueing import queue_account_mail, queue_bulk_mails, queue_event_mails
from notifications.patches.queueing import queue_patch_mails
from notifications.services import follow_what_one_commented
from patches.models import PatchEvent
from patches.signals import patch_happened
from tracker.models import BulkChange, BulkChangeItem, Door, Event, Problem
from tracker.signals import bulk_changed, problem_happened
from votes.signals import votes_changed


def connect() -> None:
    account_mail_requested.connect(mail_the_account, dispatch_uid="notifications.mail_the_account")
    problem_happened.connect(tell_followers, dispatch_uid="notifications.tell_followers")
    patch_happened.connect(tell_of_patch, dispatch_uid="notifications.tell_of_patch")
    bulk_changed.connect(tell_of_bulk_change, dispatch_uid="notifications.tell_of_bulk_change")
    problem_happened.connect(tell_open_pages, dispatch_uid="notifications.tell_open_pages")
    votes_changed.connect(tell_of_votes, dispatch_uid="notifications.tell_of_votes")
    email_confirmed.connect(write_again, dispatch_uid="notifications.write_again")
    email_changed.connect(write_to_new_address, dispatch_uid="notifications.write_to_new_address")
    email_changed.connect(forget_old_address, dispatch_uid="notifications.forget_old_address")
    post_save.connect(
        follow_the_clock, sender=Person, dispatch_uid="notifications.follow_the_clock"
    )


def follow_the_clock(
    instance: Person, update_fields: frozenset[str] | None = None, **kwargs: Any
) -> None:
    """The digest's hour is one of the person's own zone, wherever that was changed."""
    if update_fields is not None and "time_zone" in update_fields:
        reschedule_digest(instance)


def write_again(email_address: EmailAddress, **kwargs: Any) -> None:
    """An address that was just proven works, whatever came back from it before."""
    suspension.lift(email_address.email)


def write_to_new_address(user: Person, **kwargs: Any) -> None:
    suspension.address_changed(user)


def forget_old_address(
    user: Person, from_email_address: EmailAddress | None = None, **kwargs: Any
) -> None:
    """Who gave an address up may have lost it: mail from there is asked about again."""
    if from_email_address is not None:
        senders.forget_address(user, from_email_address.email)


def mail_the_account(
    to: str, subject: str, text: str, html: str = "", person: Person | None = None, **kwargs: Any
) -> None:
    queue_account_mail(to, subject, text, html, person)


def tell_followers(event: Event, quiet: bool, **kwargs: Any) -> None:
    if not quiet:
        follow_what_one_commented(event)
        queue_event_mails(event)
        asking.ask_after_commit(event)


def tell_of_patch(event: PatchEvent, quiet: bool, **kwargs: Any) -> None:
    if not quiet:
        queue_patch_mails(event)
        tell_after_commit(patch_topic(event.patch_id))


def tell_open_pages(event: Event, **kwargs: Any) -> None:
    """Of an import nobody is told: its pages show it when they are next loaded or told of more.

    What is quiet besides, such as a bulk change, sends no mail of its own and is news all the same.
    """
    if event.door != Door.IMPORT:
        tell_after_commit(problem_topic(event.problem_id))


def tell_of_bulk_change(
    bulk_change: BulkChange, items: list[BulkChangeItem], **kwargs: Any
) -> None:
    """One mail to each person, whatever the number of problems."""
    queue_bulk_mails(bulk_change, items)


def tell_of_votes(problem: Problem, **kwargs: Any) -> None:
    tell_after_commit(problem_topic(problem.pk))
