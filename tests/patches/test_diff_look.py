"""The sheet of diffs: what is read on which ground, in both schemes."""

from __future__ import annotations

import re

import pytest

from tests.test_look import STATIC, TEXT, TOKENS, contrast

SHEET = (STATIC / "css" / "diff.css").read_text()
OWN = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+):\s*light-dark\((#\w{6}),\s*(#\w{6})\)", SHEET)
}
CHANGED = ("added-wash", "added-word", "removed-wash", "removed-word")
INKS = ("ink", "ink-soft", *(name for name in OWN if name.startswith("code-")))


@pytest.mark.parametrize("ink", INKS)
def test_code_can_be_read_on_every_ground_that_it_has(ink: str) -> None:
    colours = TOKENS | OWN
    for ground in ("sheet", "caution-wash", *CHANGED):
        for scheme in (0, 1):
            ratio = contrast(colours[ink][scheme], colours[ground][scheme])
            assert ratio >= TEXT, (ink, ground, scheme)


def test_every_kind_of_colour_has_its_ink() -> None:
    from patches.reading.colours import _CLASSES

    for kind in set(_CLASSES.values()):
        assert f".diff i.{kind} {{ color: var(--code-" in SHEET


def test_the_colour_of_votes_is_for_votes_alone() -> None:
    assert "var(--vote" not in SHEET
