"""What a manifest wants of one environment, after composition, expansion and the choice of ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, assert_never

from reconciler.core.globs import EVERYTHING, Selection
from reconciler.core.ids import Realm, is_generated, owned
from reconciler.core.times import format_instant, show_duration, to_milliseconds
from reconciler.errors import Position


@dataclass(frozen=True, slots=True)
class Never:
    """The key does not expire."""


@dataclass(frozen=True, slots=True)
class At:
    """The key expires at an instant."""

    instant: datetime


@dataclass(frozen=True, slots=True)
class After:
    """The key expires that long after its creation; compared within a minute."""

    span: timedelta


Expiry = Never | At | After


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A new generation comes `every` so often, and the one before lives on for the `overlap`."""

    every: timedelta
    overlap: timedelta

    @property
    def life(self) -> timedelta:
        """How long a generation lives from its creation, whether anybody rotates it or not."""
        return self.every + self.overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """That somebody asks for the next generation now, whatever its date: of every key that the selection admits, or of
    those whose newest generation is as old as `older_than`. One that is `compromised` ends at once. A generation that
    was made `since` then is the one that was asked for: so a run looks again that waited for another one.
    """

    older_than: timedelta | None = None
    compromised: bool = False
    since: datetime | None = None


Prune = Literal["delete", "expire", "report"]
"""What becomes of keys that are owned and no longer declared."""

DEFAULT_GRACE = timedelta(days=7)
"""How long a key lives on that is pruned by expiry."""

_TOLERANCE = timedelta(minutes=1)


def expires(expiry: Expiry, created: datetime) -> datetime | None:
    """The instant at which a key created then expires, None for never."""
    match expiry:
        case Never():
            return None
        case At(instant):
            return instant
        case After(span):
            return to_milliseconds(created + span)


def show_expiry(expiry: Expiry) -> str:
    """The text that `parse_expiry` reads back as the same: `never`, an instant or a duration."""
    match expiry:
        case Never():
            return "never"
        case At(instant):
            return format_instant(instant)
        case After(span):
            return show_duration(span)
        case _:
            assert_never(expiry)


def settled(expiry: Expiry, created: datetime, expire: datetime | None) -> datetime | None:
    """The instant that a live key should expire at: the one it has, where a declared duration comes within a minute."""
    wanted = expires(expiry, created)
    near = wanted is not None and expire is not None and abs(wanted - expire) <= _TOLERANCE
    return expire if isinstance(expiry, After) and near else wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSpec:
    """Where the credential of an environment is read from, as it is written, and what is known of it.

    `where` is the name of a variable or the path of a file, `argv` a command. `id` is that of the key that it is,
    `ends` when that expires.
    """

    source: Literal["env", "file", "command"]
    where: str = ""
    argv: tuple[str, ...] = ()
    id: str | None = None
    ends: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where an environment lives; `endpoint` is `emulator` or an https URL that ends in /v1."""

    environment: str
    endpoint: str
    project: str
    organization: str | None = None
    credential: CredentialSpec | None = None
    position: Position


OptionValue = str | bool | tuple[str, ...]
"""The value of one field of a sink."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose secret a sink is for: a key as the manifest names it."""

    environment: str
    project: str
    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSpec:
    """One entry of `deliver`; `options` are the sink's own fields, sorted by name.

    Templates are filled in, but for `{id}`: which generation is delivered shows when it is. `folder` is the manifest's,
    `subject` the key whose entry it is; neither makes two sinks differ.
    """

    kind: str
    options: tuple[tuple[str, OptionValue], ...]
    folder: str = field(default="", compare=False, repr=False)
    subject: Subject | None = field(default=None, compare=False, repr=False)

    def having(self, **options: OptionValue | None) -> SinkSpec:
        """The sink with these fields instead of what it has; None leaves one out."""
        known = {**dict(self.options), **options}
        return replace(self, options=tuple((name, value) for name, value in sorted(known.items()) if value is not None))

    def option(self, name: str, default: str | None = None) -> str:
        """The text of a field; KeyError where it is absent and nothing stands in for it."""
        value = dict(self.options).get(name, default)
        if not isinstance(value, str):
            raise KeyError(name)
        return value

    def flag(self, name: str) -> bool:
        """Whether a field is there and true."""
        return dict(self.options).get(name) is True

    def texts(self, name: str) -> tuple[str, ...]:
        """The members of a list; none where the field is absent."""
        value = dict(self.options).get(name, ())
        return value if isinstance(value, tuple) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredKey:
    """One key as the manifest wants it.

    `adopts` is the id of an existing key that the manifest names, `former_slug` the slug before a rename. The `expiry`
    of a key under `rotation` is the life of a generation.

    `from_globs` are the scopes that only a glob brought in; `lost` says what lists of lower layers held and the
    replacing ones do not.
    """

    address: str
    slug: str
    name: str
    scopes: frozenset[str]
    expiry: Expiry
    description: str = ""
    sinks: tuple[SinkSpec, ...] = ()
    adopts: str | None = None
    former_slug: str | None = None
    rotation: Rotation | None = None
    allow_sensitive: frozenset[str] = frozenset()
    from_globs: frozenset[str] = frozenset()
    lost: tuple[str, ...] = ()
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """Everything that one environment of a manifest wants; `keys` sorted by address.

    `names` gives the name in the manifest for each slug, present or former, that is declared here. `former` is the
    realm under the name that the environment had before a rename. `absent` are ids of keys to delete,
    each written `absent_at` its place, `ignore` globs over ids of keys that are hidden, `protect` globs over names of
    keys. The plan is only about what the `selection` admits, and where it is `forced` about nothing but rotation.
    `escrow` is the recipient for whom secrets are kept that do not arrive, empty for none.
    """

    realm: Realm
    connection: Connection
    keys: tuple[DesiredKey, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    former: Realm | None = None
    allow_empty: bool = False
    prune: Prune = "delete"
    prune_grace: timedelta = DEFAULT_GRACE
    absent: frozenset[str] = frozenset()
    absent_at: Mapping[str, Position] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    selection: Selection = EVERYTHING
    forced: Forced | None = None
    escrow: str = ""
    warnings: tuple[str, ...] = ()

    def address(self, slug: str) -> str:
        """The address of an owned key: with the name that is declared for its slug, else with the slug."""
        return f"{self.realm.environment}/{self.names.get(slug, slug)}"

    def is_foreign(self, key_id: str) -> bool:
        """Whether an id is one that reconciler made for another manifest, environment or project."""
        realms = (self.realm, *((self.former,) if self.former else ()))
        return is_generated(key_id) and not any(owned(realm, key_id) for realm in realms)
