"""Saved searches: whose they are, what they show to whom, their feeds, and their mails."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Person
from accounts.policies import Denied
from notifications.digests import runs
from notifications.digests.search import compose_search
from notifications.digests.settings import set_digest
from notifications.models import DigestDelivery, DigestSubscription, Message
from notifications.outbox import sending
from tests.api.calls import Caller, fields_of
from tests.conftest import sign_in
from tests.notifications.mails import mail_to, text_of
from tests.notifications.test_digests import numbers, week
from tests.people import make_person
from tests.problems import make_problem
from tracker.drafts import DraftErrors
from tracker.models import Door, Product
from votes import saved_searches
from votes.models import SavedSearch
from votes.services import cast_vote

pytestmark = pytest.mark.django_db


def save(owner: Person, name: str = "Cards", query: str = "card", **values: bool) -> SavedSearch:
    return saved_searches.save(owner, name, query, **values)


def daily(person: Person, search: SavedSearch) -> DigestSubscription:
    """A digest of the search that is due now."""
    row = set_digest(
        person, saved_search=search, period="daily", weekday=0, hour=6, time_zone="UTC"
    )
    DigestSubscription.objects.filter(pk=row.pk).update(next_due_at=timezone.now())
    return row


def secret_card(product: Product, reporter: Person) -> int:
    return make_problem(product, reporter, synopsis="Secret card", is_confidential=True).pk


def test_a_search_is_kept_from_the_page_and_found_under_its_address(
    client: Client, reporter: Person, product: Product
) -> None:
    make_problem(product, synopsis="Sound card is silent")
    make_problem(product, synopsis="Printer jams", description="Paper everywhere.")
    sign_in(client, reporter)
    assert b'value="card"' in client.get("/searches/new?q=card").content
    done = client.post("/searches/new", {"name": "Cards", "query": "card"})
    page = client.get(done["Location"]).content.decode()
    assert "Sound <mark>card</mark> is silent" in page
    assert "Printer jams" not in page
    assert "1 problem" in page
    listed = client.get("/searches/").content.decode()
    assert re.search(r"Cards.*<td>1</td>", listed, re.DOTALL)


def test_a_private_search_is_not_there_for_others(
    client: Client, reporter: Person, outsider: Person
) -> None:
    private = save(reporter)
    sign_in(client, outsider)
    base = private.get_absolute_url()
    for address in (base, f"{base}edit", f"/searches/{private.pk}.atom", f"{base}digest"):
        assert client.get(address).status_code == 404, address
    assert client.post(f"{base}delete").status_code == 404
    assert "Cards" not in client.get("/searches/").content.decode()
    assert Caller(outsider).get(f"searches/{private.pk}/").status_code == 404
    assert Caller(outsider).get("searches/").json()["results"] == []


def test_a_shared_search_finds_for_each_reader_what_that_reader_may_see(
    client: Client, reporter: Person, outsider: Person, product: Product
) -> None:
    secret_card(product, reporter)
    make_problem(product, synopsis="Sound card is silent")
    shared = save(reporter, is_shared=True)
    assert Caller(reporter).get(f"searches/{shared.pk}/").json()["count"] == 2
    assert Caller(outsider).get(f"searches/{shared.pk}/").json()["count"] == 1
    for path in (shared.get_absolute_url(), "/searches/", f"/searches/{shared.pk}.atom"):
        page = client.get(path).content.decode()
        assert "Cards" in page
        assert "Secret" not in page


def test_the_key_of_a_private_feed_shows_the_owners_public_finds_only(
    client: Client, reporter: Person, product: Product
) -> None:
    secret_card(product, reporter)
    mine = make_problem(product, reporter, synopsis="Sound card is silent")
    make_problem(product, synopsis="Card of somebody else")
    private = saved_searches.save(reporter, "Mine", "")
    SavedSearch.objects.filter(pk=private.pk).update(query="author:me")
    feed = client.get(f"/searches/{private.pk}.atom?key={private.feed_key}").content.decode()
    assert f"#{mine.pk} Sound card" in feed
    assert "Secret" not in feed
    assert "somebody else" not in feed
    assert client.get(f"/searches/{private.pk}.atom?key=guess").status_code == 404


def test_only_the_owner_changes_a_search_and_a_triager_may_delete_it(
    reporter: Person, outsider: Person, triager: Person
) -> None:
    shared = save(reporter, is_shared=True)
    values = {"name": "Taken over", "query": "card", "is_shared": True}
    for person in (outsider, triager):
        with pytest.raises(Denied):
            saved_searches.change(shared, person, **values)  # type: ignore[arg-type]
    with pytest.raises(Denied):
        saved_searches.delete(shared, outsider)
    saved_searches.delete(shared, triager)
    assert not SavedSearch.objects.exists()


def test_what_is_wrong_is_said_and_nothing_is_kept(reporter: Person) -> None:
    save(reporter)
    caller = Caller(reporter)
    assert "name" in fields_of(caller.post("searches/", {"name": "Cards", "query": "x"}))
    assert "query" in fields_of(caller.post("searches/", {"name": "A", "query": "sort:hot"}))
    assert "query" in fields_of(caller.post("searches/", {"name": "A", "query": "x " * 700}))
    assert "name" in fields_of(caller.post("searches/", {"name": " ", "query": "x"}))
    assert SavedSearch.objects.count() == 1


def test_a_person_keeps_so_many_searches_and_no_more(
    reporter: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_searches, "MOST_PER_PERSON", 1)
    save(reporter)
    with pytest.raises(DraftErrors, match="delete one"):
        save(reporter, "Second")


def test_the_api_keeps_changes_and_forgets(reporter: Person) -> None:
    caller = Caller(reporter)
    made = caller.post("searches/", {"name": "Cards", "query": "card"}, Idempotency_Key="k1")
    assert made.status_code == 201
    again = caller.post("searches/", {"name": "Cards", "query": "card"}, Idempotency_Key="k1")
    assert again.json() == made.json()
    path = f"searches/{made.json()['id']}/"
    changed = caller.patch(path, {"is_shared": True})
    assert (changed.json()["is_shared"], changed.json()["query"]) == (True, "card")
    assert caller.delete(path).status_code == 204
    assert caller.get(path).status_code == 404


def test_the_list_counts_all_its_searches_in_one_query(
    client: Client, reporter: Person, product: Product
) -> None:
    sign_in(client, reporter)

    def queries() -> int:
        with CaptureQueriesContext(connection) as made:
            assert client.get("/searches/").status_code == 200
        return len(made)

    save(reporter, "First", "component:kernel assignee:sam")
    with_one = queries()
    for i in range(20):
        save(reporter, f"No. {i}", "is:closed assignee:rita" if i % 2 else "component:net")
    assert queries() == with_one


def test_a_search_that_lost_its_meaning_says_so(
    client: Client, reporter: Person, product: Product
) -> None:
    shared = save(reporter, "Old", "", is_shared=True)
    SavedSearch.objects.filter(pk=shared.pk).update(query="sort:nothing")
    assert "no longer makes sense" in client.get(shared.get_absolute_url()).content.decode()
    assert "no longer makes sense" in client.get("/searches/").content.decode()
    assert client.get(f"/searches/{shared.pk}.atom").status_code == 400
    shared.refresh_from_db()
    assert not compose_search(reporter, shared, week()).is_worth_sending


def test_the_digest_of_a_search_tells_what_is_new_and_what_rose_in_it(
    reporter: Person, product: Product
) -> None:
    old = make_problem(product, synopsis="Old card")
    type(old).objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=30))
    cast_vote(old, make_person(), Door.WEB)
    new = make_problem(product, synopsis="New card")
    make_problem(product, synopsis="Printer", description="Jams.")
    secret_card(product, make_person())
    digest = compose_search(reporter, save(reporter), week())
    assert numbers(digest, "new") == [new.pk]
    assert numbers(digest, "risen") == [old.pk]
    assert {*numbers(digest, "top")} == {old.pk, new.pk}


def test_the_digest_of_a_search_comes_on_its_own_days_beside_ones_own(
    client: Client, maintainer: Person, product: Product
) -> None:
    make_problem(product, synopsis="New card", component="net")
    search = save(maintainer)
    sign_in(client, maintainer)
    set_digest(maintainer, period="weekly", weekday=0, hour=8, time_zone="UTC")
    address = f"{search.get_absolute_url()}digest"
    page = client.get(address).content.decode()
    assert "New card" in page
    assert "switched off" in page
    answer = {"period": "daily", "weekday": 0, "hour": 6, "time_zone": "UTC"}
    assert client.post(address, answer).status_code == 302
    row = DigestSubscription.objects.get(saved_search=search)
    assert DigestSubscription.objects.filter(person=maintainer).count() == 2
    DigestSubscription.objects.filter(pk=row.pk).update(next_due_at=timezone.now())
    (delivery,) = runs.send_due()
    sending.deliver(Message.objects.get(delivery=delivery).pk)
    text = text_of(mail_to(maintainer, kind="digest"))
    assert "New card" in text
    assert f"/searches/{search.pk}/" in text
    stop = re.search(r"/unsubscribe/\S+", text)
    assert stop
    client.post(stop[0])
    row.refresh_from_db()
    assert row.period == "off"
    assert DigestSubscription.objects.get(person=maintainer, saved_search=None).period == "weekly"


def test_a_search_that_is_no_longer_shared_is_mailed_to_nobody_else(
    reporter: Person, outsider: Person, product: Product
) -> None:
    make_problem(product, synopsis="New card")
    shared = save(reporter, is_shared=True)
    daily(outsider, shared)
    (delivery,) = runs.send_due()
    values = {"name": "Cards", "query": "card", "is_shared": False}
    saved_searches.change(shared, reporter, **values)  # type: ignore[arg-type]
    sending.deliver(Message.objects.get(delivery=delivery).pk)
    assert Message.objects.get(delivery=delivery).state == Message.State.DROPPED
    assert DigestDelivery.objects.get(pk=delivery.pk).outcome != DigestDelivery.Outcome.SENT
    with pytest.raises(Denied):
        daily(outsider, shared)
