"""`reconciler scopes`."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path

import click

from reconciler.cli import console, options
from reconciler.cli.masking import masking
from reconciler.cli.waiting import patiently
from reconciler.errors import UsageError


@click.command(cls=options.EachOnce)
@click.argument("glob", default="*")
@options.file
@click.option("-e", "--environment", "environment", metavar="NAME", help="Ask this environment's server.")
@options.output_format
def scopes(glob: str, file: Path, environment: str | None, output_format: str) -> None:
    """List the scopes that a key may have.

    Those that ship with reconciler, or with -e those of a server. GLOB chooses among them, such as 'databases.*' or
    '*.read'.
    """
    import asyncio

    from reconciler import api

    catalogue = api.shipped_catalogue()
    known = catalogue.known if environment is None else asyncio.run(_of_server(file, environment))
    names = [name for name in known if fnmatchcase(name, glob)]
    if not names:
        raise UsageError(f"no scope matches {glob!r}", hint="reconciler scopes lists them all")
    match output_format:
        case "json":
            from reconciler.formats.catalogue import scopes_json

            console.result(scopes_json(names, catalogue))
        case "markdown":
            from reconciler.formats.catalogue import scopes_markdown

            console.result(scopes_markdown(names, catalogue))
        case _:
            from reconciler.formats.catalogue import scopes_text

            console.result(scopes_text(names, catalogue, width=console.width()))


async def _of_server(file: Path, environment: str) -> frozenset[str]:
    from reconciler import api

    manifest = api.read_manifest(file)
    async with api.connect(manifest, [environment], variables=os.environ, mask=masking()) as reconciler:
        with patiently("gives up"):
            facts = await reconciler.sites[0].store.facts()
    if facts.scopes is None:
        raise UsageError(
            f"the server of {environment} does not publish its scopes",
            hint="leave out -e for the scopes that ship with reconciler",
        )
    return facts.scopes
