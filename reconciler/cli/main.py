"""The program `reconciler`, and the one place where errors become messages and exit codes.

Commands import what is heavy when they run, so that --help is quick.
"""

from __future__ import annotations

import gc
import io
import sys
from importlib.util import find_spec
from typing import NoReturn

import click

from reconciler.cli import console
from reconciler.cli.apply import apply
from reconciler.cli.bootstrap import bootstrap
from reconciler.cli.destroy import destroy
from reconciler.cli.doctor import doctor
from reconciler.cli.emulator import emulator
from reconciler.cli.exec import exec_
from reconciler.cli.init import init
from reconciler.cli.plan import plan
from reconciler.cli.reveal import reveal
from reconciler.cli.rotate import rotate
from reconciler.cli.schema import schema
from reconciler.cli.scopes import scopes
from reconciler.cli.status import status
from reconciler.cli.validate import validate
from reconciler.errors import ReconcilerError


class _InOrder(click.Group):
    """Lists its commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)


_EXIT_CODES = """\b
Exit codes:
  0  done, or nothing to do
  1  error: in the command, the manifest, a credential or a server
  2  changes are pending (plan --detailed-exitcode only)
  3  apply is incomplete: run it again
  4  refused by a guard, or a saved plan that does not hold: nothing was changed
"""


@click.group(
    cls=_InOrder,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="appwrite-reconciler", message="reconciler %(version)s")
def cli() -> None:
    """Infrastructure as code for the API keys of Appwrite projects.

    A YAML manifest declares which keys exist; plan shows what differs from the live keys, and apply makes it so.
    """


for command in (
    init,
    bootstrap,
    doctor,
    validate,
    plan,
    apply,
    rotate,
    status,
    destroy,
    reveal,
    exec_,
    scopes,
    schema,
    emulator,
):
    cli.add_command(command)


def go_without() -> None:
    """Spare the process what httpx, httpcore and deepdiff look for and this program has no use for.

    That is httpx's own command line, with which rich and pygments are loaded: a fifth of a cold start. Pydantic, whose
    models deepdiff would know: a third of a second wherever it happens to be installed. And sniffio, which is searched
    for at every call anew where it is not installed.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    sys.modules.setdefault("pydantic", None)  # type: ignore[arg-type]
    if find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]


def main() -> NoReturn:
    """Run the command line and exit."""
    go_without()
    # A command builds up what it works on and ends: to look for garbage after every 700 objects costs a seventh of it.
    gc.set_threshold(50_000)
    console.open_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does, where an encoding lacks a character
    try:
        code = cli.main(standalone_mode=False, prog_name="reconciler")
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        console.note(error.message)
        code = 1
    except click.ClickException as error:
        console.show_error(console.in_our_words(error))
        code = 1
    except (click.Abort, KeyboardInterrupt):
        console.note("Interrupted; nothing more was done.")
        code = 1
    except ReconcilerError as error:
        console.show_error(error)
        code = error.exit_code
    except OSError as error:  # such as a full disk behind --help, which click writes itself
        console.show_error(console.of_the_system(error))
        code = 1
    console.discard_unwritten()
    sys.exit(code or 0)
