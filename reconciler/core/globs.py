"""Globs over ids, names and addresses: `*` stands for any text, `?` for one character, `[ab]` for one of these.

Case matters, and `*` does not stop at a slash or a dot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


def first_match(globs: Iterable[str], text: str) -> str | None:
    """The first glob that a text matches."""
    return next((glob for glob in globs if fnmatchcase(text, glob)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which addresses a plan is about: all, or those that a target matches, less those that an exclude matches.

    Whoever names a target wants it delivered again where nobody can tell what its sinks hold, unless he `looks` only.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    looks: bool = False

    @property
    def insists(self) -> bool:
        """Whether what nobody can compare is to be written again."""
        return bool(self.targets) and not self.looks

    def admits(self, address: str) -> bool:
        """Whether the plan is about this address."""
        wanted = not self.targets or first_match(self.targets, address) is not None
        return wanted and not (self.excludes and first_match(self.excludes, address))

    def without_effect(self, addresses: Iterable[str]) -> list[str]:
        """The globs that match none of the addresses that there are."""
        known = list(addresses)
        globs = dict.fromkeys((*self.targets, *self.excludes))
        return [glob for glob in globs if not any(fnmatchcase(address, glob) for address in known)]


EVERYTHING = Selection()
