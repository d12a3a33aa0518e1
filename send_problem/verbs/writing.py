"""template."""

from __future__ import annotations

import sys
from pathlib import Path

from send_problem.call import Call
from send_problem.catalogue import Catalogue, ask_catalogue, kept_catalogue
from send_problem.disk import cannot_write, write_whole
from send_problem.failures import Exit, Failure, NotNow
from send_problem.report_form import FIELDS
from send_problem.system_facts import find_facts
from send_problem.template import Template, make_template
from send_problem.words import either, nearest

_NAMES = {item.key: item.name for item in FIELDS}


def write_template(
    call: Call, file: str | None, *, product: str, component: str, force: bool
) -> None:
    """Write the form to ``file``, or to standard output."""
    path = Path(file) if file and file != "-" else None
    _refuse_to_overwrite(path, force)
    server = call.server()
    catalogue, trouble = _offer(call, server)
    _check_wish(catalogue, product, component)
    form = make_template(server, catalogue, find_facts(), product=product, component=component)
    if path is None:
        _print(call, form)
    else:
        _write(path, form, force)
        _show(call, path, form)
    if trouble:
        call.screen.note(trouble, fg="yellow")
    answer = {"file": file} if path else {"text": form.text}
    call.screen.answer(
        {**answer, "server": server, "filled": form.filled, "offline": bool(trouble)}
    )


def _offer(call: Call, server: str) -> tuple[Catalogue, str]:
    try:
        return ask_catalogue(call.visitor(server)), ""
    except NotNow as failure:
        kept = kept_catalogue(server)
        ending = "what it offered last time is used." if kept.known else "its products are unknown."
        return kept, f"{failure.message} So {ending}"


def _check_wish(catalogue: Catalogue, product: str, component: str) -> None:
    if not product or not catalogue.known:
        return
    found = catalogue.product(product)
    slugs = [known.slug for known in catalogue.products]
    if found is None:
        near = either(nearest(product, slugs) or slugs)
        raise Failure(f"There is no product '{product}'; there is {near}.", Exit.DATA)
    if component and component.casefold() not in {c.casefold() for c in found.components}:
        near = either(nearest(component, found.components) or found.components)
        message = f"{found.slug} has no component '{component}'; it has {near}."
        raise Failure(message, Exit.DATA)


def _refuse_to_overwrite(path: Path | None, force: bool) -> None:
    if path is None:
        return
    if path.is_dir():
        raise Failure(f"{path} is a folder; name a file in it.", Exit.CANNOT_WRITE)
    if path.exists() and not force:
        raise Failure(
            f"{path} exists already and is left as it is; write to another file, or use --force.",
            Exit.CANNOT_WRITE,
        )


def _write(path: Path, form: Template, force: bool) -> None:
    data = form.text.encode()
    if force and path.exists():
        write_whole(path.resolve(), data, mode=path.stat().st_mode & 0o777)
        return
    try:
        # Exclusive, so that a file that appeared in the meantime is not overwritten.
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise cannot_write(path, error) from error


def _print(call: Call, form: Template) -> None:
    if not call.screen.is_json:
        sys.stdout.write(form.text)


def _show(call: Call, path: Path, form: Template) -> None:
    screen = call.screen
    screen.say(f"{path} is ready. Filled in from this system:", fg="green")
    screen.pairs([(_NAMES[key], value) for key, value in form.filled.items()])
    screen.say(f"Next: fill in the rest, then 'send-problem send {path}'.")
