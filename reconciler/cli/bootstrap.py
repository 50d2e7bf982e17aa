"""`reconciler bootstrap`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import console, options
from reconciler.cli import login as logins
from reconciler.cli.interrupt import plain_ctrl_c
from reconciler.cli.masking import masking
from reconciler.cli.waiting import patiently
from reconciler.errors import SinkError, UsageError

if TYPE_CHECKING:
    from reconciler.api import FirstKey, Made
    from reconciler.core.desired import Expiry
    from reconciler.core.holding import Holding, Note
    from reconciler.core.secret import Secret


@click.command(cls=options.EachOnce)
@options.file
@click.option("-e", "--environment", "environment", required=True, metavar="NAME", help="Where the key is wanted.")
@click.option("--name", metavar="TEXT", help="The key's name; asked for on a terminal.")
@click.option(
    "--scopes",
    multiple=True,
    metavar="SCOPE,SCOPE",
    help="What it may do; repeatable.  [default: keys.read,keys.write]",
)
@click.option(
    "--expire", metavar="TIME", help="When it ends: 90d, 2027-12-31T00:00:00Z, never; asked for on a terminal."
)
@click.option("--out", type=options.A_PATH, help="Write the secret to this new file, readable by you alone.")
@options.login
@click.option("--print", "show", is_flag=True, help="Write the secret to stdout, this once.")
def bootstrap(
    file: Path,
    environment: str,
    name: str | None,
    scopes: tuple[str, ...],
    expire: str | None,
    out: Path | None,
    login: str | None,
    show: bool,
) -> None:
    """Make the first key that manages a project's keys.

    For a new project, with a console session (--login makes one) or an organization's key as the credential. What it
    makes is an ordinary key that the manifest does not declare, so that no apply touches it.
    """
    import asyncio

    from reconciler import api

    if (out is None) == (not show):
        raise UsageError("give either --out or --print", hint="--out FILE keeps the secret off the screen")
    sink = _Printed() if out is None else api.KeyFile(out)
    manifest = api.read_manifest(file)
    wanted = _asked(name, options.names(scopes), expire)
    account = logins.login(login)

    async def make() -> Made:
        connected = api.connect(manifest, [environment], variables=os.environ, login=account, mask=masking())
        with logins.ended_with(account):
            async with connected as reconciler:
                with patiently("gives up"):
                    return await reconciler.bootstrap(wanted, sink)

    made = asyncio.run(make())
    from reconciler.formats.first_key import first_key_text

    console.note(console.fitted(first_key_text(environment, made, None if out is None else str(out)), sys.stderr))


def _asked(name: str | None, scopes: frozenset[str], expire: str | None) -> FirstKey:
    from reconciler.core.first_key import LIFE, NAME, SCOPES, FirstKey

    if name is None or expire is None:
        if not sys.stdin.isatty():
            raise UsageError(
                "there is no terminal to ask for the key's name and end on", hint=f"pass --name {NAME} --expire {LIFE}"
            )
        name = _answer("Name of the key", NAME) if name is None else name
        expire = _answer("It expires (such as 90d, a time, or never)", LIFE) if expire is None else expire
    return FirstKey(name=name, scopes=scopes or SCOPES, expiry=_expiry(expire))


def _answer(question: str, default: str) -> str:
    try:
        with plain_ctrl_c():
            return str(click.prompt(question, err=True, default=default))
    except click.Abort:
        console.note("\nInterrupted; nothing was made.")  # the cursor still stands behind the question
        raise click.exceptions.Exit(1) from None


def _expiry(text: str) -> Expiry:
    from reconciler.core.expiry import parse_expiry

    try:
        return parse_expiry(text.strip())
    except (ValueError, IndexError) as error:
        raise UsageError(
            f"--expire: {error}", hint="write 90d, a time such as 2027-12-31T00:00:00Z, or never"
        ) from error


class _Printed:
    """The `SecretSink` port over stdout, which holds the secret and nothing else."""

    def preflight(self) -> None:
        """Nothing can be known of a stream before it is written."""

    def look(self) -> Holding:
        """What was printed is gone."""
        from reconciler.core.holding import UNSEEN

        return UNSEEN

    def write(self, secret: Secret, _: Note | None) -> None:
        """Print it."""
        try:
            console.result(f"{secret.reveal()}\n")
        except BrokenPipeError as error:
            raise SinkError("nobody reads standard output", hint="see where it goes") from error

    def remove(self) -> None:
        """The key is deleted; what was printed of it is worth nothing."""
