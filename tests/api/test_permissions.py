"""Who may do what through the API: every address, by everybody, in two tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.db import transaction
from django.urls import URLPattern, get_resolver

from accounts.models import AccessToken, Person
from tests.api.calls import Caller, body_of
from tests.patching import diff, make_patch
from tests.problems import make_problem
from tracker.models import Door, Problem
from tracker.services import attach

pytestmark = pytest.mark.django_db

DIFF = diff("sys/dev/re/if_re.c", "\treturn (1);").decode()
BODIES: dict[str, dict[str, Any]] = {
    "report": {
        "product": "base", "component": "kernel", "synopsis": "Panic", "description": "It stops."
    },
    "text": {"description": "Better said."},
    "classify": {"severity": "major"},
    "state": {"state": "open"},
    "close": {"state": "closed", "resolution": "fixed"},
    "assign": {"assignee": "mara"},
    "duplicate": {"duplicate_of": "OTHER"},
    "hide": {"is_confidential": True},
    "show": {"is_confidential": False},
    "comment": {"text": "Me too."},
    "vote": {"release": "15.0"},
    "mark": {"releases": {"15.0": "fixed"}},
    "gone": {"release": "15.0"},
    "name": {"name": "nas"},
    "address": {"email": "new@example.org"},
    "like": {"product": "base", "synopsis": "em0"},
    "bulk": {"q": "is:open", "change": {"severity": "major"}},
    "many": {"problems": [], "change": {"severity": "major"}},
    "keep": {"name": "Panics", "query": "panic"},
    "patch": {"product": "base", "patch": DIFF},
    "version": {"patch": DIFF},
    "retitle": {"title": "em: better"},
    "secret": {"is_confidential": True},
    "integrate": {"decision": "integrate"},
    "decline": {"decision": "decline", "note": "Not so."},
    "withdraw": {"decision": "withdraw"},
    "reopen": {"decision": "reopen"},
    "review": {"text": "Good."},
    "rate": {"dimension": "security", "value": 1},
    "ask": {"person": "mara"},
    "claim": {"answer": "claim"},
    "owners": {"format": "codeowners", "text": "*.c @mara"},
    "dimension": {"title": "Performance"},
    "rule": {"branch": "stable/*", "needs": [{"dimension": "quality"}]},
    "paths": {"paths": ["/sys/netinet/"]},
    "line": {"path": "sys/dev/em/if_em.c", "start": 13, "text": "Why?"},
    "words": {"text": "Why so?"},
    "apply": {"comments": [999999]},
    "nothing": {},
    "join": {"into": 999999},
}  # fmt: skip

# N is the problem, OTHER another one, F its file, T a token of the outsider, P the reporter's patch
# that fixes N.
PUBLIC = """
                                  anonymous unconfirmed outsider reporter developer maintainer triager committer administrator
