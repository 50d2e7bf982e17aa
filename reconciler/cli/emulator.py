"""`reconciler emulator`."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from reconciler.cli import console, options
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.emulator import Emulator


@click.command(cls=options.EachOnce)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 picks a free one.")
@click.option(
    "--project", "projects", multiple=True, metavar="ID", help="Make this project, unless it is there; repeatable."
)
@click.option(
    "--organization",
    default="emulator",
    show_default=True,
    metavar="ID",
    help="Whose the projects are that are made.",
)
@click.option(
    "--profile",
    type=click.Choice(["main", "1.9.x", "2.6.2"]),
    default="main",
    show_default=True,
    help="Which server to be: on 1.9.x a project key may create keys; 2.6.2, whose answers are partly assumed, shows "
    "a secret once and lets no key give more than it holds.",
)
@click.option(
    "--database",
    type=options.FilePath(dir_okay=False),
    default=Path(".reconciler/emulator.sqlite3"),
    show_default=True,
    help="Where its keys are kept.",
)
@click.option(
    "--faults",
    metavar="JSON",
    help='What is to go wrong, such as \'[{"fault": "latency", "seconds": 0.1}]\'. Faults are latency, answer, '
    "drop_before, drop_after, late, double, overtaken, stale_cache, hidden_secrets and clock.",
)
def emulator(
    host: str,
    port: int,
    projects: tuple[str, ...],
    organization: str,
    profile: Literal["main", "1.9.x", "2.6.2"],
    database: Path,
    faults: str | None,
) -> None:
    """Run an Appwrite of your own, small and without a network.

    For any client, until Ctrl-C. A console session that may do everything is written to a file beside the database,
    for `credential: {file: PATH}` in a manifest, and so is the password of its owner, for a login.
    """
    from reconciler.api.wiring import open_emulator
    from reconciler.core.addresses import project_complaint
    from reconciler.core.quoting import quoted
    from reconciler.emulator import serve

    for suffix, what in ((".session", "session"), (".password", "password")):
        if database.with_suffix(suffix) == database:
            raise UsageError(f"{database} is where the console {what} is written", hint="name another --database")
    server = open_emulator(database, profile, hint="name another file with --database")
    try:
        for project in projects:
            if complaint := project_complaint(project):
                raise UsageError(f"--project {quoted(project)} {complaint[0]}", hint=complaint[1])
            server.ensure_project(project, organization=organization)
        if faults is not None:
            _inject(server, faults)
        session = _write(database.with_suffix(".session"), f"a_session_console={server.console_session()}")
        email, password = server.console_login()
        secret = _write(database.with_suffix(".password"), password)

        def ready(bound: int) -> None:
            shown = f"[{host}]" if ":" in host else host
            console.result(f"Appwrite {profile} answers at http://{shown}:{bound}/v1\n")
            console.result(f"Console session: {session}\n")
            console.result(f"Console login: {email}, password in {secret}\n")

        serve(server, host, port, ready=ready)
    except BrokenPipeError:
        raise
    except OSError as error:
        taken = error.errno in {errno.EADDRINUSE, errno.EACCES}
        hint = "choose another with --port, or 0" if taken else "choose an address of this machine with --host"
        raise UsageError(f"cannot listen on {host}, port {port}: {error.strerror}", hint=hint) from error
    finally:
        server.close()


def _inject(server: Emulator, faults: str) -> None:
    from reconciler.emulator.faults import Faults
    from reconciler.emulator.rules import parse_rules

    try:
        server.app = Faults(server.app, parse_rules(faults))
    except ValueError as error:
        raise UsageError(f"--faults: {error}") from error


def _write(path: Path, secret: str) -> Path:
    """A file of one line that is its owner's alone."""
    try:
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(f"{secret}\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="name another --database") from error
    return path
