"""`reconciler doctor`."""

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
    from reconciler.core.checkup import Checkup


@click.command(cls=options.EachOnce)
@options.files
@options.environments
@options.output_format
@options.no_exec
@options.login
@options.no_color
@click.option(
    "--write-probes",
    is_flag=True,
    help="Also ask each server to delete a key that is not there and to create one that is: it refuses, and tells how.",
)
@click.pass_context
def doctor(
    ctx: click.Context,
    files: tuple[Path, ...],
    environments: tuple[str, ...],
    output_format: str,
    no_exec: bool,
    login: str | None,
    no_color: bool,
    write_probes: bool,
) -> None:
    """Look at servers, credentials and sinks, and say what to do.

    Changes nothing. Exits 1 where apply could not work.
    """
    import asyncio

    from reconciler import api

    account = logins.login(login)
    manifests = api.read_manifests(files)

    async def examine() -> Checkup:
        with logins.ended_with(account), patiently("gives up"):
            return await api.examine(
                manifests,
                environments,
                variables=os.environ,
                write_probes=write_probes,
                no_exec=no_exec,
                login=account,
                mask=masking(),
            )

    checkup = asyncio.run(examine())
    console.result(_render(checkup, output_format, color=console.color(sys.stdout, no_color=no_color)))
    ctx.exit(0 if checkup.works else 1)


def _render(checkup: Checkup, output_format: str, *, color: bool) -> str:
    from reconciler.formats import checkup as formats

    if output_format == "json":
        return formats.checkup_json(checkup)
    if output_format == "markdown":
        return formats.checkup_markdown(checkup)
    signs = console.can_write(sys.stdout, formats.SIGNS)
    return formats.checkup_text(checkup, width=console.width(), color=color, signs=signs)
