"""Markdown as GitHub shows it: which links and fenced blocks a file has, and which anchors it offers."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark").enable("table")
_HTML_ANCHOR = re.compile(r"""<a\s[^>]*?(?:id|name)=["']([^"']+)""")
_HTML_LINK = re.compile(r"""<(?:a|img|source)\s[^>]*?(?:href|src)=["']([^"']+)""")


def links(path: Path) -> Iterator[str]:
    """Targets of links and images, of HTML ones as well, in the order of the text."""
    for token in _tokens(path):
        match token.type:
            case "link_open":
                yield str(token.attrs["href"])
            case "image":
                yield str(token.attrs["src"])
            case "html_inline" | "html_block":
                yield from _HTML_LINK.findall(token.content)
            case _:
                pass


def fences(path: Path) -> Iterator[tuple[str, str]]:
    """Info string and content of each fenced block."""
    for token in _tokens(path):
        if token.type == "fence":
            yield token.info.strip(), token.content


@cache
def anchors(path: Path) -> frozenset[str]:
    """What may stand behind ``#``: GitHub's slugs of headings, doubled ones numbered, and HTML anchors."""
    html = (name for token in _tokens(path) for name in _HTML_ANCHOR.findall(token.content))
    return frozenset(_numbered(slug(text) for _, text in headings(path))) | frozenset(html)


def headings(path: Path) -> Iterator[tuple[int, str]]:
    """Level and text of each heading; the text without markup."""
    tokens = _parsed(path)
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            yield int(opening.tag[1:]), _plain(inline)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading, the first of its name."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _numbered(slugs: Iterator[str]) -> Iterator[str]:
    seen = Counter[str]()
    for name in slugs:
        yield f"{name}-{seen[name]}" if seen[name] else name
        seen[name] += 1


def _plain(inline: Token) -> str:
    return "".join(
        child.content for child in inline.children or () if child.type in {"text", "code_inline", "softbreak"}
    )


@cache
def _parsed(path: Path) -> tuple[Token, ...]:
    return tuple(_PARSER.parse(path.read_text(encoding="utf-8")))


def _tokens(path: Path) -> Iterator[Token]:
    for token in _parsed(path):
        yield token
        yield from token.children or ()
