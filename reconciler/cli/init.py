"""`reconciler init`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from reconciler.cli import console, options
from reconciler.errors import UsageError

_MANIFEST = """\
# What reconciler keeps in order. Try it: reconciler plan -e local
version: 1
owner: {owner} # marks the keys that this file declares; all others are never touched

keys: # wanted in every environment
  backend:
    name: Backend
    scopes: [databases.read, rows.read, files.read]
    deliver:
      - dotenv: {{path: "secrets/{{environment}}.env", variable: APPWRITE_API_KEY}}

environments:
  local:
    endpoint: emulator # built in: no account, no network
    project: {owner}-local
  production:
    endpoint: ${{APPWRITE_ENDPOINT}} # such as https://fra.cloud.appwrite.io/v1
    project: ${{APPWRITE_PROJECT_ID}}
    # The name of a variable, never a secret. Where project keys cannot create keys (Cloud, Appwrite 2.0), it holds the
    # key of an organization, which `organization: ID` names here; a person at a terminal may pass `--login EMAIL`.
    credential: {{env: APPWRITE_API_KEY}}
"""


@click.command(cls=options.EachOnce)
@options.file
def init(file: Path) -> None:
    """Write a first manifest, which works at once.

    It begins with the built-in emulator and has a place for a server of yours. Never overwrites a file.
    """
    try:
        owner = _owner(file.absolute().parent.name)
        with file.open("x", encoding="utf-8") as manifest:
            manifest.write(_MANIFEST.format(owner=owner))
    except FileExistsError as error:
        raise UsageError(f"{file} exists already", hint="name another file with -f") from error
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}", hint="see that its folder is there and yours"
        ) from error
    console.note(f"Wrote {file}. Keep secrets/ and .reconciler/ out of Git, then run:")
    which = "" if file == Path("keys.yaml") else f" -f {shlex.quote(str(file))}"
    console.result(f"reconciler plan{which} -e local\n")


def _owner(folder: str) -> str:
    """An owner of the folder's name that is text in YAML, and leaves room for `-local` in a project's id."""
    words = re.sub(r"[^a-z0-9]+", "-", folder.lower())[:25].strip("-")
    return words if re.match(r"(?!(true|false|null)$)[a-z]", words) else f"team-{words}".rstrip("-")
