"""Mail that can be read in the browser, where mail goes to files, and nowhere else."""

from __future__ import annotations

import os
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.signals import account_mail_requested
from notifications.models import Message
from notifications.outbox import sending

pytestmark = pytest.mark.django_db

PAGES = ("/dev/mail/", "/dev/mail/one.eml", "/dev/mail/one.eml/html", "/dev/mail/one.eml/file")


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.IS_DEFAULT_SETUP = True
    settings.MAIL_FOLDER = tmp_path / "mail"
    settings.MAIL_FOLDER.mkdir(exist_ok=True)
    return tmp_path / "mail"


def put(folder: Path, name: str = "one.eml", subject: str = "BCDF-GHJK is your code") -> None:
    mail = EmailMessage()
    mail["Subject"], mail["To"], mail["From"] = subject, "rita@example.org", "us@example.org"
    mail.set_content("The code:\n\nBCDF-GHJK\n")
    mail.add_alternative("<p>The <b>code</b></p><script>alert(1)</script>", subtype="html")
    (folder / name).write_bytes(mail.as_bytes())


def test_the_newest_mail_stands_first(client: Client, folder: Path) -> None:
    for number, age in ((1, 300), (2, 10), (3, 200)):
        put(folder, f"{number}.eml", f"Mail {number}")
        stamp = 1_800_000_000 - age
        os.utime(folder / f"{number}.eml", (stamp, stamp))
    page = client.get("/dev/mail/").content.decode()
    assert page.index("Mail 2") < page.index("Mail 3") < page.index("Mail 1")


def test_a_mail_is_shown_with_its_headers_and_text(client: Client, folder: Path) -> None:
    put(folder, subject="Grüße <b>")
    page = client.get("/dev/mail/one.eml").content.decode()
    assert "Grüße &lt;b&gt;" in page
    assert "rita@example.org" in page
    assert "BCDF-GHJK" in page
    assert "<script>alert" not in page


def test_the_html_of_a_mail_may_do_nothing(client: Client, folder: Path) -> None:
    put(folder)
    answer = client.get("/dev/mail/one.eml/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert b"<b>code</b>" in answer.content


def test_the_file_comes_as_it_is(client: Client, folder: Path) -> None:
    put(folder)
    answer = client.get("/dev/mail/one.eml/file")
    assert answer.content == (folder / "one.eml").read_bytes()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="one.eml"'


@pytest.mark.parametrize("name", ["..%2fsecret.eml", "none.eml", "%2e%2e", "secret.txt", ".eml"])
def test_no_name_leads_out_of_the_folder(client: Client, folder: Path, name: str) -> None:
    put(folder.parent, "secret.eml")
    (folder / "secret.txt").write_text("not a mail")
    for end in ("", "/html", "/file"):
        assert client.get(f"/dev/mail/{name}{end}").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_any_other_setup_shows_no_mail(
    client: Client, folder: Path, settings: Settings, path: str
) -> None:
    put(folder)
    assert client.get(path).status_code == 200
    settings.IS_DEFAULT_SETUP = False
    assert client.get(path).status_code == 404


def test_a_mail_that_was_really_delivered_can_be_read(
    client: Client, folder: Path, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "notifications.backends.eml.EmailBackend"
    settings.EMAIL_FILE_PATH = str(folder)
    account_mail_requested.send(
        None, to="rita@example.org", subject="Hello", text="Good day.\n", html="", person=None
    )
    sending.deliver(Message.objects.get().pk)
    (name,) = [path.name for path in folder.glob("*.eml")]
    assert "Hello" in client.get("/dev/mail/").content.decode()
    assert "Good day." in client.get(f"/dev/mail/{name}").content.decode()
