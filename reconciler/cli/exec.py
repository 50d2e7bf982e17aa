"""`reconciler exec`: a command with a key that dies by itself, in place of this process.

The command replaces this process, as with env(1): it has the same terminal, process id and parent, so signals, its exit
code and its death by a signal are its own, and no process stays behind whose memory or environment holds a credential.
The record "Exec replaces itself" says why.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import console, options
from reconciler.cli.masking import masking
from reconciler.cli.waiting import patiently
from reconciler.core.quoting import quoted
from reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from datetime import timedelta

    from reconciler.api import Asked, Manifest
    from reconciler.app.planning import Site
    from reconciler.core.secret import Secret

_OWN_FAILURE = 125


class _CannotRun(UsageError):
    """The command was found, and is nothing that can be run."""

    exit_code = 126


class _NotFound(UsageError):
    """There is no such command."""

    exit_code = 127


class _LikeEnv(options.EachOnce):
    """A command whose own failures end with 125 to 127, as those of env(1) do, and whose options end at the first word
    that is none.
    """

    allow_interspersed_args = False

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        """Parse the arguments."""
        with _own_failures():
            return super().make_context(info_name, args, *rest, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _own_failures():
            return super().invoke(ctx)


@contextmanager
def _own_failures() -> Iterator[None]:
    try:
        yield
    except ReconcilerError as error:
        error.exit_code = max(error.exit_code, _OWN_FAILURE)
        raise
    except click.ClickException as error:
        failure = console.in_our_words(error)
        failure.exit_code = _OWN_FAILURE
        raise failure from error
    except (click.Abort, KeyboardInterrupt):
        console.note("Interrupted; nothing was run.")
        raise click.exceptions.Exit(_OWN_FAILURE) from None
    except OSError as error:
        failure = console.of_the_system(error)
        failure.exit_code = _OWN_FAILURE
        raise failure from error


@click.command("exec", cls=_LikeEnv)
@options.file
@click.option(
    "-e", "--environment", "environment", required=True, metavar="NAME", help="Whose server and project it is."
)
@click.option("--like", metavar="KEY", help="Give it the scopes of this key of the manifest.")
@click.option("--scopes", multiple=True, metavar="SCOPE,SCOPE", help="Give it these scopes only; repeatable.")
@click.option(
    "--duration",
    metavar="TIME",
    help="How long the key lives, an hour at most.  [default: 15m, or less where the declared key lives for less]",
)
@click.option("--allow-wider", is_flag=True, help="Allow scopes that no key of the environment is granted.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(
    file: Path,
    environment: str,
    like: str | None,
    scopes: tuple[str, ...],
    duration: str | None,
    allow_wider: bool,
    command: tuple[str, ...],
) -> None:
    """Run a command with a key that dies by itself.

    It finds the key in APPWRITE_API_KEY, beside APPWRITE_ENDPOINT and APPWRITE_PROJECT_ID, and none of the variables
    that hold this program's own credentials. The exit code is the command's; 125 is a failure of ours, 126 a command
    that cannot be run, 127 one that is not there. Nothing can take the key back before its time is over.
    """
    import asyncio

    from reconciler import api

    asked = api.Asked(like=like, scopes=options.names(scopes), lifetime=_lifetime(duration), allow_wider=allow_wider)
    if (like is None) == (not asked.scopes):
        raise UsageError("give either --like or --scopes", hint="--like takes the name of a key of the manifest")
    program = _found(command[0])
    manifest = api.read_manifest(file)
    site, key = asyncio.run(_lend(manifest, environment, asked))
    credentials = api.credential_variables([manifest])
    _restore_signals()
    try:
        # In one expression, so that no variable of a frame holds the secret's text.
        os.execve(  # noqa: S606
            program,
            command,
            api.command_environment(os.environ, credentials, site.empty.connection, key, site.secret),
        )
    except OSError as error:
        raise _cannot_run(command[0], error.strerror) from error


def _lifetime(duration: str | None) -> timedelta | None:
    if duration is None:
        return None
    from reconciler.core.lifetime import parse_lifetime

    try:
        return parse_lifetime(duration)
    except ValueError as error:
        raise UsageError(f"--duration: {error}", hint="the key cannot be taken back: as short as will do") from error


async def _lend(manifest: Manifest, environment: str, asked: Asked) -> tuple[Site, Secret]:
    from reconciler import api

    async with api.connect(manifest, [environment], variables=os.environ, mask=masking()) as reconciler:
        with patiently("gives up"):
            key = await reconciler.lend(asked)
        return reconciler.sites[0], key.secret


def _found(command: str) -> str:
    """The program that a shell would run; looked for before a key is made that nobody can take back."""
    import shutil

    if found := shutil.which(command):
        return found
    folders = [""] if os.sep in command else os.get_exec_path()
    if any(Path(folder, command).exists() for folder in folders):
        raise _cannot_run(command, "it is no file that this user may execute")
    raise _NotFound(f"there is no command {quoted(command)}", hint="see how it is spelt, and PATH")


def _cannot_run(command: str, why: str | None) -> _CannotRun:
    return _CannotRun(f"{quoted(command)} cannot be run: {why}", hint="chmod +x FILE; a script begins with #!")


def _restore_signals() -> None:
    """What Python ignores for itself, the command must not inherit as ignored."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
