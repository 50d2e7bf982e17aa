"""Random projects: what is declared, what is live beside it, and what the sinks hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase

from hypothesis import strategies as st

from reconciler.core.desired import After, At, Desired, DesiredKey, Expiry, Never, Prune
from reconciler.core.ids import Realm, key_id, tag
from reconciler.core.probation import SUFFIX
from tests.support.world import PROJECT, REALM, Machine, ServerTime, desired, is_ours, key

START = ServerTime().now
MAX_ID = 36
"""Characters of an id that Appwrite takes."""

SLUGS = ("a", "b", "c-c", "d", "tenant-018f3c2e-h5bpbk")
SCOPES = ("rows.read", "rows.write", "users.read", "users.write", "files.read")
FORMER = Realm(owner="team", environment="staging", project=PROJECT)
"""The realm under the name that the environment had before, where a situation has it renamed."""

OTHERS = (
    Realm(owner="others", environment="local", project=PROJECT),
    FORMER,
    Realm(owner="team", environment="local", project="another"),
)

names = st.sampled_from(["A", "Clé à molette", "x" * 128, "ends (undelivered) not", " ", "{}"])
live_names = names | st.sampled_from(["A (undelivered)", "B (undelivered)", " (undelivered)", "A (retiring)"])
scopes = st.frozensets(st.sampled_from(SCOPES), max_size=4)
moments = st.sampled_from([-400, -1, 1, 6, 7, 30, 4000]).map(lambda days: START + timedelta(days=days, hours=5))
spans = st.sampled_from([timedelta(minutes=1), timedelta(hours=12), timedelta(days=7), timedelta(days=90)])
expiries: st.SearchStrategy[Expiry] = st.just(Never()) | st.builds(At, moments) | st.builds(After, spans)
generations = st.sampled_from([1, 2, 3, 35, 36, 1295])


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A key of the manifest; `sinks` are the files of its variable, `adopts` is a foreign key of the project."""

    slug: str
    name: str
    scopes: frozenset[str]
    expiry: Expiry
    sinks: tuple[str, ...]
    description: str = ""
    adopts: str | None = None
    former_slug: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A key of the project, made `age` ago; the files of `held` have its secret already."""

    id: str
    name: str
    scopes: tuple[str, ...]
    lives: timedelta | None
    age: timedelta
    used: bool
    held: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All of it; `stale` are files whose variables hold something of long ago; the environment may be `renamed`."""

    declared: tuple[Declared, ...]
    live: tuple[Live, ...]
    stale: tuple[str, ...]
    renamed: bool
    prune: Prune
    grace: timedelta
    absent: frozenset[str]
    ignore: tuple[str, ...]
    protect: tuple[str, ...]

    def owns(self, key_id: str) -> bool:
        """Whether an id carries the manifest's mark, under the present or the former name of the environment."""
        return is_ours(key_id) or (self.renamed and is_ours(key_id, FORMER.environment))

    def may_touch(self, key_id: str) -> bool:
        """Whether a run may change or delete the key, said without the product's help."""
        if key_id in self.absent or any(key_id == each.adopts for each in self.declared):
            return True
        return self.owns(key_id) and not any(fnmatchcase(key_id, glob) for glob in self.ignore)


def owned_ids() -> st.SearchStrategy[str]:
    """Ids with this manifest's mark, declared or not."""
    realms = st.sampled_from([REALM, REALM, FORMER])
    return st.builds(key_id, realms, st.sampled_from(SLUGS), generations)


def foreign_ids() -> st.SearchStrategy[str]:
    """Ids of other owners, ids that only look like ours, and ids of people; none is in the way of ours."""

    def near(slug: str, form: str) -> str:
        return form.format(slug=slug, tag=tag(REALM, slug), upper=slug.upper(), wrong=tag(REALM, f"{slug}x"))

    forms = [
        "{slug}.{wrong}.g1",
        "{slug}.{tag}.g0",
        "{slug}.{tag}.g01",
        "{upper}.{tag}.G2",
        "{slug}.{tag}.g1x.g1",
        "{slug}.{tag}",
        "{slug}",
        "{slug}-.{tag}.g1",
    ]
    marked = st.builds(key_id, st.sampled_from(OTHERS), st.sampled_from(SLUGS), generations)
    looks = st.builds(near, st.sampled_from(SLUGS), st.sampled_from(forms))
    found = marked | looks | st.sampled_from(["hand-made", "66F0c3a1b2", "x.y.z"])
    return found.filter(lambda key_id: len(key_id) <= MAX_ID)


def _files(least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(["one.env", "two.env"]), min_size=least, unique=True).map(tuple)


declared_keys = st.builds(
    Declared,
    slug=st.sampled_from(SLUGS),
    name=names,
    scopes=scopes,
    expiry=expiries,
    sinks=_files(),
    description=st.sampled_from(["", "For the shop"]),
)


def _live_keys(ids: st.SearchStrategy[str]) -> st.SearchStrategy[Live]:
    return st.builds(
        Live,
        id=ids,
        name=live_names,
        scopes=st.lists(st.sampled_from(SCOPES), max_size=5).map(tuple),
        lives=st.none() | st.sampled_from([timedelta(days=days) for days in (-1, 2, 7, 90)]),
        age=st.sampled_from([timedelta(minutes=16), timedelta(hours=5), timedelta(days=3), timedelta(days=100)]),
        used=st.booleans(),
        held=_files(),
    )


