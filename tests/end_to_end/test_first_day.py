"""The first day of an installation, as its people live it: every door, against real processes."""

from __future__ import annotations

import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import services
from tests.chromium import PATIENCE, chromium
from tests.send_problem.running import Client
from tests.services import Groundswell, SmtpServer, groundswell, wait_until

pytestmark = pytest.mark.end_to_end

PASSWORD = "seven wet stones in a row"


class Installation:
    """A product that runs, and where its mail arrives."""

    def __init__(self, running: Groundswell, smtp: SmtpServer | None) -> None:
        self.running = running
        self.smtp = smtp

    def mails_to(self, address: str) -> list[EmailMessage]:
        mails = self.smtp.messages if self.smtp else self.running.mails()
        return [mail for mail in list(mails) if mail["To"] == address]

    def code(self, address: str, pattern: str, after: int = 0) -> str:
        """The code of the newest mail to `address`, which has had `after` mails before."""
        wait_until(lambda: len(self.mails_to(address)) > after, what=f"a mail to {address}")
        found = re.findall(pattern, text_of(self.mails_to(address)[-1]), re.MULTILINE)
        assert found
        return str(found[0])


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.fixture(scope="module", params=["nothing installed", "servers"])
def installation(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """The default set-up, and the one with PostgreSQL, Redis and a mail server."""
    with ExitStack() as held:
        environment, mail = {}, None
        if request.param == "servers":
            mail = held.enter_context(services.smtp())
            environment = {
                "DATABASE_URL": held.enter_context(services.migrated_postgresql()),
                "REDIS_URL": held.enter_context(services.redis()),
                "EMAIL_URL": mail.url,
            }
        yield Installation(held.enter_context(groundswell(**environment)), mail)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def sit_down(browser: Browser, installation: Installation) -> Page:
    context = browser.new_context(base_url=installation.running.base_url)
    context.set_default_timeout(PATIENCE)
    return context.new_page()


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


def become_administrator(page: Page, installation: Installation) -> None:
    link = re.search(r"http://\S+/setup/\S+", installation.running.output())
    assert link
    page.goto(link[0])
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_label("Handle").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Become administrator")
    expect(page.locator(".menu summary")).to_contain_text("ada")


def make_product(page: Page) -> None:
    """A product with one component, one release, and ada as its maintainer."""
    page.goto("/products/new")
    page.get_by_label("Short name").first.fill("tideland")
    page.get_by_label("Title").first.fill("Tideland")
    page.locator("[name=component]").fill("Kernel")
    page.locator("[name=maintainers]").fill("ada")
    press(page, "Save")
    page.goto("/products/tideland/releases/new")
    page.locator("[name=name]").fill("15.0")
    press(page, "Save")
    expect(page.get_by_role("alert")).to_have_count(0)


def sign_up(page: Page, installation: Installation, handle: str) -> None:
    address = f"{handle}@example.org"
    page.goto("/accounts/signup/")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Handle").fill(handle)
    press(page, "Mail me a code")
    code = installation.code(address, r"^\s*([A-Z]{4}-[A-Z]{4})\s*$")
    page.get_by_label("Code", exact=True).fill(code)
    press(page, "Confirm")
    expect(page.locator(".menu summary")).to_contain_text(handle)


def report(page: Page, synopsis: str) -> int:
    page.goto("/problems/new?product=tideland")
    page.get_by_label("Component").select_option("kernel")
    page.locator("[name=synopsis]").fill(synopsis)
    page.locator("[name=description]").fill("It **stops** after an hour.")
    press(page, "Send the report")
    expect(page.get_by_role("heading", level=1)).to_contain_text(synopsis)
    return int(page.url.rsplit("/", 1)[1].split("?")[0].split("#")[0])


def order_on_front_page(page: Page) -> list[str]:
    page.goto("/")
    return page.locator("main .row-title").all_inner_texts()


def register(client: Client, installation: Installation, address: str) -> None:
    base_url = installation.running.base_url
    before = len(installation.mails_to(address))
    assert client.run("--server", base_url, "register", address).code == 75
    code = installation.code(address, r"^\s*(\d{6,8})\s*$", before)
    done = client.run("register", address, "--code", code)
    assert done.code == 0, done.err


def send_report(client: Client) -> int:
    """Fill in a template and send it with two files; the number it got."""
    assert client.run("template", "report.txt").code == 0
    text = (client.home / "report.txt").read_text()
    for name, value in (("Product", "tideland"), ("Component", "kernel"), ("Release", "15.0")):
        text = re.sub(rf"(?m)^{name}:.*$", f"{name}: {value}", text)
    text = re.sub(r"(?m)^Synopsis:.*$", "Synopsis: Disk light stays on", text)
    text = text.replace("Description:\n", "Description:\nSince the update of Monday.\n", 1)
    client.write("report.txt", text)
    client.write("dmesg.txt", "ada0: device lost\n")
    (client.home / "trace.bin").write_bytes(os.urandom(300_000))
    done = client.run("--json", "send", "--yes", "report.txt", "dmesg.txt", "trace.bin")
    assert done.code == 0, done.err
    files = {a["name"]: a["url"] for a in done.json["attachments"]}
    for name, url in files.items():
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert answer.read() == (client.home / name).read_bytes()
    assert len(files) == 2
    return int(done.json["number"])


def test_the_first_day(installation: Installation, browser: Browser, tmp_path: Path) -> None:
    running = installation.running
    ada, rita, sam = (sit_down(browser, installation) for _ in range(3))
    become_administrator(ada, installation)
    make_product(ada)

    sign_up(rita, installation, "rita")
    first = report(rita, "Wireless stops after resume")
    second = report(rita, "Clock drifts in a guest")
    assert order_on_front_page(rita)[0] == "Clock drifts in a guest"

    sign_up(sam, installation, "sam")
    sam.goto("/")
    sam.get_by_role("button", name=f"I have problem {first} too").click()
    expect(sam.locator(f"#plus-{first}")).to_have_attribute("aria-pressed", "true")
    assert order_on_front_page(rita) == ["Wireless stops after resume", "Clock drifts in a guest"]

    (tmp_path / "installed").mkdir()
    installed = Client(tmp_path / "installed")
    register(installed, installation, "ines@example.org")
    third = send_report(installed)
    assert installed.run("--json", "vote", str(second)).json["people"] == 2

    one_file = tmp_path / "send-problem.pyz"
    urllib.request.urlretrieve(f"{running.base_url}/send-problem.pyz", one_file)
    (tmp_path / "carried").mkdir()
    carried = Client(tmp_path / "carried", [sys.executable, "-I", str(one_file)])
    register(carried, installation, "cleo@example.org")
    fourth = send_report(carried)
    assert carried.run("--json", "vote", str(second)).json["people"] == 3
    assert carried.run("--json", "status", str(third)).json["synopsis"] == "Disk light stays on"
    assert order_on_front_page(rita)[0] == "Clock drifts in a guest"

    def digests() -> list[EmailMessage]:
        mails = installation.mails_to("ada@example.org")
        return [mail for mail in mails if mail["X-Groundswell-Reason"] == "digest"]

    assert not digests()
    in_a_week = (datetime.now(UTC) + timedelta(days=8)).isoformat()
    for _ in range(2):
        running.manage("send_digests", "--due-at", in_a_week)
    wait_until(digests, what="the digest")
    (digest,) = digests()
    lines = text_of(digest)
    for number in (first, second, third, fourth):
        assert f"#{number}" in lines
    assert lines.index("Clock drifts in a guest") < lines.index("Wireless stops after resume")
