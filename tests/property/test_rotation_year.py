"""A year of rotations, with runs at all paces, runs that are killed or fail at a sink, and hands in the Console.

What must hold is said of every moment, not only of those at which a run ends: nothing but a run, a person or an expiry
changes a key, so that what is live after a run is live until then.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.api import Outcome
from reconciler.core.desired import After, Desired, DesiredKey, Forced, Rotation, SinkSpec
from reconciler.core.globs import Selection
from reconciler.core.outcome import Status
from reconciler.core.plan import Create
from reconciler.emulator.faults import DropAfter, DropBefore
from reconciler.errors import ReconcilerError
from tests.support.folders import a_folder
from tests.support.line import Meanwhile, Trouble
from tests.support.world import PROJECT, Machine, Shown, World, a_world, desired, generation, held, is_ours, key

pytestmark = pytest.mark.anyio

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROTATIONS = [
    Rotation(every=DAY, overlap=12 * HOUR),
    Rotation(every=7 * DAY, overlap=2 * DAY),
    Rotation(every=30 * DAY, overlap=7 * DAY),
    Rotation(every=90 * DAY, overlap=89 * DAY),
    Rotation(every=90 * DAY, overlap=14 * DAY),
]
PACES = [HOUR, 6 * HOUR, DAY, DAY, 3 * DAY, 10 * DAY, 40 * DAY]
NEVER = datetime.max.replace(tzinfo=UTC)


class Killed(BaseException):
    """What ends a run on the spot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Time passes, and then a run: the `nth` call of it goes wrong, or a person does something before it."""

    after: timedelta
    what: str = "a run"
    nth: int = 1
    which: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """Rotations of the keys a, b …; the first is an adopted one where that is said."""

    rotations: tuple[Rotation, ...]
    steps: tuple[Step, ...]
    adopts: bool
    hides: bool


FAILS = ["killed", "loses its call", "loses its answer", "has no sink"]
ASKS = ["asks for a rotation", "asks for a rotation, and is killed"]
HANDS = ["deletes the newest", "deletes an older one", "puts an end off", "takes an end away", "shortens", "renames"]


def years(longest: int) -> st.SearchStrategy[Year]:
    whats = st.sampled_from(["a run"] * 8 + FAILS * 2 + ASKS + HANDS)
    step = st.builds(Step, after=st.sampled_from(PACES), what=whats, nth=st.integers(1, 14), which=st.integers(0, 2))
    return st.builds(
        Year,
        rotations=st.lists(st.sampled_from(ROTATIONS), min_size=1, max_size=2).map(tuple),
        steps=st.lists(step, min_size=longest // 2, max_size=longest).map(tuple),
        adopts=st.booleans(),
        hides=st.booleans(),
    )


@dataclass(slots=True, kw_only=True)
class Replaced:
    """A value that a sink held until `at`: whoever read it then reads again an overlap later."""

    secret: str
    slug: str
    until: datetime


@dataclass(slots=True, kw_only=True)
class Simulation:
    """A project, its one machine, and what its users may have read."""

    world: World
    machine: Machine
    wanted: Desired
    sinks: dict[str, SinkSpec]
    read: dict[str, str] = field(default_factory=dict)
    replaced: list[Replaced] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    failed: list[datetime] = field(default_factory=list)
    rotated: list[tuple[str, datetime]] = field(default_factory=list)
    born: dict[str, datetime] = field(default_factory=dict)
    ends: dict[str, datetime] = field(default_factory=dict)
    hands: int = 0

    @property
    def now(self) -> datetime:
        return self.world.time.now

    def rotation(self, slug: str) -> Rotation:
        (found,) = (each.rotation for each in self.wanted.keys if each.slug == slug)
        assert found is not None
        return found

    async def step(self, step: Step) -> None:
        self.world.time.now += step.after
        if step.what in HANDS:
            await self.hand(step)
        if step.what in ASKS:
            await self.ask(step)
        outcome = await self.run(step)
        complete = outcome is not None and outcome.complete
        if not complete:
            self.failed.append(self.now)
        self.note(outcome)
        await self.check(complete=complete)

    async def run(self, step: Step) -> Outcome | None:
        path = Path(self.sinks["a"].option("path"))
        troubles: dict[str, Trouble] = {
            "killed": Meanwhile(happens=_kill),
            "loses its call": DropBefore(),
            "loses its answer": DropAfter(),
            "has no sink": Meanwhile(happens=lambda: _take_away(path)),
        }
        self.world.line.expect({step.nth: troubles[step.what]} if step.what in troubles else {})
        try:
            return await self.machine.apply(self.wanted)
        except (ReconcilerError, Killed):
            return None
        except BaseExceptionGroup as group:
            if group.split(Killed)[1] is not None:
                raise
            return None
        finally:
            _give_back(path)

    async def ask(self, step: Step) -> None:
        """A person asks for the next generation of one key, and is refused while two are needed."""
        address = self.wanted.keys[step.which % len(self.wanted.keys)].address
        self.world.line.expect({step.nth: Meanwhile(happens=_kill)} if step.what == ASKS[1] else {})
        outcome = None
        with suppress(ReconcilerError, Killed, BaseExceptionGroup):
            async with self.machine.reconciler(self.wanted) as reconciler:
                selection = Selection(targets=(address,))
                outcome = await reconciler.apply(await reconciler.plan_to_rotate(Forced(), selection=selection))
        if step.what == ASKS[1]:
            self.failed.append(self.now)
        self.note(outcome)
        await self.remember()

    async def hand(self, step: Step) -> None:
        """What a person does; what was touched is nobody's promise any more."""
        slug = self.wanted.keys[step.which % len(self.wanted.keys)].slug
        mine = self.generations(await self.world.keys(), slug)
        old = [each for each in mine[:-1] if _end(each) > self.now]
        deeds: dict[str, tuple[list[Shown], Callable[[Shown], object]]] = {
            "deletes the newest": (mine[-1:], lambda shown: self.world.owner.delete(f"/project/keys/{shown['$id']}")),
            "deletes an older one": (old, lambda shown: self.world.owner.delete(f"/project/keys/{shown['$id']}")),
            "puts an end off": (old, lambda shown: self.put(shown, expire=(self.now + 300 * DAY).isoformat())),
            "takes an end away": (old, lambda shown: self.put(shown, expire=None)),
            "shortens": (old, lambda shown: self.put(shown, expire=(self.now + HOUR).isoformat())),
            "renames": (old, lambda shown: self.put(shown, name="Mine")),
        }
        chosen, deed = deeds[step.what]
        for shown in chosen[-1:]:
            await deed(shown)  # type: ignore[misc]
            self.hands += 1
            if step.what in {"deletes the newest", "deletes an older one", "shortens"}:
                self.touched.add(shown["secret"])

    async def put(self, shown: Shown, **fields: object) -> None:
        whole = {"name": shown["name"], "scopes": shown["scopes"], "expire": shown["expire"] or None, **fields}
        await self.world.put(shown["$id"], **whole)

    def note(self, outcome: Outcome | None) -> None:
        """What the run has changed for whoever reads the sinks, and what it has rotated."""
        for slug, sink in self.sinks.items():
            value, before = held(sink), self.read.get(slug)
            died = before is not None and self.ends.get(before, NEVER) <= self.now  # on probation, and nobody came
            if before is not None and value != before and not died:
                until = self.now + self.rotation(slug).overlap
                self.replaced.append(Replaced(secret=before, slug=slug, until=until))
            if value is not None:
                self.read[slug] = value
        for environment in outcome.environments if outcome else ():
            for result in environment.results:
                if isinstance(result.change, Create) and result.change.follows and result.status is Status.APPLIED:
                    self.rotated.append((result.change.address.partition("/")[2], self.now))

    async def check(self, *, complete: bool) -> None:
        keys = await self.world.keys()
        by_secret = {shown["secret"]: shown for shown in keys.values()}
        self.replaced = [each for each in self.replaced if each.until > self.now]
        for each in self.replaced:
            shown = by_secret.get(each.secret)
            if each.secret in self.touched:
                continue
            if shown is None:
                assert self.ends[each.secret] <= self.now, f"{each.slug}: a secret that somebody may hold was deleted"
            else:
                least = min(each.until, self.born.get(each.secret, NEVER))
                assert _end(shown) >= least, f"{each.slug}: a secret that somebody may hold ends early: {shown}"
        for slug in self.sinks if complete else ():
            self.check_one(slug, keys, by_secret)

    def check_one(self, slug: str, keys: dict[str, Shown], by_secret: dict[str, Shown]) -> None:
        rotation = self.rotation(slug)
        mine = self.generations(keys, slug)
        value = held(self.sinks[slug])
        if value is not None or mine[-1]["$id"] != "by-hand":
            shown = by_secret.get(value or "")
            assert shown is not None, f"{slug}: its sink holds nobody's secret"
            assert shown["$id"] == mine[-1]["$id"], f"{slug}: its sink holds an older generation's secret"
            assert _end(shown) > self.now + rotation.overlap - timedelta(seconds=1), (
                f"{slug}: it ends too soon: {shown}"
            )
        for older in mine[:-1]:
            assert _end(older) <= self.now + rotation.overlap, f"{slug}: {older} outlives its deadline"
        valid = [shown for shown in mine if _end(shown) > self.now]
        lately = [at for at in self.failed if self.now - at <= 8 * DAY + rotation.overlap]
        assert len(valid) <= 2 + len(lately) + self.hands, f"{slug}: {valid}"

    def generations(self, keys: dict[str, Shown], slug: str) -> list[Shown]:
        owned = [key_id for key_id in keys if is_ours(key_id) and key_id.startswith(f"{slug}.")]
        adopted = ["by-hand"] if slug == "a" and "by-hand" in keys and self.wanted.keys[0].adopts else []
        return [keys[key_id] for key_id in (*adopted, *sorted(owned, key=generation))]

    async def remember(self) -> None:
        """The end that each key was born with, or was given when it was adopted, and the one that it has."""
        for key_id, shown in (await self.world.keys()).items():
            self.ends[shown["secret"]] = _end(shown)
            if is_ours(key_id):
                life = self.rotation(key_id.partition(".")[0]).life
                self.born[shown["secret"]] = datetime.fromisoformat(shown["$createdAt"]) + life
            elif shown["expire"]:
                self.born.setdefault(shown["secret"], _end(shown))


