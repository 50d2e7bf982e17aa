"""The line that a problem is about, with a caret below it: for screens and logs, so it shows no secret.

Rules: what may be a credential is covered before anything is cut, sign by sign, so that columns stay where they are.
Covered are texts that look like credentials, what stands under `credential` unless it is plainly the name of a
variable, what stands under a name such as `token` or `secret`, and an endpoint that holds more than an address. In a
sink whose service keeps secrets by name, `secret` is that name, and shown. Signs that a terminal would act upon, or
that nobody would see, are written out. A line that is too long is cut around the caret. Blank lines and comments are
not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from reconciler.core.quoting import clean
from reconciler.core.secret_forms import MAY_BE_SECRET
from reconciler.errors import Position, Source

WIDTH = 100
"""Columns of an excerpt where no terminal sets them."""

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""Where libyaml ends a line; str.splitlines knows more ends, and would count differently."""
_TOKEN = re.compile(
    r"""  "(?:[^"\\]|\\.)*"?
        | '(?:[^']|'')*'?
        | (?: \$\{[^}\s]*\}               # a variable
            | (?<=[^\s,\[{:])\{\w*\}      # a placeholder inside of text
            | :(?![\s,\]}]|$)             # a colon that ends no name
            | [^\s,\[\]{}:]
            | [ ]+(?!\#)(?=[^\s,\[\]{}:]) # a space between two words
          )+""",
    re.VERBOSE,
)
_SECRETS = re.compile(
    rf"""{MAY_BE_SECRET}"""
    r"""| (?<![\w-])(?=[A-Za-z_-]*[0-9])(?=[0-9_-]*[A-Za-z])[\w-]{40,}   # longer than any id, and mixed
        | (?<=://)[^\s"']*@
        | (?<=[?#])[^\s"'?#]*[=&][^\s"']*                                # what follows an address
    """,
    re.VERBOSE,
)
_NAMED = re.compile(
    r"""(?:(?<![\w-])(secret)|(?i:\b(?:secret|(?:\w*_)?token|pass\w*|session|cookie|\w*api[-_]?key)))"""
    r"""["']?\s*:\s+(?=[^\s{\[])"""
)
_NEAR = 500
SECRETS_BY_NAME = ("vault", "aws", "github_actions", "kubernetes")
"""The kinds of sinks with a field `secret`."""
_BY_NAME = re.compile(
    rf"""(?:(?:^|\s)-\s+\{{?|\[\s*\{{?|\}}\s*,\s*\{{)\s*["']?(?:{"|".join(SECRETS_BY_NAME)})["']?\s*:"""
    r"""\s*(?:\{[^{}]*)?(?:\s\#.*)?$"""
)
"""What stands before the fields of such a sink, an entry of a list: on their line, or on one above, indented less."""
_ENDPOINT = re.compile(r"""\bendpoint["']?\s*:\s+("[^"]*"?|'[^']*'?|[^\s"'][^\s,}]*(?:[ ][^#\s,}]+)*)""")
_SUSPECT = re.compile(r"[@?#]|\s\S")
_CREDENTIAL = re.compile(r"""(?<![\w-])["']?[Cc]red[a-z]*["']?\s*:(?=\s|$)""")
_FORM = re.compile(r"""((?<![^\s{,])["']?[A-Za-z_]\w{0,15}["']?:(?=\s|$)|[\s{}\[\]]|,(?=\s)|-(?=\s))|.""")
_HARMLESS = re.compile(
    r"""\s*(?:\{\s*)?(?:env:\s+)?["']?[A-Z][A-Z0-9_]{0,47}["']?\s*(?:\}.*)?|\s*\{\s*env:\s*\}.*|\s*"""
)
"""A variable with a name as variables have; nothing else under `credential` is shown."""


class Excerpts:
    """Shows places of files; lines and what is covered in them are worked out once per file."""

    def __init__(self, width: int = WIDTH) -> None:
        self._width = max(width, 40)
        self._lines = cache(_lines)
        self._whole = cache(_covered)
        self._private = cache(lambda source: _private(self._lines(source)))

    def of(self, position: Position) -> tuple[str, ...]:
        """The line and the caret, each with its gutter; nothing where there is nothing to see."""
        line = self._line(position)
        if line is None:
            return ()
        start = min(position.column - 1, len(line))
        length = _token_length(line, start)
        number = str(position.line)
        shown, before, carets = _fitted(self._covered(position), start, length, self._width - len(number) - 5)
        return f"  {number} | {shown}", f"  {' ' * len(number)} | {' ' * before}{'^' * carets}"

    def _line(self, position: Position) -> str | None:
        if position.source is None:
            return None
        lines = self._lines(position.source)
        line = lines[position.line - 1].rstrip() if position.line <= len(lines) else ""
        return None if not line or line.lstrip().startswith("#") else line

    def _covered(self, position: Position) -> str:
        assert position.source is not None  # else there is no line
        line = self._lines(position.source)[position.line - 1].rstrip()
        if position.line - 1 in self._private(position.source):
            return _cover_value(line, 0)
        return self._whole(line, self._above(position.source, position.line - 1))

    def _above(self, source: Source, number: int) -> str:
        """The line that a line's mapping belongs to: the nearest one above that is indented less."""
        lines = self._lines(source)
        indent = _indent(lines[number])
        if indent == 0 or "secret" not in lines[number]:
            return ""
        above = (line for line in reversed(lines[:number]) if line.strip() and not line.lstrip().startswith("#"))
        return next((line for line in above if _indent(line) < indent), "")


