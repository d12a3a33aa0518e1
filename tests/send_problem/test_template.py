"""The form: what is filled in, how it is read, how faults in it are said."""

from __future__ import annotations

import platform

import pytest

from send_problem.report_form import decode, read_report
from send_problem.system_facts import architecture, release_among
from tests.send_problem.contract_server import World
from tests.send_problem.running import REPORT, Client, report


def faults(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [str(fault) for fault in read_report(data).faults]


def described(body: str) -> str:
    """A report's description when its text part is ``body``."""
    head = REPORT.partition("Description:")[0]
    read = read_report((head + "Description:\n" + body).encode())
    assert read.faults == []
    return read.values["description"]


def test_a_template_names_the_choices_and_this_system(client: Client) -> None:
    done = client.run("template", "report.txt", "--product", "base")
    assert done.code == 0, done.err
    text = (client.home / "report.txt").read_text()
    assert "Product: base\n" in text
    assert "#:     kernel  Kernel\n" in text
    assert "#: One of: 15.0, 14.2\n" in text
    assert "Severity:\n" in text
    assert platform.release() in text
    assert platform.release() in done.out, "what is filled in must be shown"


def test_an_untouched_template_is_refused_with_every_missing_part(client: Client) -> None:
    client.run("template", "report.txt")
    done = client.run("--json", "send", "report.txt")
    assert done.code == 65
    named = {error["field"] for error in done.json["errors"]}
    assert named == {"Product", "Component", "Synopsis", "Description"}
    lines = (client.home / "report.txt").read_text().splitlines()
    for error in done.json["errors"]:
        assert lines[error["line"] - 1].startswith(f"{error['field']}:")


def test_a_template_that_is_filled_in_is_sent(client: Client, world: World) -> None:
    client.run("template", "report.txt", "--product", "base", "--component", "net")
    text = (client.home / "report.txt").read_text()
    text = text.replace("Synopsis:", "Synopsis: No route").replace(
        "Description:\n", "Description:\nNothing is reachable.\n"
    )
    client.write("report.txt", text)
    done = client.run("send", "--yes", "report.txt")
    assert done.code == 0, done.err
    (problem,) = world.problems
    assert (problem["component"], problem["synopsis"]) == ("net", "No route")
    assert problem["description"] == "Nothing is reachable."
    assert "how_to_repeat" not in problem


def test_an_existing_file_is_not_overwritten(client: Client) -> None:
    path = client.write("report.txt", "mine")
    done = client.run("template", "report.txt")
    assert (done.code, path.read_text()) == (73, "mine")
    assert client.run("template", "--force", "report.txt").code == 0
    assert path.read_text().startswith("#: A problem report")


def test_without_a_network_the_template_knows_what_was_offered_last_time(
    client: Client, world: World
) -> None:
    client.run("template")
    world.answer_instead("GET", ".*/server/", 500, b"")
    done = client.run("template", "report.txt")
    assert done.code == 0
    assert "offered last time" in done.err
    assert "#:     base   Base system" in (client.home / "report.txt").read_text()


def test_a_template_works_where_the_server_was_never_reached(stranger: Client) -> None:
    done = stranger.run("--server", "http://127.0.0.1:9", "template", "report.txt")
    assert done.code == 0
    assert "products are unknown" in done.err
    assert "Product:\n" in (stranger.home / "report.txt").read_text()


def test_prompts_headings_and_diffs_are_text() -> None:
    body = "# make install\n## Heading\n#!/bin/sh\n-old\n+new\n@@ -1 +1 @@\n> quoted: yes"
    assert described(body) == body


def test_notes_are_left_out_of_the_text() -> None:
    assert described("one\n#: a note\ntwo") == "one\ntwo"


def test_the_output_of_lsb_release_is_text() -> None:
    body = "Distributor ID:\tDebian\nDescription:\tDebian GNU/Linux 12\nRelease:\t12"
    assert described(body) == body


def test_a_backslash_keeps_a_header_or_a_note_as_text() -> None:
    assert described("a\n\\How-To-Repeat:\n\\#: b\n\\\\Description:\n\\\\host\\share") == (
        "a\nHow-To-Repeat:\n#: b\n\\Description:\n\\\\host\\share"
    )


def test_a_section_that_begins_twice_is_refused_with_the_way_out() -> None:
    (fault,) = faults(REPORT + "Description:\nmore\n")
    assert fault.startswith("line 16: 'Description:' was given in line 11 already")
    assert "\\Description:" in fault


def test_a_header_below_the_text_is_pointed_at() -> None:
    text = REPORT.replace("Synopsis: Kernel panics when the lid is closed\n", "")
    (fault,) = faults(text + "Synopsis: it panics\n")
    assert fault == "line 15: 'Synopsis:' stands in the text; move it above 'Description:'"


def test_every_fault_is_said_with_its_line() -> None:
    text = report(Synopsis="").replace("Severity:", "Severty:").replace("Kind: defect", "a line")
    text = text.replace("Hardware: a laptop", "Product: again")
    found = faults(text)
    assert [fault.split(":")[0] for fault in found] == ["line 4", "line 5", "line 8", "line 10"]
    assert "did you mean 'Severity:'?" in found[1]
    assert "line 2 already" in found[2]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + REPORT.encode(),
        REPORT.replace("\n", "\r\n").encode(),
        REPORT.replace("\n", "\r").encode(),
        REPORT.encode("utf-16"),
        REPORT.replace(": ", ":\t").encode(),
        REPORT.replace("Product: base", "product :  base  \t").encode(),
    ],
    ids=["byte order mark", "CRLF", "CR", "UTF-16", "tabs", "blanks"],
)
def test_files_of_other_editors_are_read_as_if_written_here(data: bytes) -> None:
    read = read_report(data)
    assert read.faults == []
    assert read.values == read_report(REPORT.encode()).values


