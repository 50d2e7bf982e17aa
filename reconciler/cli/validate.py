"""`reconciler validate`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import console, options
from reconciler.errors import ManifestError

if TYPE_CHECKING:
    from reconciler.api.reading import Checked, Validation


@click.command(cls=options.EachOnce)
@options.files
@options.environments
@options.output_format
@click.pass_context
def validate(ctx: click.Context, files: tuple[Path, ...], environments: tuple[str, ...], output_format: str) -> None:
    """Judge the manifest without asking any server.

    Tells every problem at once, as FILE:LINE:COLUMN: MESSAGE. Without -e a ${VARIABLE} may be unset; endpoint
    and project of its environment are then not checked, with a warning.
    """
    from reconciler import api

    try:
        validation = api.validate(files, environments, os.environ)
    except ManifestError as error:
        console.result(options.render_problems(error.problems, output_format))
        console.annotate(error.problems)
        ctx.exit(1)
    for warning in validation.warnings:
        console.note(console.fitted(f"warning: {warning}", sys.stderr))
    console.annotate(warnings=validation.warnings)
    told = "".join(f"{line}\n" for line in _checked(validation))
    if output_format != "text":
        told = options.render_problems((), output_format, validation.warnings)
    console.result(told)


def _checked(validation: Validation) -> Iterator[str]:
    """`keys.yaml is valid: local (1 key), production (2 keys, endpoint and project not checked).`, a line a file."""

    def one(checked: Checked) -> str:
        unchecked = "" if checked.addressed else ", endpoint and project not checked"
        return f"{checked.environment} ({checked.keys} key{'s' * (checked.keys != 1)}{unchecked})"

    for manifest in dict.fromkeys(checked.manifest for checked in validation.environments):
        environments = [one(checked) for checked in validation.environments if checked.manifest == manifest]
        yield f"{manifest} is valid: {', '.join(environments)}."
