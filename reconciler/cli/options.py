"""What the options of several commands share."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from reconciler.cli import console
from reconciler.core.parallelism import PARALLELISM
from reconciler.core.quoting import quoted
from reconciler.errors import Problem, ReconcilerError, UsageError, problems_of

_F = TypeVar("_F", bound=Callable[..., Any])


class EachOnce(click.Command):
    """A command that refuses a second value for what takes one; click would drop the first without a word.

    Where JSON or Markdown was asked for and the manifest is invalid, its problems are the result, in that format.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command's own arguments; raises UsageError."""
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for param in self.params:
            single = isinstance(param, click.Option) and not param.multiple and not param.is_flag
            if single and given.count(param) > 1:
                raise UsageError(
                    f"{param.opts[-1]} is given {given.count(param)} times, and takes one value",
                    hint=f"give {param.opts[-1]} once, and run reconciler once for each value",
                )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error goes on to whoever ends the program."""
        try:
            return super().invoke(ctx)
        except ReconcilerError as error:
            wanted = ctx.params.get("output_format", "text")
            if wanted != "text" and (problems := problems_of(error)):
                console.result(render_problems(problems, wanted))
            raise


def render_problems(problems: tuple[Problem, ...], output_format: str, warnings: tuple[str, ...] = ()) -> str:
    """The problems of a manifest in a format, as stdout takes it."""
    if output_format == "json":
        from reconciler.formats.data import problems_json

        return problems_json(problems, warnings)
    if output_format == "markdown":
        from reconciler.formats.markdown import problems_markdown

        return problems_markdown(problems)
    return console.problems_text(problems, sys.stdout)


class FilePath(click.Path):
    """A path that the system can take at all; whoever opens it says everything else."""

    def __init__(self, *, dir_okay: bool = True) -> None:
        super().__init__(path_type=Path, dir_okay=dir_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; raises UsageError where it is too long to be one."""
        path = super().convert(value, param, ctx)
        try:
            os.lstat(path)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise UsageError(
                    f"{quoted(path)} is too long for the path of a file: {len(str(path)):,} characters",
                    hint="see what was given in its place",
                ) from None
        return path


A_PATH = FilePath()

file = click.option(
    "-f",
    "--file",
    "file",
    type=A_PATH,
    default=Path("keys.yaml"),
    show_default=True,
    help="The manifest.",
)
files = click.option(
    "-f",
    "--file",
    "files",
    type=A_PATH,
    multiple=True,
    default=[Path("keys.yaml")],
    show_default="keys.yaml",
    help="A manifest, or a directory of manifests; repeatable.",
)
environments = click.option(
    "-e",
    "--environment",
    "environments",
    multiple=True,
    metavar="NAME",
    help="Only this environment, not all; repeatable.",
)
output_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="How the result is written to stdout.",
)
parallelism = click.option(
    "--parallelism",
    type=click.IntRange(1, 100),
    default=PARALLELISM,
    show_default=True,
    help="Calls in flight to one server.",
)
no_color = click.option("--no-color", is_flag=True, help="No colour, as with NO_COLOR set.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Show what stays as it is, too.")
login = click.option(
    "--login",
    metavar="EMAIL",
    help="Log in to the console for this run; asks for the password, at a terminal only.",
)
no_exec = click.option(
    "--no-exec",
    is_flag=True,
    help="Refuse manifests in which a command (exec) delivers a key; a credential's command is none.",
)
auto_approve = click.option("--auto-approve", is_flag=True, help="Do not ask; needed where there is no terminal.")
_allow_deletes = click.option(
    "--allow-deletes",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Allow N deletions in an environment, also where they are over 30 % of its 10 or more owned keys.",
)
_allow_in_use = click.option(
    "--allow-in-use", is_flag=True, help="Allow ending keys that were used in the last 7 days."
)


_targets = click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="GLOB",
    help="Only keys whose address matches, such as 'production/billing-*'; repeatable.",
)
excludes = click.option(
    "--exclude", "excludes", multiple=True, metavar="GLOB", help="All but keys whose address matches; repeatable."
)


def selection(command: _F) -> _F:
    """The globs that choose keys by address."""
    return _targets(excludes(command))


def allowances(command: _F) -> _F:
    """The flags that guards name."""
    return _allow_deletes(_allow_in_use(command))


_FIXED_BY_PLAN = {
    "environments": "-e",
    "targets": "--target",
    "excludes": "--exclude",
    "allow_deletes": "--allow-deletes",
    "allow_in_use": "--allow-in-use",
}


def is_given(ctx: click.Context, name: str) -> bool:
    """Whether the user gave an option, and it does not have its default."""
    return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def refuse_with_plan(ctx: click.Context) -> None:
    """Raise UsageError for an option that says again what a saved plan has fixed."""
    given = [option for name, option in _FIXED_BY_PLAN.items() if is_given(ctx, name)]
    if given:
        raise UsageError(
            f"{', '.join(given)} cannot be given with a saved plan, which fixes that",
            hint="leave it out, or make another plan with it: reconciler plan --out FILE",
        )


def names(given: tuple[str, ...]) -> frozenset[str]:
    """The names in a repeatable option that takes several, with commas between them."""
    return frozenset(name for each in given for part in each.split(",") if (name := part.strip()))
