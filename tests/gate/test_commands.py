"""Words of mails that mean something: commands, votes, the form. No database."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.environment import PROJECT_DIR
from notifications.gate.commands import COMMANDS, ME, help_text, read_leading, stray_commands
from notifications.gate.contents import body_of
from notifications.gate.patch_commands import patch_usages
from notifications.gate.places import synopsis_of
from notifications.gate.plus_one import is_minus_one, is_plus_one
from notifications.gate.report_form import read_form
from patches.reviews import dimensions
from send_problem.catalogue import Catalogue, Product
from send_problem.report_form import read_report
from send_problem.system_facts import Facts
from send_problem.template import make_template
from tests.gate.acts import PATCH
from tracker.models import TEXT_CHARS


def asked(text: str) -> dict[str, Any]:
    """The fields that the command lines of `text` set."""
    leading = read_leading(text)
    assert leading.faults == ()
    return {name: value for order in leading.orders for name, value in order.fields.items()}


def test_commands_are_the_lines_before_the_first_other_words() -> None:
    leading = read_leading("\n!state feedback\n\n  !Assign: me\n\nWhich card?\n!close fixed\n")
    assert [order.word for order in leading.orders] == ["state", "assign"]
    assert leading.rest == "Which card?\n!close fixed"
    assert stray_commands(leading.rest) == ["!close fixed"]


@pytest.mark.parametrize("line", ["!vote\n", "!nonsense\n", "!severity none\n"])
def test_so_many_lines_are_refused_in_one_sentence(line: str) -> None:
    leading = read_leading(line * 100_000)
    assert leading.faults == ("A mail begins with 30 command lines at the most.",)
    assert leading.orders == ()
    assert read_leading(line * 30).faults != leading.faults


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("!state in-progress", {"state": "in progress"}),
        ("!state closed will not fix", {"state": "closed", "resolution": "will not fix"}),
        ("!close not_a_defect", {"state": "closed", "resolution": "not a defect"}),
        ("\u200b！State=feedback", {"state": "feedback"}),
        ("!Reopen!", {"state": "open"}),
        ("!assign me", {"assignee": ME}),
        ("!assign @mara", {"assignee": "mara"}),
        ("!assign nobody", {"assignee": ""}),
        ("!duplicate #12", {"duplicate_of": 12}),
        ("!duplicate https://bugs.example.org/12", {"duplicate_of": 12}),
        ("!not-duplicate", {"duplicate_of": None}),
        ("!component base/net", {"product": "base", "component": "net"}),
        ("!fixed 14.3", {"fixed_in": "14.3"}),
        ("!fixed none", {"fixed_in": ""}),
        ("!confidential", {"is_confidential": True}),
        ("!confidential no", {"is_confidential": False}),
    ],
)
def test_a_command_says_which_fields_it_sets(line: str, fields: dict[str, Any]) -> None:
    assert asked(line) == fields


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("!stat open", "“!state”"),
        ("!severity crticial", "“critical”"),
        ("!close fixd", "“fixed”"),
        ("!close duplicate", "!duplicate NUMBER"),
        ("!duplicate that one", "!duplicate 123"),
        ("!assign", "!assign WHO"),
        ("!severity", "critical, major, minor, normal"),
        ("!follow please", "alone"),
        ("!confidential maybe", "yes or no"),
    ],
)
def test_a_wrong_line_is_quoted_with_the_way_out(line: str, hint: str) -> None:
    (fault,) = read_leading(f"{line}\nHello").faults
    assert fault.startswith(f"“{line}”: ")
    assert hint in fault


def test_two_lines_that_cannot_both_be_are_a_fault() -> None:
    for second in ("!state open", "!duplicate 5", "!reopen"):
        (fault,) = read_leading(f"!close fixed\n{second}").faults
        assert "!close fixed" in fault
        assert second in fault
    assert read_leading("!vote\n!unvote").faults
    assert read_leading("!follow\n!follow").faults == ()


def test_what_only_looks_like_a_command_is_text() -> None:
    for text in ("! Undefined control sequence.", "!= is wrong", "!!!", "¡state open", "state!"):
        leading = read_leading(text)
        assert (leading.orders, leading.faults, leading.rest) == ((), (), text)


def test_the_help_names_every_command() -> None:
    lines = help_text().split("\n")
    assert [line.split()[0] for line in lines] == [f"!{word}" for word in COMMANDS]
    assert all(len(line) < 100 for line in lines)


def test_a_plus_one_is_the_whole_of_what_was_written() -> None:
    for text in (
        "+1",
        " +1!\n",
        "+ 1",
        "＋1",
        "👍🏽",
        ":+1:",
        "+1, me too",
        "Me too.",
        "ME, TOO!!",
        "Ich auch …",
        "Anch’io",
        "\u202bגם אני\u202c",
        "*+1*",
        "我也是。",
    ):
        assert is_plus_one(text), text
    for text in ("+1 but only on Mondays", "me too\n\nand it crashes", "+10", "-1", "", "too me"):
        assert not is_plus_one(text), text
    assert is_minus_one("-1.")
    assert is_minus_one("\u22121")
    assert not is_minus_one("-1 is returned")


@pytest.mark.parametrize(
    ("subject", "synopsis"),
    [
        ("Re: Fwd: AW: It hangs", "It hangs"),
        ("RE[2]: It  hangs", "It hangs"),
        ("Rex: it hangs", "Rex: it hangs"),
        ("fwd:" * 50_000, ""),
    ],
)
def test_what_readers_of_mail_put_before_a_subject_is_no_synopsis(
    subject: str, synopsis: str
) -> None:
    assert synopsis_of(subject) == synopsis


def filled_template() -> str:
    """The form as the client makes it, with the needed parts written in."""
    facts = Facts(["base"], ["14.3"], "Base 14.3", "amd64", "Laptop X230")
    products = [Product("base", "Base", {"net": "Network"}, ["14.3"])]
    catalogue = Catalogue(products=products, kinds=["defect"], severities=["normal", "major"])
    text = make_template("https://bugs.example.org", catalogue, facts, component="net").text
    text = text.replace("Severity:", "Severity: major").replace("Synopsis:", "Synopsis: No route")
    return (
        text.replace("Description:\n", "Description:\nIt hangs:\n\\How-To-Repeat:\n#: a note\n")
        + "Close the lid.\n"
    )


def test_server_and_client_read_the_same_out_of_a_filled_in_template() -> None:
    text = filled_template()
    client, form = read_report(text.encode()), read_form(text)
    assert client.faults == []
    assert form is not None
    assert form.faults == []
    assert form.values == client.values
    assert form.values["description"] == "It hangs:\nHow-To-Repeat:"


def test_a_form_survives_what_readers_of_mail_do_to_it() -> None:
    text = "Hello,\n\n" + filled_template().replace("Synopsis: No route", "Synopsis: No\nroute")
    text = text.replace("Fill in the rest", "Fill in\nthe rest")
    form = read_form(text)
    assert form is not None
    assert form.faults == []
    assert form.values["synopsis"] == "No route"
    assert form.values["description"].startswith("Hello,\n\nIt hangs:")


def test_wrong_lines_of_a_form_are_quoted() -> None:
    form = read_form("Product: base\nProduct: base\nSeverty: major\n\nwords\nDescription:\nx")
    assert form is not None
    twice, misspelt, stray = form.faults
    assert "given already" in twice
    assert "“Severity:”" in misspelt
    assert stray.startswith("“words”")


def test_free_text_with_a_colon_is_no_form() -> None:
    assert read_form("Release: 14.3\nHardware: X230\n\nIt hangs.") is None
    assert read_form("It hangs.\nDescription: none") is None
    assert read_form("Product: " + " " * 200_000 + "\nx") is None


def test_a_patch_in_the_text_becomes_a_file_without_the_list_of_its_files() -> None:
    text = f"Fix it.\n\n---\n em.c | 2 +-\n 1 file changed, 1 insertion(+)\n\n{PATCH}"
    body = body_of(text)
    assert body.words == "Fix it."
    assert [(f.name, f.content.decode()) for f in body.files] == [("mail.patch", PATCH)]
    fenced = f"As in\n```\n{PATCH}```"
    assert body_of(fenced).words == fenced


def test_a_text_that_is_too_long_is_a_file_and_begins_in_the_comment() -> None:
    body = body_of("A line of the log.\n" * (TEXT_CHARS // 10))
    assert len(body.words) < TEXT_CHARS
    assert body.words.startswith("A line of the log.\n")
    assert "mail.txt" in body.words
    assert len(body.files[0].content) == 19 * (TEXT_CHARS // 10)


def test_the_documentation_names_every_command() -> None:
    problems, rest = (PROJECT_DIR / "docs/mail.md").read_text().split("about a patch\n")
    patches = rest.split("## Reporting")[0]
    assert set(re.findall(r"`!([a-z]+)", problems)) == set(COMMANDS)
    usual = {each.slug: each for each in dimensions.USUAL}
    known = {usage.split()[0] for usage, _ in patch_usages(usual)}
    told = set(re.findall(r"`(![a-z-]+)", patches))
    assert told <= known
    assert {"!works", "!fails", "!quality"} | known - {f"!{slug}" for slug in usual} <= told


@given(st.text("!+-1:#\\=<>@ \n\tabeflnorstu\u00a0éDPH", max_size=300))
def test_no_text_stops_the_reading_or_loses_a_word(text: str) -> None:
    leading = read_leading(text)
    if not leading.orders and not leading.faults:
        assert leading.rest.split() == text.split()
    form = read_form(text)
    assert form is None or all(isinstance(value, str) for value in form.values.values())
    body = body_of(text)
    assert body.files or body.words == text
    assert not (is_plus_one(text) and is_minus_one(text))
