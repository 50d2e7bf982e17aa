"""A list of scopes as text, JSON and Markdown; the names may come from a server."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable

from reconciler.core.quoting import clean
from reconciler.core.scopes import MARKED, SENSITIVE, Catalogue


def scopes_text(names: Iterable[str], catalogue: Catalogue, *, width: int = 80) -> str:
    """One scope per paragraph: its name and notes, below it what it is for."""
    return "".join(f"{_head(name, catalogue)}\n{_about(name, catalogue, width)}" for name in sorted(names))


def scopes_json(names: Iterable[str], catalogue: Catalogue) -> str:
    """One object with the scopes in order."""
    items = [
        {
            "scope": name,
            "category": catalogue.categories.get(name, ""),
            "description": catalogue.descriptions.get(name, ""),
            "notes": list(_notes(name, catalogue)),
        }
        for name in sorted(names)
    ]
    return json.dumps({"version": 1, "scopes": items}, indent=2) + "\n"


def scopes_markdown(names: Iterable[str], catalogue: Catalogue) -> str:
    """A table."""
    rows = (
        f"| `{_cell(name)}` | {catalogue.descriptions.get(name, '')} | {', '.join(_notes(name, catalogue))} |\n"
        for name in sorted(names)
    )
    return "| scope | what for | notes |\n|---|---|---|\n" + "".join(rows)


def _cell(name: str) -> str:
    """A server may call a scope whatever it likes: no name ends its code span or its cell."""
    return clean(name).replace("`", "'").replace("|", "\\|")


def _head(name: str, catalogue: Catalogue) -> str:
    notes = _notes(name, catalogue)
    return f"{clean(name)}  ({', '.join(notes)})" if notes else clean(name)


def _about(name: str, catalogue: Catalogue, width: int) -> str:
    about = catalogue.descriptions.get(name, "")
    return textwrap.fill(about, width, initial_indent="    ", subsequent_indent="    ") + "\n" if about else ""


def _notes(name: str, catalogue: Catalogue) -> tuple[str, ...]:
    notes = []
    if name in SENSITIVE:
        notes.append("sensitive: needs allow_sensitive")
    if name in MARKED:
        notes.append("marked in plans")
    if name in catalogue.deprecated:
        successor = catalogue.deprecated[name]
        notes.append(f"deprecated: use {successor}" if successor else "deprecated")
    if name not in catalogue.known:
        notes.append("newer than this reconciler")
    return tuple(notes)
