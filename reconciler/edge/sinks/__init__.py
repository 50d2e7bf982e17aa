"""Sinks: one file each. A sink proves that it can write before a key is minted, compares before it writes,
writes all or nothing, and can read back what it wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.core.desired import SinkSpec
from reconciler.core.secret import Secret
from reconciler.edge.sinks import dotenv
from reconciler.errors import UsageError
from reconciler.ports import SecretSink


class InstalledSinks:
    """The `Sinks` port over the kinds of this folder."""

    def open(self, spec: SinkSpec) -> SecretSink:
        """The sink that an entry of `deliver` names."""
        if spec.kind == dotenv.KIND:
            return dotenv.open_sink(spec)
        raise UsageError(f"no sink of kind {spec.kind!r} is installed")

    def observe(self, specs: Iterable[SinkSpec]) -> Mapping[SinkSpec, Secret | None]:
        """What each sink holds, each file read once; a sink that cannot be read is left out."""
        return dotenv.observe([spec for spec in specs if spec.kind == dotenv.KIND])
