"""Sinks as written, and as they are once their placeholders are filled in.

In every kind of sink a field called `path` is a local file, as seen from the manifest's folder.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from reconciler.core.desired import OptionValue, SinkSpec, Subject
from reconciler.core.templates import fill, has_placeholder

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def sink_of(written: Mapping[str, Mapping[str, Any]]) -> SinkSpec:
    """An entry of `deliver`, placeholders still in it."""
    ((kind, options),) = written.items()
    return SinkSpec(
        kind=kind,
        options=tuple(
            (name, tuple(value) if isinstance(value, list) else value) for name, value in sorted(options.items())
        ),
    )


def filled(sink: SinkSpec, value_of: Callable[[str], str], folder: str, subject: Subject | None = None) -> SinkSpec:
    """The sink of a key with its placeholders replaced, and its path joined to the manifest's folder.

    `..` takes back the folder before it, so that two ways to write one path are one sink.
    """
    options = [(name, _filled(value, value_of)) for name, value in sink.options]
    joined = tuple(
        (name, _joined(folder, value) if name == "path" and isinstance(value, str) else value)
        for name, value in options
    )
    return SinkSpec(kind=sink.kind, options=joined, folder=folder, subject=subject)


def _filled(value: OptionValue, value_of: Callable[[str], str]) -> OptionValue:
    match value:
        case str():
            return fill(value, value_of)
        case tuple():
            return tuple(fill(text, value_of) for text in value)
        case _:
            return value


def at(sink: SinkSpec, key_id: str) -> SinkSpec:
    """The sink of one generation: `{id}`, the last placeholder, is filled in; the sink itself where it has none."""
    if not _is_template(sink):
        return sink
    options = tuple((name, _filled(value, lambda _: key_id)) for name, value in sink.options)
    return sink if options == sink.options else replace(sink, options=options)


def _is_template(sink: SinkSpec) -> bool:
    return any(map(has_placeholder, dict(sink.options).values()))


@lru_cache(maxsize=1024)
def _joined(folder: str, path: str) -> str:
    return str(PurePath(folder, posixpath.normpath(path)))


def bad_variable(sink: SinkSpec) -> str | None:
    """The variable of a filled sink where no dotenv file can hold it."""
    return next(
        (
            text
            for name, text in sink.options
            if name == "variable" and isinstance(text, str) and not _VARIABLE.fullmatch(text)
        ),
        None,
    )
