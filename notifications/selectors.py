"""What pages read of subscriptions and of the outbox."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import Person
from notifications.events.recipients import Ground, ground_of
from notifications.events.targets import in_words
from notifications.models import (
    UNCONFIRMED,
    MailDomain,
    Message,
    MutedPatch,
    Reach,
    Subscription,
)
from patches.models import Patch
from patches.policies import visible_patches
from tracker.models import Component, Problem, Product
from tracker.policies import visible_problems
from votes.models import SavedSearch
from votes.saved_searches import may_see

MESSAGES_ON_A_PAGE = 50
# Mail that is not for later, or was tried, should have left by then.
LATE = timedelta(minutes=5)
DOMAINS_ON_A_PAGE = 200
# Further than that no count of messages goes: to count 100,000 takes longer than to show 50.
COUNTED = 1000
_BY_REACH = ("problem", "component__product__slug", "component__slug", "product__slug")
_WATCHES = ("saved_search__name", "path")


@dataclass(frozen=True)
class Followed:
    """One line of the page of subscriptions. `key` names the target in a form."""

    key: str
    words: str
    url: str
    note: str = ""


@dataclass(frozen=True)
class Subscriptions:
    """All that a person is told of, and not told of."""

    chosen: list[Followed]
    maintained: list[Followed]
    muted: list[Followed]


def subscriptions_of(person: Person) -> Subscriptions:
    """Everything on one page; problems that the person may no longer see are left out."""
    rows = list(
        Subscription.objects.filter(person=person)
        .select_related("product", "component__product", "problem", "saved_search")
        # The widest first. Databases differ in where they put what is not there.
        .order_by(*(F(name).asc(nulls_first=True) for name in (*_WATCHES, *_BY_REACH)))
    )
    numbers = [row.problem_id for row in rows if row.problem_id is not None]
    visible = set(visible_problems(person).filter(pk__in=numbers).values_list("pk", flat=True))
    rows = [row for row in rows if row.problem_id is None or row.problem_id in visible]
    rows = [row for row in rows if not row.saved_search or may_see(person, row.saved_search)]
    said = {row.component_id for row in rows}
    maintained = person.maintained_components.select_related("product").order_by("product", "slug")
    return Subscriptions(
        chosen=[_followed(row) for row in rows if not row.is_muted],
        maintained=[_of_component(each) for each in maintained if each.pk not in said],
        muted=[_followed(row) for row in rows if row.is_muted],
    )


def muted_patches(person: Person) -> QuerySet[Patch]:
    """The patches of which `person` wants no mail, as far as they may see them."""
    muted = MutedPatch.objects.filter(person=person)
    return visible_patches(person).filter(pk__in=muted.values("patch")).order_by("-pk")


def _followed(row: Subscription) -> Followed:
    note = f"because {row.get_reason_display()} it" if row.reason == "commenter" else ""
    if row.problem is not None:
        words = f"#{row.problem.pk} {row.problem.synopsis}"
        return Followed(f"problem:{row.problem_id}", words, row.problem.get_absolute_url(), note)
    if row.component is not None:
        return _of_component(row.component)
    if row.product is not None:
        return Followed(f"product:{row.product_id}", f"all of {row.product.title}",
                        row.product.get_absolute_url())  # fmt: skip
    if row.saved_search is not None:
        words, url = in_words(row.saved_search), row.saved_search.get_absolute_url()
        return Followed(f"{Reach.SEARCH}:{row.saved_search_id}", words, url, "what it newly finds")
    if row.path:
        url = f"/problems/?{urlencode({'q': json.dumps(row.path)})}"
        return Followed(f"{Reach.PATH}:{row.pk}", row.path, url, "problems that name a file there")
    return Followed(Reach.EVERYTHING, "everything", "/problems/")


def _of_component(component: Component) -> Followed:
    product = component.product
    url = f"/problems/?product={product.slug}&component={component.slug}"
    return Followed(f"component:{component.pk}", f"{product.title} / {component.title}", url)


def targets() -> list[tuple[str, str]]:
    """What can be followed from the page of subscriptions, as (key, words)."""
    found = [(str(Reach.EVERYTHING), "everything")]
    components = Component.objects.filter(is_active=True).order_by("slug")
    by_product: dict[int, list[Component]] = {}
    for component in components:
        by_product.setdefault(component.product_id, []).append(component)
    for product in Product.objects.filter(is_active=True):
        found.append((f"product:{product.pk}", f"{product.slug}: all of it"))
        found += [
            (f"component:{component.pk}", f"{product.slug} / {component.slug}")
            for component in by_product.get(product.pk, [])
        ]
    return found


def searches_to_watch(person: Person) -> list[tuple[str, str]]:
    """Searches that `person` keeps and does not watch, as (key, words)."""
    watched = Subscription.objects.filter(person=person, saved_search__isnull=False)
    own = person.saved_searches.exclude(pk__in=watched.values("saved_search"))
    return [(f"{Reach.SEARCH}:{search.pk}", search.name) for search in own]


def watches(person: Person, search: SavedSearch) -> bool:
    """Whether `person` is told of what `search` newly finds."""
    rows = Subscription.objects.filter(person=person, saved_search=search, is_muted=False)
    return rows.exists()


def is_path_of(person: Person, pk: int) -> bool:
    """Whether the subscription to a path is that person's."""
    return Subscription.objects.filter(pk=pk, person=person).exclude(path="").exists()