GET    /                          200       200         200      200      200       200        200     200       200
GET    server/                    200       200         200      200      200       200        200     200       200
GET    schema/                    200       200         200      200      200       200        200     200       200
GET    docs/                      200       200         200      200      200       200        200     200       200
GET    products/                  200       200         200      200      200       200        200     200       200
GET    products/base/             200       200         200      200      200       200        200     200       200
GET    products/none/             404       404         404      404      404       404        404     404       404
GET    problems/                  200       200         200      200      200       200        200     200       200
GET    problems/similar/          400       400         400      400      400       400        400     400       400
POST   problems/similar/ like     200       200         200      200      200       200        200     200       200
GET    problems/N/                200       200         200      200      200       200        200     200       200
GET    problems/N/comments/       200       200         200      200      200       200        200     200       200
GET    problems/N/attachments/    200       200         200      200      200       200        200     200       200
GET    problems/N/attachments/F/  200       200         200      200      200       200        200     200       200
GET    problems/N/history/        200       200         200      200      200       200        200     200       200
GET    problems/0/                404       404         404      404      404       404        404     404       404
POST   problems/ report           401       403         201      201      201       201        201     201       201
PATCH  problems/N/ text           401       403         403      200      200       200        200     200       200
PATCH  problems/N/ classify       401       403         403      403      200       200        200     200       200
PATCH  problems/N/ state          401       403         403      403      200       200        200     200       200
PATCH  problems/N/ close          401       403         403      200      200       200        200     200       200
PATCH  problems/N/ assign         401       403         403      403      200       200        200     200       200
PATCH  problems/N/ duplicate      401       403         403      403      200       200        200     200       200
PATCH  problems/N/ hide           401       403         403      200      403       200        200     403       200
POST   problems/N/comments/ comment     401 403         201      201      201       201        201     201       201
POST   problems/N/attachments/ FILE     401 403         201      201      201       201        201     201       201
PUT    problems/N/vote/ vote      401       403         200      200      200       200        200     200       200
DELETE problems/N/vote/           401       403         200      200      200       200        200     200       200
GET    problems/N/releases/       200       200         200      200      200       200        200     200       200
PUT    problems/N/releases/ mark  401       403         403      403      200       200        200     200       200
PUT    problems/N/no-longer/ gone 401       403         409      200      409       409        409     409       409
DELETE problems/N/no-longer/      401       403         200      200      200       200        200     200       200
PUT    problems/0/vote/ vote      401       404         404      404      404       404        404     404       404
GET    triage/                    401       403         403      403      200       200        200     200       200
GET    triage/N/                  401       403         403      403      200       200        200     200       200
GET    bulk-changes/              401       200         200      200      200       200        200     200       200
GET    bulk-changes/0/            401       404         404      404      404       404        404     404       404
POST   bulk-changes/preview/ bulk 401       403         403      403      200       200        200     200       200
POST   bulk-changes/ many         401       403         403      403      409       409        409     409       409
POST   bulk-changes/0/undo/ nothing    401  404         404      404      404       404        404     404       404
GET    me/                        401       200         200      200      200       200        200     200       200
GET    my/                        401       200         200      200      200       200        200     200       200
POST   my/seen/ nothing           401       204         204      204      204       204        204     204       204
GET    searches/                  200       200         200      200      200       200        200     200       200
POST   searches/ keep             401       403         201      201      201       201        201     201       201
GET    searches/0/                404       404         404      404      404       404        404     404       404
PATCH  searches/0/ keep           401       404         404      404      404       404        404     404       404
DELETE searches/0/                401       404         404      404      404       404        404     404       404
GET    tokens/                    401       403         200      200      200       200        200     200       200
POST   tokens/ name               401       403         201      201      201       201        201     201       201
DELETE tokens/T/                  401       403         204      404      404       404        404     404       404
DELETE tokens/current/            401       204         204      204      204       204        204     204       204
POST   auth/sign-up/ address      202       202         202      202      202       202        202     202       202
POST   auth/sign-in/ address      202       202         202      202      202       202        202     202       202
POST   auth/confirm/ nothing      400       400         400      400      400       400        400     400       400
PUT    problems/ report           405       405         405      405      405       405        405     405       405
DELETE problems/N/                405       405         405      405      405       405        405     405       405
GET    products/base/rating-dimensions/ 200 200         200      200      200       200        200     200       200
GET    products/base/branch-rules/ 200      200         200      200      200       200        200     200       200
GET    products/base/maintainers/ 200       200         200      200      200       200        200     200       200
PUT    products/base/maintainers/ owners 401 403        403      403      403       403        200     200       200
POST   products/base/rating-dimensions/ dimension 401 403 403    403      403       403        201     201       201
PATCH  products/base/rating-dimensions/quality/ dimension 401 403 403 403 403       403        200     200       200
DELETE products/base/rating-dimensions/quality/ 401 403 403      403      403       403        204     204       204
POST   products/base/branch-rules/ rule 401 403         403      403      403       403        201     201       201
PATCH  products/base/branch-rules/0/ rule 401 403       403      403      403       403        404     404       404
DELETE products/base/branch-rules/0/ 401 403            403      403      403       403        404     404       404
GET    products/base/components/kernel/paths/ 200 200   200      200      200       200        200     200       200
PUT    products/base/components/kernel/paths/ paths 401 403 403  403      403       403        200     200       200
GET    patches/                   200       200         200      200      200       200        200     200       200
POST   patches/ patch             401       403         201      201      201       201        201     201       201
GET    patches/P/                 200       200         200      200      200       200        200     200       200
PATCH  patches/P/ retitle         401       403         403      200      200       200        200     200       200
PATCH  patches/P/ secret          401       403         403      200      403       403        200     200       200
POST   patches/P/decision/ integrate 401    403         403      403      403       403        403     200       200
POST   patches/P/decision/ decline 401      403         403      403      403       200        403     200       200
POST   patches/P/decision/ withdraw 401     403         403      200      403       403        403     403       200
POST   patches/P/decision/ reopen 401       403         403      409      403       409        403     409       409
GET    patches/P/versions/        200       200         200      200      200       200        200     200       200
POST   patches/P/versions/1/take-out/ nothing 401 403   403      409      409       409        403     409       409
POST   patches/P/join/ join       401       403         403      400      403       400        403     400       400
POST   patches/P/versions/ version 401      403         403      201      201       201        403     201       201
GET    patches/P/versions/1/      200       200         200      200      200       200        200     200       200
GET    patches/P/versions/1/files/ 200      200         200      200      200       200        200     200       200
GET    patches/P/versions/1/changes/ 200    200         200      200      200       200        200     200       200
GET    patches/P/versions/1.patch 200       200         200      200      200       200        200     200       200
GET    patches/P/versions/1.mbox  200       200         200      200      200       200        200     200       200
GET    patches/P/versions/9.mbox  404       404         404      404      404       404        404     404       404
GET    patches/P/reviews/         200       200         200      200      200       200        200     200       200
POST   patches/P/reviews/ review  401       403         201      201      201       201        201     201       201
GET    patches/P/threads/         200       200         200      200      200       200        200     200       200
PUT    patches/P/threads/0/resolved/ 401    404         404      404      404       404        404     404       404
DELETE patches/P/threads/0/resolved/ 401    404         404      404      404       404        404     404       404
GET    patches/P/ratings/         200       200         200      200      200       200        200     200       200
POST   patches/P/ratings/ rate    401       403         201      201      201       201        201     201       201
GET    patches/P/requests/        200       200         200      200      200       200        200     200       200
POST   patches/P/requests/ ask    401       403         403      201      201       201        201     201       201
PUT    patches/P/requests/own/ claim 401    403         403      403      200       200        200     200       200
GET    patches/P/requests/suggested/ 401 403            403      200      200       200        200     200       200
GET    patches/P/history/         200       200         200      200      200       200        200     200       200
GET    patches/P/draft/           401       200         200      200      200       200        200     200       200
POST   patches/P/draft/ line      401       403         201      201      201       201        201     201       201
DELETE patches/P/draft/           401       204         204      204      204       204        204     204       204
PATCH  patches/P/draft/0/ words   401       404         404      404      404       404        404     404       404
DELETE patches/P/draft/0/         401       404         404      404      404       404        404     404       404
POST   patches/P/suggestions/ apply 401     403         403      400      400       400        403     400       400
GET    unheard-of/                404       404         404      404      404       404        404     404       404
"""  # noqa: E501

CONFIDENTIAL = """
                                  anonymous unconfirmed outsider reporter developer maintainer triager committer administrator
