"""What libyaml's complaints mean to somebody who writes a manifest.

libyaml says which rule of its grammar failed, and stops there. A complaint that is known is told as the mistake behind
it, at the place of that mistake; any other is passed on in libyaml's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import yaml

from reconciler.core.quoting import quoted
from reconciler.errors import Position, Problem, Source

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_CONFLICT = re.compile(r"(<{7}|={7}|>{7})( |$)")
_UNSPACED = re.compile(r"\s*(- )?[\w.-]+:[^\s:/]\S*$")
_INVISIBLE = re.compile("[\u00a0\u00ad\u180e\u2000-\u200f\u2028\u2029\u202a-\u202f\u205f-\u2064\u3000\ufeff]")
"""Signs that look like a space or like nothing, and are text to YAML."""
_ALIAS = ("while scanning an alias", "while scanning an anchor")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """Where libyaml gave up, and where what it was reading began; lines and columns counted from 0."""

    lines: list[str]
    problem: str
    context: str
    line: int
    column: int
    start: tuple[int, int]

    @property
    def text(self) -> str:
        return self.lines[self.line] if self.line < len(self.lines) else ""

    @property
    def at(self) -> str:
        """The character at which libyaml gave up; empty at the end of a line."""
        return self.text[self.column : self.column + 1]

    @property
    def before(self) -> str:
        return self.text[: self.column].rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """A mistake, and where; by default where libyaml gave up."""

    message: str
    hint: str = ""
    place: tuple[int, int] | None = None


def syntax_problem(error: yaml.YAMLError, file: str, source: Source) -> Problem:
    """The problem that keeps a text from being YAML."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return _unreadable(error, file, source)
    mark = error.problem_mark
    start = error.context_mark or mark
    failure = _Failure(
        lines=_BREAK.split(source.text),
        problem=error.problem or "",
        context=error.context or "",
        line=mark.line,
        column=mark.column,
        start=(start.line, start.column),
    )
    finding = next(_findings(failure))
    line, column = finding.place or (mark.line, mark.column)
    position = Position(file=file, line=line + 1, column=column + 1, source=source)
    return Problem(position=position, message=finding.message, hint=finding.hint)


def after(before: str, file: str, source: Source) -> Position:
    """The position after a beginning of the text."""
    lines = _BREAK.split(before)
    return Position(file=file, line=len(lines), column=len(lines[-1]) + 1, source=source)


def _unreadable(error: yaml.YAMLError, file: str, source: Source) -> Problem:
    """Libyaml's reader refuses a character before any token; it tells the byte, not the line."""
    offset = getattr(error, "position", None) or 0
    before = source.text.encode()[:offset].decode("utf-8", "ignore")
    code = ord(source.text[len(before)]) if len(before) < len(source.text) else 0
    return Problem(
        position=after(before, file, source),
        message=f"the control character U+{code:04X} cannot stand in YAML",
        hint=f'delete it; where it is meant, write "\\x{code:02x}" in double quotes' if code <= 0xFF else "delete it",
    )


def _findings(failure: _Failure) -> Iterator[_Finding]:
    """What is known of a failure, the likeliest first; always something."""
    for explain in (_conflict, _tab, _invisible, _variable):
        finding = explain(failure)
        if finding is not None:
            yield finding
    known = _EXPLANATIONS.get(failure.problem)
    if known is not None:
        yield known if isinstance(known, _Finding) else known(failure)
    since = f" {failure.context} that starts at line {failure.start[0] + 1}" if failure.context else ""
    yield _Finding(message=f"not valid YAML: {failure.problem}{since}")


def _conflict(failure: _Failure) -> _Finding | None:
    for number, line in enumerate(failure.lines[: failure.line + 2]):
        if _CONFLICT.match(line):
            hint = "keep one of the two sides, and delete the lines of <, = and >"
            return _Finding(message="a merge conflict of Git is not resolved", hint=hint, place=(number, 0))
    return None


def _tab(failure: _Failure) -> _Finding | None:
    indentation = failure.text[: len(failure.text) - len(failure.text.lstrip())]
    if "\t" not in indentation:
        return None
    place = (failure.line, indentation.index("\t"))
    return _Finding(message="the line is indented with a tab", hint="indent with spaces", place=place)


def _invisible(failure: _Failure) -> _Finding | None:
    """A character nobody sees, in the line of the failure or in the one before, which it may have spoilt."""
    for number in (failure.line, failure.line - 1):
        found = _INVISIBLE.search(failure.lines[number]) if 0 <= number < len(failure.lines) else None
        if found:
            message = f"the character U+{ord(found[0]):04X} looks like a space or like nothing, and is text to YAML"
            return _Finding(message=message, hint="write a plain space, or delete it", place=(number, found.start()))
    return None


def _variable(failure: _Failure) -> _Finding | None:
    opened = failure.text.rfind("${", 0, failure.column + 2)
    if opened < 0 or "flow" not in failure.context:
        return None
    message = "inside { } a variable must be in quotes"
    return _Finding(message=message, hint='write "${VAR}"', place=(failure.line, opened))


