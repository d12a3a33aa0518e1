"""+1: who has which problem, where, and since when it counts."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tracker.models import Door, Problem, Release


class Vote(models.Model):
    """One person's +1 on one problem. It stays on the problem on which it was cast.

    `cast_at` is the time at which it counts, also when it is counted later than it was cast.
    """

    class Status(models.TextChoices):
        COUNTED = "counted", "counted"
        WAITING = "waiting", "waiting"
        DISCOUNTED = "discounted", "discounted"

    problem = models.ForeignKey(Problem, models.CASCADE, related_name="cast_votes")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="cast_votes")
    cast_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=10, choices=Status.choices)
    # Whether the account was young when it voted: such votes share a quota per problem.
    is_young = models.BooleanField(default=False)
    release = models.ForeignKey(Release, models.SET_NULL, null=True, blank=True, related_name="+")
    architecture = models.CharField(max_length=50, blank=True)
    note = models.CharField(max_length=200, blank=True)
    door = models.CharField(max_length=10, choices=Door.choices, default=Door.WEB)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["problem", "person"], name="vote_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["person", "-cast_at"]),
            models.Index(fields=["problem", "cast_at"]),
            # Votes over time are counted along it without reading the rows.
            models.Index(fields=["status", "cast_at", "problem"], name="vote_over_time"),
            models.Index(
                fields=["problem"],
                condition=Q(status="waiting"),
                name="vote_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"+1 of {self.person_id} on #{self.problem_id}"


class NoLonger(models.Model):
    """Somebody who had a problem says that it is gone on a release. Their +1 stays as it is."""

    problem = models.ForeignKey(Problem, models.CASCADE, related_name="no_longer")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="no_longer")
    release = models.ForeignKey(Release, models.CASCADE, related_name="no_longer")
    architecture = models.CharField(max_length=50, blank=True)
    note = models.CharField(max_length=200, blank=True)
    door = models.CharField(max_length=10, choices=Door.choices, default=Door.WEB)
    said_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["problem", "person", "release"], name="no_longer_said_once"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.problem_id} no longer on {self.release_id} for {self.person_id}"


def new_feed_key() -> str:
    """256 bits that nobody guesses."""
    return secrets.token_urlsafe(32)


class LastLook(models.Model):
    """When somebody looked at the news of what they voted for.

    News are what happened after `seen_until`, which moves up to `looked_at` when a new visit
    begins: whoever follows a link and comes back still finds the rest.
    """

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="last_look"
    )
    seen_until = models.DateTimeField()
    looked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.person_id} has seen all until {self.seen_until:%Y-%m-%d %H:%M}"


class SavedSearch(models.Model):
    """A search that somebody keeps under a name, for themselves or for all.

    `query` is the text of the search box with its qualifiers, `sort:` among them.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_searches"
    )
    name = models.CharField(max_length=100)
    query = models.CharField(max_length=1000, blank=True)
    is_shared = models.BooleanField(default=False)
    # Opens the feed of a private search to a reader that cannot sign in.
    feed_key = models.CharField(max_length=43, default=new_feed_key)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_search_name_unique"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["name", "id"], condition=Q(is_shared=True), name="saved_search_shared"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/searches/{self.pk}/"
