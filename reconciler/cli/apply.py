"""`reconciler apply`: makes the live keys as declared, or does what a saved plan says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import login as logins
from reconciler.cli import options
from reconciler.cli.applying import Question, Run, finish

if TYPE_CHECKING:
    from reconciler.api import Login
    from reconciler.core.outcome import Outcome


@click.command(cls=options.EachOnce)
@click.argument("plan_file", metavar="[PLAN]", required=False, type=options.A_PATH)
@options.files
@options.environments
@options.selection
@options.output_format
@options.auto_approve
@options.allowances
@options.no_exec
@options.parallelism
@options.login
@options.no_color
@options.verbose
@click.pass_context
def apply(
    ctx: click.Context,
    plan_file: Path | None,
    files: tuple[Path, ...],
    environments: tuple[str, ...],
    targets: tuple[str, ...],
    excludes: tuple[str, ...],
    output_format: str,
    auto_approve: bool,
    allow_deletes: int,
    allow_in_use: bool,
    no_exec: bool,
    parallelism: int,
    login: str | None,
    no_color: bool,
    verbose: bool,
) -> None:
    """Make the live keys as declared, and deliver new secrets.

    Shows the plan on stderr and asks first. Exits 3 where something is left to do: run it again.

    With PLAN, a file that plan --out wrote, does what is left to do of exactly that, and does not ask. Exits 4 where
    the plan cannot be kept any more.
    """
    import asyncio

    from reconciler import api

    if plan_file is not None:
        options.refuse_with_plan(ctx)
        given = files if options.is_given(ctx, "files") else ()
        account = logins.login(login)
        made = _saved(
            plan_file, given, parallelism, account=account, no_exec=no_exec, no_color=no_color, verbose=verbose
        )
        outcome = asyncio.run(made)
        finish(outcome, output_format, no_color=no_color)
    allow = api.Allowances(deletes=allow_deletes, in_use=allow_in_use)
    selection = api.Selection(targets=targets, excludes=excludes)
    ask = None if auto_approve else Question("Apply these changes?", "yes")
    run = Run(
        lambda reconciler: reconciler.plan(allow, selection),
        ask,
        login=logins.login(login),
        no_exec=no_exec,
        no_color=no_color,
        verbose=verbose,
    )
    outcome = asyncio.run(run.on(api.read_manifests(files), environments, parallelism))
    finish(outcome, output_format, no_color=no_color)


async def _saved(
    plan_file: Path,
    files: tuple[Path, ...],
    parallelism: int,
    *,
    account: Login | None,
    no_exec: bool,
    no_color: bool,
    verbose: bool,
) -> Outcome | None:
    """Apply a saved plan, which says itself what it is about and what it allows."""
    from reconciler import api

    saved = api.read_plan(plan_file)
    manifests = api.reread_manifests(saved, files)
    run = Run(
        lambda reconciler: reconciler.resume(saved),
        None,
        login=account,
        no_exec=no_exec,
        no_color=no_color,
        verbose=verbose,
    )
    return await run.on(manifests, saved.environments, parallelism)