def _first_character(failure: _Failure) -> _Finding:
    character = failure.text[failure.start[1] : failure.start[1] + 1] if failure.context in _ALIAS else failure.at
    example = {"@": ', such as "@content-read"', "*": ', such as "*.read"'}.get(character, "")
    return _Finding(
        message=f"text cannot begin with {character} unless it is in quotes",
        hint=f"put it in quotes{example}",
        place=failure.start if failure.context in _ALIAS else None,
    )


def _not_closed(failure: _Failure) -> _Finding:
    what, end = ("list", "]") if "sequence" in failure.context else ("mapping", "}")
    where = "" if failure.start[0] == failure.line else f" that begins at line {failure.start[0] + 1}"
    hint = f"close the {what} with {end}, and put a comma between two entries"
    return _Finding(message=f"a comma or {end} is missing before this, in the {what}{where}", hint=hint)


def _open_quote(failure: _Failure) -> _Finding:
    return _Finding(
        message="the quote that opens here is never closed",
        hint="close it, or write '' for a quote inside of single quotes",
        place=failure.start,
    )


def _second_name(failure: _Failure) -> _Finding:
    before = failure.lines[failure.line - 1] if failure.line else ""
    if _UNSPACED.match(before):  # so that it is text, which goes on in this line
        return _unspaced(failure, failure.line - 1)
    return _Finding(
        message="a name with a value cannot begin here",
        hint='check the indentation, and put text that holds ": " in quotes',
    )


def _no_name(failure: _Failure) -> _Finding:
    if failure.at and failure.at in "]}":
        return _Finding(message=f"this {failure.at} closes nothing", hint="delete it, or open what it closes")
    if failure.before.endswith(("'", '"')):
        hint = "put the whole text in quotes; inside of single quotes write '' for one"
        return _Finding(message="text goes on after its closing quote", hint=hint)
    if failure.text[failure.column :].startswith("- "):
        return _Finding(message="an entry of a list stands where a field is expected", hint="check the indentation")
    if not failure.before and failure.column != failure.start[1]:
        return _Finding(
            message="the line is indented like nothing above it", hint="line it up with the fields that it belongs to"
        )
    return _Finding(message="a name with a colon is expected here", hint="check the line above, too")


def _no_entry(failure: _Failure) -> _Finding:
    return _Finding(
        message=f"a field stands in the middle of the list that begins at line {failure.start[0] + 1}",
        hint="check the indentation, or begin the line with a dash",
    )


def _no_value(failure: _Failure) -> _Finding:
    if failure.at == "-":
        return _Finding(message="entries inside [ ] have no dashes", hint="separate them with commas")
    return _Finding(message=f"a value is missing before this {failure.at}", hint="write it, or delete one sign")


def _no_colon(failure: _Failure) -> _Finding:
    line, column = failure.start
    if _UNSPACED.match(failure.lines[line]):
        return _unspaced(failure, line)
    return _Finding(
        message="the line is neither NAME: VALUE nor an entry of a list",
        hint="write a colon after the name, or put text of several lines in quotes",
        place=(line, column),
    )


def _unspaced(failure: _Failure, line: int) -> _Finding:
    place = (line, failure.lines[line].index(":"))
    return _Finding(message="a space is missing after this colon", hint="write NAME: VALUE", place=place)


def _directive(failure: _Failure) -> _Finding:
    return _Finding(
        message="lines that begin with % speak to the YAML reader", hint="delete the line", place=failure.start
    )


def _block_text(failure: _Failure) -> _Finding:
    sign = failure.text[failure.start[1] : failure.start[1] + 1]
    hint = f"put the text in quotes, or begin it on the line after {sign}"
    return _Finding(message=f"text cannot stand on the line of {quoted(sign)}", hint=hint, place=failure.start)


_EXPLANATIONS: dict[str, _Finding | Callable[[_Failure], _Finding]] = {
    "found character that cannot start any token": _first_character,
    "did not find expected alphabetic or numeric character": _first_character,
    "did not find expected ',' or ']'": _not_closed,
    "did not find expected ',' or '}'": _not_closed,
    "found unexpected end of stream": _open_quote,
    "found unknown escape character": _Finding(
        message="the backslash begins no escape that YAML knows",
        hint="write \\\\ for a backslash, or use single quotes",
    ),
    "mapping values are not allowed in this context": _second_name,
    "did not find expected key": _no_name,
    "did not find expected '-' indicator": _no_entry,
    "block sequence entries are not allowed in this context": _Finding(
        message="a list with dashes cannot begin on the line of its field",
        hint="begin the list on the next line, or write [a, b]",
    ),
    "did not find expected node content": _no_value,
    "could not find expected ':'": _no_colon,
    "did not find expected <document start>": _Finding(
        message="the line lies outside of what the file began with",
        hint="begin it in the column of the file's first field; nothing may follow a line of ...",
    ),
    "found incompatible YAML document": _directive,
    "found unknown directive name": _directive,
    "did not find expected comment or line break": _block_text,
}
"""By libyaml's own words."""
