"""Situations in which an apply has something to do, each made anew in its own world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from reconciler.core.desired import After, At, Desired
from reconciler.core.ids import key_id
from tests.support.world import REALM, Machine, ServerTime, World, desired, key

Scenario = Callable[[Machine], Awaitable[Desired]]
"""Brings a machine's world into the situation, past the line or before anything is counted; returns what is wanted."""


async def _applied(machine: Machine, wanted: Desired) -> None:
    outcome = await machine.apply(wanted)
    assert outcome.complete, outcome


async def left_over(machine: Machine, slug: str, *, lives: timedelta, generation: int = 1) -> None:
    """A key that some other machine's run created on probation, and no run of this machine knows of."""
    world = machine.world
    body: dict[str, Any] = {
        "keyId": key_id(REALM, slug, generation),
        "name": f"{slug.capitalize()} (undelivered)",
        "scopes": ["rows.read"],
        "expire": (world.time.now + lives).isoformat(timespec="milliseconds"),
    }
    (await world.owner.post("/project/keys", json=body)).raise_for_status()


async def fresh(machine: Machine) -> Desired:
    """Two keys in one dotenv file, of which one has a value, and one in a file that is not there."""
    machine.write("app.env", '# mine\nexport B="old"\nC=kept\n')
    return desired(
        key("a", machine.dotenv("A")),
        key("b", machine.dotenv("B")),
        key("c", machine.dotenv("C", "deep/er.env"), scopes=["users.read", "rows.write"]),
    )


async def without_sinks(machine: Machine) -> Desired:
    """Keys that are created for people to fetch."""
    expire = At(machine.world.time.now + timedelta(days=400))
    return desired(key("a"), key("b", expiry=expire))


async def updated(machine: Machine) -> Desired:
    """Live keys that are declared otherwise by now."""
    sink = machine.dotenv("A")
    await _applied(machine, desired(key("a", sink), key("b"), key("c")))
    return desired(
        key("a", sink, scopes=["users.read"]),
        key("b", title="Bee", expiry=At(machine.world.time.now + timedelta(days=30))),
        key("c"),
    )


async def deleted(machine: Machine) -> Desired:
    """Two of three keys are no longer declared."""
    sink = machine.dotenv("A")
    await _applied(machine, desired(key("a", sink), key("b", machine.dotenv("B")), key("c")))
    return desired(key("a", sink))


async def resumed(machine: Machine) -> Desired:
    """A run on another machine died an hour ago between creation and delivery."""
    await left_over(machine, "a", lives=timedelta(days=7))
    machine.world.time.move(hours=1)
    return desired(key("a", machine.dotenv("A")), key("b", machine.dotenv("B")))


async def too_late(machine: Machine) -> Desired:
    """A run died so long ago that its key is dead by now."""
    await left_over(machine, "a", lives=timedelta(days=7))
    machine.world.time.move(days=8)
    return desired(key("a", machine.dotenv("A")))


async def limited(machine: Machine) -> Desired:
    """Keys that expire, two of them sooner than a probation lasts."""
    return desired(
        key("a", machine.dotenv("A"), expiry=After(timedelta(days=90))),
        key("b", machine.dotenv("B"), expiry=At(machine.world.time.now + timedelta(minutes=90))),
        key("c", expiry=After(timedelta(hours=1))),
    )


async def redelivered(machine: Machine) -> Desired:
    """One sink was emptied, another one changed by hand, and one of the keys has other fields too."""
    sinks = machine.dotenv("A"), machine.dotenv("B", "b.env")
    await _applied(machine, desired(key("a", sinks[0]), key("b", sinks[1])))
    machine.remove("app.env")
    machine.write("b.env", "B=by-hand\n")
    return desired(key("a", sinks[0]), key("b", sinks[1], scopes=["users.read"]))


async def everything(machine: Machine) -> Desired:
    """Something of each kind, five calls at a time."""
    sinks = [machine.dotenv(name) for name in "ABCDE"]
    await _applied(machine, desired(*(key(name, sink) for name, sink in zip("abx", sinks, strict=False)), key("y")))
    machine.remove("app.env")
    await left_over(machine, "d", lives=timedelta(days=7))
    machine.world.time.move(minutes=20)
    machine.parallelism = 5
    return desired(
        key("a", sinks[0]),
        key("b", sinks[1], title="Bee"),
        key("c", sinks[2], machine.dotenv("C2")),
        key("d", sinks[3]),
        key("e", sinks[4], expiry=After(timedelta(days=30))),
        key("f"),
    )


SCENARIOS: tuple[Scenario, ...] = (
    fresh,
    without_sinks,
    updated,
    deleted,
    resumed,
    too_late,
    limited,
    redelivered,
    everything,
)
NEED_SECRETS_AGAIN: tuple[Scenario, ...] = (redelivered, everything)
"""Those that no run can mend where a server shows secrets only once."""


async def prepare(scenario: Scenario, world: World, folder: Path) -> tuple[Machine, Desired]:
    """A machine in the situation, beside keys that are nobody's business."""
    world.emulator.add_key("shop", "hand-made", ["users.read"], expire=ServerTime().now + timedelta(days=3))
    world.emulator.add_key("shop", "a.aaaaaaaa.g1", ["rows.read"], name="A (undelivered)")
    machine = Machine(world=world, folder=folder)
    return machine, await scenario(machine)