def ground_for(person: Person, problem: Problem) -> Ground | None:
    """Why `person` is told of `problem`, a muting ground, or None. Two queries."""
    return ground_of(person, problem)


@dataclass(frozen=True)
class OutboxFilter:
    """Which messages are meant; "" for all. `to` is a handle or a whole address."""

    state: str = ""
    kind: str = ""
    domain: str = ""
    to: str = ""

    def of(self, rows: QuerySet[Message]) -> QuerySet[Message]:
        """Those of `rows` that are meant. Each part of it is found by an index."""
        if self.state == "unconfirmed":
            rows = rows.filter(UNCONFIRMED)
        elif self.state:
            rows = rows.filter(state=self.state)
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.domain:
            rows = rows.filter(domain=self.domain.lower())
        if "@" in self.to:
            domain = self.to.rpartition("@")[2].lower()
            rows = rows.filter(domain=domain, address__iexact=self.to)
        elif self.to:
            rows = rows.filter(person__in=Person.objects.filter(handle__iexact=self.to))
        return rows


def messages(wanted: OutboxFilter, before: int | None = None) -> QuerySet[Message]:
    """The newest messages that are meant, older than the message `before`."""
    related = ("person", "event", "delivery__subscription")
    rows = Message.objects.select_related(*related).prefetch_related("bounces")
    found = wanted.of(rows).order_by("-pk")
    if before is not None:
        found = found.filter(pk__lt=before)
    return found[:MESSAGES_ON_A_PAGE]


def paced_domains() -> QuerySet[MailDomain]:
    """The domains of which there is something to say: a limit, a hold, an error."""
    said = Q(per_minute__isnull=False) | Q(held_until__gt=timezone.now()) | ~Q(last_error="")
    return MailDomain.objects.filter(said).order_by("domain")[:DOMAINS_ON_A_PAGE]


@dataclass(frozen=True)
class OutboxHealth:
    """What an administrator wants to know at one glance. No count goes beyond `COUNTED`."""

    counts: list[tuple[str, int]]
    oldest_waiting: Message | None
    last_error: str

    @property
    def is_stuck(self) -> bool:
        """Whether mail waits that should have left long ago."""
        late = timezone.now() - LATE
        return self.oldest_waiting is not None and self.oldest_waiting.created_at < late


def outbox_health() -> OutboxHealth:
    """How many messages are in each state, and how long the oldest has waited."""
    states = [*map(str, Message.State), "unconfirmed"]
    counts = [(state, _counted(OutboxFilter(state).of(Message.objects.all()))) for state in states]
    # The first that was made, by the index of states; their times would have to be sorted.
    late = Q(due_at__lt=timezone.now() - LATE) | ~Q(last_error="")
    waiting = Message.objects.filter(late, state=Message.State.QUEUED).order_by("pk").first()
    return OutboxHealth(counts, waiting, waiting.last_error if waiting is not None else "")


def _counted(rows: QuerySet[Message]) -> int:
    return rows.order_by("-pk").values("pk")[: COUNTED + 1].count()
