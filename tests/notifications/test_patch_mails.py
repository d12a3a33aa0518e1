"""Mails about patches: who is told, what they read, once, and nothing that they may not see."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person, Role
from notifications.digests import runs
from notifications.gate.models import SuspendedAddress
from notifications.models import (
    DigestDelivery,
    DigestSubscription,
    EventChoice,
    MailSettings,
    Message,
    MutedPatch,
    Occasion,
    PatchTelling,
)
from notifications.outbox.rendering import NothingToSay, Withheld, render
from notifications.patches import lists
from notifications.services import subscribe
from patches import deciding
from patches.finding import read
from patches.models import Patch, PatchEvent, Review
from patches.owners import requests
from patches.reviews import rating, reviewing
from patches.versions import comparisons
from patches.waiting import escalating
from tests.notifications.mails import html_of, mail_to, parsed, text_of
from tests.notifications.test_digests import make_subscription
from tests.patching import diff, make_patch, newest, next_version
from tests.people import make_person
from tests.problems import make_maintainer, make_problem, make_product
from tracker.models import Door

pytestmark = pytest.mark.django_db

PATH = "sys/dev/em/if_em.c"


def told_of(kind: str) -> list[str]:
    """Who is told of the latest event of that kind."""
    event = PatchEvent.objects.filter(kind=kind).latest("pk")
    tellings = PatchTelling.objects.filter(event=event)
    return sorted(tellings.values_list("person__handle", flat=True))


def choose(person: Person, occasion: str, pace: str) -> None:
    EventChoice.objects.update_or_create(person=person, occasion=occasion, defaults={"pace": pace})


def review(patch: Patch, person: Person, text: str = "Take the lock first.") -> Review:
    """Asks for changes, with a comment on a line."""
    reviewing.add_line_comment(
        newest(patch), person, "Why zero?", commit=1, path=PATH, side="new", start=13, end=13
    )
    verdict = Review.Verdict.CHANGES
    return reviewing.send_review(newest(patch), person, Door.WEB, text=text, verdict=verdict)


def integrate(patch: Patch) -> Person:
    committer = make_person("", Role.COMMITTER)
    deciding.integrate(patch, committer, Door.WEB, commit="1a2b3c4d5e6f7a8b")
    return committer


def test_each_is_told_of_what_concerns_them_and_nobody_of_own_acts() -> None:
    author, submitter = make_person("anna"), make_person("sven")
    rita, rolf = make_person("rita"), make_person("rolf")
    patch = make_patch(author=submitter)
    Patch.objects.filter(pk=patch.pk).update(author=author)
    patch.refresh_from_db()
    requests.ask(patch, author, rolf, Door.WEB)
    assert told_of("asked") == ["rolf"]
    review(patch, rita)
    assert told_of("reviewed") == ["anna", "sven"]
    comment = patch.threads.get()
    reviewing.answer(comment, author, "So.", version=newest(patch))
    reviewing.send_review(newest(patch), author, Door.WEB, text="")
    assert told_of("reviewed") == ["rita", "sven"], "who is answered"
    next_version(patch, by=author)
    assert told_of("version") == ["rita", "sven"]
    requests.claim(patch, rolf, Door.WEB)
    integrate(patch)
    assert told_of("decided") == ["anna", "rita", "rolf", "sven"]


def test_exactly_the_owners_of_what_a_patch_touches_are_asked_once() -> None:
    product = make_product()
    net, kernel = (make_maintainer(product.components.get(slug=s), s) for s in ("net", "kernel"))
    problem = make_problem(product, component="net")
    mail = b"From: Ann Other <ann@example.org>\nSubject: [PATCH] Say so\n\n---\n" + diff()
    patch = make_patch(fixes=[problem], author=make_person("anna"), text=read(mail, is_mail=True))
    assert told_of("asked") == ["net"]
    next_version(patch)
    assert Message.objects.filter(person=net, kind="patch").count() == 1
    assert not Message.objects.filter(person=kernel, kind="patch").exists()
    text = text_of(mail_to(net, kind="patch"))
    assert "You are asked to review this patch" in text
    assert "why you: Maintains net" in text
    assert "by: anna (“Ann Other” in the patch)" in text
    assert "/do/" in text


def test_a_review_quotes_the_lines_and_says_why_it_came(settings: Settings) -> None:
    settings.MAIL_IN_DOMAIN = "example.org"
    author, rita = make_person("anna"), make_person("rita")
    patch = make_patch(author=author, text=diff(PATH, "\treturn (7); /* <b> */"))
    words = "Rather:\n```suggestion\n\treturn (8);\n```\nAs elsewhere."
    reviewing.add_line_comment(
        newest(patch), rita, words, commit=1, path=PATH, side="new", start=13, end=13
    )
    review(patch, rita)
    mail = mail_to(author, kind="patch")
    text, html = text_of(mail), html_of(mail)
    assert "rita reviewed version 1 and asks for changes:" in text
    assert f"{PATH}, line 13:\n    > \treturn (7); /* <b> */\n\nWhy zero?" in text
    suggestion = "-\treturn (7); /* <b> */\n    +\treturn (8);"
    assert f"{PATH}, line 13:\n\nRather:\n\n    {suggestion}\n\nAs elsewhere.\n" in text
    assert "return (7); /* &lt;b&gt; */\n+\treturn (8);</pre>" in html.replace("\r", "")
    assert "You get this because it is your patch." in text
    assert "a diff in your reply is the next version." in text
    assert "Waits for anna, its author." in text
    assert mail["From"].startswith("rita via Groundswell")
    assert mail["Subject"] == f"[{patch.product.slug}] patch {patch.pk}: {patch.title}"
    assert mail["In-Reply-To"] == mail["References"] == f"<patch-{patch.pk}@127.0.0.1>"
    assert mail["X-Groundswell-Patch"] == str(patch.pk)
    assert mail["X-Groundswell-Reason"] == "author"
    assert mail["Reply-To"].startswith("reply+")
    assert [line for line in text.split("\n") if len(line) > 72 and "http" not in line] == []


def test_a_new_version_says_what_changed() -> None:
    author, rita = make_person("anna"), make_person("rita")
    patch = make_patch(author=author, text=diff(PATH, "\treturn (1);"))
    review(patch, rita)
    version = next_version(patch, diff(PATH, "\treturn (2);"), note="With the lock.")
    comparisons.compare_version(version.pk)
    text = text_of(mail_to(rita, kind="patch"))
    assert "anna sent version 2:\n\nWith the lock." in text
    assert "return (1);" in text
    assert "return (2);" in text


def test_what_happens_soon_after_one_another_is_one_mail(settings: Settings) -> None:
    settings.EVENT_MAIL_WINDOW = 60
    author, rita = make_person("anna"), make_person("rita")
    patch = make_patch(author=author)
    review(patch, rita)
    rating.rate(newest(patch), rita, Door.WEB, rating.Said("works", 1, architecture="amd64"))
    integrate(patch)
    (message,) = Message.objects.filter(person=author)
    assert message.due_at > timezone.now()
    text = text_of(parsed(render(message)))
    assert text.index("asks for changes") < text.index("Works here, amd64") < text.index(
        "integrated it as 1a2b3c4d5e6f"
    )  # fmt: skip


def test_people_choose_how_soon_and_a_link_ends_it_for_one_patch(client: Client) -> None:
    author, rita = make_person("anna"), make_person("rita")
    choose(author, Occasion.REVIEWED, "never")
    choose(author, Occasion.DECIDED, "hourly")
    patch = make_patch(author=author)
    review(patch, rita)
    assert told_of("reviewed") == []
    integrate(patch)
    (hourly,) = Message.objects.filter(person=author)
    assert hourly.kind == "roundup"
    text = text_of(parsed(render(hourly)))
    assert "integrated it as 1a2b3c4d5e6f" in text
    assert f"patch {patch.pk}: {patch.title}" in text
    mail = mail_to(rita, kind="patch")
    address = mail["List-Unsubscribe"].strip("<>").partition("8000")[2]
    assert f"patch {patch.pk}" in client.get(address).content.decode()
    assert not MutedPatch.objects.exists()
    assert client.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    with pytest.raises(Withheld):
        mail_to(rita, kind="patch")
    client.force_login(rita)
    assert patch.title in client.get("/my/subscriptions/").content.decode()
    client.post(f"/my/subscriptions/patches/{patch.pk}/unmute")
    assert not MutedPatch.objects.exists()


def test_what_was_chosen_for_the_digest_is_told_by_it_once() -> None:
    author, rita = make_person("anna"), make_person("rita")
    choose(author, Occasion.REVIEWED, "digest")
    patch = make_patch(author=author)
    review(patch, rita)
    assert not Message.objects.filter(person=author).exists()
    row = make_subscription(author, kind="votes")
    runs.send_due()
    text = text_of(mail_to(author, kind="digest"))
    assert "rita reviewed version 1 and asks for changes" in text
    assert PatchTelling.objects.get(person=author).message is not None
    Message.objects.update(state="sent")
    DigestDelivery.objects.update(outcome="sent")
    with time_machine.travel(timezone.now() + timedelta(days=8), tick=False):
        DigestSubscription.objects.filter(pk=row.pk).update(next_due_at=timezone.now())
        runs.send_due()
        with pytest.raises(NothingToSay):
            mail_to(author, kind="digest")


def test_who_hears_of_a_patch_itself_does_not_hear_it_of_the_problem_too() -> None:
    anna, follower = make_person("anna"), make_person("fay")
    problem = make_problem(reporter=anna)
    subscribe(follower, problem)
    net = make_maintainer(problem.component, "nell")
    Message.objects.all().delete()
    patch = make_patch(author=anna, fixes=[problem])
    assert f"patch {patch.pk} came: “" in text_of(mail_to(follower, kind="event"))
    assert mail_to(net, kind="patch")
    with pytest.raises(Withheld):
        mail_to(net, kind="event")
    Message.objects.all().delete()
    committer = make_person("", Role.COMMITTER)
    deciding.decline(patch, committer, Door.WEB, note="No.")
    assert "declined" in text_of(mail_to(anna, kind="patch"))
    with pytest.raises(Withheld):
        mail_to(anna, kind="event")
    assert "declined" in text_of(mail_to(follower, kind="event"))


def test_nothing_is_told_to_who_may_not_see_it_any_more() -> None:
    author, rita = make_person("anna"), make_person("rita")
    patch = make_patch(author=author)
    review(patch, rita)
    next_version(patch)
    assert mail_to(rita, kind="patch")
    Patch.objects.update(is_confidential=True)
    with pytest.raises(Withheld):
        mail_to(rita, kind="patch")
    next_version(patch)
    assert told_of("version") == [], "nor is a mail made"


def test_the_list_or_who_maintains_is_told_once_what_nobody_reviews() -> None:
    product = make_product()
    listed, other = (product.components.get(slug=s) for s in ("net", "kernel"))
    listed.list_address = "net@lists.example.org"
    listed.save()
    make_maintainer(listed, "nora")
    make_maintainer(other, "karl")
    problems = [make_problem(product, component=each.slug) for each in (listed, other)]
    patch = make_patch(fixes=problems)
    hidden = make_patch(fixes=problems, is_confidential=True)
    Message.objects.all().delete()
    with time_machine.travel(timezone.now() + timedelta(days=14, hours=1), tick=False):
        for _ in range(2):
            escalating.escalate_due(60.0)
        (to_list,) = Message.objects.filter(person=None)
        assert (to_list.address, to_list.patch_id) == ("net@lists.example.org", patch.pk)
        mail = parsed(render(to_list))
        assert "Nobody has reviewed this patch for 14 days" in text_of(mail)
        assert mail["To"] == "net@lists.example.org"
        assert "This list gets this because it is the list of" in text_of(mail)
        assert mail["List-Unsubscribe"] is None
        assert "/do/" not in text_of(mail)
        told = Message.objects.filter(person__isnull=False)
        found = sorted(told.values_list("person__handle", "patch"))
        assert found == [("karl", patch.pk), ("karl", hidden.pk), ("nora", hidden.pk)]
        Patch.objects.update(is_confidential=True)
        with pytest.raises(Withheld):
            render(to_list)


def test_what_an_import_makes_due_at_once_is_one_mail_an_hour_for_a_list_and_few_for_people(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lists, "MOST", 3)
    start = timezone.now().replace(minute=10)
    product = make_product()
    product.components.filter(slug="net").update(list_address="net@lists.example.org")
    karl = make_maintainer(product.components.get(slug="kernel"), "karl")
    problems = [make_problem(product, component=slug) for slug in ("net", "kernel")]
    with time_machine.travel(start, tick=False) as clock:
        patches = [make_patch(fixes=problems) for _ in range(5)]
        for demand, patch in enumerate(patches, start=1):
            Patch.objects.filter(pk=patch.pk).update(demand=demand)
        clock.shift(timedelta(hours=1))
        late = make_patch(fixes=problems)
        Message.objects.all().delete()
        clock.move_to(start + timedelta(days=14))
        escalating.escalate_due(60.0)
        (first,) = Message.objects.filter(person=None)
        clock.shift(timedelta(hours=1))
        assert first.due_at < timezone.now()
        escalating.escalate_due(60.0)
        second = Message.objects.filter(person=None).latest("pk")
    mail = parsed(render(first))
    assert "5 patches that nobody has reviewed for 14 days" in mail["Subject"]
    named = [text_of(mail).find(patch.title) for patch in reversed(patches)]
    assert named == [*sorted(named[:3]), -1, -1], "the most demanded"
    assert "and 2 more" in text_of(mail)
    assert f"/patches/?product={product.slug}&component=net" in text_of(mail)
    assert late.title in parsed(render(second))["Subject"]
    told = [m.kind for m in Message.objects.filter(person=karl).order_by("pk")]
    assert told == ["patch"] * 3 + ["roundup"] * 2
    together = text_of(mail_to(karl, kind="roundup"))
    assert late.title in together
    Patch.objects.filter(pk__in=[each.pk for each in patches[1:]]).update(is_reviewed=True)
    assert patches[0].title in parsed(render(first))["Subject"]


def test_quiet_hours_and_suspended_addresses_hold_for_patches_too() -> None:
    asleep, bounced, rita = make_person("anna"), make_person("bert"), make_person("rita")
    hour = timezone.now().hour
    MailSettings.objects.create(person=asleep, quiet_from=hour, quiet_until=(hour + 3) % 24)
    SuspendedAddress.objects.create(address=bounced.email)
    for author in (asleep, bounced):
        review(make_patch(author=author), rita)
    (message,) = Message.objects.filter(kind="patch", person__in=(asleep, bounced))
    assert message.person == asleep
    assert message.due_at > timezone.now() + timedelta(hours=1)
