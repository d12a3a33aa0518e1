"""docs/send-problem.md says what the program does."""

from __future__ import annotations

import re
import textwrap

from send_problem.cli import program
from send_problem.failures import MEANINGS
from send_problem.report_form import read_report
from tests.send_problem.running import ROOT

PAGE = (ROOT / "docs" / "send-problem.md").read_text()


def test_the_exit_codes_are_those_of_the_program() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \|$", PAGE, re.MULTILINE)
    assert [int(code) for code, _meaning in rows] == [int(code) for code in MEANINGS]


def test_every_verb_is_on_the_page_and_has_an_example_in_its_help() -> None:
    for name, command in program.commands.items():
        assert f"`{name}" in PAGE, name
        assert f"send-problem {name}" in (command.epilog or "") or name == "register"


def test_the_report_on_the_page_can_be_sent() -> None:
    block = re.search(r"(    #: A note.*?)\n\n`Product`", PAGE, re.DOTALL)
    assert block is not None
    read = read_report(textwrap.dedent(block[1]).encode())
    assert read.faults == []
    assert read.values["how_to_repeat"].startswith("# dd ")