def test_latin_1_is_read_and_said(client: Client, world: World) -> None:
    client.write("report.txt", report(Synopsis="Größe falsch").encode("latin-1"))
    done = client.run("send", "--yes", "report.txt")
    assert done.code == 0
    assert "Latin-1" in done.err
    assert world.problems[0]["synopsis"] == "Größe falsch"
    assert decode("Größe".encode())[1] == "utf-8"


def test_a_binary_file_is_no_report(client: Client) -> None:
    client.write("report.txt", b"\x7fELF\0\0\0")
    done = client.run("send", "--yes", "report.txt")
    assert done.code == 65
    assert "line 1: holds a zero byte" in done.err


def test_what_the_server_does_not_offer_is_refused_with_the_nearest(client: Client) -> None:
    client.write("report.txt", report(Product="bse", Severity="seriuos", Confidential="maybe"))
    done = client.run("send", "--yes", "report.txt")
    assert done.code == 65
    assert "report.txt: line 2: 'bse' is not one of the products; did you mean base?" in done.err
    assert "line 5: 'seriuos'" in done.err
    assert "did you mean serious?" in done.err
    assert "line 9: Confidential is yes or no" in done.err


def test_a_release_of_a_product_without_releases_is_refused_here(client: Client) -> None:
    client.write("report.txt", report(Product="ports", Component="www"))
    done = client.run("send", "--yes", "report.txt")
    assert done.code == 65
    assert "line 6: ports has no releases; leave Release empty" in done.err


def test_choices_are_spelled_as_the_server_does(client: Client, world: World) -> None:
    client.write("report.txt", report(Product="BASE", Kind="Defect", Confidential="Yes"))
    assert client.run("send", "--yes", "report.txt").code == 0
    assert world.problems[0]["product"] == "base"
    assert world.problems[0]["kind"] == "defect"
    assert world.problems[0]["is_confidential"] is True


def test_a_text_that_is_too_long_is_named_with_both_lengths(client: Client) -> None:
    client.write("report.txt", report(Synopsis="x" * 101))
    done = client.run("send", "--yes", "report.txt")
    assert "line 10: Synopsis has 101 characters, and 100 are allowed" in done.err


@pytest.mark.parametrize(
    ("machine", "offered", "name"),
    [
        ("x86_64", ["amd64", "arm64"], "amd64"),
        ("aarch64", ["amd64", "arm64"], "arm64"),
        ("aarch64", ["aarch64", "arm64"], "aarch64"),
        ("riscv64", ["amd64"], "riscv64"),
    ],
)
def test_the_machine_is_called_as_the_server_calls_it(
    machine: str, offered: list[str], name: str
) -> None:
    assert architecture(machine, offered) == name


@pytest.mark.parametrize(
    ("versions", "offered", "release"),
    [
        (["15.0-RELEASE-p3"], ["15.0", "14.2"], "15.0"),
        (["15.10"], ["15.1", "15.10"], "15.10"),
        (["15.10"], ["15.1"], ""),
        (["12", "6.1.0"], ["6.1", "6.10"], "6.1"),
    ],
)
def test_the_release_is_found_among_those_that_are_offered(
    versions: list[str], offered: list[str], release: str
) -> None:
    assert release_among(versions, offered) == release