GET    problems/N/                404       404         404      200      404       200        200     200       200
GET    problems/N/comments/       404       404         404      200      404       200        200     200       200
GET    problems/N/attachments/    404       404         404      200      404       200        200     200       200
GET    problems/N/attachments/F/  404       404         404      200      404       200        200     200       200
GET    problems/N/history/        404       404         404      200      404       200        200     200       200
PATCH  problems/N/ text           401       404         404      200      404       200        200     200       200
PATCH  problems/N/ show           401       404         404      200      404       200        200     403       200
POST   problems/N/comments/ comment     401 404         404      201      404       201        201     201       201
POST   problems/N/attachments/ FILE     401 404         404      201      404       201        201     201       201
PUT    problems/N/vote/ vote      401       404         404      200      404       200        200     200       200
GET    problems/N/releases/       404       404         404      200      404       200        200     200       200
PUT    problems/N/releases/ mark  401       404         404      403      404       200        200     200       200
PUT    problems/N/no-longer/ gone 401       404         404      200      404       409        409     409       409
DELETE problems/N/no-longer/      401       404         404      200      404       200        200     200       200
DELETE problems/N/vote/           401       404         404      200      404       200        200     200       200
GET    patches/P/                 404       404         404      200      404       200        200     200       200
PATCH  patches/P/ retitle         401       404         404      200      404       200        200     200       200
GET    patches/P/versions/        404       404         404      200      404       200        200     200       200
GET    patches/P/versions/1.mbox  404       404         404      200      404       200        200     200       200
GET    patches/P/reviews/         404       404         404      200      404       200        200     200       200
POST   patches/P/reviews/ review  401       404         404      201      404       201        201     201       201
GET    patches/P/threads/         404       404         404      200      404       200        200     200       200
GET    patches/P/ratings/         404       404         404      200      404       200        200     200       200
POST   patches/P/ratings/ rate    401       404         404      201      404       201        201     201       201
GET    patches/P/requests/        404       404         404      200      404       200        200     200       200
POST   patches/P/requests/ ask    401       404         404      201      404       201        201     201       201
GET    patches/P/requests/suggested/ 401    404         404      200      404       200        200     200       200
GET    patches/P/history/         404       404         404      200      404       200        200     200       200
GET    patches/P/draft/           401       404         404      200      404       200        200     200       200
POST   patches/P/draft/ line      401       404         404      201      404       201        201     201       201
DELETE patches/P/draft/           401       404         404      204      404       204        204     204       204
POST   patches/P/suggestions/ apply 401     404         404      400      404       400        403     400       400
POST   patches/P/decision/ integrate 401    404         404      403      404       403        403     200       200
"""  # noqa: E501


def rows_of(table: str) -> Iterator[tuple[str, str, str, dict[str, int]]]:
    """(method, path, body, {role: status}) of each line."""
    head, *lines = table.strip("\n").splitlines()
    roles = head.split()
    for line in lines:
        method, path, *rest = line.split()
        body = rest.pop(0) if not rest[0].isdigit() else ""
        yield method, path, body, dict(zip(roles, map(int, rest), strict=True))


Cast = dict[str, Person | None]


@pytest.fixture
def everybody(
    unconfirmed: Person, outsider: Person, reporter: Person, developer: Person, maintainer: Person,
    triager: Person, committer: Person, administrator: Person,
) -> Cast:  # fmt: skip
    return {
        "anonymous": None, "unconfirmed": unconfirmed, "outsider": outsider, "reporter": reporter,
        "developer": developer, "maintainer": maintainer, "triager": triager,
        "committer": committer, "administrator": administrator,
    }  # fmt: skip


def test_who_may_do_what(problem: Problem, everybody: Cast) -> None:
    assert differences(PUBLIC, problem, everybody) == []


def test_who_may_do_what_with_a_confidential_problem(
    secret_problem: Problem, everybody: Cast
) -> None:
    assert differences(CONFIDENTIAL, secret_problem, everybody) == []


def differences(table: str, problem: Problem, everybody: Cast) -> list[str]:
    """Where the answers are not those of the table; what one changes is undone before the next."""
    assert problem.reporter is not None
    other = make_other(problem)
    kept = attach(problem, problem.reporter, ContentFile(b"x", "dmesg.txt"), Door.WEB)
    Caller(everybody["outsider"])
    token = AccessToken.objects.get()
    patch = make_patch(author=problem.reporter, fixes=[problem])
    places = {"P": patch.pk, "N": problem.pk, "OTHER": other.pk, "F": kept.pk, "T": token.pk}
    found = []
    for method, path, body, expected in rows_of(table):
        # Each row counts its requests from nought.
        cache.clear()
        asked = "/".join(str(places.get(part, part)) for part in path.split("/"))
        for role, person in everybody.items():
            with transaction.atomic():
                status = ask(Caller(person), method, asked, body, other.pk)
                transaction.set_rollback(True)
            if status != expected[role]:
                found.append(f"{method} {path} {body} by {role}: {status}, not {expected[role]}")
    return found


def make_other(problem: Problem) -> Problem:
    return make_problem(problem.product, problem.reporter, component="net")


def ask(caller: Caller, method: str, path: str, body: str, other: int) -> int:
    if body == "FILE":
        return int(caller.upload(path).status_code)
    said = None
    if body:
        said = {n: other if v == "OTHER" else v for n, v in BODIES[body].items()}
    answer = caller.send(method, path, said)
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    body_of(answer)
    return int(answer.status_code)


def test_every_address_of_the_api_is_in_the_table() -> None:
    listed = {line.split()[1] for line in PUBLIC.strip("\n").splitlines()[1:]}
    names = {
        "<int:number>": "N",
        "<int:pk>": "0",
        "<int:attachment_id>": "F",
        "<int:token_id>": "T",
        "<str:slug>": "base",
        "<int:patch>": "P",
        "<int:version>": "1",
        "<int:version>.patch": "1.patch",
        "<int:version>.mbox": "1.mbox",
        "<int:thread>": "0",
        "<int:comment>": "0",
        "<int:rule>": "0",
        "<str:dimension>": "quality",
        "<str:component>": "kernel",
    }
    for route in api_routes(get_resolver()):
        plain = "/".join(names.get(part, part) for part in route.split("/")) or "/"
        assert plain in listed


def api_routes(resolver: Any) -> list[str]:
    """The addresses below /api/v1/ that the urlconf knows by name."""
    found = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            if entry.name and entry.name.startswith("api_"):
                found.append(str(entry.pattern))
        else:
            found += api_routes(entry)
    return found
