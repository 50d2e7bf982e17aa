"""Values of the core, short to write: what a test does not name is ordinary.

Everything happens at NOW in the realm REALM: owner `shop`, environment `staging`, project `p1`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from reconciler.core.desired import Connection, Desired, DesiredKey, Expiry, Never, SinkSpec
from reconciler.core.ids import Realm, key_id, slug
from reconciler.core.keys import KeyState, Live, LiveKey, ServerFacts
from reconciler.core.probation import SUFFIX
from reconciler.core.secret import Secret
from reconciler.errors import Position

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REALM = Realm(owner="shop", environment="staging", project="p1")
HERE = Position(file="keys.yaml", line=1, column=1)
SINK = SinkSpec(kind="dotenv", options=(("path", "secrets/staging.env"), ("variable", "APPWRITE_API_KEY")))
OTHER_SINK = SinkSpec(kind="dotenv", options=(("path", "secrets/staging.env"), ("variable", "OTHER")))
SECRET = Secret("standard_" + "5ec4e7" * 10)


def owned_id(name: str, generation: int = 1) -> str:
    """The id that the realm's key of this name has."""
    return key_id(REALM, slug(name), generation)


def wanted(
    name: str = "ci",
    *,
    title: str = "CI",
    scopes: Iterable[str] = ("users.read",),
    expiry: Expiry | None = None,
    sinks: tuple[SinkSpec, ...] = (),
    allow: Iterable[str] = (),
    from_globs: Iterable[str] = (),
    **fields: str | tuple[str, ...] | None,
) -> DesiredKey:
    """A declared key."""
    return DesiredKey(
        address=f"{REALM.environment}/{name}",
        slug=slug(name),
        name=title,
        scopes=frozenset(scopes),
        expiry=expiry or Never(),
        sinks=sinks,
        allow_sensitive=frozenset(allow),
        from_globs=frozenset(from_globs),
        **fields,  # type: ignore[arg-type]
        position=HERE,
    )


def desired(*keys: DesiredKey, allow_empty: bool = False, warnings: tuple[str, ...] = (), **fields: object) -> Desired:
    """What the manifest wants of the realm."""
    connection = Connection(environment=REALM.environment, endpoint="emulator", project=REALM.project, position=HERE)
    return Desired(
        realm=REALM,
        connection=connection,
        keys=keys,
        names=names_of(keys),
        allow_empty=allow_empty,
        warnings=warnings,
        **fields,  # type: ignore[arg-type]
    )


def names_of(keys: Iterable[DesiredKey]) -> dict[str, str]:
    """The names of keys by slug, as the manifest's resolution gives them."""
    found = {key.former_slug: key.address.rpartition("/")[2] for key in keys if key.former_slug}
    return found | {key.slug: key.address.rpartition("/")[2] for key in keys}


def live_key(
    name: str = "ci",
    *,
    generation: int = 1,
    id: str | None = None,  # noqa: A002 - the field's name
    title: str = "CI",
    scopes: Iterable[str] = ("users.read",),
    expire: datetime | None = None,
    age: timedelta = timedelta(days=30),
    accessed: datetime | None = None,
    sdks: tuple[str, ...] = (),
    description: str | None = None,
    secret: Secret | None = SECRET,
) -> LiveKey:
    """A live key, owned by the realm unless it has an id of its own."""
    return LiveKey(
        id=id or owned_id(name, generation),
        name=title,
        scopes=tuple(scopes),
        expire=expire,
        created=NOW - age,
        accessed=accessed,
        sdks=sdks,
        description=description,
        secret=secret,
    )


def undelivered(name: str = "ci", **fields: object) -> LiveKey:
    """A key on probation for another six days, created an hour ago."""
    expire = NOW + timedelta(days=6, minutes=7, seconds=8, milliseconds=9)
    values: dict[str, object] = {"title": "CI" + SUFFIX, "expire": expire, "age": timedelta(hours=1)}
    return live_key(name, **(values | fields))  # type: ignore[arg-type]


def live(*keys: LiveKey, own: Iterable[str] = (), version: str | None = "1.9.6") -> Live:
    """The realm's project as it is."""
    return Live(keys=keys, now=NOW, facts=ServerFacts(version=version), own=frozenset(own))


def state(title: str = "CI", scopes: Iterable[str] = ("users.read",), expire: datetime | None = None) -> KeyState:
    """The fields that are compared."""
    return KeyState(name=title, scopes=frozenset(scopes), expire=expire)
