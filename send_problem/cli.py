"""The command line: reads the words and hands them to ``send_problem.verbs``.

Only click is imported here; what a verb needs is imported when it runs, so that help is quick.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from send_problem.call import Call
from send_problem.failures import MEANINGS, Exit, Failure
from send_problem.screen import Screen
from send_problem.words import speakable

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Group(click.Group):
    """Lists the verbs in the order of their use, and the exit codes below them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from send_problem.words import either, nearest

            near = nearest(args[0], self.commands) if args else []
            hint = f" Did you mean {either(near)}?" if near else " See 'send-problem --help'."
            raise click.UsageError(f"There is no verb '{args[0]}'.{hint}", ctx) from error

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), MEANINGS[code]) for code in MEANINGS])
        super().format_epilog(ctx, formatter)


class Number(click.ParamType[int]):
    """The number of a problem, with or without ``#``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).lstrip("#")
        if text.isascii() and text.isdigit() and 0 < int(text) < 10**12:
            return int(text)
        message = f"'{value}' is not the number of a problem, such as 12."
        raise click.BadParameter(message, ctx, param)


class PatchNumber(Number):
    """The number of a patch."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            message = f"'{value}' is not the number of a patch, such as 7."
            raise click.BadParameter(message, ctx, param) from error


def _take_server(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value:
        ctx.ensure_object(Call).server_option = value


def _take_json(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Call).screen.is_json = True


def _common(hidden: bool) -> Callable[[Any], Any]:
    """--server and --json: shown before the verb, understood after it too."""

    def decorate(command: Any) -> Any:
        envvar = None if hidden else "SEND_PROBLEM_SERVER"
        server = click.option(
            "--server",
            metavar="URL",
            envvar=envvar,
            hidden=hidden,
            expose_value=False,
            callback=_take_server,
            help="The server's address; remembered after register and login.",
        )
        as_json = click.option(
            "--json",
            is_flag=True,
            hidden=hidden,
            expose_value=False,
            callback=_take_json,
            help="Answer with one JSON object on standard output.",
        )
        return server(as_json(command))

    return decorate


_EPILOG = "Example: send-problem template report.txt"


@click.group(cls=Group, context_settings=CONTEXT, epilog=_EPILOG, invoke_without_command=True)
@_common(hidden=False)
@click.pass_context
def program(ctx: click.Context) -> None:
    """Report problems to a Groundswell server, +1 those of others, and see what became of them."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(int(Exit.USAGE))


def _verb(
    name: str, example: str, kind: type[click.Command] = click.Command
) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        epilog = "\b\nExample:\n  " + example.replace("\n", "\n  ")
        with_call = _common(hidden=True)(click.pass_obj(function))
        return program.command(name, kind, epilog=epilog, context_settings=CONTEXT)(with_call)

    return decorate


_CODE = click.option("--code", metavar="CODE", help="The mailed code, when you have it already.")
_SYSTEM = click.option(
    "--system", metavar="NAME", help="What your list of tokens calls this system [user@hostname]."
)


@_verb("register", "send-problem --server https://problems.example.org register you@example.org")
@click.argument("email")
@click.option("--handle", metavar="NAME", help="The name that others see.")
@_CODE
@_SYSTEM
def register(
    call: Call, email: str, handle: str | None, code: str | None, system: str | None
) -> None:
    """Become known to a server.

    It mails a code to EMAIL, which is typed in here; no browser is needed.
    """
    from send_problem.verbs import signing

    signing.sign_in(call, speakable(email), signing.Way("register", handle, code, system))


@_verb(
    "login",
    "send-problem login you@example.org\n"
    "send-problem login you@example.org --code 123456   (finishes a login begun before)",
)
@click.argument("email")
@_CODE
@_SYSTEM
def login(call: Call, email: str, code: str | None, system: str | None) -> None:
    """Sign this system in.

    It mails a code to EMAIL. Needed once for each system and user.
    """
    from send_problem.verbs import signing

    signing.sign_in(call, speakable(email), signing.Way("login", None, code, system))


@_verb("template", "send-problem template report.txt")
@click.argument("file", required=False, type=click.Path())
@click.option("--product", default="", metavar="NAME", help="Fill in this product.")
@click.option("--component", default="", metavar="NAME", help="Fill in this component.")
@click.option("--force", is_flag=True, help="Overwrite FILE when it exists.")
def template(call: Call, file: str | None, product: str, component: str, force: bool) -> None:
    """Write an empty report.

    What this system knows of itself is filled in, and notes explain the rest.
    Without FILE it goes to standard output.
    """
    from send_problem.verbs import writing

    writing.write_template(call, file, product=product, component=component, force=force)


@_verb(
    "send",
    "send-problem send report.txt dmesg.txt screenshot.png\n"
    "send-problem --json send --yes report.txt\n"
    "send-problem send - < report.txt",
)
@click.argument("file", type=click.Path())
@click.argument("attachments", nargs=-1, type=click.Path())
@click.option("--yes", "-y", is_flag=True, help="Send without a question.")
def send(call: Call, file: str, attachments: tuple[str, ...], yes: bool) -> None:
    """Send a report and files to attach.

    FILE is a template that was filled in ('-': standard input). Everything is checked first.
    Likely duplicates are shown, so that you can +1 one instead. Without a network the report
    is kept in the outbox.
    """
    from send_problem.verbs import sending

    sending.send(call, file, list(attachments), yes=yes)


@_verb("flush", "send-problem flush")
@click.option("--refused", is_flag=True, help="Try those again that the server refused.")
def flush(call: Call, refused: bool) -> None:
    """Send what waits in the outbox.

    Each report arrives once, however often the connection breaks.
    """
    from send_problem.verbs import queueing

    queueing.flush_outbox(call, with_refused=refused)


@_verb("outbox", "send-problem outbox\nsend-problem outbox drop 3")
@click.argument("action", required=False, type=click.Choice(["list", "drop"]))
@click.argument("item", required=False, metavar="[ID]")
def outbox(call: Call, action: str | None, item: str | None) -> None:
    """List what waits, or drop one of it.

    'drop' takes the ID of the list.
    """
    from send_problem.verbs import queueing

    if (action == "drop") != (item is not None):
        raise click.UsageError("Write 'outbox', or 'outbox drop ID' with an id from the list.")
    if item is None:
        queueing.list_outbox(call)
    else:
        queueing.drop(call, item)


_NUMBER = click.argument("number", type=Number(), metavar="N")


@_verb(
    "vote",
    "send-problem vote 12 --release 15.0 --architecture arm64 --note 'since the update'\n"
    "send-problem vote --withdraw 12",
)
@_NUMBER
@click.option("--release", metavar="NAME", help="The release on which you have the problem.")
@click.option("--architecture", metavar="NAME", help="The architecture, such as amd64.")
@click.option("--note", metavar="TEXT", help="A few words that help.")
@click.option("--withdraw", is_flag=True, help="Take your +1 back.")
def vote(
    call: Call,
    number: int,
    release: str | None,
    architecture: str | None,
    note: str | None,
    withdraw: bool,
) -> None:
    """+1: say that you have problem N too."""
    from send_problem.verbs import problems

    if withdraw and (release or architecture or note):
        raise click.UsageError("--withdraw goes alone: a +1 taken back has no environment.")
    if withdraw:
        problems.withdraw(call, number)
    else:
        wanted = {"release": release, "architecture": architecture, "note": note}
        problems.vote(call, number, {k: speakable(v) for k, v in wanted.items() if v})


@_verb("unvote", "send-problem unvote 12")
@_NUMBER
def unvote(call: Call, number: int) -> None:
    """Take your +1 of problem N back."""
    from send_problem.verbs import problems

    problems.withdraw(call, number)


@_verb(
    "gone",
    "send-problem gone 12 --release 15.0 --note 'since the update'\n"
    "send-problem gone 12 --release 15.0 --withdraw",
)
@_NUMBER
@click.option("--release", required=True, metavar="NAME", help="The release on which it is gone.")
@click.option("--architecture", metavar="NAME", help="The architecture, such as amd64.")
@click.option("--note", metavar="TEXT", help="A few words that help.")
@click.option("--withdraw", is_flag=True, help="Take that back.")
def gone(
    call: Call,
    number: int,
    release: str,
    architecture: str | None,
    note: str | None,
    withdraw: bool,
) -> None:
    """Say that problem N, which you had, is gone on a release. Your +1 stays."""
    from send_problem.verbs import problems

    if withdraw and (architecture or note):
        raise click.UsageError("--withdraw goes with --release alone.")
    wanted = {"release": release, "architecture": architecture, "note": note}
    where = {name: speakable(value) for name, value in wanted.items() if value}
    problems.gone(call, number, where, is_withdrawn=withdraw)


@_verb("status", "send-problem status 12")
@_NUMBER
def status(call: Call, number: int) -> None:
    """Show what became of problem N."""
    from send_problem.verbs import problems

    problems.status(call, number)


class Search(click.Command):
    """Takes ``-word`` for a word that must not be found; options have two dashes, but ``-h``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # A blank in front makes it an argument to click; blanks mean nothing to a search.
        is_word = [len(arg) > 2 and arg[0] == "-" and arg[1] not in "- " for arg in args]
        words = [f" {arg}" if word else arg for arg, word in zip(args, is_word, strict=True)]
        return super().parse_args(ctx, words)


@_verb(
    "search",
    "send-problem search kernel panic\n"
    "send-problem search is:open component:net 'updated:<30d' wifi -usb\n"
    "send-problem search --all '\"page fault\"' sort:heat",
    Search,
)
@click.argument("words", nargs=-1, required=True)
@click.option("--product", metavar="NAME", help="Only in this product.")
@click.option("--all", "is_all", is_flag=True, help="Closed ones too.")
@click.option(
    "--limit", default=20, metavar="N", type=click.IntRange(1, 100), help="At most so many [20]."
)
def search(
    call: Call, words: tuple[str, ...], product: str | None, is_all: bool, limit: int
) -> None:
    """Find problems by words and qualifiers, the best match first.

    Qualifiers are name:value: is, state, resolution, kind, severity, product, component, release,
    affects, fixed, arch, assignee, author, commenter, voted, has, no, created, updated, closed,
    votes, number, in, sort. A minus in front excludes; commas separate alternatives. Your server
    explains them at /search/help.
    """
    from send_problem.verbs import problems

    text = speakable(problems.as_typed(words))
    problems.search(call, text, product=product, is_all=is_all, limit=limit)


@_verb(
    "patch",
    "send-problem patch 12 fix.diff\n"
    "send-problem patch 12 0001-*.patch 0002-*.patch -m 'survives four hours of load'\n"
    "git format-patch --stdout origin/main | send-problem patch 12 -\n"
    "send-problem patch --product base cleanup.diff\n"
    "send-problem patch --new-version-of 7 v2-0001-*.patch -m 'locks first'",
)
@click.argument("words", nargs=-1, required=True, metavar="[N] FILES...")
@click.option("--product", metavar="NAME", help="The product of a patch that fixes no problem.")
@click.option("--title", metavar="TEXT", help="One line; taken from the patch if left out.")
@click.option("--target", metavar="BRANCH", help="The branch that it is for, if not the main one.")
@click.option("-m", "--note", metavar="TEXT", help="What its readers should know.")
@click.option(
    "--new-version-of", "older", type=PatchNumber(), metavar="M", help="It supersedes patch M."
)
def patch(
    call: Call,
    words: tuple[str, ...],
    product: str | None,
    title: str | None,
    target: str | None,
    note: str | None,
    older: int | None,
) -> None:
    """Send a patch that fixes problem N.

    FILES are a diff, or what 'git format-patch' writes: several are one series ('-': standard
    input). Without a network the patch is kept in the outbox.
    """
    from send_problem.verbs import patches

    problem, files = _problem_and_files(words)
    if not files:
        raise click.UsageError("Name the files of the patch, or '-' for standard input.")
    if older is not None and (problem or product or title or target):
        raise click.UsageError("--new-version-of goes with files and --note alone.")
    if older is None and problem is None and not product:
        raise click.UsageError("Say which problem it fixes, or with --product where it belongs.")
    said = {"title": title, "target": target, "note": note}
    texts = {name: speakable(value) for name, value in said.items() if value}
    goal = patches.Goal(problem, speakable(product or ""), older)
    patches.send(call, files, goal, texts)


def _problem_and_files(words: tuple[str, ...]) -> tuple[int | None, list[str]]:
    """The number in front, unless that is the name of a file."""
    first = words[0].removeprefix("#")
    is_number = first.isascii() and first.isdigit() and 0 < len(first) < 13 and int(first)
    if is_number and not os.path.exists(words[0]):  # noqa: PTH110 - pathlib costs a start
        return int(first), list(words[1:])
    return None, list(words)


@_verb(
    "patches",
    "send-problem patches\n"
    "send-problem patches --waiting --component net\n"
    "send-problem patches --mine",
)
@click.option("--waiting", is_flag=True, help="All that wait, for whomever.")
@click.option("--mine", is_flag=True, help="Your own that wait.")
@click.option("--asked", is_flag=True, help="Those that wait and that you were asked to look at.")
@click.option(
    "--turn",
    metavar="WHOSE",
    type=click.Choice(["first", "more", "author", "committer", "all", "decided"]),
    help="first (review), more (reviews), author, committer, all, decided.",
)
@click.option("--product", metavar="NAME", help="Only of this product.")
@click.option("--component", metavar="NAME", help="Only of this component.")
@click.option("--path", metavar="PATH", help="Only those that touch this file or folder.")
@click.option("--problem", type=Number(), metavar="N", help="Only those that fix problem N.")
@click.option(
    "--limit", default=20, metavar="N", type=click.IntRange(1, 100), help="At most so many [20]."
)
def patches_(
    call: Call,
    waiting: bool,
    mine: bool,
    asked: bool,
    turn: str | None,
    limit: int,
    problem: int | None,
    **places: str | None,
) -> None:
    """List patches that wait for a review.

    Without options those that wait for their first one, the most demanded before the others.
    """
    from send_problem.verbs import patches

    wanted = {name: speakable(value) for name, value in places.items() if value}
    usual = "all" if waiting or mine or asked or problem else None
    more = {"author": "me" if mine else None, "reviewer": "me" if asked else None}
    number = str(problem) if problem else None
    patches.find(call, {**wanted, **more, "turn": turn or usual, "problem": number}, limit)


_PATCH = click.argument("number", type=PatchNumber(), metavar="N")
_VERSION = click.option(
    "--version",
    type=click.IntRange(1, 10**6),
    metavar="V",
    help="The version that you looked at [the newest].",
)


@_verb(
    "fetch-patch",
    "send-problem fetch-patch 7 | git am\n"
    "send-problem fetch-patch 7 --version 2 --diff | patch -p1",
)
@_PATCH
@click.option(
    "--version", type=click.IntRange(1, 10**6), metavar="V", help="That version [the newest]."
)
@click.option("--diff", "is_diff", is_flag=True, help="As a diff, for 'git apply' or 'patch -p1'.")
def fetch_patch(call: Call, number: int, version: int | None, is_diff: bool) -> None:
    """Write patch N to standard output, as 'git am' takes it."""
    from send_problem.verbs import patches

    if call.screen.is_json:
        raise click.UsageError("The patch itself is the answer: --json has no meaning here.")
    patches.fetch(call, number, version, is_diff=is_diff)


@_verb(
    "review",
    "send-problem review 7 -m 'Good, but who frees it?' --changes\n"
    "send-problem review 7 - < words.txt",
)
@_PATCH
@click.argument("source", required=False, type=click.Choice(["-"]))
@click.option("-m", "--message", metavar="TEXT", help="What you say of it.")
@click.option("--changes", is_flag=True, help="Ask its author for changes.")
@_VERSION
def review(
    call: Call,
    number: int,
    source: str | None,
    message: str | None,
    changes: bool,
    version: int | None,
) -> None:
    """Review patch N in words ('-': from standard input)."""
    from send_problem.verbs import patches

    if (source is None) == (message is None):
        raise click.UsageError("Write what you say with -m, or '-' for standard input.")
    if message is None:
        message = sys.stdin.buffer.read(4 * 1024 * 1024).decode("utf-8", "replace")
    patches.review(call, number, speakable(message), version, asks_for_changes=changes)


@_verb(
    "rate",
    "send-problem rate 7 works --arch amd64 --release 15.0 -m 'four hours of load'\n"
    "send-problem rate 7 quality --minus\n"
    "send-problem rate 7 works --withdraw",
)
@_PATCH
@click.argument("dimension")
@click.option("--minus", is_flag=True, help="Say no.")
@click.option("--withdraw", is_flag=True, help="Take back what you said.")
@click.option("--arch", "--architecture", "architecture", metavar="NAME", help="Such as amd64.")
@click.option("--release", metavar="NAME", help="The release on which you tried it.")
@click.option("--hardware", metavar="TEXT", help="The machine or card, where it matters.")
@click.option("-m", "--note", metavar="TEXT", help="What you tried.")
@_VERSION
def rate(
    call: Call,
    number: int,
    dimension: str,
    minus: bool,
    withdraw: bool,
    version: int | None,
    **where: str | None,
) -> None:
    """Rate patch N.

    DIMENSION is quality, works, fails, documentation or security, or what its product has.
    """
    from send_problem.verbs import patches

    if minus and withdraw:
        raise click.UsageError("--minus and --withdraw do not go together.")
    value = 0 if withdraw else -1 if minus else 1
    said: dict[str, Any] = {k: speakable(v) for k, v in where.items() if v}
    if version is not None:
        said["version"] = version
    patches.rate(call, number, {"dimension": speakable(dimension), "value": value, **said})


@_verb("my", "send-problem my\nsend-problem my --seen")
@click.option("--seen", "is_seen", is_flag=True, help="Mark the news as read.")
def my(call: Call, is_seen: bool) -> None:
    """Show what waits for you, what you wait for, and what is new."""
    from send_problem.verbs import mine

    mine.my(call, is_seen=is_seen)


@_verb("whoami", "send-problem whoami")
def whoami(call: Call) -> None:
    """Show who this system is for the server."""
    from send_problem.verbs import signing

    signing.whoami(call)


@_verb("logout", "send-problem logout")
def logout(call: Call) -> None:
    """Revoke the token of this system and forget it."""
    from send_problem.verbs import signing

    signing.logout(call)


@_verb("version", "send-problem version")
def version(call: Call) -> None:
    """Show the version of this program."""
    import platform

    from send_problem import __version__

    python = platform.python_version()
    call.screen.say(f"send-problem {__version__} (Python {python})")
    call.screen.answer({"version": __version__, "python": python})


def main() -> NoReturn:
    """Run one call and end the process with its exit code; no traceback is ever shown."""
    _ready_streams()
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    call = Call()
    # Known before click reads the words, so that a fault in them is answered in JSON too.
    call.screen.is_json = "--json" in sys.argv[1:]
    code = _guarded(call)
    call.close()
    _leave(code)


def _ready_streams() -> None:
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by the caller ('>&-').
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: PTH123, SIM115 - until the end
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal does not have must not stop a report.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]


