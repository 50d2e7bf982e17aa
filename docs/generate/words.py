"""A JSON Schema in words: what a value is, as a reader who knows no JSON Schema says it.

A keyword that no word is known for is an error, so that no page is silent about what it does not understand.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

Node = dict[str, Any]
Link = Callable[[Node], str]

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "`true` or `false`",
    "null": "`null`",
    "object": "an object",
}
_LINK = re.compile(r"^\[(?:an? )?([^]]+)\](\([^)]+\))$")
_SPAN = re.compile(r"(`[^`]*`|\$\{[^}]*\})")


def resolved(root: Node, node: Node) -> Node:
    """A node with what it refers to filled in; what stands beside the reference wins."""
    while "$ref" in node:
        found: Any = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = {**found, **{keyword: value for keyword, value in node.items() if keyword != "$ref"}}
    return node


def kind(root: Node, node: Node, link: Link) -> str:
    """What a value is: `text`, `a list of text`, `one of …`; `link` shows an object that is told elsewhere."""
    whole = resolved(root, node)
    if "const" in whole:
        return code(whole["const"])
    if "enum" in whole:
        return either(map(code, whole["enum"]))
    if shown := link(node):
        return shown
    if "type" not in whole and (several := whole.get("oneOf") or whole.get("anyOf")):
        return either(kind(root, each, link) for each in several)
    types = whole["type"] if isinstance(whole["type"], list) else [whole["type"]]
    return either(_one(root, whole, each, link) for each in types)


def _one(root: Node, node: Node, name: str, link: Link) -> str:
    if name == "array":
        each = kind(root, node["items"], link)
        return "a list of " + ("texts" if each == "text" else _LINK.sub(r"[\1s]\2", each))
    if name == "object" and isinstance(values := node.get("additionalProperties"), dict):
        return f"names, each with {kind(root, values, link)}"
    return "a time" if node.get("format") == "date-time" else _TYPES[name]


def meaning(node: Node) -> str:
    """What a node says of itself."""
    return prose(str(node.get("description") or node.get("title", "")))


def prose(text: str) -> str:
    """Plain text with `code` in it as Markdown: nothing else in it means anything, and a ${VARIABLE} is code too."""
    parts = enumerate(_SPAN.split(text))
    return "".join(_span(part) if index % 2 else re.sub(r"[*<\\]", r"\\\g<0>", part) for index, part in parts)


def _span(part: str) -> str:
    return part if part.startswith("`") else f"`{part}`"


def filled(text: str, *, bullet: str = "") -> str:
    """A paragraph, or an item of a list, in lines that people read."""
    return textwrap.fill(
        text,
        width=120,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )


def code(value: object) -> str:
    """A value as inline code: text as it is written without quotes where YAML needs none, all else as JSON."""
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9$/~][^\"]*", value)
    text = value if plain else flow(value)
    return f"`{text}`"


def flow(value: object) -> str:
    """A value as JSON with the spaces that people write."""
    return json.dumps(value, ensure_ascii=False)


def either(words: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *first, last = dict.fromkeys(words)
    return f"{', '.join(first)} or {last}" if first else last


def row(*cells: str) -> str:
    """A row of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table."""
    return "\n".join((row(*heading), f"|{'---|' * len(heading)}", *(row(*cells) for cells in rows)))