def _end(shown: Shown) -> datetime:
    return datetime.fromisoformat(shown["expire"]) if shown["expire"] else NEVER


def _kill() -> None:
    raise Killed


def _take_away(path: Path) -> None:
    if path.is_file():
        path.rename(path.with_suffix(".aside"))
        path.mkdir()


def _give_back(path: Path) -> None:
    aside = path.with_suffix(".aside")
    if aside.exists():
        path.rmdir()
        aside.rename(path)


def rotating(slug: str, sink: SinkSpec, rotation: Rotation, adopts: str | None) -> DesiredKey:
    return replace(key(slug, sink, expiry=After(rotation.life)), rotation=rotation, adopts=adopts)


async def live_through(year: Year) -> Simulation:
    with a_folder() as folder:
        async with a_world(hides=year.hides) as world:
            machine = Machine(world=world, folder=folder)
            if year.adopts:
                world.time.now -= 200 * DAY
                world.emulator.add_key(PROJECT, "by-hand", ["rows.read"], name="By hand")
                world.time.now += 200 * DAY
            slugs = "ab"[: len(year.rotations)]
            sinks = {slug: machine.dotenv(slug.upper(), f"{slug}.env") for slug in slugs}
            adopted = ["by-hand" if year.adopts and slug == "a" else None for slug in slugs]
            wanted = desired(
                *(
                    rotating(slug, sinks[slug], rotation, adopts)
                    for slug, rotation, adopts in zip(slugs, year.rotations, adopted, strict=True)
                )
            )
            simulation = Simulation(world=world, machine=machine, wanted=wanted, sinks=sinks)
            for step in year.steps:
                await simulation.step(step)
                await simulation.remember()
            return simulation


@settings(max_examples=10)
@given(year=years(24))
async def test_whatever_happens_in_a_season_nobody_holds_a_dead_secret(year: Year) -> None:
    await live_through(year)


@pytest.mark.slow
@settings(max_examples=30)
@given(year=years(80))
async def test_whatever_happens_in_a_year_nobody_holds_a_dead_secret(year: Year) -> None:
    await live_through(year)
