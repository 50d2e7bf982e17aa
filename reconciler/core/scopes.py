"""What scopes exist, which need care, and what a name or a glob of the manifest grants.

A glob grants the shipped catalogue ∩ what the server knows, never deprecated or sensitive scopes. A name is judged by
the server's own list where there is one, else by the shipped catalogue. `*` stands for any text, dots included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from reconciler.core.quoting import one_of, quoted
from reconciler.core.suggest import did_you_mean

SENSITIVE = frozenset(
    {"keys.read", "keys.write", "organization.projects.keys.read", "organization.projects.keys.write"}
)
"""Scopes that hand out or make other keys: `allow_sensitive` must name each."""

MARKED = frozenset(
    {
        "project.write",
        "users.write",
        "sessions.write",
        "webhooks.write",
        "platforms.write",
        "functions.write",
        "sites.write",
        "rows.write",
        "documents.write",
        "migrations.write",
        "vcs.write",
        "domains.write",
    }
)
"""Scopes that a plan points out, and never refuses."""

MAX_SCOPES = 200
"""Scopes of one key that Appwrite takes; servers 1.9.5 and 1.9.6 take 100, and do not say which they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The scopes that shipped with this version. `deprecated` gives each one's successor, None where it has none."""

    known: frozenset[str]
    deprecated: Mapping[str, str | None] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why an entry of a scope list grants nothing."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What a scope list comes to. `from_globs` are in `scopes` only because of a glob; `faults` are by entry."""

    scopes: frozenset[str]
    from_globs: frozenset[str]
    faults: Mapping[str, Fault]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What scope lists are judged by: the catalogue with the `extra` scopes that an environment admits, and the
    server's own list where the server was asked.
    """

    catalogue: Catalogue
    extra: frozenset[str] = frozenset()
    server: frozenset[str] | None = None
    known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Every scope that may be named: the server's word wins."""
        known = self.catalogue.known | self.extra if self.server is None else self.server
        object.__setattr__(self, "known", known)

    def grants(self, entries: Iterable[str]) -> Grants:
        """What names and globs come to; `@set`s are replaced by their members before."""
        named: set[str] = set()
        globbed: set[str] = set()
        faults: dict[str, Fault] = {}
        known = self.known
        for entry in entries:
            if entry in known:
                named.add(entry)
                continue
            granted = self.judge(entry)
            if isinstance(granted, Fault):
                faults[entry] = granted
            else:
                globbed |= granted
        return Grants(scopes=frozenset(named | globbed), from_globs=frozenset(globbed - named), faults=faults)

    def judge(self, entry: str) -> frozenset[str] | Fault:
        """The scopes that one name or glob grants, or why it grants none."""
        if "*" in entry:
            return self._glob(entry)
        if entry in self.known:
            return frozenset({entry})
        whose = "" if self.server is None else " to this server"
        if self.server is not None and entry in self.catalogue.known | self.extra:
            hint = "other versions of Appwrite know it: leave it out for this environment, or upgrade the server"
        else:
            hint = did_you_mean(entry, self.known) or "`reconciler scopes` lists them all"
            if self.server is None and not hint.startswith("did"):
                hint += "; `extra_scopes` of an environment admits one that is newer"
        return Fault(message=f"scope {quoted(entry)} is unknown{whose}", hint=hint)

    def _glob(self, glob: str) -> frozenset[str] | Fault:
        matched = _matched(glob, self.catalogue.known)
        usable = matched - self.catalogue.deprecated.keys() - SENSITIVE
        granted = usable & self.known
        if granted:
            return granted
        if not matched:
            return Fault(message=f"{quoted(glob)} matches no scope", hint="`reconciler scopes` lists them all")
        if usable:
            return Fault(message=f"{quoted(glob)} matches no scope that this server knows")
        return Fault(
            message=f"{quoted(glob)} matches only scopes that a glob never grants: sensitive or deprecated ones",
            hint=f"name what you mean, {one_of(sorted(matched))}",
        )


@lru_cache(maxsize=256)
def _matched(glob: str, scopes: frozenset[str]) -> frozenset[str]:
    pattern = re.compile(".*".join(map(re.escape, glob.split("*"))))
    return frozenset(scope for scope in scopes if pattern.fullmatch(scope))
