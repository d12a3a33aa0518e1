"""A small tracker in which every qualifier finds something, by short names of its problems."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.models import Person, Role
from accounts.policies import Viewer
from tests.patching import make_patch
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.changes import ProblemChange
from tracker.models import Clock, ClockKind, Door, Problem
from tracker.services import attach, change, comment
from votes.listing import find, page, parse_text
from votes.services import cast_vote


@dataclass
class World:
    """The problems by name, and who is asked for in tests."""

    problems: dict[str, Problem]
    rita: Person
    sam: Person
    tom: Person

    def found(self, text: str, viewer: Viewer = None) -> str:
        """The names of what a search finds, by number, with blanks between them."""
        query = parse_text(text)
        query.limit = 100
        by_number = {problem.pk: name for name, problem in self.problems.items()}
        numbers = sorted(problem.pk for problem in page(find(query, viewer), query).problems)
        return " ".join(by_number[number] for number in numbers)

    def order(self, text: str, viewer: Viewer = None) -> str:
        """The same in the order of the list."""
        query = parse_text(text)
        by_number = {problem.pk: name for name, problem in self.problems.items()}
        return " ".join(by_number[each.pk] for each in page(find(query, viewer), query).problems)


def make_world() -> World:
    """Products base and ports; Rita reports, Sam comments and votes, Tom is a triager."""
    base, ports = make_product("base", releases=("14.2", "14.3", "15.0")), make_product("ports")
    rita, sam = make_person("rita"), make_person("sam", Role.DEVELOPER)
    tom = make_person("tom", Role.TRIAGER)
    made = {
        "fault": make_problem(
            base, rita, component="kernel", severity="critical", release="14.3",
            architecture="arm64", synopsis="Page fault when the lid closes",
            description="The kernel crashes in nsHttpChannel::OnStop.\n\n**Page** fault at 0.",
        ),
        "cafe": make_problem(
            base, sam, component="net", kind="enhancement", synopsis="CAFÉ au lait in the menu",
            description="Straße und Größe; a crash, then fault of the page.",
        ),
        "cjk": make_problem(
            ports, rita, component="net", severity="minor", synopsis="内存泄漏 in the driver",
            description="数据库连接失败", how_to_repeat="Open read_ahead 14.3-RELEASE twice.",
        ),
        "solved": make_problem(
            ports, sam, component="kernel", synopsis="Printer prints happy faces",
            description="Only on Mondays.",
        ),
        "twin": make_problem(
            base, sam, component="kernel", synopsis="Panic on lid", description="As the other.",
        ),
        "secret": make_problem(
            base, rita, component="net", synopsis="Zebra crashes the installer",
            description="Prints the quagga password.", is_confidential=True,
        ),
    }  # fmt: skip
    _use(made, rita, sam, tom)
    return World({name: Problem.objects.get(pk=each.pk) for name, each in made.items()},
                 rita, sam, tom)  # fmt: skip


def _use(made: dict[str, Problem], rita: Person, sam: Person, tom: Person) -> None:
    comment(made["fault"], sam, "A workaround: boot without ACPI.", Door.WEB)
    attach(made["fault"], sam, ContentFile(b"--- a\n+++ b\n", "fix.diff"), Door.WEB)
    attach(made["cafe"], sam, ContentFile(b"picture", "menu.png"), Door.WEB)
    make_patch(author=sam, fixes=[made["fault"]])
    # That this one is there only its author, Tom and their like may know.
    make_patch(author=rita, fixes=[made["cafe"]], is_confidential=True)
    cast_vote(made["fault"], sam, Door.WEB)
    cast_vote(made["fault"], tom, Door.WEB)
    for name, asked in (
        ("cafe", ProblemChange(state="in progress", assignee="sam")),
        ("solved", ProblemChange(state="closed", resolution="fixed")),
        ("twin", ProblemChange(duplicate_of=made["fault"].pk)),
    ):
        change(made[name], tom, asked, Door.WEB)
    comment(made["secret"], rita, "The okapi knows.", Door.WEB)
    change(made["secret"], tom, ProblemChange(assignee="tom"), Door.WEB)
    old = timezone.now() - timedelta(days=400)
    Problem.objects.filter(pk=made["cjk"].pk).update(created_at=old, changed_at=old)
    Clock.objects.update_or_create(
        problem=made["cjk"], kind=ClockKind.STALE, defaults={"fired_at": timezone.now()}
    )