def _guarded(call: Call) -> int:
    try:
        return _run(call)
    except Failure as failure:
        call.screen.failure(failure)
        return int(failure.code)
    except click.ClickException as error:
        return _usage(call.screen, error)
    except (KeyboardInterrupt, click.Abort):
        call.screen.failure(Failure("Interrupted.", Exit.INTERRUPTED))
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        # The reader has gone; writing at exit would complain once more.
        _silence_output()
        return int(Exit.STOPPED)
    except OSError as error:
        if error.filename is None:
            _silence_output()
        call.screen.failure(_system_failure(error))
        return int(Exit.CANNOT_WRITE)
    except Exception as error:
        return _fault(call.screen, error)


def _run(call: Call) -> int:
    result = program.main(obj=call, prog_name="send-problem", standalone_mode=False)
    call.flush_quietly()
    sys.stdout.flush()
    # click answers with the code of ctx.exit(), which help uses.
    return result if isinstance(result, int) else int(call.code)


def _silence_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _system_failure(error: OSError) -> Failure:
    from send_problem.disk import why

    return Failure(f"{error.filename or 'The output'}: {why(error)}.", Exit.CANNOT_WRITE)


def _usage(screen: Screen, error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "send-problem"
    lines = [] if "--help" in error.format_message() else [f"See '{path} --help'."]
    screen.failure(Failure(error.format_message(), Exit.USAGE, lines=lines))
    return int(Exit.USAGE)


def _fault(screen: Screen, error: Exception) -> int:
    if os.environ.get("SEND_PROBLEM_DEBUG"):
        raise error
    name = type(error).__name__
    message = f"send-problem has a fault of its own ({name}: {error}); nothing was lost."
    lines = ["With SEND_PROBLEM_DEBUG=1 it shows where."]
    screen.failure(Failure(message, Exit.FAULT, lines=lines))
    return int(Exit.FAULT)


def _leave(code: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except OSError:
        _silence_output()
    sys.exit(code)
