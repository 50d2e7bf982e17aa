"""`reconciler validate`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import console, options
from reconciler.errors import ManifestError

if TYPE_CHECKING:
    from reconciler.api import Validation


@click.command(cls=options.EachOnce)
@options.file
@options.environments
@options.output_format
@click.pass_context
def validate(ctx: click.Context, file: Path, environments: tuple[str, ...], output_format: str) -> None:
    """Judge the manifest without asking any server.

    Tells every problem at once, as FILE:LINE:COLUMN: MESSAGE. Without -e a ${VARIABLE} may be unset; endpoint
    and project of its environment are then not checked, with a warning.
    """
    from reconciler import api

    try:
        validation = api.validate(file, environments, os.environ)
    except ManifestError as error:
        console.result(options.render_problems(error.problems, output_format))
        console.annotate(error.problems)
        ctx.exit(1)
    for warning in validation.warnings:
        console.note(console.fitted(f"warning: {warning}", sys.stderr))
    console.annotate(warnings=validation.warnings)
    told = f"{file} is valid: {_checked(validation)}.\n"
    if output_format != "text":
        told = options.render_problems((), output_format, validation.warnings)
    console.result(told)


def _checked(validation: Validation) -> str:
    """`local (1 key), production (2 keys, endpoint and project not checked)`."""

    def one(name: str, count: int) -> str:
        unchecked = ", endpoint and project not checked" if name in validation.unchecked else ""
        return f"{name} ({count} key{'s' * (count != 1)}{unchecked})"

    return ", ".join(one(name, count) for name, count in validation.keys.items())
