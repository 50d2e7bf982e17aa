"""Which sinks are one place, where one delivery would overwrite another.

A field of `SETTINGS` says how a value is kept, not where: two sinks are one place where all other fields are equal,
said or left to what they are then; on GitHub in any case, in Vault with or without slashes at the ends. A sink that
writes a whole file, or a whole secret of AWS, is also one place with whatever else writes into that; to a whole file
belongs its note, a file beside it. A command is no place: it may take any number of secrets.

What variables and files say of a place, whoever opens sinks knows: see `Sinks.place`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Hashable
from typing import Generic, TypeVar

from reconciler.core.desired import OptionValue, SinkSpec

EXEC = "exec"
WHOLE_FILES = frozenset({"file", "age"})
FILES = WHOLE_FILES | {"dotenv"}
"""Kinds that write beside the manifest: another machine's run has files of its own there."""
SETTINGS = frozenset(
    {
        "recipients",
        "identity",
        "masked",
        "protected",
        "hidden",
        "visibility",
        "repositories",
        "insecure",
        "timeout",
        "kms_key",
    }
)
_UNLESS_TOLD = {"gitlab_ci": {"scope": "*"}, "vault": {"mount": "secret"}}
_FIELDS = "aws"
_CASELESS = frozenset({"github_actions"})
_PATHS = {"vault": frozenset({"mount", "secret"})}

_T = TypeVar("_T")


class Places(Generic[_T]):
    """The places that are taken, and by whom."""

    def __init__(self) -> None:
        self._taken: dict[Hashable, _T] = {}

    def take(self, sink: SinkSpec, who: _T) -> _T | None:
        """Take a sink's place; whoever has it already, None where it was free."""
        if sink.kind == EXEC:
            return None
        other = self._take(sink, _within(sink), who)
        path = dict(sink.options).get("path")
        if other is None and sink.kind in WHOLE_FILES and isinstance(path, str):
            other = self._take(sink, note_file(path), who)
        return other

    def _take(self, sink: SinkSpec, within: Hashable, who: _T) -> _T | None:
        place: Hashable = ("whole", within)
        shared: Hashable = ("parts", within)
        if not _is_whole(sink):
            place, shared = (sink.kind, _where(sink)), place
            self._taken.setdefault(("parts", within), who)
        other = self._taken.get(place, self._taken.get(shared))
        self._taken.setdefault(place, who)
        return other


def note_file(path: str) -> str:
    """Where the note of a whole file is: a hidden file beside it."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, f".{name}.reconciler")


def _is_whole(sink: SinkSpec) -> bool:
    return sink.kind in WHOLE_FILES or (sink.kind == _FIELDS and "field" not in dict(sink.options))


def _within(sink: SinkSpec) -> Hashable:
    """What several sinks may each write a part of: a file, or a secret with fields."""
    options = dict(sink.options)
    if sink.kind != _FIELDS:
        return options.get("path")
    return tuple((name, value) for name, value in sink.options if name != "field" and name not in SETTINGS)


def _where(sink: SinkSpec) -> Hashable:
    whole = {**_UNLESS_TOLD.get(sink.kind, {}), **dict(sink.options)}
    paths = _PATHS.get(sink.kind, frozenset())
    said = sorted(
        (name, _stripped(value) if name in paths else value) for name, value in whole.items() if name not in SETTINGS
    )
    return str(said).lower() if sink.kind in _CASELESS else tuple(said)


def _stripped(value: OptionValue) -> OptionValue:
    return value.strip("/") if isinstance(value, str) else value
