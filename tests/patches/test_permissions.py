"""Who gets what from each page of patches: one table, walked in full.

The columns are: somebody signed out, a confirmed person who has nothing to do with the patch, its
author, the maintainer of what it touches, a triager, a committer, an administrator.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern

from accounts.models import Person
from patches import deciding
from patches.reviews.managing import PartWords, add_rule
from patches.web import decide, edit, lists, manage, new, patch, regroup, review, text
from patches.web import urls as patch_urls
from tests.conftest import sign_in
from tests.patching import make_patch
from tests.problems import make_problem
from tracker.models import Door, Problem

pytestmark = pytest.mark.django_db

ROLES = ("anyone", "outsider", "reporter", "maintainer", "triager", "committer", "administrator")

# 302 for somebody signed out is the way to sign in; 302 of a POST that succeeded leads on.
# 400 and 409 mean that it was allowed: an empty form is wrong, one without its base is refused.
# P is a patch for a public problem, C for a confidential one, D one that was declined; all three
# are by the reporter. N is a rule, which may not be for main: there is one for that already.
TABLE = """
                                     anyone outs repo main tria comm admi
GET  /patches/                         200  200  200  200  200  200  200
GET  /patches/forgotten/               200  200  200  200  200  200  200
GET  /patches/new                      302  200  200  200  200  200  200
POST /patches/new                      302  400  400  400  400  400  400
GET  /patches/P/                       200  200  200  200  200  200  200
GET  /patches/P/news                   200  200  200  200  200  200  200
GET  /patches/P/live                   204  204  204  204  204  204  204
GET  /patches/P.patch                  200  200  200  200  200  200  200
GET  /patches/P/1.patch                200  200  200  200  200  200  200
GET  /patches/P/1.mbox                 200  200  200  200  200  200  200
GET  /patches/P/2.mbox                 404  404  404  404  404  404  404
GET  /patches/P/edit                   302  403  200  200  200  200  200
POST /patches/P/edit                   302  403  409  409  409  409  409
GET  /patches/P/new-version            302  403  200  200  403  200  200
POST /patches/P/new-version            302  403  400  400  403  400  400
GET  /patches/P/1/take-out             302  403  200  200  403  200  200
POST /patches/P/1/take-out             302  403  409  409  403  409  409
GET  /patches/P/join                   302  403  200  200  403  200  200
POST /patches/P/join                   302  403  400  400  403  400  400
GET  /patches/P/1/review               302  200  200  200  200  200  200
POST /patches/P/1/review               302  400  400  400  400  400  400
GET  /patches/P/2/review               302  404  404  404  404  404  404
POST /patches/P/1/rate                 302  302  302  302  302  302  302
GET  /patches/P/1/rate                 405  405  405  405  405  405  405
POST /patches/P/discard                302  302  302  302  302  302  302
GET  /patches/P/integrate              302  403  403  403  403  200  200
GET  /patches/P/decline                302  403  403  200  403  200  200
POST /patches/P/decline                302  403  403  400  403  400  400
GET  /patches/P/withdraw               302  403  200  403  403  403  200
GET  /patches/P/reopen                 302  403  302  302  403  302  302
POST /patches/P/reopen                 302  403  409  409  403  409  409
GET  /patches/D/                       200  200  200  200  200  200  200
POST /patches/D/integrate              302  403  403  403  403  409  409
POST /patches/D/withdraw               302  403  409  403  403  403  409
POST /patches/D/1/review               302  400  400  400  400  400  400
GET  /patches/C/                       404  404  200  200  200  200  200
GET  /patches/C/news                   404  404  200  200  200  200  200
GET  /patches/C/live                   404  404  204  204  204  204  204
GET  /patches/C.patch                  404  404  200  200  200  200  200
GET  /patches/C/1.patch                404  404  200  200  200  200  200
GET  /patches/C/1.mbox                 404  404  200  200  200  200  200
GET  /patches/C/edit                   302  404  200  200  200  200  200
POST /patches/C/edit                   302  404  409  409  409  409  409
POST /patches/C/new-version            302  404  400  400  403  400  400
POST /patches/C/1/take-out             302  404  409  409  403  409  409
POST /patches/C/join                   302  404  400  400  403  400  400
GET  /patches/C/1/review               302  404  200  200  200  200  200
POST /patches/C/1/review               302  404  400  400  400  400  400
POST /patches/C/1/rate                 302  404  302  302  302  302  302
POST /patches/C/discard                302  404  302  302  302  302  302
GET  /patches/C/withdraw               302  404  200  403  403  403  200
POST /patches/C/integrate              302  404  403  403  403  302  302
POST /patches/C/decline                302  404  403  400  403  400  400
GET  /patches/999999/                  404  404  404  404  404  404  404
POST /patches/999999/integrate         302  404  404  404  404  404  404
GET  /products/base/ratings            200  200  200  200  200  200  200
GET  /products/none/ratings            404  404  404  404  404  404  404
GET  /products/base/ratings/dimensions/new       302  403  403  403  200  200  200
POST /products/base/ratings/dimensions/new       302  403  403  403  400  400  400
GET  /products/base/ratings/dimensions/quality   302  403  403  403  200  200  200
POST /products/base/ratings/dimensions/quality   302  403  403  403  400  400  400
GET  /products/base/ratings/dimensions/beauty    302  403  403  403  404  404  404
GET  /products/base/ratings/rules/new            302  403  403  403  200  200  200
POST /products/base/ratings/rules/new            302  403  403  403  302  302  302
GET  /products/base/ratings/rules/N              302  403  403  403  200  200  200
POST /products/base/ratings/rules/N              302  403  403  403  400  400  400
"""

CELLS = [
    (line.split()[0], line.split()[1], role, int(status))
    for line in TABLE.strip().splitlines()[1:]
    for role, status in zip(ROLES, line.split()[2:], strict=True)
]


@pytest.fixture
def places(
    problem: Problem, reporter: Person, maintainer: Person, committer: Person, triager: Person
) -> dict[str, str]:
    """What the letters of the table stand for."""
    product = problem.product
    secret = make_problem(product, reporter, component="kernel", is_confidential=True)
    shown = make_patch(product, reporter, fixes=[problem])
    hidden = make_patch(product, reporter, fixes=[secret])
    declined = make_patch(product, reporter)
    deciding.decline(declined, committer, Door.WEB, note="Done otherwise.")
    rule = add_rule(product, triager, "stable/*", [PartWords("quality", "1", "committer")])
    keys = {"P": shown.pk, "C": hidden.pk, "D": declined.pk, "N": rule.pk}
    return {letter: str(pk) for letter, pk in keys.items()}


def filled(path: str, places: dict[str, str]) -> str:
    parts = (part.partition(".") for part in path.split("/"))
    return "/".join(places.get(name, name) + dot + kind for name, dot, kind in parts)


@pytest.mark.parametrize("role", ROLES)
def test_each_page_answers_each_role_as_the_table_says(
    client: Client, request: pytest.FixtureRequest, places: dict[str, str], role: str
) -> None:
    if role != "anyone":
        sign_in(client, request.getfixturevalue(role))
    wrong = []
    for method, path, of_role, expected in CELLS:
        if of_role != role:
            continue
        response = client.generic(method, filled(path, places))
        if response.status_code != expected:
            wrong.append(f"{method} {path}: {response.status_code}, not {expected}")
        if role == "anyone" and response.status_code == 302:
            assert "/accounts/login/?next=" in response.headers["Location"], path
    assert not wrong


def test_a_refusal_says_why(
    client: Client, places: dict[str, str], outsider: Person, triager: Person
) -> None:
    for person, path, reason in (
        (outsider, "/patches/P/integrate", "Only these may do this: administrator, committer."),
        (outsider, "/patches/P/new-version", "its author"),
        (triager, "/patches/P/withdraw", "Only these may do this: administrator, its author."),
        (outsider, "/products/base/ratings/rules/new", "committer, triager"),
    ):
        response = sign_in(client, person).get(filled(path, places))
        assert response.status_code == 403
        assert reason in response.content.decode()


def test_the_table_has_every_page_of_these_modules() -> None:
    modules = {m.__name__ for m in (decide, edit, lists, manage, new, patch, regroup, review, text)}
    numbers = dict.fromkeys("PCDN", "1")
    told = {filled(path, numbers).lstrip("/") for _, path, _, _ in CELLS}
    walked = 0
    for pattern in patch_urls.urlpatterns:
        view: Any = pattern.callback if isinstance(pattern, URLPattern) else None
        if view is not None and view.__module__ in modules:
            walked += 1
            assert any(pattern.resolve(path) for path in told), pattern
    assert walked >= 19
