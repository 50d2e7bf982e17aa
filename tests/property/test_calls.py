"""How many calls a plan and an apply make: what time they take is calls × latency ÷ parallelism."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from reconciler.core.desired import Desired
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send
from tests.support.folders import a_folder
from tests.support.world import Machine, a_world, desired, key

pytestmark = pytest.mark.anyio

PLAN = {"GET facts": 2, "GET keys": 1}
REFRESH = {"GET key": 1, "PUT key": 1}
"""For the cache of a server before 2.0: a key is read and written back."""


def with_sinks(machine: Machine, count: int) -> Desired:
    return desired(*(key(f"k{number}", machine.dotenv(f"K{number}")) for number in range(count)))


def without_sinks(_: Machine, count: int) -> Desired:
    return desired(*(key(f"k{number}") for number in range(count)))


def calls(machine: Machine) -> Counter[str]:
    """What went over the line since the last time, by route."""
    made = Counter(call.route for call in machine.world.line.calls)
    machine.world.line.expect({})
    return made


def of_version(version: str, app: ASGIApp) -> ASGIApp:
    """The application, saying that it is another release."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/v1/health/version":
            await app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"version": version}).encode()})

    return answer


@pytest.mark.parametrize("count", [0, 1, 10, 100])
@pytest.mark.parametrize("parallelism", [1, 10])
async def test_a_plan_lists_once_and_a_creation_takes_three_calls_with_a_sink(count: int, parallelism: int) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder, parallelism=parallelism)
            wanted = with_sinks(machine, count)
            await machine.plan(wanted)
            assert calls(machine) == PLAN
            await machine.apply(wanted)
            refreshed = 1 if count else 0
            assert calls(machine) == Counter(
                PLAN | {"POST keys": count, "GET key": count + refreshed, "PUT key": count + refreshed}
            )
            await machine.plan(wanted)
            assert calls(machine) == PLAN
            await machine.apply(wanted)
            assert calls(machine) == PLAN


@pytest.mark.parametrize("count", [1, 10, 100])
async def test_a_creation_without_sinks_takes_one_call(count: int) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            await machine.apply(without_sinks(machine, count))
            assert calls(machine) == PLAN | REFRESH | {"POST keys": count}


async def test_updates_and_deletions_take_one_call_each_and_lost_values_one_list() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            await machine.apply(with_sinks(machine, 10))
            machine.remove("app.env")
            calls(machine)
            await machine.apply(with_sinks(machine, 10))
            assert calls(machine) == PLAN | REFRESH | {"GET keys": 2}  # has another run made newer keys since?
            await machine.apply(desired(*(key(f"k{number}", title="New") for number in range(4))))
            assert calls(machine) == PLAN | REFRESH | {"PUT key": 4 + 1, "DELETE key": 6}


async def test_a_server_from_2_0_on_gets_no_call_for_its_cache() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            machine.line = of_version("2.0.0", world.line)
            await machine.apply(without_sinks(machine, 3))
            assert calls(machine)["PUT key"] == 0
