"""In what the emulated servers differ from each other, as values.

`main` is Appwrite main of 2026-08 and `1.9.x` its release branch: both answer version 1.9.6, but main
lets no project key create keys, takes 200 scopes instead of 100 and knows other scopes. The order of
the scopes is that of the servers' own 400 message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

Profile = Literal["1.9.x", "main"]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One scope of the catalogue, as `GET /v1/console/scopes/project` shows it."""

    id: str
    description: str
    category: str
    deprecated: bool


@dataclass(frozen=True, kw_only=True)
class Server:
    """One emulated server. `scopes` in the server's order; at most `max_scopes` in a key."""

    version: str
    max_scopes: int
    keys_create_keys: bool
    scalar_body_fails: bool
    scopes: tuple[Scope, ...]

    @cached_property
    def scope_ids(self) -> frozenset[str]:
        """The scopes that a key may hold."""
        return frozenset(scope.id for scope in self.scopes)


@cache
def server(profile: Profile) -> Server:
    """The server a profile stands for; ValueError names the known ones."""
    catalogue = json.loads((files(__package__) / "data" / "scopes.json").read_text(encoding="utf-8"))
    if profile not in catalogue["profiles"]:
        raise ValueError(f"unknown emulator profile {profile!r}; known: {', '.join(catalogue['profiles'])}")
    known = {
        entry["$id"]: Scope(
            id=entry["$id"],
            description=entry["description"],
            category=entry["category"],
            deprecated=entry["deprecated"],
        )
        for entry in catalogue["scopes"]
    }
    main = profile == "main"
    return Server(
        version="1.9.6",
        max_scopes=200 if main else 100,
        keys_create_keys=not main,
        scalar_body_fails=not main,
        scopes=tuple(known[name] for name in catalogue["profiles"][profile]),
    )
