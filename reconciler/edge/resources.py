"""What ships with the program: the schemas, which editors find at the top of the source tree, and the scopes."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from reconciler.core.scopes import Catalogue
from reconciler.edge.sinks import schemas


def schema(name: str) -> dict[str, Any]:
    """A published JSON Schema by its name, such as `manifest`, with the parts of sinks that are installed from
    elsewhere; raises KeyError for one that does not exist.
    """
    file = _schemas() / f"{name}.schema.json"
    if not file.is_file():
        raise KeyError(name)
    loaded: dict[str, Any] = json.loads(file.read_text("utf-8"))
    if name == "manifest":
        loaded["$defs"]["sink"]["properties"] |= dict(schemas())
    return loaded


def version() -> str:
    """This program's own version."""
    from importlib.metadata import version

    return version("appwrite-reconciler")


def shipped_catalogue() -> Catalogue:
    """The scopes that Appwrite's servers and Cloud were known to have when this version was released."""
    entries = json.loads((files("reconciler") / "data" / "scopes.json").read_text("utf-8"))
    return Catalogue(
        known=frozenset(entry["scope"] for entry in entries),
        deprecated={entry["scope"]: entry["replaced_by"] for entry in entries if entry["deprecated"]},
        categories={entry["scope"]: entry["category"] for entry in entries},
        descriptions={entry["scope"]: entry["description"] for entry in entries},
    )


def _schemas() -> Traversable:
    """Inside the package once built into a wheel, else at the top of the source tree."""
    packaged = files("reconciler") / "schemas"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "schemas"
