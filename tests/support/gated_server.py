"""An emulator on a port whose calls can be held up: `python -m tests.support.gated_server PROFILE VERSION [hides]`.

Says that it is of that version: before 2.0 an apply waits a second for the server's cache, and makes one call more.
With `hides` it shows secrets once.
Prints its port and its console session. `POST /gate` takes a JSON object:

- `{"do": "project", "project": P}` makes a project;
- `{"do": "arm", "project": P, "nth": n, "when": "before" | "after" | "from"}` holds the n-th call about P's keys,
  counted from now: before it reaches the emulator, or when it is done and not answered; `from` holds every call from
  the n-th on before it reaches the emulator;
- `{"do": "wait", "project": P, "calls": m}` answers once m calls are held;
- `{"do": "release", "project": P, "deliver": true}` lets what is held go on; without `deliver` it is lost;
- `{"do": "count", "project": P}` answers with how many calls there were since `arm`;
- `{"do": "move", "seconds": s}` moves the server's time.

A call with a header `X-Past-The-Gate` goes to the emulator itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal, get_args

from reconciler.emulator import Emulator, Profile, serve
from reconciler.emulator.dropped import Dropped
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send, headers_of, read_body
from tests.support.hiding import hiding

_LONGEST_BODY = 1 << 20


@dataclass(slots=True, kw_only=True)
class _Gate:
    nth: int = 0
    when: Literal["before", "after", "from"] = "before"
    calls: int = 0
    held: int = 0
    deliver: bool = False
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def is_due(self) -> bool:
        return not self.opened.is_set() and (self.calls >= self.nth if self.when == "from" else self.calls == self.nth)

    async def hold(self) -> None:
        async with self.changed:
            self.held += 1
            self.changed.notify_all()
        await self.opened.wait()


class Time:
    """The server's time: the machine's, and as much more as it was moved."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Gated:
    """The emulator's application behind one gate for each project."""

    def __init__(self, emulator: Emulator, time: Time, version: str, *, hides: bool) -> None:
        self._emulator, self._time, self._version = emulator, time, version
        self._emulator_app = emulator.app
        self._app = hiding(emulator.app) if hides else emulator.app
        self._gates: dict[str, _Gate] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Deliver a call, hold it, or do what it says about the gates."""
        if scope["path"] == "/gate":
            await _say(send, await self._command(json.loads(await read_body(receive, _LONGEST_BODY) or b"")))
            return
        if scope["path"] == "/v1/health/version":
            date = format_datetime(self._time(), usegmt=True).encode()
            await _say(send, {"version": self._version}, (b"date", date))
            return
        headers = headers_of(scope)
        if "x-past-the-gate" in headers:
            await self._emulator_app(scope, receive, send)
            return
        gate = self._gates.get(headers.get("x-appwrite-project", ""))
        if gate is not None:
            gate.calls += 1
        if gate is None or not gate.is_due():
            await self._app(scope, receive, send)
        elif gate.when == "after":
            await _silent(self._app, scope, receive)
            await gate.hold()
            raise Dropped
        else:
            await gate.hold()
            if not gate.deliver:
                raise Dropped
            await self._app(scope, receive, send)

    async def _command(self, command: dict[str, Any]) -> object:
        gate = self._gates.setdefault(command.get("project", ""), _Gate())
        match command:
            case {"do": "project", "project": project}:
                self._emulator.ensure_project(project)
            case {"do": "arm", "project": project, "nth": nth, "when": when}:
                self._gates[project] = _Gate(nth=nth, when=when)
            case {"do": "wait", "calls": calls}:
                async with gate.changed:
                    await gate.changed.wait_for(lambda: gate.held >= calls)
            case {"do": "release"}:
                gate.deliver = command.get("deliver", False)
                gate.opened.set()
            case {"do": "count"}:
                return gate.calls
            case {"do": "move", "seconds": seconds}:
                self._time.ahead += timedelta(seconds=seconds)
            case _:
                raise ValueError(command)
        return None


async def _say(send: Send, what: object, *more: tuple[bytes, bytes]) -> None:
    body = json.dumps(what).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _silent(app: ASGIApp, scope: Scope, receive: Receive) -> None:
    async def nobody(_: object) -> None:
        """The answer goes nowhere."""

    await app(scope, receive, nobody)


def run(profile: Profile, version: str, *, hides: bool) -> None:
    """Serve until SIGTERM."""
    time = Time()
    emulator = Emulator(profile=profile, clock=time)
    emulator.app = Gated(emulator, time, version, hides=hides)

    def ready(port: int) -> None:
        sys.stdout.write(f"{port} {emulator.console_session()}\n")
        sys.stdout.flush()

    serve(emulator, "127.0.0.1", 0, ready=ready)
    emulator.close()


if __name__ == "__main__":
    chosen = next(profile for profile in get_args(Profile) if profile == sys.argv[1])
    run(chosen, sys.argv[2], hides="hides" in sys.argv[3:])
