"""What digests tell of patches, to whom exactly, and the links that act on them."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Person, Role
from notifications.deeds import Deed, ticket
from notifications.digests import runs
from notifications.digests.content import compose, forget_shared_parts
from notifications.digests.mail import digest_words
from notifications.digests.shapes import Digest
from notifications.digests.votes import compose_votes
from notifications.models import DigestSubscription, Message
from notifications.outbox.rendering import Renderer
from notifications.patches.deeds import offers
from patches import deciding
from patches.models import Patch, PatchEvent, ReviewRequest, Turn
from patches.owners import requests
from patches.reviews import rating
from patches.waiting import listing
from tests.notifications.mails import html_of, parsed, text_of
from tests.notifications.test_digests import week
from tests.patching import make_patch, newest
from tests.people import make_person
from tests.problems import make_maintainer, make_problem, make_product
from tracker.models import Component, Door, Problem, Product
from votes.services import cast_vote

pytestmark = pytest.mark.django_db


def told(digest: Digest, key: str = "patches") -> list[int]:
    return [line.patch.pk for s in digest.sections if s.key == key for line in s.patches]


def digest_of(person: Person) -> Digest:
    return compose(Person.objects.get(pk=person.pk), week(), is_preview=True)


def in_queue_of(person: Person) -> list[int]:
    """The list to which a digest leads."""
    (section,) = (s for s in digest_of(person).sections if s.key == "patches")
    query = listing.parse(QueryDict(urlsplit(section.url).query))
    return [patch.pk for patch in listing.page(listing.find(query, person), query).patches]


def demanded(product: Product, people: int, component: str = "net", **values: object) -> Patch:
    """A patch for a problem that so many people have."""
    problem = make_problem(product, component=component)
    for _ in range(people - 1):
        cast_vote(problem, make_person(), Door.WEB)
    patch = make_patch(fixes=[problem], **values)  # type: ignore[arg-type]
    patch.refresh_from_db()
    return patch


def rate(patch: Patch, person: Person, value: int = 1) -> None:
    rating.rate(newest(patch), person, Door.WEB, rating.Said("quality", value))


def test_exactly_who_maintains_or_was_asked_is_told_the_most_demanded_first() -> None:
    product = make_product()
    net, kernel = (make_maintainer(product.components.get(slug=s)) for s in ("net", "kernel"))
    asked, other = (make_person("", Role.DEVELOPER) for _ in range(2))
    less, more = demanded(product, 2), demanded(product, 3)
    requests.ask(less, net, asked, Door.WEB)
    assert told(digest_of(net)) == [more.pk, less.pk]
    assert told(digest_of(asked)) == [less.pk]
    assert told(digest_of(kernel)) == told(digest_of(other)) == []
    theirs = demanded(product, 1, component="kernel")
    theirs.review_requests.update(person=asked)
    assert told(digest_of(kernel)) == [], "another looks after what it touches"
    assert told(digest_of(asked)) == in_queue_of(asked) == [less.pk, theirs.pk]
    theirs.review_requests.all().delete()
    assert told(digest_of(kernel)) == in_queue_of(kernel) == [theirs.pk]
    assert more.author is not None
    assert told(digest_of(more.author)) == []
    Patch.objects.filter(pk=less.pk).update(turn_since=timezone.now() - timedelta(days=15))
    (line, *_) = (s.patches[1] for s in digest_of(net).sections if s.key == "patches")
    assert line.said == ("waits 15 days, needs “Quality” from a maintainer",)
    rate(more, net)
    assert told(digest_of(net)) == [less.pk], "reviewed"


def test_what_was_put_off_or_given_away_or_is_ones_own_is_not_told() -> None:
    product = make_product()
    component = product.components.get(slug="net")
    first, second = make_maintainer(component), make_maintainer(component)
    snoozed, declined = demanded(product, 2), demanded(product, 1)
    own = demanded(product, 4, author=first)
    requests.snooze(snoozed, first)
    requests.decline(declined, first, Door.WEB)
    assert told(digest_of(first)) == []
    assert told(digest_of(second)) == [own.pk, snoozed.pk, declined.pk]
    ReviewRequest.objects.update(snoozed_until=timezone.now())
    assert told(digest_of(first)) == [snoozed.pk]


def test_committers_are_told_what_is_ready_and_what_was_forgotten() -> None:
    committer, reviewer = make_person("", Role.COMMITTER), make_person("", Role.COMMITTER)
    ready, forgotten, nowhere = (make_patch() for _ in range(3))
    rate(ready, reviewer)
    Patch.objects.filter(pk=forgotten.pk).update(stage=Patch.Stage.BOARD)
    listed, left = make_problem(), make_problem()
    Component.objects.filter(pk=listed.component_id).update(list_address="net@lists.example.org")
    gone, bounced = make_maintainer(left.component), make_maintainer(left.component)
    told_to_list, alone = make_patch(fixes=[listed]), make_patch(fixes=[left])
    hidden = make_patch(fixes=[listed], is_confidential=True)
    Person.objects.filter(pk=gone.pk).update(is_active=False)
    Person.objects.filter(pk=bounced.pk).update(mail_suspended_at=timezone.now())
    carried = [each.pk for each in (nowhere, told_to_list, alone, hidden)]
    Patch.objects.filter(pk__in=carried).update(stage=Patch.Stage.LIST)
    digest = digest_of(committer)
    assert (told(digest, "ready"), told(digest, "forgotten")) == ([ready.pk], [forgotten.pk])
    assert told(digest, "untold") == [alone.pk, hidden.pk, nowhere.pk]
    assert told(digest_of(make_person("", Role.DEVELOPER)), "forgotten") == []
    named, by_hand = make_person(), make_person()
    for who, asked_by in ((named, None), (by_hand, committer)):
        ReviewRequest.objects.create(patch=forgotten, person=who, asked_by=asked_by)
    runs.make_missing_subscriptions(timezone.now())
    having = {row.person for row in DigestSubscription.objects.filter(kind="own")}
    assert {committer, named} <= having
    assert by_hand not in having
    assert named in {row.person for row in runs.due(timezone.now() + timedelta(days=8))}
    ReviewRequest.objects.update(state=ReviewRequest.State.DECLINED)
    assert named not in {row.person for row in runs.due(timezone.now() + timedelta(days=8))}


def test_reviewers_hear_how_their_reviews_ended() -> None:
    committer, reviewer = make_person("cleo", Role.COMMITTER), make_person()
    public, hidden = make_patch(), make_patch()
    for patch in (public, hidden):
        rate(patch, reviewer)
        deciding.integrate(patch, committer, Door.WEB, commit="1a2b3c4d5e6f7a8b")
    Patch.objects.filter(pk=hidden.pk).update(is_confidential=True)
    digest = digest_of(reviewer)
    assert told(digest, "reviews") == [public.pk]
    (line,) = (s.patches[0] for s in digest.sections if s.key == "reviews")
    assert line.said == ("integrated by cleo as 1a2b3c4d5e6f",)
    assert told(digest_of(committer), "reviews") == [], "nobody hears of what they did"
    assert told(digest_of(make_person()), "reviews") == []


def test_a_maintainer_is_told_of_no_patch_that_they_may_not_see() -> None:
    product = make_product()
    net = make_maintainer(product.components.get(slug="net"))
    secret = make_problem(product, component="kernel", is_confidential=True)
    open_one = make_problem(product, component="net")
    insider = make_person("", Role.TRIAGER)
    patch = make_patch(author=insider, fixes=[secret, open_one])
    assert Component.objects.filter(patches=patch).count() == 2
    ReviewRequest.objects.create(patch=patch, person=net, reason="Asked.")
    assert told(digest_of(net)) == []
    Problem.objects.filter(pk=secret.pk).update(is_confidential=False)
    assert told(digest_of(net)) == [patch.pk]


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_digest_of_many_patches_costs_what_one_of_a_few_does(is_shared: bool) -> None:
    product = make_product()
    net = make_maintainer(product.components.get(slug="net"))
    counts = []
    for more in (6, 7):
        for _ in range(more):
            make_patch(fixes=[make_problem(product, component="net")])
        people = [make_person("", Role.DEVELOPER) for _ in range(more)] if is_shared else []
        rows = [ReviewRequest(patch=p, person=who, reason="") for who in people
                for p in Patch.objects.all()]  # fmt: skip
        ReviewRequest.objects.bulk_create(rows)
        DigestSubscription.objects.all().delete()
        Message.objects.all().delete()
        runs.make_missing_subscriptions(timezone.now())
        DigestSubscription.objects.update(next_due_at=timezone.now())
        runs.send_due()
        forget_shared_parts()
        with CaptureQueriesContext(connection) as captured:
            if is_shared:
                messages = list(Message.objects.filter(kind="digest").select_related(
                    "person", "delivery__subscription__component__product"))  # fmt: skip
                mails = Renderer().render(messages)
            else:
                digest_of(net)
        counts.append(len(captured))
    assert counts[0] == counts[1]
    if is_shared:
        assert not [mail for _, mail in mails if isinstance(mail, Exception)]
        to_do = [text_of(parsed(mail)) for _, mail in mails]  # type: ignore[arg-type]
        assert all("PATCHES THAT WAIT FOR YOUR REVIEW" in text for text in to_do)


def test_the_links_of_each_reader_are_their_own(client: Client) -> None:
    patch = make_patch()
    people = [make_person("", Role.DEVELOPER) for _ in range(2)]
    for person in people:
        requests.ask(patch, patch.author, person, Door.WEB)  # type: ignore[arg-type]
    runs.make_missing_subscriptions(timezone.now())
    DigestSubscription.objects.update(next_due_at=timezone.now())
    runs.send_due()
    messages = Message.objects.filter(kind="digest", person__in=people).select_related("person")
    for message, mail in Renderer().render(list(messages)):
        assert not isinstance(mail, Exception)
        assert message.person is not None
        mail_now = parsed(mail)
        (act,) = set(re.findall(r"act: (\S+)", text_of(mail_now)))
        assert act.rsplit("/", 2)[1] in html_of(mail_now)
        page = client.get(act.partition("8000")[2])
        assert f"as <b>{message.person.handle}</b>" in page.content.decode()
    assert ReviewRequest.objects.filter(state="open").count() == 2, "looking does nothing"


def test_links_claim_put_off_and_pass_on_after_a_post_alone(client: Client) -> None:
    patch, person = make_patch(), make_person("nora")
    assert patch.author is not None
    request = ReviewRequest.objects.create(patch=patch, person=person, reason="")
    links = {o.deed: o.url.partition("8000")[2] for o in offers(
        person.pk, patch.pk, (Deed.CLAIM, Deed.SNOOZE, Deed.NOT_MINE))}  # fmt: skip
    answer = client.get(links[Deed.CLAIM])
    assert patch.title in answer.content.decode()
    request.refresh_from_db()
    assert request.state == "open"
    for deed, state in ((Deed.CLAIM, "claimed"), (Deed.SNOOZE, "claimed"),
                        (Deed.NOT_MINE, "declined")):  # fmt: skip
        for _ in range(2):
            assert client.post(links[deed]).status_code == 200
        request.refresh_from_db()
        assert request.state == state
    doors = PatchEvent.objects.filter(actor=person).values_list("door", flat=True)
    assert set(doors) == {Door.MAIL}
    assert client.post(links[Deed.SNOOZE]).status_code == 409
    Patch.objects.filter(pk=patch.pk).update(is_confidential=True)
    assert client.get(links[Deed.CLAIM]).status_code == 404
    secret = make_patch(author=person, fixes=[make_problem(reporter=person, is_confidential=True)])
    (offer,) = offers(person.pk, secret.pk, (Deed.CLAIM,))
    page = client.get(offer.url.partition("8000")[2]).content.decode()
    assert "confidential" in page, "for what it fixes"


def test_a_link_to_a_patch_is_none_to_the_problem_of_its_number(client: Client) -> None:
    problem, person = make_problem(), make_person()
    choice = ticket(person.pk, Deed.CHOOSE_PATCH, problem.pk)
    assert client.get(choice.path()).status_code == 404
    assert client.get(choice.path(Deed.CLAIM)).status_code == 404


def test_a_digest_of_patches_fits_its_columns_and_its_page_shows_it(client: Client) -> None:
    product = make_product()
    net = make_maintainer(product.components.get(slug="net"))
    long = "em: a title that says a little more than a line of a mail in a terminal can hold"
    for people in (1, 2):
        demanded(product, people, title=f"{long} {people}")
    row = runs.default_subscription(net, timezone.now())
    words = digest_words(digest_of(net), row)
    text = words.as_text()
    assert words.summary.startswith("2 patches to review")
    assert [line for line in text.split("\n") if len(line) > 72 and "http" not in line] == []
    client.force_login(net)
    page = client.get("/my/digest/").content.decode()
    assert "Patches that wait for your review" in page
    assert page.count(long) >= 2
    assert Patch.objects.filter(turn=Turn.REVIEWERS).count() == 2


def test_voters_hear_that_a_patch_for_their_problem_came_and_went_in() -> None:
    problem, voter = make_problem(), make_person()
    cast_vote(problem, voter, Door.WEB)
    patch = make_patch(fixes=[problem], author=make_person("anna"), title="em: take the lock")
    committer = make_person("cleo", Role.COMMITTER)
    deciding.integrate(patch, committer, Door.WEB, mark_problems=False)
    said = [line.said for s in compose_votes(voter, week()).sections for line in s.lines]
    assert said == [
        (
            f"anna sent patch {patch.pk}: “em: take the lock”",
            f"cleo integrated patch {patch.pk}",
        )
    ]
    Patch.objects.filter(pk=patch.pk).update(is_confidential=True)
    assert compose_votes(voter, week()).sections == []
