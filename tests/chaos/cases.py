"""What one seed is: values alone, drawn in `tests.chaos.drawing`, done in `tests.chaos.running`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from reconciler.emulator import Profile
from reconciler.emulator.faults import Rule
from tests.chaos.front import When

Credential = Literal["session", "project key", "organization key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place for one secret: a kind of sink, and a number that makes it another one than all others of the seed."""

    kind: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A declared key; `expire` as the manifest says it."""

    name: str
    title: str
    scopes: tuple[str, ...]
    expire: str = ""
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meddling:
    """What somebody did by hand after the first apply: to a `place` (`overwritten`, `emptied`), or to the key `name`
    (`deleted`, `changed`, or `begun` by a run on another machine that died long ago).
    """

    what: Literal["overwritten", "emptied", "deleted", "changed", "begun"]
    place: Place | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What goes wrong at one place: the `what` is the kind's own word, at the n-th time, 0 for each."""

    place: Place
    what: str
    nth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """When the program dies: before a `line` of its writing parts, or at a call to Appwrite or to sinks' services."""

    where: Literal["line", "server", "sinks"]
    nth: int
    when: When = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An apply amid faults, and what happens after it."""

    parallelism: int
    rules: tuple[Rule, ...]
    troubles: tuple[Trouble, ...]
    kill: Kill | None
    wait: timedelta
    elsewhere: bool
    """The next run is another machine's, which knows nothing of this one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A seed, drawn. `before` is applied without faults, then `keys` with them."""

    seed: int
    profile: Profile
    hides: bool
    credential: Credential
    skew: timedelta
    before: tuple[Key, ...]
    wait: timedelta
    meddling: tuple[Meddling, ...]
    keys: tuple[Key, ...]
    runs: tuple[Run, ...]
    settles: bool
    """Whether what is late arrives before the run without faults, or during it."""

    project: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "project", f"p{self.seed}")

    @property
    def places(self) -> tuple[Place, ...]:
        """Every place that either manifest names."""
        return tuple(dict.fromkeys(place for key in (*self.before, *self.keys) for place in key.places))


def declared(key: Key) -> dict[str, Any]:
    """A key as the manifest has it, without its sinks."""
    expire = {"expire": key.expire} if key.expire else {}
    return {"name": key.title, "scopes": list(key.scopes), **expire}
