"""The dotenv sink: one variable of a file of `NAME=value` lines.

Every other line is kept byte for byte, line ends and quotes included. Of several lines with the name the last
one counts, as for every reader of such files. `export` before the name stays. The note is a comment on the line
before. A value is quoted so that dotenv libraries and shells read the same, as far as one form can serve both.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Held, Holding, Note, holding, parse_note
from reconciler.core.secret import Secret
from reconciler.edge.sinks import files
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkError

_BOM = "\ufeff"
_LONGEST_REMEMBERED = 512
_NOTE = "# reconciler: {} "
_BARE = re.compile(r"[A-Za-z0-9_./+=:@%-]+")
_LINE = re.compile(r"\A(?P<lead>\s*)(?P<export>(?:export\s+)?).*?(?P<end>\r?\n|\r|)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class DotenvSink:
    """One variable of one file; the `SecretSink` port. `made` are the files that this run has made."""

    path: Path
    variable: str
    made: set[Path] = field(default_factory=set)

    def preflight(self) -> None:
        """Raise SinkError where the file could not be replaced."""
        files.check_writable(self.path)
        files.read(self.path)

    def look(self) -> Holding:
        """The variable's value now, and the note above it."""
        bindings = _cut(self.path)[1]  # one variable's worth: each delivery looks twice, and a file may hold hundreds
        found = [place for place, each in enumerate(bindings) if each.key == self.variable and each.value is not None]
        return _holding(bindings, found[-1], files.exposed(self.path)) if found else EMPTY

    def write(self, secret: Secret, note: Note | None) -> None:
        """Set the variable, on its own line where it has none yet."""
        with files.locked(self.path):
            content = _with(self.path, self.variable, secret, note)
            if not self.path.exists():
                self.made.add(self.path)
            files.replace(self.path, content)

    def remove(self) -> None:
        """Take the variable's line away, and its note; and the file, where this run has made it and nothing is left."""
        with files.locked(self.path):
            content = _without(self.path, self.variable)
            if content is None:
                return
            if content.reveal() or self.path not in self.made:
                files.replace(self.path, content)
            else:
                files.remove(self.path)


def open_sink(spec: SinkSpec, surroundings: Surroundings) -> DotenvSink:
    """The sink of a `dotenv:` entry."""
    made: set[Path] = surroundings.shared("dotenv files that were made", set)
    return DotenvSink(path=Path(spec.option("path")), variable=spec.option("variable"), made=made)


def observe(specs: Iterable[SinkSpec], _: Surroundings) -> Held:
    """What the variables hold, each file read once; those of an unreadable file are left out."""
    held: dict[SinkSpec, Holding] = {}
    files_read: dict[str, Mapping[str, Holding] | None] = {}
    for spec in specs:
        path = spec.option("path")
        if path not in files_read:
            files_read[path] = _readable(Path(path))
        holdings = files_read[path]
        if holdings is not None:
            held[spec] = holdings.get(spec.option("variable"), EMPTY)
    return held


def _readable(path: Path) -> Mapping[str, Holding] | None:
    try:
        return _holdings(path)
    except SinkError:
        return None


def _holdings(path: Path) -> Mapping[str, Holding]:
    """What each variable of a file holds."""
    bindings, why = _cut(path)[1], files.exposed(path)
    return {
        binding.key: _holding(bindings, place, why)
        for place, binding in enumerate(bindings)
        if binding.key is not None and binding.value is not None
    }


def _holding(bindings: list[Binding], at: int, why: str) -> Holding:
    """What a line with a value holds, and why it should not be as it is; its note is the comment on the line before."""
    binding, before = bindings[at], bindings[at - 1].original.string if at else ""
    note = parse_note(before) if binding.key is not None and _is_note(before, binding.key) else None
    seen = holding(None if binding.value is None else Secret(binding.value), note)
    return replace(seen, outdated=True, why=why) if why else seen


def _cut(path: Path) -> tuple[str, list[Binding]]:
    """The file as its byte order marks, which the parser would drop, and pieces that together are the rest."""
    content = (files.read(path) or b"").decode(errors="surrogateescape")
    text = content.lstrip(_BOM)
    pieces = [
        piece for part in _parts(text) for piece in (_remembered if len(part) <= _LONGEST_REMEMBERED else _parsed)(part)
    ]
    return content[: len(content) - len(text)], pieces


def _parts(text: str) -> list[str]:
    """The text cut where the parser can start anew: a value reaches over a line's end only inside quotes.

    What n deliveries into one file parse is then n lines, not n files.
    """
    if _BOM in text:  # which the parser drops where it starts
        return [text]
    lines = list(io.StringIO(text, newline=""))
    if "'" not in text and '"' not in text:
        return lines
    quoted = [place for place, line in enumerate(lines) if "'" in line or '"' in line]
    first, last = quoted[0], quoted[-1] + 1
    return [*lines[:first], "".join(lines[first:last]), *lines[last:]]


def _parsed(text: str) -> tuple[Binding, ...]:
    return tuple(parse_stream(io.StringIO(text, newline="")))


_remembered = lru_cache(maxsize=2048)(_parsed)
"""For short parts, single lines as a rule: who remembers long ones keeps each state of a whole file."""


def _with(path: Path, variable: str, secret: Secret, note: Note | None) -> Secret:
    """The file with the variable set; wrapped, for it is held by frames in which much may go wrong."""
    mark, bindings = _cut(path)
    lines = [binding.original.string for binding in bindings]
    at = _last(bindings, variable)
    newline = "\r\n" if lines and lines[-1 if at is None else at].endswith("\r\n") else "\n"
    comment = f"{_NOTE.format(variable)}{note}{newline}" if note else ""
    assignment = f"{variable}={_quoted(secret.reveal())}"  # not before _cut, which may raise through this frame
    if at is None:
        ended = not lines or lines[-1].endswith(("\n", "\r"))
        lines.append(f"{'' if ended else newline}{comment}{assignment}{newline}")
    else:
        lines[at] = f"{comment}{_reassigned(lines[at], assignment)}"
        _drop_note(lines, at, variable)
    return Secret("".join((mark, *lines)))


def _without(path: Path, variable: str) -> Secret | None:
    """The file without the variable's line and its note, None where it has none."""
    mark, bindings = _cut(path)
    lines = [binding.original.string for binding in bindings]
    at = _last(bindings, variable)
    if at is None:
        return None
    blank = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    lines[at] = blank[: max(blank.rfind("\n"), blank.rfind("\r")) + 1]
    _drop_note(lines, at, variable)
    return Secret("".join((mark, *lines)))


def _drop_note(lines: list[str], at: int, variable: str) -> None:
    """Leave out the note before the variable's line, but not the blank lines before that."""
    if at and _is_note(lines[at - 1], variable):
        lines[at - 1] = lines[at - 1][: len(lines[at - 1]) - len(lines[at - 1].lstrip())]


def _is_note(line: str, variable: str) -> bool:
    return line.lstrip().startswith(_NOTE.format(variable))


def _last(bindings: list[Binding], variable: str) -> int | None:
    places = [place for place, binding in enumerate(bindings) if binding.key == variable]
    return places[-1] if places else None


def _reassigned(line: str, assignment: str) -> str:
    return _LINE.sub(lambda parts: f"{parts['lead']}{parts['export']}{assignment}{parts['end']}", line, count=1)


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    if not re.search(r"['\\]", value):
        return f"'{value}'"
    if not re.search(r"[$`]", value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    # A shell would read this otherwise, and each form that it reads right is another value to dotenv libraries.
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
