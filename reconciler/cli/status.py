"""`reconciler status`."""

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

if TYPE_CHECKING:
    from reconciler.core.status import EnvironmentStatus


@click.command(cls=options.EachOnce)
@options.files
@options.environments
@options.selection
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@options.login
@options.no_color
def status(
    files: tuple[Path, ...],
    environments: tuple[str, ...],
    targets: tuple[str, ...],
    excludes: tuple[str, ...],
    output_format: str,
    login: str | None,
    no_color: bool,
) -> None:
    """Show how old each key is, when it ends, and who holds it.

    With the dates of its next rotation and its last use. Changes nothing. What is to be done about a key is said below
    it, as plan says it.
    """
    import asyncio

    from reconciler import api

    account = logins.login(login)
    manifests = api.read_manifests(files)

    async def look() -> tuple[EnvironmentStatus, ...]:
        connected = api.connect(manifests, environments, variables=os.environ, login=account, mask=masking())
        with logins.ended_with(account):
            async with connected as reconciler:
                with patiently("gives up"):
                    return await reconciler.status(api.Selection(targets=targets, excludes=excludes))

    statuses = asyncio.run(look())
    from reconciler.formats.status import status_json, status_text

    if output_format == "json":
        console.result(status_json(statuses))
    else:
        colored = console.color(sys.stdout, no_color=no_color)
        console.result(status_text(statuses, width=console.width(), color=colored))
