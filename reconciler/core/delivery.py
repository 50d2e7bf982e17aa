"""Sinks as written, and as they are once their placeholders are filled in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from reconciler.core.desired import SinkSpec
from reconciler.core.templates import fill

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def sink_of(written: Mapping[str, Mapping[str, Any]]) -> SinkSpec:
    """An entry of `deliver`, placeholders still in it."""
    ((kind, options),) = written.items()
    return SinkSpec(kind=kind, options=tuple(sorted(options.items())))


def filled(sink: SinkSpec, value_of: Callable[[str], str], folder: str) -> SinkSpec:
    """The sink with its placeholders replaced, and its path joined to the manifest's folder.

    `..` takes back the folder before it, so that two ways to write one path are one sink.
    """
    options = []
    for name, template in sink.options:
        text = fill(template, value_of)
        options.append((name, _joined(folder, text) if name == "path" else text))
    return SinkSpec(kind=sink.kind, options=tuple(options))


@lru_cache(maxsize=1024)
def _joined(folder: str, path: str) -> str:
    return str(PurePath(folder, posixpath.normpath(path)))


def bad_variable(sink: SinkSpec) -> str | None:
    """The variable of a filled sink where no dotenv file can hold it."""
    return next((text for name, text in sink.options if name == "variable" and not _VARIABLE.fullmatch(text)), None)
