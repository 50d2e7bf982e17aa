"""docs/reference/errors.md is the table that the program speaks from, and every guard that it refuses with."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.edge.appwrite.meanings import BY_STATUS, ELSE, MEANINGS, Meaning
from tests.repository import ROOT

PAGE = ROOT / "docs" / "reference" / "errors.md"
WORDS = {
    "credential": "*the credential*",
    "endpoint": "*the endpoint*",
    "label": "*the environment*",
    "project": "*the project*",
    "scope": "*the scope*",
}
CASES = {
    "": "",
    "guest": "a key",
    "session guest": "a session",
    "nobody": "no credential",
    "session": "a session that is known",
    "key": "a key that is known",
}
GUARD = re.compile(r'guard="([a-z-]+)"')


def _filled(template: str) -> str:
    return template.format(**WORDS).replace("|", "\\|")


def _row(meaning: Meaning) -> str:
    kind = f"`{meaning.type}`" if meaning.type[0] != "(" else "*not Appwrite's*"
    case = f", by {CASES[meaning.case]}" if meaning.case else ""
    happened = _filled(meaning.happened)
    quoted = ", in the server's own words" if meaning.quotes else ""
    return f"| {meaning.status} {kind}{case} | {happened}{quoted} | {_filled(meaning.remedy)} |"


def _expected() -> Iterator[str]:
    yield from map(_row, MEANINGS)
    for statuses, remedy in BY_STATUS.items():
        yield f"| {', '.join(map(str, statuses))}, any other | in the server's own words | {_filled(remedy)} |"
    yield f"| any other | in the server's own words | {_filled(ELSE)} |"


def _section(heading: str) -> list[str]:
    """The rows of the table under a heading."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in text.splitlines() if line.startswith("| ")][1:]


def test_the_page_has_every_answer_that_the_program_knows_and_no_other() -> None:
    assert "\n".join(_section("Answers of Appwrite")) == "\n".join(_expected())


def test_the_page_has_every_guard_and_no_other() -> None:
    core = ROOT / "reconciler" / "core"
    guards = {name for path in core.glob("*.py") for name in GUARD.findall(path.read_text(encoding="utf-8"))}

    assert {row.split("`")[1] for row in _section("Guards")} == guards
