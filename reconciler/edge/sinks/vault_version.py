"""A version of a secret in the key/value engine, version 2, as Vault and OpenBao tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.core.secret import Secret
from reconciler.core.times import parse_instant
from reconciler.edge.sinks.fields import text_of
from reconciler.edge.sinks.written import at_the_latest


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The newest version of a secret; 0 where there is no such secret."""

    number: int
    fields: Mapping[str, Any] = field(repr=False)
    notes: Mapping[str, str]
    written: datetime | None

    def text(self, name: str) -> Secret | None:
        """The text of a field, None where it has none. Raises SinkError where it is something else."""
        return text_of(self.fields, name)


NO_VERSION = Version(number=0, fields={}, notes={}, written=None)


def version_of(data: Mapping[str, Any]) -> Version:
    """The version in an answer that shows it."""
    metadata = data["metadata"]
    return Version(
        number=metadata["version"],
        fields=data["data"] or {},
        notes=metadata.get("custom_metadata") or {},
        written=written(metadata),
    )


def written(metadata: Mapping[str, Any]) -> datetime | None:
    """When a version was made, at the latest."""
    try:
        return at_the_latest(parse_instant(metadata["created_time"]))
    except (KeyError, TypeError, ValueError):
        return None
