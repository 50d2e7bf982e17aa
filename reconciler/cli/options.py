"""What the options of several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from reconciler.errors import UsageError

_F = TypeVar("_F", bound=Callable[..., Any])


class EachOnce(click.Command):
    """A command that refuses a second value for what takes one; click would drop the first without a word."""

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


file = click.option(
    "-f",
    "--file",
    "file",
    type=click.Path(path_type=Path),
    default=Path("keys.yaml"),
    show_default=True,
    help="The manifest.",
)
files = click.option(
    "-f",
    "--file",
    "files",
    type=click.Path(path_type=Path),
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
    default=10,
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
_excludes = click.option(
    "--exclude", "excludes", multiple=True, metavar="GLOB", help="All but keys whose address matches; repeatable."
)


def selection(command: _F) -> _F:
    """The globs that choose keys by address."""
    return _targets(_excludes(command))


def allowances(command: _F) -> _F:
    """The flags that guards name."""
    return _allow_deletes(_allow_in_use(command))


def names(given: tuple[str, ...]) -> frozenset[str]:
    """The names in a repeatable option that takes several, with commas between them."""
    return frozenset(name for each in given for part in each.split(",") if (name := part.strip()))
