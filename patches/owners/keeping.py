"""What a product says of who looks after its files: its maintainers file, and its components'.

Each function asks for the right of the acting person. A maintainers file is its project's own
text: lines that cannot be followed are told, and are no reason to refuse it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from patches.bell import ring_after_commit
from patches.models import PATH_CHARS, ComponentPath, MaintainersFile
from patches.owners.areas import rules_of
from patches.owners.codeowners import read_pattern
from patches.owners.patterns import BadPattern
from patches.owners.people import find_people, why_nobody
from patches.owners.rules import FILE_CHARS, Fault
from patches.policies import may
from tracker.drafts import Faults
from tracker.models import Component, Product
from tracker.text import clean_text

# Of one component.
PATTERNS: Final = 500
# Looked for where a word begins: a long one without "@" is not tried from each of its letters.
_ADDRESS: Final = re.compile(r"(?<![^\s@,;:<>()])([^\s@,;:<>()])[^\s@,;:<>()]*@([^\s@,;:<>()]+)")
# As many different names of a file are looked up to tell who is nobody here.
NAMES_JUDGED: Final = 5000


@transaction.atomic
def set_file(
    product: Product, actor: Person, *, file_format: str, text: str
) -> MaintainersFile | None:
    """Replace the maintainers file of a product; without text it has none afterwards. Whoever it
    names is asked about the patches that wait.

    Raises `DraftErrors` for an unknown format or a text that is too long.
    """
    require(may("patch.manage", actor))
    faults = Faults()
    if file_format not in MaintainersFile.Format.values:
        faults.add("format", "Choose one of the formats.")
    if len(text) > FILE_CHARS:
        faults.add("text", f"Keep it to {FILE_CHARS:,} characters; this has {len(text):,}.")
    faults.raise_if_any()
    # Some editors begin a file with a mark that says in which order its bytes are.
    text = clean_text(text.removeprefix("\ufeff"))
    ring_after_commit("ask_anew", product.pk)
    if not text:
        MaintainersFile.objects.filter(product=product).delete()
        return None
    values = {
        "format": file_format,
        "text": text,
        "changed_by": actor,
        "changed_at": timezone.now(),
    }
    return MaintainersFile.objects.update_or_create(product=product, defaults=values)[0]


def faults_of(file: MaintainersFile) -> list[Fault]:
    """All in a file that cannot be followed, by line: what it says, and whom it names."""
    rules = rules_of(file.format, file.text)
    named = [(rule.line, name) for rule in rules.rules for name in rule.names]
    judged = set(islice(dict.fromkeys(name for _, name in named), NAMES_JUDGED))
    known = find_people(judged)
    unknown = [
        Fault(line, reason)
        for line, name in named
        if name in judged and (reason := why_nobody(name, known))
    ]
    return sorted([*rules.faults, *unknown], key=lambda fault: fault.line)


def patterns_of(component: Component) -> list[str]:
    """The files that a component declares, as they were written."""
    return list(component.paths.order_by("id").values_list("pattern", flat=True))


@transaction.atomic
def set_patterns(component: Component, actor: Person, text: str) -> None:
    """Let a component declare exactly the patterns in the lines of `text`.

    Raises `DraftErrors` that name each line that is no pattern.
    """
    require(may("patch.manage", actor))
    faults = Faults()
    wanted = dict.fromkeys(_patterns(text, faults))
    if len(wanted) > PATTERNS:
        faults.add("paths", f"Name {PATTERNS} patterns at the most; these are {len(wanted):,}.")
    faults.raise_if_any()
    component.paths.exclude(pattern__in=wanted).delete()
    there = set(component.paths.values_list("pattern", flat=True))
    ComponentPath.objects.bulk_create(
        [ComponentPath(component=component, pattern=p) for p in wanted if p not in there],
        ignore_conflicts=True,
    )
    ring_after_commit("ask_anew", component.product_id)


def _patterns(text: str, faults: Faults) -> Iterator[str]:
    for number, line in enumerate(clean_text(text[:FILE_CHARS]).split("\n"), start=1):
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        try:
            read_pattern(pattern)
        except BadPattern as bad:
            faults.add("paths", f"Line {number}: “{pattern[:80]}” {bad}.")
        else:
            yield pattern[:PATH_CHARS]


def veiled(text: str) -> str:
    """A text in which no address tells whose it is."""
    return _ADDRESS.sub(r"\1…@\2", text)
