"""Who gets what from each page of problems and products: one table, walked in full.

The columns are: somebody signed out, confirmed people who have nothing to do with the problem,
its reporter, the maintainer of its component, a triager, a committer, an administrator.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import URLPattern

from accounts.models import Person
from tests.conftest import sign_in
from tests.problems import make_problem
from tracker.models import Door, Problem
from tracker.services import attach
from tracker.web import comments, edit, history, products, versions
from tracker.web import urls as tracker_urls
from votes.web import no_longer, releases, report, vote
from votes.web import problem as problem_pages
from votes.web import urls as votes_urls

pytestmark = pytest.mark.django_db

ROLES = ("anyone", "outsider", "reporter", "maintainer", "triager", "committer", "administrator")

# 302 for somebody signed out is the way to sign in; 302 of a POST that succeeded leads on.
# 400 and 409 mean that it was allowed: an empty form is wrong, one without its base is refused.
# P is a public problem, C a confidential one; both reported by the reporter.
TABLE = """
                                     anyone outs repo main tria comm admi
GET  /                                 200  200  200  200  200  200  200
GET  /problems/                        200  200  200  200  200  200  200
GET  /problems.atom                    200  200  200  200  200  200  200
GET  /products/                        200  200  200  200  200  200  200
GET  /products/base/                   200  200  200  200  200  200  200
GET  /problems/new                     302  200  200  200  200  200  200
POST /problems/new                     302  400  400  400  400  400  400
GET  /problems/new/choices             200  200  200  200  200  200  200
GET  /problems/similar                 200  200  200  200  200  200  200
POST /problems/similar                 200  200  200  200  200  200  200
POST /markdown/preview                 302  200  200  200  200  200  200
GET  /P                                200  200  200  200  200  200  200
GET  /P/news                           200  200  200  200  200  200  200
GET  /P/live                           204  204  204  204  204  204  204
GET  /P/why                            200  200  200  200  200  200  200
GET  /P/history                        200  200  200  200  200  200  200
GET  /P/voters                         200  200  200  200  200  200  200
GET  /P/attachments/A/a.txt            200  200  200  200  200  200  200
GET  /P/edit                           302  403  200  200  200  200  200
POST /P/edit                           302  403  409  409  409  409  409
GET  /P/comment                        302  200  200  200  200  200  200
POST /P/comment                        302  400  400  400  400  400  400
POST /P/attach                         302  400  400  400  400  400  400
POST /P/no-longer                      302  409  400  409  409  409  409
POST /P/vote                           302  302  302  302  302  302  302
POST /P/vote/withdraw                  302  302  302  302  302  302  302
POST /P/releases                       302  403  403  302  302  302  302
POST /P/no-longer/withdraw             302  302  302  302  302  302  302
POST /P/voters/rita/trust              302  403  403  403  302  403  302
POST /P/voters/rita/discount           302  403  403  403  302  403  302
POST /P/voters/rita/restore            302  403  403  403  302  403  302
GET  /C                                404  404  200  200  200  200  200
GET  /C/news                           404  404  200  200  200  200  200
GET  /C/live                           404  404  204  204  204  204  204
GET  /C/why                            404  404  200  200  200  200  200
GET  /C/history                        404  404  200  200  200  200  200
GET  /C/voters                         404  404  200  200  200  200  200
GET  /C/attachments/B/b.txt            404  404  200  200  200  200  200
GET  /C/edit                           302  404  200  200  200  200  200
POST /C/edit                           302  404  409  409  409  409  409
GET  /C/comment                        302  404  200  200  200  200  200
POST /C/comment                        302  404  400  400  400  400  400
POST /C/attach                         302  404  400  400  400  400  400
POST /C/no-longer                      302  404  400  409  409  409  409
POST /C/vote                           404  404  302  302  302  302  302
POST /C/vote/withdraw                  404  404  302  302  302  302  302
POST /C/releases                       302  404  403  302  302  302  302
POST /C/no-longer/withdraw             302  404  302  302  302  302  302
POST /C/voters/rita/trust              302  404  403  403  302  403  302
GET  /P/vote                           405  405  405  405  405  405  405
GET  /P/vote/withdraw                  405  405  405  405  405  405  405
GET  /P/voters/rita/trust              405  405  405  405  405  405  405
GET  /P/releases                       405  405  405  405  405  405  405
GET  /P/no-longer                      405  405  405  405  405  405  405
GET  /products/base/releases/15.0/     200  200  200  200  200  200  200
GET  /products/base/releases/15.9/     404  404  404  404  404  404  404
GET  /P/attach                         405  405  405  405  405  405  405
GET  /products/new                     302  403  403  403  403  403  200
POST /products/new                     302  403  403  403  403  403  400
GET  /products/base/edit               302  403  403  403  200  200  200
POST /products/base/edit               302  403  403  403  403  403  400
GET  /products/base/components/new     302  403  403  403  200  403  200
POST /products/base/components/new     302  403  403  403  400  403  400
GET  /products/base/components/kernel/edit  302  403  403  403  200  403  200
POST /products/base/components/kernel/edit  302  403  403  403  400  403  400
GET  /products/base/clocks             302  403  403  403  200  403  200
POST /products/base/clocks             302  403  403  403  400  403  400
GET  /products/base/releases/new       302  403  403  403  200  200  200
POST /products/base/releases/new       302  403  403  403  400  400  400
GET  /products/base/releases/R/edit    302  403  403  403  200  200  200
POST /products/base/releases/R/edit    302  403  403  403  400  400  400
GET  /people/rita                       200  200  200  200  200  200  200
GET  /999999                           404  404  404  404  404  404  404
GET  /products/none/edit               302  404  404  404  404  404  404
"""

CELLS = [
    (line.split()[0], line.split()[1], role, int(status))
    for line in TABLE.strip().splitlines()[1:]
    for role, status in zip(ROLES, line.split()[2:], strict=True)
]


@pytest.fixture
def places(problem: Problem, reporter: Person, settings: Any, tmp_path: Any) -> dict[str, str]:
    """What the letters of the table stand for."""
    settings.MEDIA_ROOT = tmp_path
    secret = make_problem(problem.product, reporter, component="kernel", is_confidential=True)
    shown = attach(problem, reporter, ContentFile(b"a", name="a.txt"), Door.WEB)
    hidden = attach(secret, reporter, ContentFile(b"b", name="b.txt"), Door.WEB)
    release = problem.product.releases.get(name="15.0")
    keys = {"P": problem.pk, "C": secret.pk, "A": shown.pk, "B": hidden.pk, "R": release.pk}
    return {letter: str(pk) for letter, pk in keys.items()}


@pytest.mark.parametrize("role", ROLES)
def test_each_page_answers_each_role_as_the_table_says(
    client: Client,
    request: pytest.FixtureRequest,
    places: dict[str, str],
    maintainer: Person,
    role: str,
) -> None:
    if role != "anyone":
        sign_in(client, request.getfixturevalue(role))
    wrong = []
    for method, path, of_role, expected in CELLS:
        if of_role != role:
            continue
        parts = [places.get(part, part) for part in path.split("/")]
        response = client.generic(method, "/".join(parts))
        if response.streaming:
            b"".join(response)
        if response.status_code != expected:
            wrong.append(f"{method} {path}: {response.status_code}, not {expected}")
        if role == "anyone" and response.status_code == 302:
            assert "/accounts/login/?next=" in response.headers["Location"], path
    assert not wrong


def test_the_table_has_every_page_of_these_modules() -> None:
    told = {path for _, path, _, _ in CELLS}
    modules = {
        m.__name__
        for m in (
            comments, edit, history, no_longer, problem_pages, products, releases, report,
            versions, vote,
        )
    }  # fmt: skip
    walked = 0
    for pattern in [*tracker_urls.urlpatterns, *votes_urls.urlpatterns]:
        assert isinstance(pattern, URLPattern)
        if pattern.callback.__module__ in modules:
            walked += 1
            assert any(_matches(pattern, path) for path in told), pattern
    assert walked >= 20


def _matches(pattern: URLPattern, path: str) -> bool:
    numbered = "/".join("1" if part in set("PCABR") else part for part in path.split("/"))
    return pattern.resolve(numbered.lstrip("/")) is not None
