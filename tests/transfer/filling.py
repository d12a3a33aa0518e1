"""An instance with a row in every table that an archive holds, made by the services."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.models import Person, Role
from accounts.services import deactivate, discount_votes, trust
from notifications.digests.settings import set_digest
from notifications.events.choices import choose
from notifications.models import DigestSubscription, EventChoice, Occasion, SetAside
from notifications.services import mute, subscribe
from tests.people import make_newcomer, make_person
from tests.problems import make_maintainer, make_problem, make_product
from tests.transfer.patches import fill_patches
from tracker import bulk
from tracker.changes import ProblemChange
from tracker.clocks.settings import set_clocks
from tracker.marking import mark_releases
from tracker.models import ClockKind, Comment, Door, Problem, Product, Release
from tracker.services import attach, change, comment
from votes import saved_searches
from votes.models import LastLook
from votes.no_longer import say_no_longer
from votes.services import Environment, cast_vote

UNUSUAL = "Zeile 1\n\n\tTab, “quotes”, \\ and \x7f? — Ünïcödé 漢字 🌊 \u2028 end <script>&amp;"


def fill() -> None:
    """Two products, everybody, and a row in every table."""
    base, ports = make_product("base"), make_product("ports", "www", "games")
    Release.objects.filter(product=base, name="14.3").update(branch="stable/14")
    _people(base)
    problems = _problems(base, ports)
    _conversation(problems)
    _votes(problems)
    _work(base, problems)
    _wishes(base, problems)
    fill_patches(base, ports, problems)


def person(handle: str) -> Person:
    return Person.objects.get(handle=handle)


def _people(base: Product) -> None:
    administrator = make_person("ada", Role.ADMINISTRATOR)
    make_person("tom", Role.TRIAGER)
    make_person("rita", time_zone="Europe/Berlin")
    make_person("sam")
    make_person("otto", email_confirmed_at=None)
    make_maintainer(base.components.get(slug="kernel"), "mara")
    deactivate(make_person("gone"), administrator)
    discount_votes(make_person("dora"), administrator)
    trust(make_newcomer("nina"), administrator)


def _problems(base: Product, ports: Product) -> dict[str, Problem]:
    """By what they are for. `second` and `third` lead to `first`, `of_secret` to `secret`."""
    rita, sam, tom = person("rita"), person("sam"), person("tom")
    made = {
        "first": make_problem(base, rita, component="kernel", release="14.3", architecture="arm64",
                              hardware="a board", description=UNUSUAL, how_to_repeat="# make\n"),
        "second": make_problem(base, sam, component="kernel"),
        "third": make_problem(base, person("mara"), component="net"),
        "secret": make_problem(base, rita, is_confidential=True, synopsis="A secret hole"),
        "of_secret": make_problem(base, sam, synopsis="Stops at once"),
        "secret_of_first": make_problem(base, person("mara"), is_confidential=True,
                                        synopsis="Another secret hole"),
        "closed": make_problem(ports, rita, component="games", kind="documentation"),
        "imported": make_problem(ports, sam, component="www"),
    }  # fmt: skip
    for name, target in (
        ("second", "first"), ("third", "second"), ("of_secret", "secret"),
        ("secret_of_first", "first"),
    ):  # fmt: skip
        change(made[name], tom, ProblemChange(duplicate_of=made[target].pk), Door.WEB)
    change(made["closed"], tom, ProblemChange(state="closed", resolution="fixed",
                                              fixed_in="15.0"), Door.API)  # fmt: skip
    change(made["first"], tom, ProblemChange(assignee="mara", severity="major"), Door.WEB)
    Problem.objects.filter(pk=made["imported"].pk).update(
        origin="PORTS-7", origin_author="J. Doe", reporter=None
    )
    return made


def _conversation(problems: dict[str, Problem]) -> None:
    rita, tom = person("rita"), person("tom")
    log = attach(problems["first"], rita, ContentFile(b"\0\1 log \xff", "log.txt"), Door.WEB)
    attach(problems["closed"], rita, ContentFile(b"\0\1 log \xff", "same bytes.bin"), Door.CLIENT)
    attach(problems["secret"], rita, ContentFile(b"how to break in", "exploit.sh"), Door.WEB)
    comment(problems["first"], rita, f"See the log. {UNUSUAL}", Door.MAIL, [log])
    comment(problems["secret"], tom, "Nobody may read this.", Door.WEB)
    comment(problems["of_secret"], tom, "Seen elsewhere.", Door.WEB)
    imported = comment(problems["imported"], tom, "From there.", Door.IMPORT)
    Comment.objects.filter(pk=imported.pk).update(
        origin="PORTS-7-1", origin_author="J. Doe", author=None
    )


def _votes(problems: dict[str, Problem]) -> None:
    first = problems["first"]
    where = Environment("15.0", "amd64", "after an hour")
    cast_vote(first, person("sam"), Door.WEB, where, at=datetime(2024, 2, 29, 1, 2, 3, 4, UTC))
    cast_vote(first, person("dora"), Door.API)
    cast_vote(first, person("nina"), Door.CLIENT)
    for number in range(7):
        cast_vote(first, make_newcomer(f"new{number}"), Door.WEB)
    say_no_longer(first, person("sam"), Door.WEB, "15.0", note="gone")
    mark_releases(first, person("tom"), {"15.0": "fixed", "14.3": "affected"}, Door.WEB)


def _work(base: Product, problems: dict[str, Problem]) -> None:
    tom = person("tom")
    picks = [bulk.Pick(p.pk, p.version) for p in Problem.objects.filter(
        pk__in=[problems["closed"].pk, problems["imported"].pk]).order_by("pk")]  # fmt: skip
    asked = bulk.Asked(ProblemChange(severity="minor"), "All of these are small.")
    bulk.undo(bulk.apply(tom, picks, asked, Door.WEB), tom, Door.WEB)
    set_clocks(base, person("ada"), {ClockKind.STALE: (True, "90")})


def _wishes(base: Product, problems: dict[str, Problem]) -> None:
    rita, tom = person("rita"), person("tom")
    own = saved_searches.save(rita, "mine", "is:open author:me")
    saved_searches.save(tom, "urgent", "is:open severity:critical", is_shared=True)
    subscribe(rita, None)
    subscribe(rita, base.components.get(slug="net"))
    mute(tom, problems["closed"])
    subscribe(tom, base)
    subscribe(rita, own)
    subscribe(rita, "sys/netinet")
    paces = {Occasion.COMMENTED: EventChoice.Pace.HOURLY, Occasion.EDITED: EventChoice.Pace.NEVER}
    choose(rita, paces, quiet_from=22, quiet_until=7, tells_own_acts=True)
    SetAside.objects.create(person=tom, problem=problems["closed"])
    for search in (None, own):
        set_digest(rita, period=DigestSubscription.Period.WEEKLY, weekday=2, hour=7,
                   time_zone="Europe/Berlin", saved_search=search)  # fmt: skip
    LastLook.objects.create(
        person=rita, seen_until=timezone.now() - timedelta(days=3), looked_at=timezone.now()
    )
