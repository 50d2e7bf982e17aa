"""Sinks as written, and as they are once their placeholders are filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from reconciler.core.desired import SinkSpec
from reconciler.core.templates import fill

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def sink_of(written: Mapping[str, Mapping[str, Any]]) -> SinkSpec:
    """An entry of `deliver`, placeholders still in it."""
    ((kind, options),) = written.items()
    return SinkSpec(kind=kind, options=tuple(sorted(options.items())))


def filled(sink: SinkSpec, value_of: Callable[[str], str], folder: PurePath) -> SinkSpec:
    """The sink with its placeholders replaced and its path seen from where the command runs."""
    return SinkSpec(
        kind=sink.kind,
        options=tuple(
            (name, str(folder / fill(text, value_of)) if name == "path" else fill(text, value_of))
            for name, text in sink.options
        ),
    )


def bad_variable(sink: SinkSpec) -> str | None:
    """The variable of a filled sink where no dotenv file can hold it."""
    return next((text for name, text in sink.options if name == "variable" and not _VARIABLE.fullmatch(text)), None)
