"""The pages of docs/reference: what is generated is as it would be now, and the rest names what the code has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.generate.pages import pages
from reconciler.cli.main import cli
from tests.docs.markdown import headings
from tests.repository import ROOT, relative

REFERENCE = ROOT / "docs" / "reference"
PAGES = pages()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_a_generated_page_says_what_its_source_says(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == PAGES[page], "run `make pages`, and read what changed"


def test_every_published_schema_has_a_page() -> None:
    published = {path.name.removesuffix(".schema.json") for path in (ROOT / "schemas").iterdir()}

    assert {f"{name}.md" for name in published} <= {path.name for path in REFERENCE.iterdir()}


def fields(node: Any) -> Iterator[str]:
    """The names of all fields that a schema speaks of, wherever they stand."""
    if isinstance(node, dict):
        if isinstance(found := node.get("properties"), dict) and "type" in node:
            yield from found
        for below in node.values():
            yield from fields(below)
    elif isinstance(node, list):
        for below in node:
            yield from fields(below)


def test_every_field_of_the_manifest_has_a_heading() -> None:
    schema = json.loads((ROOT / "schemas" / "manifest.schema.json").read_text(encoding="utf-8"))
    told = [text.split(".")[-1] for level, text in headings(REFERENCE / "manifest.md") if level == 3]

    assert sorted(told) == sorted(fields(schema))


@pytest.mark.parametrize("name", ["plan", "report", "status", "problems"])
def test_every_field_and_code_of_a_format_is_on_its_page(name: str) -> None:
    schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    page = (REFERENCE / f"{name}.md").read_text(encoding="utf-8")
    codes = set(re.findall(r'"const": "(\w+)"', json.dumps(schema)))

    assert [each for each in {*fields(schema), *codes} if f"`{each}`" not in page] == []


def test_every_command_has_a_heading_and_every_option_a_row() -> None:
    page = (REFERENCE / "commands.md").read_text(encoding="utf-8")

    assert [text for _, text in headings(REFERENCE / "commands.md")][1:-1] == list(cli.commands)
    for command in cli.commands.values():
        section = page.split(f"\n## {command.name}\n")[1].split("\n## ")[0]
        assert [each.opts[-1] for each in command.params if each.opts[-1].startswith("-")] == re.findall(
            r"^\| `(?:-\w, )?(--[a-z-]+)", section, re.MULTILINE
        )


READ = re.compile(
    r"""(?:environ\.get\(|variables\.get\(|surroundings\.secret\(|_VARIABLE = )("[A-Z_]+"(?:, "[A-Z_]+")*)"""
)
OF_LIBRARIES = {
    "COLUMNS",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
}


def test_every_environment_variable_that_is_read_is_documented_and_no_other() -> None:
    page = (REFERENCE / "environment-variables.md").read_text(encoding="utf-8")
    told = {
        name for row in re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE) for name in re.findall(r"`([A-Z_]+)`", row)
    }
    read = {
        name
        for path in (ROOT / "reconciler").rglob("*.py")
        for names in READ.findall(path.read_text(encoding="utf-8"))
        for name in re.findall(r"\w+", names)
    }

    assert told == read | OF_LIBRARIES
