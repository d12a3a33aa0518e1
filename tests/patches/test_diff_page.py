"""The page of a diff, as plain requests see it."""

from __future__ import annotations

import re
import subprocess
from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Person
from patches.finding import read
from patches.git.running import GitFailed
from patches.models import LineComment, Patch, PatchVersion, Review, Thread, ThreadPlace
from patches.reading import paging
from patches.reviews import reviewing
from patches.versions import suggestions
from tests.conftest import sign_in
from tests.patching import diff, make_patch, newest, next_version, parsed
from tests.people import make_person
from tracker.models import Door, Problem, Product

EM = "sys/dev/em/if_em.c"


def address(patch: Patch, version: int = 1, more: str = "") -> str:
    return f"/patches/{patch.pk}/{version}/{more}"


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def rows_of(html: str) -> list[str]:
    """The code of every row of every table."""
    return [text_of(code) for code in re.findall(r'<td class="c[^"]*">(.*?)</td>', html)]


def said(
    version: PatchVersion, author: Person, text: str = "Why?", *, send: bool = True, **where: object
) -> LineComment:
    """A comment on line 13 as it will be, sent unless told."""
    place: dict[str, object] = {
        "commit": 1, "path": EM, "side": "new", "start": 13, "end": 13,
    } | where  # fmt: skip
    comment = reviewing.add_line_comment(version, author, text, **place)  # type: ignore[arg-type]
    if send:
        reviewing.send_review(version, author, Door.WEB)
    return comment


@pytest.fixture
def patch(product: Product, reporter: Person) -> Patch:
    """A bare diff by `reporter`."""
    return make_patch(product, reporter, text=diff(new="\treturn (error);"))


# ---- reading


def test_a_diff_is_read_with_its_words_colours_and_numbers(client: Client, patch: Patch) -> None:
    html = client.get(address(patch)).content.decode()
    rows = rows_of(html)
    assert rows[:5] == ["\tint error;", "", "\terror = 0;", "\treturn (0);", "\treturn (error);"]
    assert '<i class="t">int </i>' in html
    assert '<b class="w">error</b>' in html
    assert re.findall(r'id="f\d+([on]\d+)"', html)[:4] == ["o10", "n10", "o11", "n11"]
    assert "?comment=" not in html


def test_the_choice_of_side_by_side_is_kept(client: Client, patch: Patch) -> None:
    assertContains(client.get(address(patch)), 'class="diff unified"')
    assertContains(client.get(address(patch, more="?view=split")), 'class="diff split"')
    assertContains(client.get(address(patch)), 'class="diff split"')
    assertContains(client.get(address(patch, more="?view=unified")), 'class="diff unified"')


def git(*args: str, cwd: Path) -> bytes:
    who = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "Rita"), ("EMAIL", "rita@example.org"))}  # fmt: skip
    command = ["git", "-c", "init.defaultBranch=main", *args]
    done = subprocess.run(command, cwd=cwd, env={**who, "HOME": str(cwd)}, check=True,
                          capture_output=True)  # fmt: skip
    return done.stdout


