"""`reconciler destroy`: deletes every key that a manifest owns in one environment."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import login as logins
from reconciler.cli import options
from reconciler.cli.applying import Question, Run, finish


@click.command(cls=options.EachOnce)
@options.files
@click.option("-e", "--environment", "environment", required=True, metavar="NAME", help="The environment to empty.")
@options.output_format
@options.auto_approve
@options.parallelism
@options.login
@options.no_color
def destroy(
    files: tuple[Path, ...],
    environment: str,
    output_format: str,
    auto_approve: bool,
    parallelism: int,
    login: str | None,
    no_color: bool,
) -> None:
    """Delete every key that the manifest owns in one environment.

    Asks for the environment's name first. Other keys, and secrets that were delivered, stay where they are.
    """
    import asyncio

    from reconciler import api

    ask = None if auto_approve else Question("Delete these keys? Their secrets stop working at once.", environment)
    account = logins.login(login)
    run = Run(lambda reconciler: reconciler.plan_to_destroy(), ask, login=account, no_color=no_color, verbose=False)
    outcome = asyncio.run(run.on(api.read_manifests(files), (environment,), parallelism))
    finish(outcome, output_format, no_color=no_color)
