"""`reconciler validate`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import console, options
from reconciler.errors import ManifestError, Problem

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
        console.result(_problems(error.problems, output_format))
        ctx.exit(1)
    for warning in validation.warnings:
        console.note(console.fitted(f"warning: {warning}", sys.stderr))
    told = f"{file} is valid: {_checked(validation)}.\n"
    console.result(told if output_format == "text" else _problems((), output_format))


def _checked(validation: Validation) -> str:
    """`local (1 key), production (2 keys, endpoint and project not checked)`."""

    def one(name: str, count: int) -> str:
        unchecked = ", endpoint and project not checked" if name in validation.unchecked else ""
        return f"{name} ({count} key{'s' * (count != 1)}{unchecked})"

    return ", ".join(one(name, count) for name, count in validation.keys.items())


def _problems(problems: tuple[Problem, ...], output_format: str) -> str:
    if output_format == "json":
        from reconciler.formats.data import problems_json

        return problems_json(problems)
    if output_format == "markdown":
        from reconciler.formats.markdown import problems_markdown

        return problems_markdown(problems)
    return console.fitted("".join(f"{problem}\n" for problem in problems), sys.stdout)
