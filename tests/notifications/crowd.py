"""Many developers at once, made inside an installation: `manage.py shell` runs this."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import Person, Role, RoleGrant
from notifications.models import DigestSubscription
from tests.problems import make_problem, make_product
from tracker.models import Component, Door, Maintainership
from votes.services import cast_vote


def make_developers(count: int) -> None:
    """Maintainers of one component, whose digests are due and have something to say."""
    product = make_product("base")
    component = Component.objects.get(product=product, slug="kernel")
    long_ago = timezone.now() - timedelta(days=400)
    people = Person.objects.bulk_create(
        Person(
            handle=f"dev{serial}",
            email=f"dev{serial}@example.org",
            password="!",
            joined_at=long_ago,
            email_confirmed_at=long_ago,
        )
        for serial in range(count)
    )
    RoleGrant.objects.bulk_create(RoleGrant(person=p, role=Role.DEVELOPER) for p in people)
    for serial in range(5):
        problem = make_problem(product, people[serial], component="kernel")
        cast_vote(problem, people[serial + 5], Door.WEB)
    # Only now, so that nobody is told of the reports.
    Maintainership.objects.bulk_create(
        Maintainership(person=person, component=component) for person in people
    )
    DigestSubscription.objects.bulk_create(
        DigestSubscription(person=person, next_due_at=timezone.now() + timedelta(days=7))
        for person in people
    )


def make_due(times: int = 1) -> None:
    """Let all digests come due, and have workers claim them, several at once if asked to."""
    from notifications.tasks import send_due_digests

    DigestSubscription.objects.update(next_due_at=timezone.now())
    for _ in range(times):
        send_due_digests.delay()
