"""Patches through the API: in, read, reviewed, rated, decided, and out again."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Person
from patches import finding
from patches.models import Patch
from patches.reviews import managing
from patches.reviews.rating import Said
from patches.reviews.reviewing import add_line_comment, send_review
from tests.api.calls import ROOT, Caller, body_of, document, fields_of
from tests.patching import diff, make_patch, newest, next_version
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import Conflict, ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change
from votes.services import cast_vote

pytestmark = pytest.mark.django_db

PATH = "sys/dev/em/if_em.c"
SERIES = b"".join(
    f"From {'1' * 40} Mon Sep 17 00:00:00 2001\n"
    f"From: Paula <paula@example.org>\nDate: Mon, 5 Jan 2026 10:0{n}:00 +0000\n"
    f"Subject: [PATCH {n}/2] em: step {n}\n\nWhy of step {n}.\n---\n".encode()
    + diff(f"sys/dev/em/part{n}.c", f"\treturn ({n});")
    + b"-- \n2.50\n\n"
    for n in (1, 2)
)


def send_files(caller: Caller, path: str, *parts: tuple[str, bytes], **words: Any) -> Any:
    """A form with files, as the client sends it."""
    files = [SimpleUploadedFile(name, data) for name, data in parts]
    return caller.client.post(ROOT + path, {"file": files, **words}, headers=caller.headers)


def _below(address: str) -> str:
    """An address of the API as `Caller` takes it."""
    return address.partition(ROOT)[2]


@pytest.fixture
def patch(product: Product, reporter: Person) -> Patch:
    return make_patch(product, reporter)


def test_a_diff_sent_as_text_becomes_a_patch_of_the_problem(
    problem: Problem, outsider: Person
) -> None:
    body = {"fixes": [problem.pk], "patch": diff().decode(), "title": "em: no hang"}
    caller = Caller(outsider)
    answer = caller.post("patches/", body, Idempotency_Key="one")
    made = answer.json()
    assert answer.status_code == 201, made
    assert made["fixes"] == [problem.pk]
    assert (made["product"], made["title"]) == ("base", "em: no hang")
    assert made["waits_for"] == "Waits for a first review."
    assert made["demand"] == 1
    again = caller.post("patches/", body, Idempotency_Key="one")
    assert (again.json(), Patch.objects.count()) == (made, 1)
    read = Caller().get(_below(answer.headers["Location"]))
    assert read.json()["number"] == made["number"]


def test_files_of_a_series_become_one_version_that_comes_out_for_git(
    product: Product, outsider: Person
) -> None:
    cut = SERIES.index(b"From 1", 10)
    parts = (("0002-b.patch", SERIES[cut:]), ("0001-a.patch", SERIES[:cut]))
    made = send_files(Caller(outsider), "patches/", *parts, product="base").json()
    path = f"patches/{made['number']}/versions/1"
    assert made["versions"][0]["commits"] == 2
    mbox = Caller().get(f"{path}.mbox")
    assert mbox.headers["Content-Type"].startswith("text/plain")
    parsed = finding.read(body_of(mbox))
    assert [commit.subject for commit in parsed.commits] == ["em: step 1", "em: step 2"]
    assert b"+\treturn (2);" in body_of(Caller().get(f"{path}.patch"))
    files = Caller().get(f"{path}/files/").json()["results"]
    assert [(f["commit"], f["path"]) for f in files] == [
        (1, "sys/dev/em/part1.c"),
        (2, "sys/dev/em/part2.c"),
    ]


def test_what_waits_already_is_not_submitted_once_more(
    product: Product, reporter: Person, outsider: Person
) -> None:
    body = {"product": "base", "patch": diff().decode()}
    hidden = Caller(reporter).post("patches/", body | {"is_confidential": True}).json()["number"]
    first = Caller(outsider).post("patches/", body).json()["number"]
    told = document(Caller(make_person()).post("patches/", body), 409)["detail"]
    assert f"Patch {first} " in told
    assert f"Patch {hidden} " in document(Caller(reporter).post("patches/", body), 409)["detail"]
    other = Caller(outsider).post("patches/", body | {"target": "stable/15"})
    assert other.status_code == 201
    Caller(outsider).post(f"patches/{first}/decision/", {"decision": "withdraw"})
    assert Caller(outsider).post("patches/", body).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"product": "base", "patch": "Nothing of the kind."}, "patch"),
        ({"product": "base"}, "patch"),
        ({"product": "bass", "patch": diff().decode()}, "product"),
        ({"patch": diff().decode()}, "product"),
        ({"fixes": [999999], "patch": diff().decode()}, "fixes"),
        ({"product": "base", "titel": "x", "patch": diff().decode()}, "titel"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    body: dict[str, Any], field: str, product: Product, outsider: Person
) -> None:
    assert field in fields_of(Caller(outsider).post("patches/", body))
    assert not Patch.objects.exists()


def test_a_next_version_tells_what_changed(patch: Patch, reporter: Person) -> None:
    body = {"patch": diff(PATH, "\treturn (error);").decode(), "note": "The error, too."}
    made = Caller(reporter).post(f"patches/{patch.pk}/versions/", body)
    assert made.status_code == 201, made.json()
    assert made.json()["number"] == 2
    listed = Caller().get(f"patches/{patch.pk}/versions/").json()["results"]
    assert [(v["number"], v["note"]) for v in listed] == [(2, "The error, too."), (1, "")]
    changes = Caller().get(f"patches/{patch.pk}/versions/2/changes/").json()
    assert (changes["version"], changes["before"]) == (2, 1)


def test_lists_narrow_by_turn_product_path_and_problem(
    problem: Problem, reporter: Person, outsider: Person
) -> None:
    first = make_patch(author=reporter, fixes=[problem])
    make_patch(problem.product, outsider, text=diff("usr.bin/w/w.c"))
    for query, numbers in (
        ("product=base&path=sys/dev", [first.pk]),
        (f"problem={problem.pk}", [first.pk]),
        ("author=me", [first.pk]),
        ("turn=committer", []),
        ("forgotten=1", []),
    ):
        found = Caller(reporter).get(f"patches/?{query}").json()["results"]
        assert [each["number"] for each in found] == numbers, query
    assert "turn" in fields_of(Caller().get("patches/?turn=nobody"))
    document(Caller().get("patches/?author=me"), 401)
    page = Caller().get("patches/?limit=1").json()
    rest = Caller().get(_below(page["next"])).json()["results"]
    assert page["results"][0]["number"] == first.pk, "the one with demand comes first"
    assert len(rest) == 1


def test_a_list_of_many_costs_as_many_queries_as_one_of_few(
    product: Product, reporter: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    caller = Caller()
    problem = make_problem(product)
    for _ in range(2):
        make_patch(product, reporter, fixes=[problem])
    with django_assert_num_queries(4):
        assert len(caller.get("patches/").json()["results"]) == 2
    for _ in range(3):
        make_patch(product, reporter, fixes=[problem])
    with django_assert_num_queries(4):
        assert len(caller.get("patches/").json()["results"]) == 5


def test_a_change_needs_the_representation_that_it_started_from(
    patch: Patch, reporter: Person
) -> None:
    caller, path = Caller(reporter), f"patches/{patch.pk}/"
    etag = caller.get(path).headers["ETag"]
    changed = caller.patch(path, {"title": "em: better"}, If_Match=etag)
    assert (changed.status_code, changed.json()["title"]) == (200, "em: better")
    document(caller.patch(path, {"title": "em: worse"}, If_Match=etag), 412)
    assert caller.patch(path, {"target": "x"}, If_Match=changed.headers["ETag"]).status_code == 200


def test_a_review_arrives_whole_and_moves_the_turn(
    patch: Patch, outsider: Person, reporter: Person
) -> None:
    path = f"patches/{patch.pk}/"
    body = {
        "verdict": "changes",
        "text": "Nearly.",
        "comments": [{"path": PATH, "start": 13, "text": "Who frees it?"}],
        "ratings": [{"dimension": "works", "value": 1, "architecture": "amd64"}],
    }
    made = Caller(outsider).post(f"{path}reviews/", body)
    assert made.status_code == 201, made.json()
    assert made.json()["comments"][0]["lines"]["start"] == 13
    assert made.json()["ratings"][0]["architecture"] == "amd64"
    shown = Caller().get(path).json()
    assert (shown["turn"], shown["is_reviewed"]) == ("author", True)
    (thread,) = Caller().get(f"{path}threads/").json()["results"]
    assert thread["comments"][0]["text"] == "Who frees it?"
    answer = {"comments": [{"thread": thread["id"], "text": "Nobody has to.", "resolves": True}]}
    both = {"comments": [answer["comments"][0] | {"start": 13}]}
    assert "comments.0.start" in fields_of(Caller(reporter).post(f"{path}reviews/", both))
    assert Caller(reporter).post(f"{path}reviews/", answer).status_code == 201
    (thread,) = Caller().get(f"{path}threads/").json()["results"]
    assert (thread["is_resolved"], len(thread["comments"])) == (True, 2)
    opened = Caller(outsider).delete(f"{path}threads/{thread['id']}/resolved/")
    assert opened.json()["is_resolved"] is False


def test_a_review_with_one_wrong_comment_keeps_nothing(patch: Patch, outsider: Person) -> None:
    good = {"path": PATH, "start": 0, "text": "Why this file?"}
    body = {"text": "So.", "comments": [good, good | {"start": 4000}]}
    refused = Caller(outsider).post(f"patches/{patch.pk}/reviews/", body)
    assert any(name.startswith("comments.1.") for name in fields_of(refused))
    works = [{"dimension": "works", "value": 1, "architecture": f"a{n}"} for n in range(101)]
    many = Caller(outsider).post(f"patches/{patch.pk}/reviews/", {"ratings": works})
    assert "ratings" in str(fields_of(many))
    assert not patch.threads.exists()
    assert not patch.reviews.exists()


def test_what_is_drafted_on_the_pages_does_not_go_out_unasked(
    patch: Patch, outsider: Person
) -> None:
    add_line_comment(
        newest(patch), outsider, "Half a thought", commit=1, path=PATH, side="new", start=13, end=13
    )
    path = f"patches/{patch.pk}/reviews/"
    document(Caller(outsider).post(path, {"text": "Good."}), 409)
    sent = Caller(outsider).post(path, {"text": "Good.", "with_draft": True}).json()
    assert [each["text"] for each in sent["comments"]] == ["Half a thought"]


def test_ratings_are_replaced_taken_back_and_voided(patch: Patch, outsider: Person) -> None:
    caller, path = Caller(outsider), f"patches/{patch.pk}/ratings/"
    for value in (1, -1):
        said = caller.post(path, {"dimension": "quality", "value": value})
        assert (said.status_code, said.json()["holds"]) == (201, True)
    assert [r["is_current"] for r in caller.get(path).json()["results"]] == [False, True]
    assert [r["value"] for r in caller.get(f"patches/{patch.pk}/").json()["ratings"]] == [-1]
    assert patch.author is not None
    own = Caller(patch.author).post(path, {"dimension": "quality", "value": 1}).json()
    assert own["not_counted"] == "its author: does not count"
    assert [r["not_counted"] for r in caller.get(path).json()["results"][:2]] == ["", ""]
    next_version(patch)
    assert [r["holds"] for r in caller.get(path).json()["results"]] == [False] * 3
    assert "dimension" in fields_of(caller.post(path, {"dimension": "qualty", "value": 1}))
    document(caller.post(path, {"dimension": "quality", "value": 1, "version": 1}), 409)


def test_a_committer_integrates_and_reopens(
    problem: Problem, reporter: Person, committer: Person
) -> None:
    patch = make_patch(author=reporter, fixes=[problem])
    path = f"patches/{patch.pk}/"
    done = Caller(committer).post(f"{path}decision/", {"decision": "integrate", "commit": "1a2b"})
    assert done.status_code == 200, done.json()
    assert (done.json()["state"], done.json()["commit"]) == ("integrated", "1a2b")
    problem.refresh_from_db()
    assert problem.state == "patched"
    document(Caller(committer).post(f"{path}decision/", {"decision": "decline", "note": "x"}), 409)
    again = Caller(reporter).post(f"{path}decision/", {"decision": "reopen"}).json()
    assert (again["state"], again["turn"]) == ("waiting", "reviewers")
    assert "decision" in fields_of(Caller(committer).post(f"{path}decision/", {"decision": "eat"}))
    unseen = {"decision": "integrate", "version": 9}
    assert "version" in fields_of(Caller(committer).post(f"{path}decision/", unseen))
    next_version(patch, diff(new="\treturn (EIO);"))
    late = {"decision": "decline", "note": "x", "version": 1}
    assert "Version 2" in document(Caller(committer).post(f"{path}decision/", late), 409)["detail"]


def test_somebody_is_asked_claims_and_passes_on(
    patch: Patch, reporter: Person, committer: Person
) -> None:
    path = f"patches/{patch.pk}/requests/"
    asked = Caller(reporter).post(path, {"person": committer.handle})
    assert asked.status_code == 201, asked.json()
    mine = Caller(committer)
    assert mine.put(f"{path}own/", {"answer": "claim"}).json()["request"]["state"] == "claimed"
    put_off = mine.put(f"{path}own/", {"answer": "snooze", "days": 3}).json()["request"]
    assert put_off["snoozed_until"]
    (seen,) = Caller(reporter).get(path).json()["results"]
    assert seen["snoozed_until"] is None, "when one looks is one's own affair"
    assert mine.put(f"{path}own/", {"answer": "decline"}).json()["request"]["state"] == "declined"


def test_a_maintainers_file_is_read_without_addresses_and_replaced_by_who_may(
    product: Product, outsider: Person, triager: Person
) -> None:
    path = "products/base/maintainers/"
    body = {"format": "codeowners", "text": "/sys/ @nobody-here wim@example.org\n"}
    document(Caller(outsider).put(path, body), 403)
    kept = Caller(triager).put(path, body).json()
    assert "wim@example.org" in kept["text"]
    assert kept["faults"]
    assert "wim@example.org" not in Caller().get(path).content.decode()
    dimensions = Caller().get("products/base/rating-dimensions/").json()["results"]
    assert [each["slug"] for each in dimensions][:2] == ["quality", "works"]
    rules = Caller().get("products/base/branch-rules/").json()["results"]
    assert rules[-1]["is_usual"]


def test_what_patches_are_rated_in_is_said_placed_and_taken_away(
    product: Product, triager: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, path = Caller(triager), "products/base/rating-dimensions/"
    made = caller.post(path, {"title": "Speed", "asks_environment": True, "position": 0})
    assert made.status_code == 201, made.json()
    changed = caller.patch(f"{path}speed/", {"title": "Pace"}).json()
    assert (changed["title"], changed["asks_environment"]) == ("Pace", True)
    with monkeypatch.context() as broken:
        broken.setattr(managing, "move_dimension", Mock(side_effect=Conflict("It is gone.")))
        document(caller.patch(f"{path}speed/", {"title": "Haste", "position": 1}), 409)
    assert Caller().get(path).json()["results"][0]["title"] == "Pace", "all of it, or nothing"
    assert Caller().get(path).json()["results"][0]["slug"] == "speed"
    assert "title" in fields_of(caller.post(path, {"title": " "}))
    rule = {"branch": "stable/*", "needs": [{"dimension": "speed", "by": "committer"}]}
    assert caller.post("products/base/branch-rules/", rule).status_code == 201
    assert "Change that one" in document(caller.delete(f"{path}speed/"), 409)["detail"]
    assert caller.delete(f"{path}security/").status_code == 204
    document(caller.delete(f"{path}security/"), 404)


def test_rules_of_branches_are_written_as_they_are_read(product: Product, triager: Person) -> None:
    caller, path = Caller(triager), "products/base/branch-rules/"
    asked = [{"dimension": "works", "count": 2, "by": "anybody", "different": "architecture"}]
    first = caller.post(path, {"branch": "stable/*", "needs": asked}).json()
    assert first["needs"] == asked
    second = caller.post(path, {"branch": "stable/15", "needs": [], "position": 0}).json()
    assert [each["id"] for each in caller.get(path).json()["results"]] == [
        second["id"], first["id"], None,
    ]  # fmt: skip
    moved = caller.patch(f"{path}{first['id']}/", {"branch": "releng/*"}).json()
    assert (moved["branch"], moved["needs"]) == ("releng/*", asked)
    wrong = {"needs": [asked[0], {"dimension": "fails", "count": 3}]}
    assert "needs.1.count" in fields_of(caller.patch(f"{path}{first['id']}/", wrong))
    assert caller.delete(f"{path}{first['id']}/").status_code == 204


def test_the_files_of_a_component_are_declared(product: Product, triager: Person) -> None:
    caller, path = Caller(triager), "products/base/components/kernel/paths/"
    body = {"paths": ["/sys/", "*.h"]}
    assert caller.put(path, body).json() == body == Caller().get(path).json()
    assert "paths" in fields_of(caller.put(path, {"paths": ["!/x"]}))


def test_a_draft_is_written_piece_by_piece_and_seen_by_nobody_else(
    patch: Patch, outsider: Person, reporter: Person
) -> None:
    caller, path = Caller(outsider), f"patches/{patch.pk}/draft/"
    line = {"path": PATH, "start": 13, "text": "Why?"}
    made = caller.post(path, line)
    assert made.status_code == 201, made.json()
    caller.post(path, line | {"text": "Out again"})
    one, two = caller.get(path).json()["comments"]
    assert caller.patch(f"{path}{one['id']}/", {"text": "How?"}).json()["text"] == "How?"
    assert caller.delete(f"{path}{two['id']}/").status_code == 204
    assert Caller(reporter).get(path).json() == {"version": None, "comments": []}
    document(Caller(reporter).delete(f"{path}{one['id']}/"), 404)
    sent = caller.post(f"patches/{patch.pk}/reviews/", {"with_draft": True}).json()
    assert [each["text"] for each in sent["comments"]] == ["How?"]
    document(caller.patch(f"{path}{one['id']}/", {"text": "x"}), 409)
    caller.post(path, line)
    caller.delete(path)
    assert caller.get(path).json()["comments"] == []


def test_a_suggestion_is_applied_once(patch: Patch, reporter: Person, outsider: Person) -> None:
    fence = "```suggestion\n\treturn (error);\n```"
    body = {"comments": [{"path": PATH, "start": 13, "text": fence}]}
    sent = Caller(outsider).post(f"patches/{patch.pk}/reviews/", body).json()
    chosen = {"comments": [sent["comments"][0]["id"]]}
    author, path = Caller(reporter), f"patches/{patch.pk}/suggestions/"
    made = author.post(path, chosen)
    assert (made.status_code, made.json()["number"]) == (201, 2), made.json()
    assert b"+\treturn (error);" in body_of(Caller().get(_below(made.json()["patch_url"])))
    document(author.post(path, chosen), 409)
    assert "comments" in fields_of(author.post(path, {"comments": [999999]}))
    (thread,) = Caller().get(f"patches/{patch.pk}/threads/").json()["results"]
    assert thread["is_resolved"]
    kinds = [e["kind"] for e in Caller().get(f"patches/{patch.pk}/history/").json()["results"]]
    assert kinds == ["submitted", "reviewed", "version"]


def test_a_patch_for_a_confidential_problem_is_not_there_for_outsiders(
    secret_problem: Problem, reporter: Person, outsider: Person
) -> None:
    secret = make_patch(author=reporter, fixes=[secret_problem])
    assert Caller(reporter).get(f"patches/{secret.pk}/").json()["is_confidential"]
    caller = Caller(outsider)
    ends = (
        "", "versions/", "versions/1/", "versions/1/files/", "versions/1/changes/",
        "versions/1.patch", "versions/1.mbox", "reviews/", "threads/", "ratings/", "requests/",
    )  # fmt: skip
    for end in ends:
        hidden = caller.get(f"patches/{secret.pk}/{end}")
        missing = caller.get(f"patches/999999/{end}")
        assert document(hidden, 404) == document(missing, 404), end
    for query in ("", f"?problem={secret_problem.pk}", "?author=rita", "?path=sys", "?turn=all"):
        assert caller.get(f"patches/{query}").json()["results"] == [], query
    body = {"fixes": [secret_problem.pk], "patch": diff().decode()}
    there = fields_of(caller.post("patches/", body))
    absent = fields_of(caller.post("patches/", body | {"fixes": [999999]}))
    assert there["fixes"].replace(str(secret_problem.pk), "N") == absent["fixes"].replace(
        "999999", "N"
    )


def test_an_own_patch_does_not_name_a_problem_that_became_a_secret(
    problem: Problem, outsider: Person
) -> None:
    patch = make_patch(author=outsider, fixes=[problem])
    Problem.objects.filter(pk=problem.pk).update(is_confidential=True)
    shown = Caller(outsider).get(f"patches/{patch.pk}/").json()
    assert (shown["fixes"], shown["is_confidential"]) == ([], False)
    other = make_problem(problem.product)
    Caller(outsider).patch(f"patches/{patch.pk}/", {"fixes": [other.pk]})
    told = Caller(outsider).get(f"patches/{patch.pk}/history/").json()["results"][-1]["changes"]
    assert [(each["old"], each["new"]) for each in told] == [("", f"#{other.pk}")]


def test_the_history_of_a_public_problem_forgets_a_patch_that_became_a_secret(
    problem: Problem, outsider: Person, triager: Person
) -> None:
    other = make_problem(problem.product)
    cast_vote(problem, outsider, Door.WEB)
    make_patch(fixes=[problem, other], title="em: zyxwv")
    history = f"problems/{problem.pk}/history/"
    caller, shown = Caller(outsider), Client()
    shown.force_login(outsider)

    def told() -> list[bool]:
        api = [caller.get(path) for path in (history, "my/")]
        web = [shown.get(path) for path in (f"/{problem.pk}", f"/{problem.pk}/history", "/my/")]
        return ["zyxwv" in body_of(answer).decode() for answer in (*api, *web)]

    assert told() == [True] * 5
    change(other, triager, ProblemChange(is_confidential=True), Door.WEB)
    assert told() == [False] * 5
    assert "zyxwv" in body_of(Caller(triager).get(history)).decode()
    change(other, triager, ProblemChange(is_confidential=False), Door.WEB)
    assert told() == [True] * 5


@pytest.mark.parametrize(("end", "queries"), [("reviews/", 5), ("threads/", 4), ("ratings/", 5)])
def test_what_was_said_is_read_with_as_many_queries_however_much_it_is(
    end: str, queries: int, patch: Patch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for many in (1, 3):
        for _ in range(many):
            person = make_person()
            place: Any = {"commit": 1, "path": PATH, "side": "new", "start": 13, "end": 13}
            add_line_comment(newest(patch), person, "Why?", **place)
            send_review(newest(patch), person, Door.API, ratings=[Said("quality", 1)])
        with django_assert_num_queries(queries):
            Caller().get(f"patches/{patch.pk}/{end}")
