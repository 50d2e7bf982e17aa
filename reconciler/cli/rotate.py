"""`reconciler rotate`: the next generation of some keys now, by a plan that is applied at once."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import click

from reconciler.cli import login as logins
from reconciler.cli import options
from reconciler.cli.applying import Question, Run, finish
from reconciler.core.quoting import quoted
from reconciler.errors import UsageError

_GLOB = re.compile(r"[*?\[]")
_ASKED = "Rotate these keys?"
_ASKED_AT_ONCE = "Rotate these keys, and delete the old ones? Their secrets stop working at once."


@click.command(cls=options.EachOnce)
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every key that is declared and live.")
@click.option("--older-than", metavar="DURATION", help="Of these only keys that are as old, such as 90d.")
@click.option("--compromised", is_flag=True, help="Their secrets have leaked: delete the old keys at once.")
@options.excludes
@options.files
@options.environments
@options.output_format
@options.auto_approve
@click.option("--allow-in-use", is_flag=True, help="Rotate within an overlap: delete keys that still retire.")
@options.no_exec
@options.parallelism
@options.login
@options.no_color
@options.verbose
def rotate(
    addresses: tuple[str, ...],
    everything: bool,
    older_than: str | None,
    compromised: bool,
    excludes: tuple[str, ...],
    files: tuple[Path, ...],
    environments: tuple[str, ...],
    output_format: str,
    auto_approve: bool,
    allow_in_use: bool,
    no_exec: bool,
    parallelism: int,
    login: str | None,
    no_color: bool,
    verbose: bool,
) -> None:
    """Make and deliver the next generation of keys now.

    ADDRESS is ENVIRONMENT/NAME, or a glob over addresses such as 'production/billing-*'. Shows the plan on stderr and
    asks first, as apply does, and changes nothing else. The old key works on for the overlap of its rotation, or for 48
    hours where it is under none.

    With --compromised there is no overlap: once the new key is delivered, the old ones are deleted, whoever uses them,
    and the report says of each whether the server was seen to refuse its secret. Where the new key does not arrive the
    old one stays, and the command exits 3.
    """
    import asyncio

    from reconciler import api

    _check(addresses, everything=everything)
    forced = api.Forced(older_than=_duration(older_than), compromised=compromised)
    allow = api.Allowances(in_use=allow_in_use)
    selection = api.Selection(targets=addresses, excludes=excludes)
    run = Run(
        lambda reconciler: reconciler.plan_to_rotate(forced, allow, selection),
        None if auto_approve else Question(_ASKED_AT_ONCE if compromised else _ASKED, "yes"),
        login=logins.login(login),
        no_exec=no_exec,
        no_color=no_color,
        verbose=verbose,
    )
    named = environments or _environments(addresses)
    finish(asyncio.run(run.on(api.read_manifests(files), named, parallelism)), output_format, no_color=no_color)


def _check(addresses: tuple[str, ...], *, everything: bool) -> None:
    """Raise UsageError unless it is said which keys are meant."""
    if addresses and everything:
        raise UsageError("addresses and --all cannot be given together", hint="leave one of them out")
    if not addresses and not everything:
        raise UsageError("this does not say which keys are to rotate", hint="name addresses, or pass --all")


def _duration(text: str | None) -> timedelta | None:
    from reconciler.core.times import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        said = f"--older-than: {quoted(text or '')} is not a duration"
        raise UsageError(said, hint="write such as 12h, 90d or 4w") from error


def _environments(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """The environments that the addresses name; none for all of them, where one does not tell.

    Only their credentials are needed then: who has a leak to stop may not have the others at hand.
    """
    names = tuple(dict.fromkeys(address.partition("/")[0] for address in addresses))
    told = all("/" in address for address in addresses) and not any(map(_GLOB.search, names))
    return names if told else ()
