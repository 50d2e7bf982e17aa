"""A port on which one application after another answers: its calls go wrong as told, are noted, and kill who calls.

From the wire inwards: the kill, the faults (`reconciler.emulator.faults`), the notes, the application. What is true of
the emulator is thereby true of a sink's service.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import uvicorn

from reconciler.emulator.dropped import Dropped
from reconciler.emulator.faults import Faults, Rule
from reconciler.emulator.server import _Closing, _Protocol, _Server
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send, headers_of

When = Literal["before", "after", "late"]
"""A kill at a call: before it is done, and it never is; after it; or before it, which is done later all the same."""

_PATIENCE = 30.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that reached the application, and what it answered; `status` is 0 before it has. Names of headers are in
    lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    asked: bytes
    status: int = 0
    answered: bytes = b""


@dataclass(slots=True)
class Victim:
    """The process that calls; its number may be known a moment after its first call."""

    _pid: int = 0
    _known: threading.Event = field(default_factory=threading.Event)

    def expect(self) -> None:
        """Another process is about to start."""
        self._known.clear()

    def born(self, pid: int) -> None:
        """This is the one."""
        self._pid = pid
        self._known.set()

    def kill(self) -> None:
        """SIGKILL; nothing where it has ended."""
        assert self._known.wait(_PATIENCE)
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)


@dataclass(slots=True)
class _Held:
    scope: Scope
    messages: list[dict[str, Any]]


class Front:
    """A port, for the life of the process. `behind` answers; `ahead` sees each call before it does, `watch` after."""

    def __init__(self, behind: ASGIApp, certificate: Path | None = None) -> None:
        self.victim = Victim()
        self.calls: list[Call] = []
        self.watch: Callable[[Call], None] = lambda _: None
        self.ahead: Callable[[Call], None] = lambda _: None
        self._behind = behind
        self._faults = Faults(self._noted, ())
        self._nth, self._when = 0, "before"
        self._count = 0
        self._held: list[_Held] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self.port = self._listen(certificate)

    def _listen(self, certificate: Path | None) -> int:
        """As `reconciler.emulator.serve`, which knows no TLS, and in a thread."""
        known = threading.Event()
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            _Closing(self._answer),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_level="critical",  # a connection of a process that was killed is no news
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            ssl_certfile=certificate,
            ssl_keyfile=certificate,
        )
        threading.Thread(target=_Server(config, known.set).run, args=([listener],), daemon=True).start()
        assert known.wait(_PATIENCE)
        return int(listener.getsockname()[1])

    def stand_before(self, behind: ASGIApp) -> None:
        """Another application answers from now on, and nothing goes wrong."""
        self._behind = behind
        self.expect(())

    def expect(self, rules: Iterable[Rule], *, kill: int = 0, when: When = "before") -> None:
        """Count anew; these faults are ahead, and the caller dies at its `kill`-th call, 0 for never."""
        self._faults = Faults(self._noted, rules)
        self._nth, self._when, self._count = kill, when, 0
        self.calls = []

    def settle(self) -> None:
        """Let every call that is late, or held back, arrive now."""
        held, self._held = self._held, []
        for each in held:
            self._in_loop(self._deliver(each))
        if self._loop is not None:
            self._in_loop(self._faults.settled())

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._loop = asyncio.get_running_loop()
        self._count += 1
        if self._count != self._nth:
            await self._faults(scope, receive, send)
            return
        call = await _whole(receive)
        if self._when == "after":
            with suppress(Dropped):
                await self._faults(scope, _again(call), _nobody)
        elif self._when == "late":
            self._held.append(_Held(scope, call))
        self.victim.kill()
        raise Dropped

    async def _noted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application itself, with each call noted."""
        asked = await _whole(receive)
        call = Call(
            method=scope["method"],
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=headers_of(scope),
            asked=b"".join(each.get("body", b"") for each in asked),
        )
        answered: list[dict[str, Any]] = []

        async def note(message: Any) -> None:
            answered.append(dict(message))

        await asyncio.to_thread(self.ahead, call)
        await self._behind(scope, _again(asked), note)
        body = b"".join(each.get("body", b"") for each in answered[1:])
        call = replace(call, status=answered[0]["status"], answered=body)
        self.calls.append(call)
        await asyncio.to_thread(self.watch, call)
        for message in answered:
            await send(message)

    async def _deliver(self, held: _Held) -> None:
        with suppress(Dropped):
            await self._noted(held.scope, _again(held.messages), _nobody)

    def _in_loop(self, work: Coroutine[Any, Any, _T]) -> _T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)


async def _nobody(_: object) -> None:
    """Nobody is there any more to hear the answer."""


async def _whole(receive: Receive) -> list[dict[str, Any]]:
    messages = [dict(await receive())]
    while messages[-1].get("more_body", False):
        messages.append(dict(await receive()))
    if messages[-1]["type"] == "http.disconnect":  # whoever died while it was sending has sent nothing
        raise Dropped
    return messages


def _again(messages: list[dict[str, Any]]) -> Receive:
    rest = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(rest, {"type": "http.disconnect"})

    return receive
