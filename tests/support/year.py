"""A year of rotations on one server, and what must hold in it at every instant.

Nothing but a run, a person or an expiry changes a key. So the instants to look at are those at which a run or a person
is about to begin, every call of a run, and the end of each; between them keys only end.

What is held against the program is worked out here from what the server and the sinks have, without its help:

- A sink that holds a secret that works never holds one that does not, as long as runs come once an overlap, and within
  the week that is left of a key that a run has delivered and did not come to commit; a run takes it from no sink at any
  moment, however it ends.
- Whoever read a sink before its value was replaced has an overlap in which the old one works.
- Two generations work at a time, three while a run fails, four while more do; those that a person has cut short or put
  off are not counted.
- No run cuts a key short whose secret a sink still holds.
- A generation ends with its life, even if no run ever comes again, and one whose place another has taken an overlap
  after the run that saw to it; no run puts that off.
- For one date one generation is made: the next one is committed when the last one's date has come, and not before.
- A run that nothing befalls ends well, and so do two at once.
- What a person has deleted or cut short is nobody's promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.api import Outcome
from reconciler.core.desired import Desired, Forced, Rotation, SinkSpec
from reconciler.core.globs import Selection
from reconciler.emulator.faults import DropAfter, DropBefore
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send
from reconciler.errors import ReconcilerError
from tests.support.clocks import StandingClock
from tests.support.line import Meanwhile, Trouble
from tests.support.turns import Turns
from tests.support.world import Machine, Shown, World, generation, held, is_ours

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)
NEVER = datetime.max.replace(tzinfo=UTC)

FAILS = ["killed", "loses its call", "loses its answer", "has no sink"]
TWO = "two at once"
ASKS = ["asks for a rotation", "asks for a rotation, and is killed"]
HANDS = [
    "deletes the newest", "deletes an older one", "deletes all", "puts an end off", "takes an end away", "shortens",
    "shortens the newest", "renames",
]  # fmt: skip


class Killed(BaseException):
    """What ends a run on the spot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Time passes, and then a run: the `nth` call of it goes wrong, or a person does something before it; of two at
    once `order` says whose call is next.
    """

    after: timedelta
    what: str = "a run"
    nth: int = 1
    which: int = 0
    order: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A value that a sink held: whoever read it then reads again an overlap later."""

    secret: str
    slug: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A generation that a run has committed, or an adopted key."""

    key_id: str
    secret: str
    created: datetime


@dataclass(slots=True, kw_only=True)
class Simulation:
    """A project, its machines, and what its users may have read.

    Attributes:
        replaced: what users may still hold.
        touched: secrets that a person has deleted or cut short.
        extended: secrets whose end a person has put off, and `corrected` those of which a run has seen it since.
        newest: the generation of each key that was committed last.
        deadlines: the end of each key that another one has superseded, as the first run gave it.
        failed: when runs failed.
        asked: the keys whose next generation a person has asked for, whatever its date.
        safe: until when each sink holds a secret that works, a person aside: an overlap after a run that ended well.
        broken: what did not hold during a run.
    """

    world: World
    machine: Machine
    other: Machine
    wanted: Desired
    sinks: dict[str, SinkSpec]
    read: dict[str, str] = field(default_factory=dict)
    replaced: list[Replaced] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    extended: set[str] = field(default_factory=set)
    corrected: set[str] = field(default_factory=set)
    newest: dict[str, Committed] = field(default_factory=dict)
    deadlines: dict[str, datetime] = field(default_factory=dict)
    failed: list[datetime] = field(default_factory=list)
    born: dict[str, datetime] = field(default_factory=dict)
    ends: dict[str, datetime] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    safe: dict[str, datetime] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    rotations: int = 0

    @property
    def now(self) -> datetime:
        return self.world.time.now

    def rotation(self, slug: str) -> Rotation:
        """How a key rotates."""
        (found,) = (each.rotation for each in self.wanted.keys if each.slug == slug)
        assert found is not None
        return found

    async def step(self, step: Step) -> None:
        """Let time pass, do what is to be done, and look at everything."""
        self.world.time.now += step.after
        self.look_between_runs()
        if step.what in HANDS:
            await self.hand(step)
        if step.what in ASKS:
            await self.ask(step)
        outcomes = await self.two_runs(step) if step.what == TWO else [await self.run(step)]
        complete = all(outcome is not None and outcome.complete for outcome in outcomes)
        said = _said(outcomes)
        assert complete or step.what in FAILS, f"{step.what}: a run that nothing befell did not end well: {said}"
        assert not self.broken, self.broken
        if not complete or step.what in FAILS:
            self.failed.append(self.now)
        self.note()
        await self.check(complete=complete)
        await self.remember()
        if complete:
            await self.drop_id()

    async def run(self, step: Step) -> Outcome | None:
        """One run, and what befalls it."""
        path = Path(self.sinks["a"].option("path"))
        troubles: dict[str, Trouble] = {
            "killed": Meanwhile(happens=_kill),
            "loses its call": DropBefore(),
            "loses its answer": DropAfter(),
            "has no sink": Meanwhile(happens=lambda: _take_away(path)),
        }
        self.world.line.expect({step.nth: troubles[step.what]} if step.what in troubles else {})
        self.machine.line = self.watched(self.world.line)
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
        key = self.wanted.keys[step.which % len(self.wanted.keys)]
        is_killed = step.what == ASKS[1]
        self.world.line.expect({step.nth: Meanwhile(happens=_kill)} if is_killed else {})
        self.machine.line = self.watched(self.world.line)
        self.asked.add(key.slug)
        with suppress(ReconcilerError, Killed, BaseExceptionGroup):
            async with self.machine.reconciler(self.wanted) as reconciler:
                selection = Selection(targets=(key.address,))
                await reconciler.apply(await reconciler.plan_to_rotate(Forced(), selection=selection))
        if is_killed:
            self.failed.append(self.now)
        self.note()
        await self.remember()

    async def two_runs(self, step: Step) -> list[Outcome]:
        """Two machines at once, whose calls come in an order of their own."""
        self.world.line.expect({})
        turns, watched = Turns(), self.watched(self.world.line)
        self.machine.clock = self.other.clock = StandingClock()
        self.machine.line, self.other.line = turns.line(0, watched), turns.line(1, watched)
        runs = [self.machine.apply(self.wanted), self.other.apply(self.wanted)]
        return await turns.take(runs, step.order)

    def watched(self, app: ASGIApp) -> ASGIApp:
        """The application with a look at every sink after each call: what works at the beginning works on."""
        worked = [slug for slug in self.sinks if self.works(slug)]

        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            finally:
                if not _is_aside(Path(self.sinks["a"].option("path"))):
                    lost = [slug for slug in worked if not self.works(slug)]
                    self.broken += [f"{slug}: no secret that works, at {scope['method']}" for slug in lost]

        return call

    def works(self, slug: str) -> bool:
        """Whether the sink of a key holds a secret that the server accepts."""
        key = self.world.by_secret().get(held(self.sinks[slug]) or "")
        return key is not None and (key.expire is None or datetime.fromisoformat(key.expire) > self.now)

    def look_between_runs(self) -> None:
        """What the sinks hold works, an overlap from the last run that ended well on, but for what people did."""
        for slug, sink in self.sinks.items():
            if self.now < self.safe.get(slug, self.now) and held(sink) not in self.touched:
                assert self.works(slug), f"{slug}: its sink holds a secret that is dead, between two runs"

    async def hand(self, step: Step) -> None:
        """What a person does; what was touched is nobody's promise any more."""
        slug = self.wanted.keys[step.which % len(self.wanted.keys)].slug
        mine = self.generations(await self.keys(), slug)
        older = [each for each in mine[:-1] if _end(each) > self.now][-1:]
        far, soon = (self.now + 300 * DAY).isoformat(), (self.now + HOUR).isoformat()
        shown: Shown
        match step.what:
            case "deletes the newest" | "deletes an older one" | "deletes all" as what:
                for shown in {"deletes all": mine, "deletes the newest": mine[-1:]}.get(what, older):
                    if not is_ours(shown["$id"]):
                        continue  # a manifest that adopts a key that is not there is wrong, and every plan says so
                    await self.world.owner.delete(f"/project/keys/{shown['$id']}")
                    self.touched.add(shown["secret"])
            case "shortens" | "shortens the newest" as what:
                for shown in mine[-1:] if what == "shortens the newest" else older:
                    if _end(shown) > self.now + HOUR:
                        await self.put(shown, expire=soon)
                        self.touched.add(shown["secret"])
            case "puts an end off" | "takes an end away" as what:
                for shown in older:
                    await self.put(shown, expire=far if what == "puts an end off" else None)
                    self.extended.add(shown["secret"])
                    self.corrected.discard(shown["secret"])
            case _:
                for shown in older:
                    await self.put(shown, name="Mine")

    async def put(self, shown: Shown, **fields: object) -> None:
        """Change a key as the Console does."""
        whole = {"name": shown["name"], "scopes": shown["scopes"], "expire": shown["expire"] or None, **fields}
        await self.world.put(shown["$id"], **whole)

    def note(self) -> None:
        """What the run has changed for whoever reads the sinks."""
        for slug, sink in self.sinks.items():
            value, before = held(sink), self.read.get(slug)
            if before is not None and value != before and self.ends[before] > self.now:
                until = self.now + self.rotation(slug).overlap
                self.replaced.append(Replaced(secret=before, slug=slug, until=until))
            if value is not None:
                self.read[slug] = value

    async def check(self, *, complete: bool) -> None:
        """Everything that must hold after a run."""
        keys = await self.keys()
        by_secret = {shown["secret"]: shown for shown in keys.values()}
        self.replaced = [each for each in self.replaced if each.until > self.now]
        for each in self.replaced:
            self.check_reader(each, by_secret.get(each.secret), complete=complete)
        for slug in self.sinks:
            mine = self.generations(keys, slug)
            self.check_lives(slug, mine)
            self.check_dates(slug, mine)
            if complete:
                self.check_sink(slug, mine, by_secret)
            elif (shown := by_secret.get(held(self.sinks[slug]) or "")) and " (undelivered)" in shown["name"]:
                self.safe[slug] = min(self.safe.get(slug, self.now), _end(shown))

    async def drop_id(self) -> None:
        """Take `id` out of the manifest once the adopted key is gone, as plans ask for."""
        if "by-hand" not in await self.keys():
            self.wanted = replace(self.wanted, keys=tuple(replace(each, adopts=None) for each in self.wanted.keys))

    def check_reader(self, each: Replaced, shown: Shown | None, *, complete: bool) -> None:
        """Whoever read a value before it was replaced has an overlap, or what the key's own life leaves of it. A key on
        probation has its week, in which a run that ends well gives it the same.
        """
        if each.secret in self.touched or (shown and not complete and shown["name"].endswith(" (undelivered)")):
            return
        if shown is None:
            assert self.ends[each.secret] <= self.now, f"{each.slug}: a secret that somebody may hold was deleted"
        else:
            least = min(each.until, self.born.get(each.secret, NEVER))
            assert _end(shown) >= least, f"{each.slug}: a secret that somebody may hold ends early: {shown}"

    def check_lives(self, slug: str, mine: list[Shown]) -> None:
        """No generation outlives its life, no superseded one its deadline, and no more work than may."""
        rotation = self.rotation(slug)
        for shown in mine:
            if shown["secret"] in self.extended - self.corrected:
                continue
            life = datetime.fromisoformat(shown["$createdAt"]) + rotation.every + rotation.overlap
            if is_ours(shown["$id"]) and shown["secret"] not in self.extended:
                assert _end(shown) <= life + timedelta(minutes=1), f"{slug}: it would outlive a dead pipeline: {shown}"
            if shown["secret"] == held(self.sinks[slug]) and self.is_whole(shown):
                assert _end(shown) >= life - timedelta(minutes=1), f"{slug}: cut short before another is there: {shown}"
            deadline = self.deadlines.get(shown["secret"], NEVER)
            assert _end(shown) <= deadline, f"{slug}: the end of a superseded key was put off: {shown}"
        by_hand = self.touched | self.extended
        valid = [each for each in mine if _end(each) > self.now and each["secret"] not in by_hand]
        lately = sum(self.now - at <= 8 * DAY + rotation.overlap for at in self.failed)
        told = [(each["$id"], each["name"], each["expire"]) for each in valid]
        assert len(valid) <= 2 + min(lately, 2), f"{slug}: too many work: {told}"

    def is_whole(self, shown: Shown) -> bool:
        """Whether a key has the life that its commit gave it, as far as people let it."""
        is_committed = " (undelivered)" not in shown["name"] and is_ours(shown["$id"])
        return is_committed and shown["secret"] not in self.touched

    def check_dates(self, slug: str, mine: list[Shown]) -> None:
        """A generation that is newly committed has come at its date, unless a person has done away with the last."""
        rotation = self.rotation(slug)
        spread = min(rotation.every / 4, (rotation.every - rotation.overlap) / 2)
        for shown in mine:
            if " (undelivered)" in shown["name"] or not self.is_newer(slug, shown):
                continue
            now = Committed(
                key_id=shown["$id"], secret=shown["secret"], created=datetime.fromisoformat(shown["$createdAt"])
            )
            last = self.newest.get(slug)
            self.newest[slug] = now
            if last is None and not is_ours(now.key_id):
                continue
            if last is None or last.secret in self.touched or slug in self.asked:
                self.asked.discard(slug)
                continue
            self.rotations += 1
            if is_ours(last.key_id):
                date = last.created + rotation.every - spread - SECOND
            else:
                date = self.ends[last.secret] - rotation.overlap
            assert now.created >= date, f"{slug}: {now.key_id} was made before the date of {last.key_id}, {date}"

    def is_newer(self, slug: str, shown: Shown) -> bool:
        """Whether a key is a later generation than the last that was committed."""
        last = self.newest.get(slug)
        return last is None or _number(shown["$id"]) > _number(last.key_id)

    def check_sink(self, slug: str, mine: list[Shown], by_secret: dict[str, Shown]) -> None:
        """After a run that ended well its sink holds the newest, which has an overlap left; all others end by then."""
        rotation = self.rotation(slug)
        value = held(self.sinks[slug])
        if value is not None or mine[-1]["$id"] != "by-hand":
            shown = by_secret.get(value or "")
            assert shown is not None, f"{slug}: its sink holds nobody's secret"
            assert shown["$id"] == mine[-1]["$id"], f"{slug}: its sink holds an older generation's secret"
            assert _end(shown) > self.now + rotation.overlap - SECOND, f"{slug}: it ends too soon: {shown}"
            self.safe[slug] = self.now + rotation.overlap
        for older in mine[:-1]:
            assert _end(older) <= self.now + rotation.overlap, f"{slug}: {older} outlives its deadline"
            self.corrected.add(older["secret"])
            self.deadlines[older["secret"]] = _end(older)

    async def keys(self) -> dict[str, Shown]:
        """Every key by id, with its secret whatever the server shows."""
        secrets = {key.id: secret for secret, key in self.world.by_secret().items()}
        return {key_id: {**shown, "secret": secrets[key_id]} for key_id, shown in (await self.world.keys()).items()}

    def generations(self, keys: dict[str, Shown], slug: str) -> list[Shown]:
        """The keys of a name, oldest generation first; the adopted one is the oldest."""
        return sorted(
            (keys[key_id] for key_id in self.ids(slug, keys) if key_id in keys), key=lambda each: _number(each["$id"])
        )

    def ids(self, slug: str, keys: dict[str, Shown]) -> Iterator[str]:
        """The ids that a name may have."""
        yield from (each for each in keys if is_ours(each) and each.startswith(f"{slug}."))
        if slug == "a" and self.wanted.keys[0].adopts:
            yield "by-hand"

    async def remember(self) -> None:
        """The end that each key was born with, or was given when it was adopted, and the one that it has."""
        for key_id, shown in (await self.keys()).items():
            self.ends[shown["secret"]] = _end(shown)
            if is_ours(key_id):
                life = self.rotation(key_id.partition(".")[0]).life
                self.born[shown["secret"]] = datetime.fromisoformat(shown["$createdAt"]) + life
            elif shown["expire"]:
                self.born.setdefault(shown["secret"], _end(shown))


def _said(outcomes: Iterable[Outcome | None]) -> list[list[str]]:
    """What runs say of the changes that they did not make."""
    return [
        [
            f"{result.change.key_id}: {result.status}, {result.message}"
            for each in outcome.environments
            for result in each.results
        ]
        if outcome is not None
        else ["it made no plan"]
        for outcome in outcomes
    ]


def _number(key_id: str) -> int:
    return generation(key_id) if is_ours(key_id) else 0


def _end(shown: Shown) -> datetime:
    return datetime.fromisoformat(shown["expire"]) if shown["expire"] else NEVER


def _kill() -> None:
    raise Killed


def _is_aside(path: Path) -> bool:
    return path.with_suffix(".aside").exists()


def _take_away(path: Path) -> None:
    if path.is_file():
        path.rename(path.with_suffix(".aside"))
        path.mkdir()


def _give_back(path: Path) -> None:
    aside = path.with_suffix(".aside")
    if aside.exists():
        path.rmdir()
        aside.rename(path)
