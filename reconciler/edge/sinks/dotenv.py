"""The dotenv sink: one variable of a file of `NAME=value` lines.

Every other line is kept byte for byte, line ends and quotes included. Of several lines with the name the last
one counts, as for every reader of such files. `export` before the name stays.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from reconciler.core.desired import SinkSpec
from reconciler.core.secret import Secret
from reconciler.edge.sinks import files
from reconciler.errors import SinkError

KIND = "dotenv"
_BARE = re.compile(r"[A-Za-z0-9_./+=:@%-]+")
_LINE = re.compile(r"(?P<lead>\s*)(?P<export>export\s+)?.*?(?P<end>\r?\n|\r|)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class DotenvSink:
    """One variable of one file; the `SecretSink` port."""

    path: Path
    variable: str

    def preflight(self) -> None:
        """Raise SinkError where the file could not be replaced, or is not understood."""
        files.check_writable(self.path)
        _bindings(self.path)

    def read(self) -> Secret | None:
        """The variable's value now."""
        return _values(self.path).get(self.variable)

    def write(self, secret: Secret) -> None:
        """Set the variable, on its own line where it has none yet."""
        assignment = f"{self.variable}={_quoted(secret.reveal())}"
        with files.locked(self.path):
            bindings = _bindings(self.path)
            lines = [binding.original.string for binding in bindings]
            at = _last(bindings, self.variable)
            if at is None:
                newline = "\r\n" if lines and lines[-1].endswith("\r\n") else "\n"
                ended = not lines or lines[-1].endswith(("\n", "\r"))
                lines.append(f"{'' if ended else newline}{assignment}{newline}")
            else:
                lines[at] = _reassigned(lines[at], assignment)
            files.replace(self.path, _encode("".join(lines)))

    def remove(self) -> None:
        """Take the variable's line away."""
        with files.locked(self.path):
            bindings = _bindings(self.path)
            lines = [binding.original.string for binding in bindings]
            at = _last(bindings, self.variable)
            if at is not None:
                blank = len(lines[at]) - len(lines[at].lstrip())
                lines[at] = lines[at][: lines[at].rfind("\n", 0, blank) + 1]
                files.replace(self.path, _encode("".join(lines)))


def open_sink(spec: SinkSpec) -> DotenvSink:
    """The sink of a `dotenv:` entry."""
    return DotenvSink(path=Path(spec.option("path")), variable=spec.option("variable"))


def observe(specs: Iterable[SinkSpec]) -> Mapping[SinkSpec, Secret | None]:
    """What the variables hold, each file read once; those of an unreadable file are left out."""
    held: dict[SinkSpec, Secret | None] = {}
    files_read: dict[str, Mapping[str, Secret] | None] = {}
    for spec in specs:
        path = spec.option("path")
        if path not in files_read:
            files_read[path] = _readable_values(Path(path))
        values = files_read[path]
        if values is not None:
            held[spec] = values.get(spec.option("variable"))
    return held


def _readable_values(path: Path) -> Mapping[str, Secret] | None:
    try:
        return _values(path)
    except SinkError:
        return None


def _values(path: Path) -> Mapping[str, Secret]:
    return {
        binding.key: Secret(binding.value)
        for binding in _bindings(path)
        if binding.key is not None and binding.value is not None
    }


def _bindings(path: Path) -> list[Binding]:
    content = files.read(path) or b""
    text = io.StringIO(content.decode(errors="surrogateescape"), newline="")
    return list(parse_stream(text))


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _last(bindings: list[Binding], variable: str) -> int | None:
    places = [place for place, binding in enumerate(bindings) if binding.key == variable]
    return places[-1] if places else None


def _reassigned(line: str, assignment: str) -> str:
    match = _LINE.fullmatch(line)
    if match is None:  # every text matches: all parts may be empty
        raise SinkError(f"a line that sets {assignment.split('=', 1)[0]} is not understood")
    return f"{match['lead']}{match['export'] or ''}{assignment}{match['end']}"


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    if "\n" in value or "\r" in value or "\0" in value:
        raise SinkError("a secret of several lines does not fit in a dotenv file")
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
