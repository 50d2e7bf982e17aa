"""`reconciler plan`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import console, options
from reconciler.cli import login as logins
from reconciler.cli.waiting import patiently

if TYPE_CHECKING:
    from reconciler.app.planning import Planned


@click.command(cls=options.EachOnce)
@options.files
@options.environments
@options.selection
@options.output_format
@options.allowances
@options.parallelism
@options.login
@options.no_color
@options.verbose
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 where changes are pending.")
@click.pass_context
def plan(
    ctx: click.Context,
    files: tuple[Path, ...],
    environments: tuple[str, ...],
    targets: tuple[str, ...],
    excludes: tuple[str, ...],
    output_format: str,
    allow_deletes: int,
    allow_in_use: bool,
    parallelism: int,
    login: str | None,
    no_color: bool,
    verbose: bool,
    detailed_exitcode: bool,
) -> None:
    """Show what apply would do, and why.

    Changes nothing. Exits 4 where a guard refuses the plan.
    """
    import asyncio

    from reconciler import api

    account = logins.login(login)

    async def make() -> Planned:
        manifests = api.read_manifests(files)
        connected = api.connect(manifests, environments, variables=os.environ, parallelism=parallelism, login=account)
        with logins.ended_with(account):
            async with connected as reconciler:
                with patiently("gives up"):
                    allow = api.Allowances(deletes=allow_deletes, in_use=allow_in_use)
                    return await reconciler.plan(allow, api.Selection(targets=targets, excludes=excludes))

    planned = asyncio.run(make())
    colored = console.color(sys.stdout, no_color=no_color)
    console.result(render(planned, output_format, color=colored, verbose=verbose))
    if planned.refusals:
        ctx.exit(4)
    ctx.exit(2 if detailed_exitcode and planned.plan.changes else 0)


def render(planned: Planned, output_format: str, *, color: bool, verbose: bool) -> str:
    """A plan and its refusals in a format."""
    if output_format == "json":
        from reconciler.formats.data import plan_json

        return plan_json(planned.plan, planned.refusals)
    if output_format == "markdown":
        from reconciler.formats.markdown import plan_markdown

        return plan_markdown(planned.plan, planned.refusals)
    from reconciler.formats.text import plan_text

    return plan_text(planned.plan, planned.refusals, width=console.width(), color=color, verbose=verbose)