def _covered(line: str, above: str) -> str:
    """A line without what may be a secret in it."""
    for named in _CREDENTIAL.finditer(line):
        line = _cover_value(line, named.end())
    for endpoint in _ENDPOINT.finditer(line):
        if _SUSPECT.search(endpoint[1]):
            line = _cover(line, *endpoint.span(1))
    for secret in _SECRETS.finditer(line):
        line = _cover(line, *secret.span())
    for named in _NAMED.finditer(line):
        if not (named[1] and _is_name(line[max(0, named.start() - _NEAR) : named.start()], above)):
            return _cover(line, named.end(), len(line))
    return line


def _is_name(before: str, above: str) -> bool:
    """Whether a `secret` is a field of a sink, as what stands before it tells."""
    before = before.rstrip("\"'")
    return _BY_NAME.search(before if before.strip(" -") else above) is not None


def _cover_value(line: str, start: int) -> str:
    """The line with the value of a `credential` covered: to the end of its braces, else of the line."""
    simple = re.compile(r"\s*\{[^{}\[\]]*\}").match(line, start)
    value = line[start : simple.end() if simple else len(line)]
    return line if _HARMLESS.fullmatch(value) else _cover(line, start, start + len(value))


def _cover(line: str, start: int, end: int) -> str:
    """The line with a stretch covered; only what makes its form, and names of fields, are left."""
    covered = _FORM.sub(lambda match: match[0] if match.lastindex else "*", line[start:end])
    return line[:start] + covered + line[end:]


def _lines(source: Source) -> list[str]:
    return _BREAK.split(source.text)


def _private(lines: list[str]) -> frozenset[int]:
    """The lines that go on with the value of a `credential` which began above them."""
    return frozenset(number for number, private in enumerate(_walk(lines)) if private)


def _walk(lines: Iterable[str]) -> Iterator[bool]:
    indent, opened = -1, 0  # of the credential that goes on, and its brackets that are not closed
    for line in lines:
        own = _indent(line)
        private = indent >= 0 and (not line.strip() or own > indent or opened > 0)
        yield private
        if private:
            opened += _opened(line)
            continue
        indent = -1
        if named := _CREDENTIAL.search(line):
            indent, opened = own, _opened(line[named.end() :])
            if line[: named.start()].strip(" -") and opened <= 0:
                indent = -1  # in a mapping on one line, where it ended


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _opened(text: str) -> int:
    return sum(text.count(bracket) for bracket in "{[") - sum(text.count(bracket) for bracket in "}]")


def _token_length(line: str, start: int) -> int:
    token = _TOKEN.match(line, start)
    return max(1, token.end() - start) if token else 1


def _fitted(line: str, start: int, length: int, room: int) -> tuple[str, int, int]:
    """What fits of the line, the columns before its caret and the columns of the caret."""
    from rich.cells import cell_len

    low, high = max(0, start - room), start + room
    pieces = [clean(character) for character in line[low:high]]
    sizes = [cell_len(piece) for piece in pieces]
    at = start - low
    if low == 0 and high >= len(line) and sum(sizes) <= room:
        first, last = 0, len(pieces)
    else:
        first, last = _window(sizes, at, room - 2)
    left = "…" if low + first else ""
    right = "…" if low + last < len(line) else ""
    carets = max(1, sum(sizes[at : min(at + length, last)]))
    return f"{left}{''.join(pieces[first:last])}{right}", len(left) + sum(sizes[first:at]), carets


def _window(sizes: list[int], at: int, room: int) -> tuple[int, int]:
    """The stretch around a place that fits: a third of the room before it, or more where nothing follows."""
    first, last, used = at, at, 0
    while last < len(sizes) and used + sizes[last] <= room * 2 // 3:
        used += sizes[last]
        last += 1
    while first > 0 and used + sizes[first - 1] <= room:
        first -= 1
        used += sizes[first]
    while last < len(sizes) and used + sizes[last] <= room:
        used += sizes[last]
        last += 1
    return first, last
