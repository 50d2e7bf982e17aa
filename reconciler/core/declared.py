"""A key as a manifest declares it for one environment: layers composed, nothing spelt out yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.desired import Expiry, Rotation, SinkSpec
from reconciler.core.document import Path
from reconciler.errors import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeList:
    """A list of scopes as one layer of a key writes it, and where."""

    entries: tuple[str, ...]
    at: Path


def is_relative(entries: Sequence[str]) -> bool:
    """Whether a list changes what the layers beneath grant, instead of replacing it."""
    return bool(entries) and all(entry[:1] in {"+", "-"} for entry in entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredKey:
    """One key of one environment, composed; sets, globs and placeholders still in it.

    `name` is the key's name in the manifest, `title` the one that Appwrite shows. `scopes` are the lists that count,
    all but the first relative, and `replaced_scopes` what counted before each list that replaced it; `replaced_sinks`
    are those of every lower layer. `deliver_at` is the place of the list in the layer that wrote it last.
    """

    name: str
    slug: str
    title: str
    description: str
    scopes: tuple[ScopeList, ...]
    replaced_scopes: tuple[tuple[ScopeList, ...], ...]
    expiry: Expiry
    rotation: Rotation | None
    sinks: tuple[SinkSpec, ...]
    replaced_sinks: tuple[SinkSpec, ...]
    deliver_at: Path
    adopts: str | None
    renamed_from: str | None
    allow_sensitive: frozenset[str]
    position: Position

    @property
    def scopes_at(self) -> Path:
        """Where the list of scopes stands that was written last."""
        return self.scopes[-1].at
