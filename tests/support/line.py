"""The line between a client and an application, on which chosen calls go wrong and every call is noted.

What `reconciler.emulator.faults` can do is left to it. What is added here needs the test's hand: a call that arrives
late at a chosen moment rather than after a time, and one that is done but answered with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.emulator.dropped import Dropped
from reconciler.emulator.faults import Answer, Fault, Faults, Rule
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send, read_body

_LONGEST_BODY = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """The answer is lost at once, and the call arrives before the `calls`-th one after it; None: when the line is told
    to `settle`.
    """

    calls: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneBut:
    """The application does the call, and the client is answered something else."""

    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanwhile:
    """Something happens elsewhere just before the application does the call."""

    happens: Callable[[], object]


Trouble = Fault | HeldBack | DoneBut | Meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as the client made it."""

    method: str
    path: str

    @property
    def route(self) -> str:
        """The call without ids: `GET key`, `GET keys`, `PUT key`, `GET facts` …"""
        parts = self.path.split("/")
        return f"{self.method} {'facts' if 'project/keys' not in self.path else 'keys' if len(parts) == 4 else 'key'}"


@dataclass(slots=True, kw_only=True)
class _Held:
    scope: Scope
    body: bytes
    due: int | None


class Line:
    """An ASGI application around another one; `trouble` says what befalls the n-th call, counted from 1."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._trouble: Mapping[int, Trouble] = {}
        self._held: list[_Held] = []
        self.calls: list[Call] = []

    def expect(self, trouble: Mapping[int, Trouble]) -> None:
        """Count anew, with other troubles ahead; what is held back stays so."""
        self._trouble = trouble
        self.calls = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Deliver a call, or what befalls it."""
        self.calls.append(Call(method=scope["method"], path=scope["path"]))
        nth = len(self.calls)
        await self._release(nth)
        match self._trouble.get(nth):
            case None:
                await self._app(scope, receive, send)
            case HeldBack(calls=calls):
                body = await read_body(receive, _LONGEST_BODY) or b""
                self._held.append(_Held(scope=scope, body=body, due=None if calls is None else nth + calls))
                raise Dropped
            case DoneBut(status=status):
                body = await read_body(receive, _LONGEST_BODY) or b""
                await self._deliver(scope, body)
                await Faults(self._app, [Rule(fault=Answer(status=status))])(scope, receive, send)
            case Meanwhile(happens=happens):
                happens()
                await self._app(scope, receive, send)
            case fault:
                await Faults(self._app, [Rule(fault=fault)])(scope, receive, send)

    async def settle(self) -> None:
        """Let every call that is held back arrive now."""
        held, self._held = self._held, []
        for each in held:
            await self._deliver(each.scope, each.body)

    async def _release(self, nth: int) -> None:
        due = [each for each in self._held if each.due is not None and each.due <= nth]
        self._held = [each for each in self._held if each not in due]
        for each in due:
            await self._deliver(each.scope, each.body)

    async def _deliver(self, scope: Scope, body: bytes) -> None:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def nobody(_: object) -> None:
            """Nobody is there any more to hear the answer."""

        await self._app(scope, receive, nobody)