_declared_lists = st.lists(declared_keys, max_size=len(SLUGS) - 1, unique_by=lambda each: each.slug)
_live_lists = st.lists(_live_keys(owned_ids() | foreign_ids()), max_size=8, unique_by=lambda each: each.id.lower())


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """A project, and a manifest that is valid beside it: no id means two things, what is adopted is there."""
    declared, live = draw(_declared_lists), draw(_live_lists)
    renamed = draw(st.booleans())
    owned = {each.id for each in live if is_ours(each.id) or (renamed and is_ours(each.id, FORMER.environment))}
    foreign = draw(st.permutations([each.id for each in live if each.id not in owned]))
    former = draw(st.permutations([slug for slug in SLUGS if slug not in {each.slug for each in declared}]))
    for at, each in enumerate(declared):
        kind = draw(st.sampled_from(["own", "own", "adopted", "renamed"]))
        if kind == "adopted" and foreign:
            declared[at] = replace(each, adopts=foreign.pop())
        elif kind == "renamed" and former:
            declared[at] = replace(each, former_slug=former.pop())
    live = _without_two_for_one(declared, live, renamed=renamed)
    owned &= {each.id for each in live}
    taken = {slug for each in declared for slug in (each.slug, each.former_slug)}
    rest = [*foreign, *(key_id for key_id in owned if key_id.partition(".")[0] not in taken)]
    absent = frozenset(draw(st.lists(st.sampled_from([*sorted(rest), "not-there"]), max_size=2)))
    hidden = [key_id for key_id in sorted(rest) if key_id not in absent]
    ignore = draw(st.lists(st.sampled_from(hidden), max_size=2, unique=True)) if hidden else []
    return Situation(
        declared=tuple(declared),
        live=tuple(live),
        stale=draw(_files()),
        renamed=renamed,
        prune=draw(st.sampled_from(["delete", "expire", "report"])),
        grace=draw(st.sampled_from([timedelta(minutes=1), timedelta(days=7)])),
        absent=absent,
        ignore=tuple(ignore),
        protect=tuple(draw(st.lists(st.sampled_from([*SLUGS, "?", "*-*", "typo"]), max_size=2, unique=True))),
    )


def _without_two_for_one(declared: list[Declared], live: list[Live], *, renamed: bool) -> list[Live]:
    """The live keys without those by which a rename would have two that work: such a manifest is refused."""
    dropped: set[str] = set()
    for each in declared:
        names = [(slug, realm) for slug in (each.slug, each.former_slug) for realm in (REALM, FORMER)[: 1 + renamed]]
        working = [
            [key.id for key in live if _is_working(key) and slug and _is_of(key.id, slug, realm)]
            for slug, realm in names
        ]
        for ids in [ids for ids in working if ids][1:]:
            dropped.update(() if each.adopts else ids)
    return [key for key in live if key.id not in dropped]


def _is_working(key: Live) -> bool:
    return key.lives is None or not key.name.endswith(SUFFIX)


def _is_of(key_id: str, slug: str, realm: Realm) -> bool:
    return key_id.startswith(f"{slug}.") and is_ours(key_id, realm.environment)


def declare(situation: Situation, machine: Machine) -> Desired:
    """What the manifest of a machine wants."""
    return replace(
        desired(*(_declared(each, machine) for each in situation.declared)),
        former=FORMER if situation.renamed else None,
        prune=situation.prune,
        prune_grace=situation.grace,
        absent=situation.absent,
        ignore=situation.ignore,
        protect=situation.protect,
    )


def _declared(declared: Declared, machine: Machine) -> DesiredKey:
    sinks = [machine.dotenv(variable(declared.slug), file) for file in declared.sinks]
    wanted = key(declared.slug, *sinks, scopes=declared.scopes, expiry=declared.expiry, title=declared.name)
    return replace(wanted, description=declared.description, adopts=declared.adopts, former_slug=declared.former_slug)


def variable(slug: str) -> str:
    """The variable of a key in each of its files."""
    return slug.upper().replace("-", "_")


async def bring_about(situation: Situation, machine: Machine) -> None:
    """Fill project and files, from the oldest key to the youngest; it is `START` afterwards."""
    world = machine.world
    lines: dict[str, list[str]] = {
        file: [f"{variable(slug)}='of long ago'" for slug in SLUGS] for file in situation.stale
    }
    for live in sorted(situation.live, key=lambda each: (-each.age, each.id)):
        world.time.now = START - live.age
        end = None if live.lives is None else world.time.now + live.lives
        secret = world.emulator.add_key(PROJECT, live.id, live.scopes, name=live.name, expire=end)
        if live.used:
            await world.accepts(secret)
        for file in live.held:
            lines.setdefault(file, []).append(f"{variable(live.id.split('.')[0].lower())}={secret}")
    world.time.now = START
    for file, content in lines.items():
        machine.write(file, "\n".join(content))