@pytest.fixture
def series(product: Product, reporter: Person, tmp_path: Path) -> Patch:
    """Two commits as git writes them: a rename, a binary file, a link, odd bytes, a long line."""
    git("init", "-q", cwd=tmp_path)
    (tmp_path / "run.sh").write_text("#!/bin/sh\necho one\necho two\necho three\n")
    (tmp_path / "if.c").write_text("int a;\nint b;\nint c;\n")
    git("add", "-A", cwd=tmp_path)
    git("commit", "-qm", "base", cwd=tmp_path)
    (tmp_path / "if.c").write_text("int a;\nint bb;\nint c;\n")
    git("commit", "-qam", "em: first\n\nWhy it is so.", cwd=tmp_path)
    git("mv", "run.sh", "go.sh", cwd=tmp_path)
    (tmp_path / "go.sh").chmod(0o755)
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\0\1\2")
    (tmp_path / "link").symlink_to("if.c")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 \x1b[31m\n")
    (tmp_path / "long.json").write_text("x" * 300_000 + "\n")
    (tmp_path / "if.c").write_text("int a;\nint bbb;\nint c;\n")
    (tmp_path / "new.c").write_text("/* \u202e */ <script>alert(1)</script>\n")
    git("add", "-A", cwd=tmp_path)
    git("commit", "-qm", "em: second", cwd=tmp_path)
    mbox = git("format-patch", "--stdout", "--binary", "HEAD~2", cwd=tmp_path)
    return make_patch(product, reporter, text=read(mbox))


def test_a_series_is_read_commit_by_commit_with_all_that_git_says(
    client: Client, series: Patch
) -> None:
    html = client.get(address(series)).content.decode()
    words = re.sub(r"\s+", " ", text_of(html))
    assert words.index("Commit 1 of 2") < words.index("Why it is so.")
    assert words.index("Why it is so.") < words.index("Commit 2 of 2")
    assert "go.sh renamed from run.sh now executable" in words
    assert "logo.png added binary" in words
    assert "link symbolic link added" in words
    assert "caf\ufffd U+001B[31m" in words
    assert "U+202E" in words
    assert "<script>alert" not in html
    one = client.get(address(series, more="?commit=1")).content.decode()
    assert "bbb" not in one
    assertContains(client.get(address(series, more="?commit=3")), "", status_code=404)


def test_a_long_line_is_cut_and_can_be_had_whole(client: Client, series: Patch) -> None:
    html = client.get(address(series)).content.decode()
    assert len(html) < 100_000
    link = re.search(r'href="([^"]+)">the whole line', html)
    assert link is not None
    response = client.get(unescape(link[1]))
    assert response.content == b"x" * 300_000
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert "sandbox" in response["Content-Security-Policy"]


def test_all_commits_are_read_as_one_diff(client: Client, series: Patch) -> None:
    html = client.get(address(series, more="?commit=all")).content.decode()
    rows = rows_of(html)
    assert "int b;" in rows
    assert "int bbb;" in rows
    assert "int bb;" not in rows
    assert "?comment=" not in html


def test_commits_that_do_not_follow_from_each_other_are_not_read_as_one(
    client: Client, product: Product
) -> None:
    texts = [diff(new="\treturn (1);"), diff(new="\treturn (2);")]
    patch = make_patch(product, text=parsed(*texts, subjects=["one", "two"]))
    assertContains(client.get(address(patch, more="?commit=all")), "Read it commit by commit")


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pages of a hundred rows."""
    monkeypatch.setattr(paging, "ROWS", 100)
    return 100


def test_large_diffs_are_paged_and_the_tree_leads_to_every_file(
    client: Client, product: Product, short_pages: int
) -> None:
    files = [diff(f"d{i}/file.c") for i in range(10)]
    patch = make_patch(product, text=b"".join(files))
    html = client.get(address(patch)).content.decode()
    assert html.count("data-file") < len(files)
    last = re.search(r'href="(\?page=2#file-\d+)"(?!.*href="\?page=2#)', html, re.S)
    assert last is not None
    there = client.get(address(patch, more=last[1])).content.decode()
    assert f'id="{last[1].partition("#")[2]}"' in there
    assert 'rel="prev"' in there
    at = client.get(address(patch, more=f"?at=1:d{len(files) - 1}/file.c:new:13"))
    assertContains(at, "Page 2 of 2")


def test_a_file_that_is_too_large_is_folded_and_has_pages_of_its_own(
    client: Client, product: Product, reporter: Person, short_pages: int
) -> None:
    lines = short_pages + 50
    text = (
        "diff --git a/big.txt b/big.txt\nnew file mode 100644\n--- /dev/null\n+++ b/big.txt\n"
        f"@@ -0,0 +1,{lines} @@\n" + "".join(f"+line {i}\n" for i in range(1, lines + 1))
    )
    patch = make_patch(product, reporter, text=read(text.encode()))
    html = client.get(address(patch)).content.decode()
    assert "line 7<" not in html
    assertContains(client.get(address(patch, more="?file=1:big.txt")), ">line 7<")
    second = client.get(address(patch, more="?file=1:big.txt&page=2"))
    assertContains(second, f">line {lines}<")
    assertContains(second, f'n{lines}"')
    assert client.get(address(patch, more="?file=1:none.txt")).status_code == 404
    # A comment far below leads to the page that has it.
    thread = said(newest(patch), make_person(), path="big.txt", start=lines, end=lines).thread
    assertContains(client.get(address(patch, more=f"?thread={thread.pk}")), "Show the file")


def test_between_versions_one_reads_what_changed(
    client: Client, patch: Patch, reporter: Person
) -> None:
    next_version(patch, diff(new="\treturn (EIO);"))
    reader = make_person()
    said(newest(patch), reader)
    sign_in(client, reader)
    next_version(patch, diff(new="\treturn (EBUSY);"))
    offered = f'href="{address(patch, 3)}?since=2">Changed since your review of version 2'
    assertContains(client.get(address(patch, 3)), offered)
    assertNotContains(client.get(address(patch, 2)), "your review")
    for since in (1, 2):
        words = text_of(client.get(address(patch, 3, f"?since={since}")).content.decode())
        assert "return (EBUSY);" in words
        assert "return (error);" in words if since == 1 else "return (EIO);" in words
    assert client.get(address(patch, 1, "?since=3")).status_code == 404
    assertContains(client.get(address(patch)), "There is a newer version")


def test_the_number_of_queries_grows_with_nothing(
    client: Client,
    product: Product,
    reporter: Person,
    committer: Person,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    sign_in(client, reporter)
    for files, threads in ((1, 0), (8, 2), (30, 12)):
        text = b"".join(diff(f"d{i}/file.c") for i in range(files))
        patch = make_patch(product, reporter, text=text)
        version = newest(patch)
        for i in range(threads):
            said(version, committer, send=False, path=f"d{i}/file.c")
        if threads:
            reviewing.send_review(version, committer, Door.WEB)
        with django_assert_num_queries(QUERIES):
            html = client.get(address(patch)).content.decode()
        assert html.count("data-talk ") == threads


QUERIES = 12


@pytest.mark.parametrize(
    "more",
    [
        "?page=0", "?page=99999999999999999", "?page=x", "?commit=x", "?commit=99999999999999999",
        "?file=", "?file=1:%00", "?file=1:..%2F..", "?since=x", "?since=9999999999", "?thread=9",
        "?comment=", "?comment=1:%00:new:1", "?comment=999999999:x:new:1-999999999", "?at=%ff",
        "?comment=all:x:new:1", "?view=x&blanks=%00", "line", "line?at=1:x:old:3", "?commit=all",
    ],
)  # fmt: skip
def test_words_that_no_page_has_in_its_addresses_do_no_harm(
    client: Client, patch: Patch, outsider: Person, more: str
) -> None:
    sign_in(client, outsider)
    assert client.get(address(patch, more=more)).status_code in {200, 404}


# ---- who may


def test_a_confidential_diff_is_not_there_for_others(
    client: Client, product: Product, problem: Problem, reporter: Person, outsider: Person
) -> None:
    problem.is_confidential = True
    problem.save()
    patch = make_patch(product, reporter, fixes=[problem])
    thread = said(newest(patch), reporter).thread
    sign_in(client, reporter)
    for page in (address(patch), patch.get_absolute_url(), "/patches/"):
        # It is no less so for what it fixes than by itself, and says it.
        assertContains(client.get(page), 'class="confidential"')
    sign_in(client, outsider)
    for more in ("", "?since=1", "?comment=1::new:1", "line?at=1:x:new:1"):
        assert client.get(address(patch, more=more)).status_code == 404
    for deed in ("comment", f"threads/{thread.pk}/answer", f"threads/{thread.pk}/resolve",
                 "line-comments/1/edit", "line-comments/1/remove", "apply"):  # fmt: skip
        assert client.post(address(patch, more=deed)).status_code == 404
    assert client.get(address(patch, 2)).status_code == 404


def test_strangers_are_led_to_sign_in(client: Client, patch: Patch) -> None:
    for response in (
        client.get(address(patch, more=f"?comment=1:{EM}:new:13")),
        client.post(address(patch, more="comment"), {"place": f"1:{EM}:new:13", "text": "x"}),
    ):
        assert response.status_code == 302
        assert "/accounts/login/" in response["Location"]


# ---- saying


def test_without_a_script_a_line_number_leads_to_a_form_and_the_form_to_the_draft(
    client: Client, patch: Patch, outsider: Person
) -> None:
    sign_in(client, outsider)
    html = client.get(address(patch)).content.decode()
    link = re.search(rf'href="(\?comment=1:{EM}:new:13)"', html)
    assert link is not None
    form = client.get(address(patch, more=link[1]))
    assertContains(form, "return (error);")
    place = {"place": f"1:{EM}:new:13", "start": "12", "end": "13", "text": "Why?"}
    response = client.post(address(patch, more="comment"), place, follow=True)
    assertContains(response, "1 comment not sent yet")
    assertContains(response, "Lines 12 to 13")
    comment = LineComment.objects.get()
    assert (comment.review.sent_at, comment.thread.places.get().start) == (None, 12)
    # Nobody else sees it.
    assertNotContains(Client().get(address(patch)), "Why?")


def test_a_file_as_a_whole_is_talked_about_above_its_lines(
    client: Client, patch: Patch, outsider: Person, reporter: Person
) -> None:
    sign_in(client, outsider)
    link = f"?comment=1:{EM}:new:0"
    assertContains(client.get(address(patch)), f'href="{link}"')
    assertContains(client.get(address(patch, more=link)), "Comment on a file")
    data = {"place": f"1:{EM}:new:0", "text": "```suggestion\nnone\n```", "form_token": "a"}
    client.post(address(patch, more="comment"), data)
    comment = LineComment.objects.get()
    reviewing.send_review(newest(patch), outsider, Door.WEB)
    next_version(patch, diff(new="\treturn (EIO);"))
    html = sign_in(client, reporter).get(address(patch, 2)).content.decode()
    talk, rows = html.index(f'id="thread-{comment.thread_id}"'), html.index("diff unified")
    assert html.index("data-file") < talk < rows
    assertContains(client.get(f"/patches/{patch.pk}/"), f"<code>{EM}</code></a>")
    assert "The file as a whole" in html
    # There are no lines instead of which others could stand.
    apply = {"comments": str(comment.pk), "form_token": "b"}
    refused = client.post(address(patch, 2, "apply"), apply, follow=True)
    assertContains(refused, "A suggestion can be applied to lines of a file")
    data |= {"place": "1:nowhere.c:new:0"}
    refused = client.post(address(patch, 2, "comment"), data)
    assertContains(refused, "changes no file “nowhere.c”", status_code=400)


def test_what_is_wrong_with_a_comment_comes_back_with_its_words(
    client: Client, patch: Patch, outsider: Person
) -> None:
    sign_in(client, outsider)
    data = {"place": f"1:{EM}:new:13", "start": "13", "end": "400", "text": "Kept words"}
    response = client.post(address(patch, more="comment"), data)
    assertContains(response, "Kept words", status_code=400)
    assertContains(response, "Not all of the lines 13 to 400", status_code=400)
    asked = client.post(address(patch, more="comment"), data, headers={"HX-Request": "true"})
    assert asked.status_code == 400
    assert asked.content.startswith(b"Not all of the lines")
    assert not LineComment.objects.exists()


def test_a_script_gets_the_thread_and_the_bar(
    client: Client, patch: Patch, outsider: Person
) -> None:
    sign_in(client, outsider)
    data = {"place": f"1:{EM}:old:13", "text": "Old one", "form_token": "a"}
    response = client.post(address(patch, more="comment"), data, headers={"HX-Request": "true"})
    thread = Thread.objects.get()
    assertContains(response, f'id="thread-{thread.pk}"')
    assertContains(response, 'id="draft-bar"')
    comment = LineComment.objects.get()
    remove = address(patch, more=f"line-comments/{comment.pk}/remove")
    gone = client.post(remove, {"form_token": "b"}, headers={"HX-Request": "true"})
    assertContains(gone, f'<div id="thread-{thread.pk}" data-removed>')
    assert not Thread.objects.exists()


def test_a_draft_can_be_edited_by_its_author_alone(
    client: Client, patch: Patch, outsider: Person, committer: Person
) -> None:
    comment = said(newest(patch), outsider, "First words", send=False)
    edit = address(patch, more=f"line-comments/{comment.pk}/edit")
    assert sign_in(Client(), committer).get(edit).status_code == 404
    sign_in(client, outsider)
    assertContains(client.get(edit), "First words")
    client.post(edit, {"text": "Better words", "form_token": "a"})
    comment.refresh_from_db()
    assert comment.text == "Better words"
    # Who has removed it in another window does not lose what they typed.
    reviewing.remove_line_comment(comment, outsider)
    late = client.post(edit, {"text": "The best", "form_token": "b"})
    assertContains(late, "That comment is no longer there.", status_code=400)
    assertContains(late, "The best", status_code=400)


def test_a_thread_is_answered_resolved_and_opened_again(
    client: Client, patch: Patch, reporter: Person, outsider: Person
) -> None:
    thread = said(newest(patch), outsider).thread
    sign_in(client, reporter)
    answer = address(patch, more=f"threads/{thread.pk}/answer")
    response = client.post(answer, {"text": "So it is.", "form_token": "a"}, follow=True)
    assertContains(response, "So it is.")
    assertContains(response, "not sent yet")
    resolve = address(patch, more=f"threads/{thread.pk}/resolve")
    for resolved in ("1", "0", "1"):
        client.post(resolve, {"resolved": resolved, "form_token": f"b{resolved}"})
        thread.refresh_from_db()
    assert Review.objects.get(author=reporter).sent_at is None


def test_threads_stand_under_their_lines_and_say_what_became_of_these(
    client: Client, patch: Patch, reporter: Person, outsider: Person
) -> None:
    """In a later version: one that moved, one whose lines were edited, one whose are gone."""
    version = newest(patch)
    threads = [said(version, outsider, f"No. {i}", start=12).thread for i in range(4)]
    later = next_version(patch, diff(new="\treturn (EIO);"))
    later.thread_places.all().delete()
    found = ThreadPlace.Found
    kept = [(found.MOVED, 13), (found.EDITED, 13), (found.GONE, 1), (found.SAME, 400)]
    for thread, (how, line) in zip(threads, kept, strict=True):
        ThreadPlace.objects.create(
            thread=thread, version=later, found=how, side="new", start=line, end=line,
            commit=0 if how == found.GONE else 1, path="" if how == found.GONE else EM,
        )  # fmt: skip
    html = client.get(address(patch, 2)).content.decode()
    words = re.sub(r"\s+", " ", text_of(html))
    assert "Line 13 moved since from version 1" in words
    assert "Line 13 edited since" in words
    # One that began later is no matter of the version before.
    thread = said(later, outsider, "No. 4").thread
    thread.places.filter(version=version).delete()
    assertNotContains(client.get(address(patch)), "No. 4")
    # What the lines were, where they are so no more.
    assert words.count("return (error);") == 2
    assert "U+000A" not in words
    assert words.index("No. 0") < words.index("On lines that this diff does not show")
    assert words.index("On lines that this diff does not show") < words.index("No. 3")
    assert words.index("On lines that are gone") < words.index("No. 2")


def test_a_resolved_thread_is_folded(client: Client, patch: Patch, outsider: Person) -> None:
    thread = said(newest(patch), outsider).thread
    open_html = client.get(address(patch)).content.decode()
    reviewing.resolve(thread, outsider, Door.WEB, resolved=True)
    html = client.get(address(patch)).content.decode()
    assert re.search(rf'id="thread-{thread.pk}".*?<details open>', open_html, re.S)
    assert re.search(rf'id="thread-{thread.pk}"[^<]*>\s*<details>', html)
    assert "resolved by otto" in text_of(html)


def test_comments_are_text_whatever_is_in_them(
    client: Client, patch: Patch, outsider: Person
) -> None:
    said(newest(patch), outsider, "<script>alert(1)</script>\n\n```suggestion\n<b>\n```")
    html = client.get(address(patch)).content.decode()
    assert "<script>alert" not in html
    assert "&lt;b&gt;" in html


def test_a_suggestion_is_a_small_diff_that_the_author_applies(
    client: Client,
    patch: Patch,
    reporter: Person,
    outsider: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    comment = said(newest(patch), outsider, "```suggestion\n\treturn (ENXIO);\n```")
    apply = address(patch, more="apply")
    assertNotContains(sign_in(Client(), outsider).get(address(patch)), apply + '" hidden')
    sign_in(client, reporter)
    page = client.get(address(patch))
    assertContains(page, apply + '" hidden')
    assert "\treturn (ENXIO);" in rows_of(client.get(f"/patches/{patch.pk}/").content.decode())
    with monkeypatch.context() as broken:

        def fail(diffs: object) -> None:
            raise GitFailed("git is away.")

        broken.setattr(suggestions, "patch_ids", fail)
        refused = client.post(apply, {"comments": str(comment.pk), "form_token": "a"}, follow=True)
    assertContains(refused, "No version was made. git is away. Try again later.")
    assert patch.versions.count() == 1
    response = client.post(apply, {"comments": str(comment.pk), "form_token": "a"})
    assert response["Location"] == address(patch, 2)
    rows = rows_of(client.get(address(patch, 2)).content.decode())
    assert "\treturn (ENXIO);" in rows
    comment.refresh_from_db()
    assert comment.applied_in is not None
    huge = {"comments": ["9" * 19, "9" * 5000], "form_token": "b"}
    nothing = client.post(apply, huge, follow=True)
    assertContains(nothing, "Choose at least one suggestion.")
