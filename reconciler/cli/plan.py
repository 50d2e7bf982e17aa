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
@options.no_exec
@options.parallelism
@options.login
@options.no_color
@options.verbose
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Save the plan as JSON too, for apply FILE; it holds no secret.",
)
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
    no_exec: bool,
    parallelism: int,
    login: str | None,
    no_color: bool,
    verbose: bool,
    out: Path | None,
    detailed_exitcode: bool,
) -> None:
    """Show what apply would do, and why.

    Changes nothing. Exits 4 where a guard refuses the plan.
    """
    import asyncio

    from reconciler import api

    allow = api.Allowances(deletes=allow_deletes, in_use=allow_in_use)
    selection = api.Selection(targets=targets, excludes=excludes)
    if out is not None:
        api.check_plan_file(out)
    account = logins.login(login)
    manifests = api.read_manifests(files)

    async def make() -> Planned:
        connected = api.connect(
            manifests, environments, variables=os.environ, parallelism=parallelism, login=account, no_exec=no_exec
        )
        with logins.ended_with(account):
            async with connected as reconciler:
                with patiently("gives up"):
                    return await reconciler.plan(allow, selection)

    planned = asyncio.run(make())
    shown = ""
    if out is not None or output_format == "json":
        saved = api.save(manifests, planned, allow, selection)
        if out is not None:
            api.write_plan(out, saved)
        if output_format == "json":
            from reconciler.formats.plan_file import dumps

            shown = dumps(saved)
    colored = console.color(sys.stdout, no_color=no_color)
    console.result(shown or render(planned, output_format, color=colored, verbose=verbose))
    annotate(planned)
    if planned.refusals:
        ctx.exit(4)
    ctx.exit(2 if detailed_exitcode and planned.plan.changes else 0)


def annotate(planned: Planned) -> None:
    """Tell GitHub Actions what a plan warns of in the manifest."""
    console.annotate(warnings=[warning for each in planned.plan.environments for warning in each.warnings])


def render(planned: Planned, output_format: str, *, color: bool, verbose: bool) -> str:
    """A plan and its refusals, for people."""
    if output_format == "markdown":
        from reconciler.formats.markdown import plan_markdown

        return plan_markdown(planned.plan, planned.refusals)
    from reconciler.formats.text import plan_text

    return plan_text(planned.plan, planned.refusals, width=console.width(), color=color, verbose=verbose)
