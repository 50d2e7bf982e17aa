"""Every generated page, as it is to be: a page for each schema that is published, and one for the commands."""

from __future__ import annotations

import json
from pathlib import Path

from docs.generate import commands_page, format_page, manifest_page

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def pages() -> dict[Path, str]:
    """Path and text of each."""
    made = {REFERENCE / "commands.md": _marked("the commands themselves", commands_page.page())}
    for path in sorted((ROOT / "schemas").glob("*.schema.json")):
        name = path.name.removesuffix(".schema.json")
        schema = json.loads(path.read_text(encoding="utf-8"))
        text = manifest_page.page(schema) if name == "manifest" else format_page.page(name, schema)
        made[REFERENCE / f"{name}.md"] = _marked(f"schemas/{path.name}", text)
    return made


def _marked(source: str, text: str) -> str:
    return f"<!-- Written by `make pages` from {source}: change that, not this page. -->\n\n{text.rstrip()}\n"
