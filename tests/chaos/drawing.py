"""A seed's case, drawn from its number alone: the same number is the same case, whatever else is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

from reconciler.emulator import Profile
from reconciler.emulator.faults import (
    Answer,
    Clock,
    Double,
    DropAfter,
    DropBefore,
    Fault,
    Late,
    Latency,
    Rule,
    StaleCache,
)
from tests.chaos.cases import Case, Credential, Key, Kill, Meddling, Place, Run, Trouble
from tests.chaos.front import When
from tests.chaos.kinds import Kind
from tests.chaos.speed import SPEED

PROFILES: tuple[Profile, ...] = ("main", "1.9.x", "2.6.2")
NAMES = ("web", "jobs", "ci", "Tenant.ACME_1", "a", "billing-and-invoices-of-the-shop", "x9", "Mobile")
SCOPES = ("rows.read", "rows.write", "users.read", "teams.read", "files.read", "functions.write", "buckets.read")
EXPIRIES = ("", "", "90d", "200d", "{date}")
WHENS: tuple[When, ...] = ("before", "after", "late")
LOCAL = frozenset({"dotenv", "file", "age", "exec"})
_KEYS = r"/project/keys$|/keys$"
_KEY = r"/keys/[^/]+$"
_HOUR = timedelta(hours=1)


def draw(seed: int, kinds: dict[str, Kind]) -> Case:
    """The case of a seed, with sinks of these kinds."""
    dice = Random(f"reconciler {seed}")
    profile = PROFILES[seed % len(PROFILES)]
    keys, before = _manifests(dice, _pool(dice, kinds), kinds)
    hides = profile != "2.6.2" and dice.random() < 0.25
    return Case(
        seed=seed,
        profile=profile,
        hides=hides,
        credential=_credential(dice, profile),
        skew=dice.choice((0, 0, 1, -1)) * timedelta(minutes=dice.uniform(0.1, 3000)),
        before=before,
        wait=dice.choice((timedelta(0), _HOUR, timedelta(days=2), timedelta(days=8))),
        meddling=tuple(_meddling(dice, before, keys, kinds)),
        keys=keys,
        runs=tuple(_runs(dice, keys, kinds, profile)),
        settles=dice.random() < 0.7,
    )


def _credential(dice: Random, profile: Profile) -> Credential:
    """One that may create keys on that server."""
    others: dict[Profile, tuple[Credential, ...]] = {
        "1.9.x": ("project key",),
        "2.6.2": ("organization key",),
        "main": (),
    }
    return dice.choice(("session", *others[profile]))


def _pool(dice: Random, kinds: dict[str, Kind]) -> list[Place]:
    """Places for secrets, of kinds at random; a seed mostly has few kinds."""
    some = dice.sample(sorted(kinds), dice.randint(1, min(4, len(kinds))))
    return [Place(kind=dice.choice(some), number=number) for number in range(1, dice.randint(3, 13))]


def _manifests(dice: Random, pool: list[Place], kinds: dict[str, Kind]) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
    """The manifest that is to be applied, and the one that was before it."""
    names = dice.sample(NAMES, dice.choice((1, 2, 3, 4, 5, 6, 6)))
    free = list(pool)
    keys = tuple(_key(dice, name, _taken(dice, free)) for name in names)
    before: list[Key] = []
    for key in keys:
        was = dice.choice(("missing", "missing", "missing", "same", "changed", "moved"))
        if was in {"same", "changed"}:
            before.append(key if was == "same" else _key(dice, key.name, key.places))
        elif was == "moved" and all(kinds[place.kind].shows for place in key.places):
            before.append(replace(_key(dice, key.name, ()), places=key.places[:1]))
    used = {place for key in before for place in key.places}
    free = [place for place in pool if place not in used]
    others = [name for name in NAMES if name not in names][: dice.choice((0, 0, 1, 2))]
    before += [_key(dice, name, _taken(dice, free)) for name in others]
    return keys, tuple(before)


def _taken(dice: Random, free: list[Place]) -> tuple[Place, ...]:
    dice.shuffle(free)
    return tuple(free.pop() for _ in range(min(len(free), dice.choice((0, 1, 1, 2, 3)))))


def _key(dice: Random, name: str, places: Sequence[Place]) -> Key:
    return Key(
        name=name,
        title=dice.choice((name, f"Key {name}", f"Schlüssel „{name}“")),
        scopes=tuple(dice.sample(SCOPES, dice.randint(0, 4))),
        expire=dice.choice(EXPIRIES),
        places=tuple(places),
    )


def _meddling(dice: Random, before: Sequence[Key], keys: Sequence[Key], kinds: dict[str, Kind]) -> Iterable[Meddling]:
    was = {key.name: key for key in before}
    for key in keys:
        if key.name not in was:
            if dice.random() < 0.15:
                yield Meddling(what="begun", name=key.name)
            continue
        if dice.random() < 0.1:
            yield Meddling(what=dice.choice(("deleted", "changed")), name=key.name)
        for place in was[key.name].places:
            if place in key.places and kinds[place.kind].shows and dice.random() < 0.15:
                opened = kinds[place.kind].can_be_opened(place)
                yield Meddling(
                    what="overwritten" if opened and dice.random() < 0.5 else "emptied", place=place, name=key.name
                )


def _runs(dice: Random, keys: Sequence[Key], kinds: dict[str, Kind], profile: Profile) -> Iterable[Run]:
    places = [place for key in keys for place in key.places]
    for _ in range(dice.choice((1, 2, 2, 3))):
        yield Run(
            parallelism=dice.choice((1, 1, 3, 10)),
            rules=tuple(_rules(dice, profile)),
            troubles=tuple(_troubles(dice, places, kinds)),
            kill=_kill(dice, keys, places),
            wait=dice.choice((timedelta(0), timedelta(0), timedelta(minutes=20), timedelta(days=8))),
            elsewhere=dice.random() < 0.15,
        )


def _rules(dice: Random, profile: Profile) -> Iterable[Rule]:
    for _ in range(dice.choice((0, 0, 1, 1, 2, 4))):
        method, path = dice.choice((("POST", _KEYS), ("PUT", _KEY), ("GET", _KEYS), ("GET", _KEY), ("DELETE", _KEY)))
        always = None if (method, path) != ("GET", _KEYS) else 1  # without a list no run begins
        yield Rule(fault=_fault(dice, profile), method=method, path=path, nth=dice.choice((always, 1, 1, 2, 3, 5)))


def _fault(dice: Random, profile: Profile) -> Fault:
    faults: list[Fault] = [
        Latency(seconds=dice.uniform(0, 1) / SPEED),
        Answer(status=429, retry_after=dice.choice((None, "1", "3"))),
        Answer(status=500, body=dice.choice(("typed", "untyped", "html", "empty"))),
        Answer(status=503, body="html"),
        DropBefore(),
        DropAfter(),
        Double(returns=dice.choice(("first", "second"))),
        Late(seconds=dice.uniform(0.1, 4) / SPEED),
        Clock(seconds=dice.uniform(0, 90), direction=dice.choice(("ahead", "behind"))),
    ]
    if profile != "2.6.2":
        faults.append(StaleCache(seconds=dice.uniform(0.5, 8)))
    return dice.choice(faults)


def _troubles(dice: Random, places: Sequence[Place], kinds: dict[str, Kind]) -> Iterable[Trouble]:
    if dice.random() < 0.4:
        return
    for place in places:
        if dice.random() < 0.3:
            yield Trouble(place=place, what=dice.choice(kinds[place.kind].troubles), nth=dice.choice((0, 1, 1, 1, 2)))


def _kill(dice: Random, keys: Sequence[Key], places: Sequence[Place]) -> Kill | None:
    """A moment in the midst of an apply: roughly as many lines and calls as one has; later ones never come."""
    when: When = dice.choice(WHENS)
    services = any(place.kind not in LOCAL for place in places)
    match dice.choice(("line", "line", "line", "server", "server", "sinks", "nowhere")):
        case "server":
            return Kill(where="server", nth=dice.randint(3, 5 + 3 * len(keys)), when=when)
        case "sinks" if services:
            return Kill(where="sinks", nth=dice.randint(1, 4 + 6 * len(places)), when=when)
        case "nowhere":
            return None
        case _:
            return Kill(where="line", nth=dice.randint(1, 30 + 30 * len(keys) + 60 * len(places)))
