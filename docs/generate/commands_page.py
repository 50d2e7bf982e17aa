"""docs/reference/commands.md: every command with its options, and the exit codes, as `--help` has them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from docs.generate.words import filled, prose, table
from reconciler.cli.main import cli

_INTRODUCTION = """\
# Commands

Results go to stdout, everything else to stderr. `reconciler COMMAND --help` prints what stands here."""
_ALSO = (
    ("125, 126, 127", "exec only: a failure of reconciler itself, a command that cannot be run, or that is not there"),
    (
        "130",
        "ended by Ctrl-C (at a question: 1); an apply that could finish what was in flight, and report, exits 3 or 0",
    ),
    ("143", "the same by SIGTERM"),
)
_CODE = re.compile(r"^ +(\d) +(.+)$", re.MULTILINE)


def page() -> str:
    """The page."""
    context = click.Context(cli, info_name="reconciler", help_option_names=[])
    parts = [_INTRODUCTION]
    for name in cli.list_commands(context):
        parts += _command(cli.commands[name], click.Context(cli.commands[name], parent=context, info_name=name))
    return "\n\n".join((*parts, "## Exit codes", table(("exit code", "meaning"), (*_codes(), *_ALSO))))


def _codes() -> list[tuple[str, str]]:
    return _CODE.findall(cli.epilog or "")


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.info_name}"
    yield f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```"
    yield from map(filled, prose(inspect.cleandoc(command.help or "")).split("\n\n"))
    rows = [_option(each, context) for each in command.params if isinstance(each, click.Option)]
    if rows:
        yield table(("option", "meaning"), rows)


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    said = option.get_help_record(context)
    assert said is not None
    names, text = said
    return f"`{names}`", prose(" ".join(text.replace("[default: (keys.yaml)]", "[default: keys.yaml]").split()))
