"""`reconciler schema`."""

from __future__ import annotations

import click

from reconciler.cli import console, options


@click.command(cls=options.EachOnce)
@click.argument("name", type=click.Choice(["manifest", "plan", "report", "status", "problems"]))
def schema(name: str) -> None:
    """Print a JSON Schema, for editors and checks."""
    import json

    from reconciler import api

    console.result(json.dumps(api.schema(name), indent=2, ensure_ascii=False) + "\n")
