"""`reconciler reveal`: the one command that prints a secret."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import console, options
from reconciler.cli import login as logins
from reconciler.cli.masking import masking
from reconciler.cli.waiting import patiently
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.api import Revealed


@click.command(cls=options.EachOnce)
@options.files
@options.login
@click.option("--force", is_flag=True, help="Print it also where standard output is no terminal.")
@click.argument("address")
def reveal(files: tuple[Path, ...], login: str | None, force: bool, address: str) -> None:
    """Print the secret of one live key.

    ADDRESS is ENVIRONMENT/NAME. The secret comes from the server, or, where that shows it to nobody, from a sink that
    is known to hold it. It goes to standard output, alone on its line.
    """
    import asyncio

    from reconciler import api

    if not sys.stdout.isatty() and not force:
        raise UsageError(
            "standard output is no terminal: whatever reads it would keep the secret",
            hint="pass --force if that is meant",
        )
    account = logins.login(login)
    manifests = api.read_manifests(files)
    environment = address.partition("/")[0]

    async def make() -> Revealed:
        with logins.ended_with(account):
            connected = api.connect(manifests, [environment], variables=os.environ, login=account, mask=masking())
            async with connected as reconciler:
                with patiently("gives up"):
                    return await reconciler.reveal(address)

    revealed = asyncio.run(make())
    for warning in revealed.warnings:
        console.note(console.fitted(f"warning: {warning}", sys.stderr))
    console.result(f"{revealed.secret.reveal()}\n")
