"""register, login, whoami, logout."""

from __future__ import annotations

import getpass
import platform
import re
import sys
import time
from dataclasses import dataclass
from typing import Any

from send_problem import outbox
from send_problem.call import Call
from send_problem.connection import Link
from send_problem.credentials import (
    Account,
    AwaitedCode,
    account_for,
    await_code,
    awaited_code,
    forget_account,
    forget_code,
    keep_account,
)
from send_problem.failures import Exit, Failure, NotNow, NotSignedIn, Refused
from send_problem.servers import remember_server
from send_problem.words import clean, plural

TRIES = 3


@dataclass(frozen=True)
class Way:
    """How a person signs in: the verb and its options."""

    verb: str
    handle: str | None
    code: str | None
    system: str | None


def sign_in(call: Call, email: str, way: Way) -> None:
    """Ask for a code, or take the one of an earlier call; store the token that it gives."""
    server = call.server()
    call.mend_rights()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise Failure(f"'{email}' is not a mail address.", Exit.DATA)
    link = call.link(server, None)
    awaited = (
        _earlier_challenge(server, email, way) if way.code else _challenge(call, link, email, way)
    )
    account = _confirm(call, link, email, way, awaited)
    _replace(call, server, account)
    forget_code(server, email)
    remember_server(server)
    call.screen.say(f"Signed in at {server} as {account.handle} ({account.email}).", fg="green")
    call.screen.say(f"This system is called '{account.system}' in your list of tokens.")
    call.screen.answer({"server": server, **_public(account)})


def _challenge(call: Call, link: Link, email: str, way: Way) -> AwaitedCode:
    path = {"register": "auth/sign-up/", "login": "auth/sign-in/"}[way.verb]
    body = {"email": email, **({"handle": way.handle} if way.handle else {})}
    answer = link.send("POST", path, body).data
    seconds = _seconds(answer.get("expires_in"))
    awaited = AwaitedCode(
        challenge=str(answer.get("challenge", "")),
        system=way.system or _own_name(),
        expires_at=time.time() + seconds,
    )
    await_code(link.server, email, awaited)
    remember_server(link.server)
    detail = clean(str(answer.get("detail") or f"A code is on its way to {email}."))
    call.screen.note(detail)
    return awaited


def _earlier_challenge(server: str, email: str, way: Way) -> AwaitedCode:
    awaited = awaited_code(server, email)
    if awaited is None:
        raise Failure(
            f"No code is awaited for {email} at {server} (or it has expired): run"
            f" 'send-problem {way.verb} {email}' to be mailed one.",
            Exit.DATA,
        )
    return awaited


def _confirm(call: Call, link: Link, email: str, way: Way, awaited: AwaitedCode) -> Account:
    can_ask = way.code is None and sys.stdin.isatty()
    for tries_left in range(TRIES - 1 if can_ask else 0, -1, -1):
        code = way.code or _read_code(call, email, way, awaited)
        body = {
            "challenge": awaited.challenge,
            "code": re.sub(r"[\s-]", "", code),
            "system": way.system or awaited.system,
        }
        try:
            return _account(link.send("POST", "auth/confirm/", body).data, str(body["system"]))
        except Refused as refusal:
            if not tries_left or refusal.status != 400:
                raise
            call.screen.note(refusal.message, fg="yellow")
    raise AssertionError("the last try returns or raises")


def _read_code(call: Call, email: str, way: Way, awaited: AwaitedCode) -> str:
    if sys.stdin.isatty():
        call.screen.note(f"The code that was mailed to {email}:", bold=True)
        sys.stderr.write("> ")
        sys.stderr.flush()
    code = sys.stdin.readline().strip()
    if code:
        return code
    command = f"send-problem {way.verb} {email} --code CODE"
    minutes = max(1, round((awaited.expires_at - time.time()) / 60))
    raise Failure(
        f"No code was entered. When the mail is there, finish with '{command}'"
        f" (within {plural(minutes, 'minute')}).",
        Exit.LATER,
        next=command,
        pending=True,
    )


def _account(answer: dict[str, Any], system: str) -> Account:
    person = answer.get("person")
    token = answer.get("token")
    if not isinstance(token, str) or not isinstance(person, dict):
        raise Failure("The server confirmed the code, but gave no token.", Exit.PROTOCOL)
    return Account(
        token=token,
        handle=clean(str(person.get("handle", ""))),
        email=clean(str(person.get("email", ""))),
        system=clean(str(answer.get("name") or system)),
    )


def _replace(call: Call, server: str, account: Account) -> None:
    """Store the new token and revoke the one that it replaces, so that none is left lying about."""
    former = account_for(server)
    keep_account(server, account)
    if former is not None and former.token != account.token:
        link = Link(server, former.token, patience=0)
        try:
            link.send("DELETE", "tokens/current/")
        except Failure:
            pass  # It is unknown already, or cannot be reached; the new one works either way.
        finally:
            link.close()


def whoami(call: Call) -> None:
    """Say who the token belongs to, as the server sees it."""
    server = call.server()
    account = call.account(server)
    me = call.link(server, account).get("me/").data
    roles = [clean(str(role)) for role in me.get("roles", [])]
    call.screen.pairs(
        [
            ("Server", server),
            ("Handle", clean(str(me.get("handle", "")))),
            ("Address", clean(str(me.get("email", "")))),
            ("Roles", ", ".join(roles)),
            ("System", account.system),
        ]
    )
    call.screen.answer(
        {
            "server": server,
            "handle": me.get("handle"),
            "email": me.get("email"),
            "roles": roles,
            "system": account.system,
        }
    )


def logout(call: Call) -> None:
    """Revoke the token on the server and remove it here; here even when the server is away."""
    server = call.server()
    account = call.account(server)
    call.flushes_after = False
    is_revoked, trouble = _revoke(call, server, account)
    forget_account(server)
    call.screen.say(f"This system is signed out from {server}.", fg="green")
    if not is_revoked:
        call.screen.note(
            f"The token is removed here, but not revoked on the server ({trouble})"
            f" Revoke '{account.system}' in your list of tokens there.",
            fg="yellow",
        )
    waiting = sum(item.server == server for item in outbox.items())
    if waiting:
        call.screen.note(f"The outbox still holds {plural(waiting, 'report')} for it.")
    call.screen.answer({"server": server, "revoked": is_revoked})


def _revoke(call: Call, server: str, account: Account) -> tuple[bool, str]:
    try:
        call.link(server, account).send("DELETE", "tokens/current/")
    except NotSignedIn:
        return True, ""
    except (NotNow, Refused) as failure:
        return False, failure.message
    return True, ""


def _public(account: Account) -> dict[str, str]:
    return {"handle": account.handle, "email": account.email, "system": account.system}


def _own_name() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "somebody"
    return f"{user}@{platform.node() or 'unnamed'}"


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and value > 0 else 900.0
