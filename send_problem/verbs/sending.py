"""send: check, show, ask, keep in the outbox, deliver."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from send_problem import outbox
from send_problem.call import Call
from send_problem.catalogue import Catalogue, ask_catalogue, is_fresh, kept_catalogue
from send_problem.credentials import account_for
from send_problem.delivery import Silent, deliver
from send_problem.disk import why
from send_problem.failures import Exit, Failure, NotGroundswell, NotNow, NotSignedIn, Refused
from send_problem.outbox import Draft, Item
from send_problem.report_check import check_report, request_of
from send_problem.report_form import FIELDS, Report, read_report
from send_problem.verbs import problems
from send_problem.words import clean, plural, size

MAX_REPORT_BYTES = 4 * 1024 * 1024
# Scores of likely duplicates. A person sees those worth a look; a script, which can only stop, is
# stopped by what is a duplicate rather than not.
WORTH_A_LOOK = 0.1
RATHER_THAN_NOT = 0.5
# Characters of a description that the server compares; the rest need not travel twice.
MOST_COMPARED = 8_000
_SHOWN = {item.key: item.name for item in FIELDS if item.key not in {"description", "synopsis"}}


@dataclass(frozen=True)
class Trouble:
    """Why the server cannot be asked at this moment."""

    failure: NotNow


def send(call: Call, file: str, attachments: list[str], *, yes: bool) -> None:
    """Send one report, or +1 what it repeats, or keep it for later."""
    server = call.server()
    call.mend_rights()
    original = _read(file)
    catalogue, trouble = _offer(call, server)
    report = read_report(original)
    check_report(report, catalogue)
    files = [Path(name) for name in attachments]
    _stop_at_faults(call, file, report, _file_faults(files, catalogue))
    account = account_for(server)
    if account is None and trouble is None:
        call.account(server)  # Says what to do.
    body = request_of(report)
    draft = Draft(server, account.email if account else "", file, original, body, files)
    _show(call, draft, report)
    # What was begun is gone on with: its own number would be the first likely duplicate.
    if not yes and not outbox.is_known(draft) and not _is_wanted(call, draft, trouble):
        return
    deliver_or_keep(call, draft, trouble)


def _read(file: str) -> bytes:
    try:
        if file == "-":
            data = sys.stdin.buffer.read(MAX_REPORT_BYTES + 1)
        else:
            with Path(file).open("rb") as source:
                data = source.read(MAX_REPORT_BYTES + 1)
    except OSError as error:
        raise Failure(f"{file}: {why(error)}.", Exit.NO_INPUT) from error
    if len(data) > MAX_REPORT_BYTES:
        message = f"{file} is larger than {size(MAX_REPORT_BYTES)}: attach what is long as files."
        raise Failure(message, Exit.NO_INPUT)
    return data


def _offer(call: Call, server: str) -> tuple[Catalogue, Trouble | None]:
    kept = kept_catalogue(server)
    if kept.known and is_fresh(server):
        return kept, None
    try:
        return ask_catalogue(call.visitor(server)), None
    except NotNow as failure:
        # Where the server was known before, a hotel's sign-in page is more likely than a typo.
        is_known = kept.known or account_for(server) is not None
        if isinstance(failure, NotGroundswell) and not is_known:
            raise
        return kept, Trouble(failure)


def _file_faults(files: list[Path], catalogue: Catalogue) -> list[str]:
    faults = [fault for path in files if (fault := _file_fault(path, catalogue))]
    most = catalogue.limits["attachments_per_problem"]
    if len(files) > most:
        faults.append(f"{len(files)} files are too many: {most} are allowed; pack them into one.")
    return faults


def _file_fault(path: Path, catalogue: Catalogue) -> str:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            return f"{path}: is a folder; pack it first, as with 'tar -czf {path.name}.tar.gz'."
        if not stat.S_ISREG(found.st_mode):
            return f"{path}: is not a regular file."
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        return f"{path}: {why(error)}."
    limit = catalogue.limits["attachment_bytes"]
    if found.st_size > limit:
        return f"{path}: has {size(found.st_size)}, and {size(limit)} are allowed."
    return f"{path}: is empty." if found.st_size == 0 else ""


def _stop_at_faults(call: Call, file: str, report: Report, file_faults: list[str]) -> None:
    if report.encoding == "latin-1":
        call.screen.note(f"{file} is not UTF-8; it is read as Latin-1.", fg="yellow")
    faults = report.faults
    if not faults and not file_faults:
        return
    lines = [f"{file}: {fault}" for fault in faults] + file_faults
    errors: list[dict[str, Any]] = [
        {"file": file, "line": fault.line or None, "field": fault.field, "detail": fault.detail}
        for fault in faults
    ]
    errors += [{"file": text.partition(": ")[0], "detail": text} for text in file_faults]
    message = f"Nothing was sent: {plural(len(lines), 'fault')} found."
    raise Failure(message, Exit.DATA if faults else Exit.NO_INPUT, lines=lines, errors=errors)


def _show(call: Call, draft: Draft, report: Report) -> None:
    call.screen.say(clean(report.values["synopsis"]), bold=True)
    rows = [(name, clean(report.values.get(key, ""))) for key, name in _SHOWN.items()]
    short = [(name, value if len(value) < 300 else f"{value[:300]}...") for name, value in rows]
    files = ", ".join(f"{path.name} ({size(path.stat().st_size)})" for path in draft.files)
    call.screen.pairs([*short, ("Files", clean(files)), ("To", _recipient(draft))])


def _recipient(draft: Draft) -> str:
    return f"{draft.server} as {draft.account}" if draft.account else draft.server


def _is_wanted(call: Call, draft: Draft, trouble: Trouble | None) -> bool:
    """Show likely duplicates and ask; false when a +1 was given instead."""
    can_ask = call.screen.can_ask() and draft.source != "-"
    least = WORTH_A_LOOK if can_ask else RATHER_THAN_NOT
    similar = [] if trouble else _similar(call, draft, least)
    if not similar:
        if can_ask:
            answer = call.screen.ask("Send this report? [Y/n]").casefold()
            if answer not in {"", "y", "yes"}:
                raise Failure("Nothing was sent.", Exit.STOPPED)
        return True
    _show_similar(call, similar)
    if not can_ask:
        raise Failure(
            "Nothing was sent: these may be the same problem. 'send-problem vote N' gives one of"
            " them your +1; '--yes' sends the report all the same.",
            Exit.STOPPED,
            similar=similar,
        )
    return _choose(call, draft, similar)


def _similar(call: Call, draft: Draft, least: float) -> list[dict[str, Any]]:
    """Those that the server finds like the report, from this score on."""
    link = call.link(draft.server, account_for(draft.server))
    wanted = {key: draft.body.get(key) or "" for key in ("product", "synopsis", "description")}
    wanted["description"] = wanted["description"][:MOST_COMPARED]
    try:
        found = link.send("POST", "problems/similar/", wanted).data.get("results", [])
    except NotSignedIn:
        raise
    except (NotNow, Refused):
        return []  # What stands in the way of the report itself is said when it is sent.
    problems = [each for each in found if isinstance(each, dict) and each.get("number")]
    return [problem for problem in problems if _score(problem) >= least]


def _score(problem: dict[str, Any]) -> float:
    score = problem.get("score")
    return float(score) if isinstance(score, int | float) else 1.0


def _show_similar(call: Call, similar: list[dict[str, Any]]) -> None:
    call.screen.say()
    call.screen.say("Reported already? These look alike:", fg="yellow")
    rows = [
        [
            f"#{problem['number']}",
            clean(str(problem.get("votes", problem.get("people", "")))),
            clean(str(problem.get("state", ""))).replace("_", " "),
            clean(str(problem.get("synopsis", ""))),
        ]
        for problem in similar
    ]
    call.screen.table(["", "votes", "state", "synopsis"], rows)


def _choose(call: Call, draft: Draft, similar: list[dict[str, Any]]) -> bool:
    numbers = {str(problem["number"]) for problem in similar}
    question = "A number gives that one your +1, 's' sends this report, 'q' stops:"
    while True:
        answer = call.screen.ask(question).casefold().removeprefix("+1").strip().lstrip("#")
        if answer in {"s", "send", "y", "yes"}:
            return True
        if answer in {"q", "quit", "n", "no"}:
            raise Failure("Nothing was sent.", Exit.STOPPED)
        if answer in numbers:
            keys = ("release", "architecture")
            environment = {k: draft.body[k] for k in keys if draft.body.get(k)}
            problems.vote(call, int(answer), environment)
            call.screen.say(f"The report was not sent; {draft.source} is left as it is.")
            return False


def deliver_or_keep(call: Call, draft: Draft, trouble: Trouble | None = None) -> None:
    """Send a draft by way of the outbox, where it stays as long as it cannot be sent."""
    with outbox.put(draft) as item:
        if trouble is not None and not item.has_arrived:
            item.reason = trouble.failure.message
            item.save()
            _tell_queued(call, item)
            return
        bars = call.screen.uploads()
        try:
            link = call.link(draft.server, account_for(draft.server))
            deliver(item, link, bars or Silent())
        except Refused as refusal:
            _give_back(item, draft)
            raise _with_number(refusal, item) from refusal
        except NotSignedIn as failure:
            _give_back(item, draft)
            raise failure
        except NotNow:
            _tell_queued(call, item)
            return
        except KeyboardInterrupt:
            raise _interrupted(item) from None
        finally:
            if bars:
                bars.stop()
    _tell_sent(call, item)


def _give_back(item: Item, draft: Draft) -> None:
    """Take a report of which nothing was sent out of the outbox: the person has the file."""
    if item.number is None and draft.source != "-":
        outbox.remove(item)


def _with_number(refusal: Refused, item: Item) -> Refused:
    if item.number is not None:
        refusal.members |= {"number": item.number, "url": item.url, "queued": item.id}
        refusal.lines.append(f"The problem itself is there: {item.url}")
        refusal.lines.append(f"The refused files are kept in {item.folder}.")
    elif item.folder.exists():
        refusal.lines.append(f"A copy is kept: {item.copy}.")
    return refusal


def _interrupted(item: Item) -> Failure:
    return Failure(
        f"Interrupted. What you wrote is in the outbox: 'send-problem flush' goes on, and"
        f" 'send-problem outbox drop {item.id}' throws it away.",
        Exit.INTERRUPTED,
        queued=item.id,
    )


def _tell_queued(call: Call, item: Item) -> None:
    screen = call.screen
    screen.note(item.reason, fg="yellow")
    what = f"#{item.number} is reported; its files wait" if item.number else "It waits"
    if not item.number and not item.is_patch:
        what = "The report waits"
    screen.say(f"{what} in the outbox as {item.id}; nothing is lost.", fg="yellow")
    screen.say("'send-problem flush' sends it, and so does the next call that reaches the server.")
    call.code = Exit.LATER
    call.flushes_after = False
    answer: dict[str, Any] = {"queued": item.id, "reason": item.reason}
    if item.number:
        answer |= {"number": item.number, "url": item.url}
    screen.answer(answer)


def _tell_sent(call: Call, item: Item) -> None:
    if item.is_patch:
        _tell_patch(call, item)
    else:
        _tell_report(call, item)
    sys.stdout.flush()
    outbox.forget_sent(item)


def _tell_patch(call: Call, item: Item) -> None:
    answer = item.answer or {}
    version = f"Version {answer.get('number')} of patch" if "patch" in answer else "Patch"
    call.screen.say(f"{version} {item.number}: {item.url}", fg="green")
    words = (clean(str(answer.get(name) or "")) for name in ("waits_for", "needs"))
    if stands := " ".join(filter(None, words)):
        call.screen.say(stands)
    call.screen.answer(answer)


def _tell_report(call: Call, item: Item) -> None:
    count = len(item.attachments)
    extra = f" with {plural(count, 'file')}" if count else ""
    call.screen.say(f"Reported as #{item.number}{extra}: {item.url}", fg="green")
    attachments = [attachment.answer for attachment in item.attachments]
    call.screen.answer({"number": item.number, "url": item.url, "attachments": attachments})
