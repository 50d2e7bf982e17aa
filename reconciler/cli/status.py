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
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "timeline", "json", "markdown"]),
    default="text",
    show_default=True,
    help="How the result is written to stdout; timeline is a picture of it.",
)
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
    it, as plan says it, and what is to be feared for it: that no run has done what is due, or that it ends soon. Exits
    0 also then; in JSON `well` says whether there is a warning.
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
    console.result(_render(statuses, output_format, color=console.color(sys.stdout, no_color=no_color)))


def _render(statuses: tuple[EnvironmentStatus, ...], output_format: str, *, color: bool) -> str:
    match output_format:
        case "json":
            from reconciler.formats.status_data import status_json

            return status_json(statuses)
        case "markdown":
            from reconciler.formats.status_markdown import status_markdown

            return status_markdown(statuses)
        case "timeline":
            from reconciler.formats import timeline

            signs = console.can_write(sys.stdout, timeline.SIGNS)
            return timeline.timeline_text(statuses, width=console.width(), color=color, signs=signs)
        case _:
            from reconciler.formats.status import status_text

            return status_text(statuses, width=console.width(), color=color)
