"""A field of a secret that holds several: only one that is text is ever shown, or replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.errors import SinkError


def text_of(fields: Mapping[str, Any], name: str) -> Secret | None:
    """The text of a field, None where it has none. Raises SinkError where it is something else."""
    match fields.get(name):
        case None:
            return None
        case str(text):
            return Secret(text)
        case _:
            raise SinkError(f"the field {quoted(name)} holds something that is no text", hint="name another field")
