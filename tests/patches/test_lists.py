"""What waits, for whom, in which order; and that no list tells of what is hidden."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from patches.deciding import withdraw
from patches.models import Patch, Review
from patches.owners import requests
from patches.reviews import rating, reviewing
from tests.patching import diff, make_dimension, make_patch, newest, next_version
from tests.people import make_person
from tests.problems import make_maintainer, make_problem, make_product
from tracker.models import Door
from votes.services import cast_vote

pytestmark = pytest.mark.django_db


def shown(client: Client, address: str = "/patches/") -> list[int]:
    """The numbers of the patches on a page, in its order."""
    response = client.get(address)
    assert response.status_code == 200, response.content.decode()
    return [int(found) for found in re.findall(r'row-number">patch (\d+)<', response.text)]


def content(client: Client, address: str) -> str:
    """What an address answers, without the head of a page, whose tokens are new each time."""
    text = client.get(address).text
    return text.partition("<main")[2] or text


def asks_for_changes(patch: Patch) -> None:
    reviewing.send_review(newest(patch), make_person(), Door.WEB, text="Not so.",
                          verdict=Review.Verdict.CHANGES)  # fmt: skip


def test_a_patch_for_more_people_stands_first_and_equal_ones_by_age(client: Client) -> None:
    """It fixes what {a, b} and {b, c} have, which are three people."""
    a, b, c = (make_person() for _ in "abc")
    product = make_product()
    one, other = make_problem(product, a), make_problem(product, c)
    cast_vote(one, b, Door.WEB)
    cast_vote(other, b, Door.WEB)
    first_of_two = make_patch(fixes=[one])
    second_of_two = make_patch(fixes=[other])
    of_three = make_patch(fixes=[one, other])
    none = make_patch(product)
    assert shown(client) == [of_three.pk, first_of_two.pk, second_of_two.pk, none.pk]
    Patch.objects.filter(pk=none.pk).update(created_at=timezone.now() - timedelta(days=9))
    next_version(none)
    assert shown(client, "/patches/?sort=age")[0] == none.pk


def test_each_patch_is_in_the_list_of_those_for_whom_it_waits(client: Client) -> None:
    product = make_product()
    unseen, seen, objected, ready, gone = (make_patch(product) for _ in range(5))
    reviewing.send_review(newest(seen), make_person(), Door.WEB,
                          ratings=[rating.Said("works", 1, architecture="arm64")])  # fmt: skip
    asks_for_changes(objected)
    committer = make_person("com", Role.COMMITTER)
    rating.rate(newest(ready), committer, Door.WEB, rating.Said("quality", 1))
    assert gone.author is not None
    withdraw(gone, gone.author, Door.WEB)
    lists = {turn: shown(client, f"/patches/?turn={turn}") for turn in
             ("first", "more", "author", "committer", "decided")}  # fmt: skip
    assert lists == {"first": [unseen.pk], "more": [seen.pk], "author": [objected.pk],
                     "committer": [ready.pk], "decided": [gone.pk]}  # fmt: skip
    assert set(shown(client, "/patches/?turn=all")) == {unseen.pk, seen.pk, objected.pk, ready.pk}


def test_a_list_is_narrowed_by_place_people_and_words(client: Client) -> None:
    base, ports = make_product("base", "kernel", "net"), make_product("ports")
    sam, mara = make_person("sam"), make_maintainer(base.components.get(slug="net"), "mara")
    problem = make_problem(base, component="net")
    wanted = make_patch(base, sam, text=diff("sys/net/if.c"), fixes=[problem],
                        title="Carry on after a loss", target="stable/14")  # fmt: skip
    requests.claim(wanted, mara, Door.WEB)
    other = make_patch(base, text=diff("sys/network/if.c"))
    make_patch(ports, text=diff("www/x.c"))
    for asked in ("product=base&component=net", "author=sam", "reviewer=mara", "path=sys/net",
                  "path=sys/net/if.c", f"problem={problem.pk}", "q=loss+CARRY",
                  "target=stable/14"):  # fmt: skip
        assert shown(client, f"/patches/?{asked}") == [wanted.pk], asked
    assert shown(client, "/patches/?product=base&component=-") == [other.pk]
    assert "login" in client.get("/patches/?reviewer=me").headers["Location"]
    assert client.get("/patches.atom?reviewer=me").status_code == 400
    client.force_login(mara)
    assert shown(client, "/patches/?reviewer=me") == [wanted.pk]
    assert "/patches.atom?reviewer=mara" in client.get("/patches/?reviewer=me").text
    assert shown(client, "/patches/?reviewer=me&turn=decided") == []
    page = client.get("/patches/?author=sam").text
    assert "mara looks at it" in page
    assert "Still needs “Quality” from a maintainer." in page
    also = make_patch(base, text=diff("sys/a.c") + diff("sys/net/a.c"))
    assert shown(client, "/patches/?path=sys/net&sort=path") == [also.pk, wanted.pk]
    next_version(wanted, diff("share/man/net.4"))
    assert shown(client, "/patches/?path=sys/net") == [also.pk], "only the newest version counts"


def test_pages_follow_on_each_other_in_every_order_and_back(client: Client) -> None:
    product = make_product()
    patches = [make_patch(product, text=diff(f"src/{name}.c")) for name in "cabed"]
    now = timezone.now()
    for patch, days in zip(patches, (2, 2, 5, 1, 3), strict=True):
        at = now - timedelta(days=days)
        Patch.objects.filter(pk=patch.pk).update(created_at=at, changed_at=at, demand=days % 2)
    for sort in ("demand", "age", "path", "latest"):
        whole = shown(client, f"/patches/?sort={sort}")
        assert len(whole) == 5
        address, read, back = f"/patches/?sort={sort}&limit=2", list[int](), ""
        while address:
            page = client.get(address).text
            read += shown(client, address)
            links = dict(re.findall(r'rel="(next|prev)" href="([^"]+)"', page))
            back = links.get("prev", "").replace("&amp;", "&")
            address = links.get("next", "").replace("&amp;", "&")
            address = address and f"/patches/{address}"
        assert read == whole, sort
        assert shown(client, f"/patches/{back}") == whole[2:4]
    by_path = [patches["cabed".index(name)].pk for name in "abcde"]
    assert shown(client, "/patches/?sort=path") == by_path


def test_the_board_has_what_nobody_looked_at_until_somebody_does(client: Client) -> None:
    left, fresh = make_patch(), make_patch()
    Patch.objects.filter(pk=left.pk).update(stage=Patch.Stage.BOARD)
    assert shown(client, "/patches/forgotten/") == [left.pk]
    assert fresh.title not in (feed := client.get("/patches/forgotten.atom").text)
    assert left.title in feed
    left.refresh_from_db()
    assert left.is_forgotten
    asks_for_changes(left)
    assert shown(client, "/patches/forgotten/") == []
    left.refresh_from_db()
    assert not left.is_forgotten


def test_a_feed_has_the_filters_of_its_list(client: Client) -> None:
    problem = make_problem()
    make_dimension(problem.product, "quality", title="Quality <b>")
    wanted, other = make_patch(fixes=[problem]), make_patch()
    feed = client.get(f"/patches.atom?problem={problem.pk}").text
    assert f"Patch {wanted.pk}: {wanted.title}" in feed
    assert "1 person behind what it fixes. Waits for a first review." in feed
    assert "“Quality &amp;lt;b&amp;gt;”" in feed, "a summary is HTML"
    assert other.title not in feed
    assert client.get("/patches.atom?turn=never").status_code == 400


def test_what_makes_no_sense_is_told(client: Client) -> None:
    make_product("base")
    for asked, says in (
        ("turn=autor", "There is no turn “autor”."),
        ("sort=size", "There is no sort “size”."),
        ("product=bass", "There is no product “bass”."),
        ("component=nowhere", "There is no component “nowhere”."),
        ("problem=x", "“x” is no number."),
        ("cursor=%00", "This page no longer exists"),
        ("limit=-1", "“-1” is no number."),
    ):
        response = client.get(f"/patches/?{asked}")
        assert response.status_code == 400
        assert says in response.text.replace("&#x27;", "'"), asked


def test_whether_somebody_has_a_handle_is_not_told(client: Client) -> None:
    make_person("sam", email_confirmed_at=None)
    answers = {content(client, f"/patches/?author={name}").replace(name, "") for name in
               ("sam", "nobody-here")}  # fmt: skip
    assert len(answers) == 1


def test_a_hidden_patch_changes_nothing_in_any_list(client: Client) -> None:
    """Neither its row, nor a count, nor what one can ask for."""
    product = make_product()
    rita = make_person("rita")
    make_patch(product, rita)
    secret = make_problem(product, rita, is_confidential=True)
    addresses = ["/patches/", "/patches/?turn=all&sort=path", f"/patches/?problem={secret.pk}",
                 "/patches/?path=sys&author=rita", "/patches.atom?turn=all"]  # fmt: skip
    outsider = make_person()
    client.force_login(outsider)
    before = [content(client, each) for each in addresses]
    make_patch(product, rita, fixes=[secret])
    make_patch(product, rita, is_confidential=True)
    assert [content(client, each) for each in addresses] == before
    client.force_login(rita)
    assert len(shown(client, "/patches/")) == 3


def make_many(count: int) -> None:
    """Patches with ratings, an older documentation rating that must be compared, and claims."""
    product, mara = make_product(), make_person()
    first = make_patch(product, mara, text=diff("docs/a.md"), fixes=[make_problem(product)])
    rating.rate(newest(first), make_person(), Door.WEB, rating.Said("documentation", 1))
    next_version(first)
    for _ in range(count - 1):
        make_patch(product, mara)


@pytest.mark.parametrize("address", ["/patches/?turn=all", "/patches/?turn=all&sort=path",
                                     "/patches.atom?turn=all"])  # fmt: skip
def test_a_list_takes_the_same_queries_however_many_there_are(
    client: Client, address: str, django_assert_max_num_queries: Any
) -> None:
    make_many(1)
    with django_assert_max_num_queries(20) as one:
        client.get(address)
    make_many(4)
    with django_assert_max_num_queries(len(one)):
        assert client.get(address).status_code == 200
