"""A file that is a sink as a whole, and its note in a hidden file beside it.

The note of `NAME` is in `.NAME.reconciler`, written after it: a run that is killed between the two leaves a note that
does not fit, and the value is delivered anew. Both are replaced under one lock, and can be put back to the byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.core.places import note_file
from reconciler.core.secret import Secret
from reconciler.edge.sinks import files

_LONGEST_NOTE = 4096


def check(path: Path) -> None:
    """Raise SinkError where `write` could not work; makes nothing."""
    for each in (path, _beside(path)):
        files.check_writable(each)
        files.read(each)


def note_beside(path: Path) -> str:
    """The text beside a file; empty where there is none."""
    return (files.read(_beside(path)) or b"")[:_LONGEST_NOTE].decode(errors="surrogateescape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What a file and the text beside it were before a write, and what was written."""

    before: Secret | None
    beside: str
    written: Secret


def write(path: Path, content: Secret, beside: str) -> Replaced:
    """Put a file in place, then the text beside it; without one no text is left there."""
    with files.locked(path):
        replaced = Replaced(before=_read(path), beside=note_beside(path), written=content)
        _put(path, content, beside)
    return replaced


def undo(path: Path, replaced: Replaced) -> None:
    """Put back what was replaced, unless somebody else wrote there since."""
    with files.locked(path):
        if _read(path) != replaced.written:
            return
        if replaced.before is None:
            _remove(path)
        else:
            _put(path, replaced.before, replaced.beside)


def remove(path: Path) -> None:
    """Take both away."""
    with files.locked(path):
        _remove(path)


def _put(path: Path, content: Secret, beside: str) -> None:
    if beside:
        files.replace_with(path, content, _beside(path), Secret(beside))
    else:
        files.replace(path, content)
        files.remove(_beside(path))


def _remove(path: Path) -> None:
    files.remove(path)
    files.remove(_beside(path))


def _read(path: Path) -> Secret | None:
    content = files.read(path)
    return None if content is None else Secret(content.decode(errors="surrogateescape"))


def _beside(path: Path) -> Path:
    return Path(note_file(str(path)))
