"""Faults around an application: latency, error answers, lost and doubled calls, a clock that is off.

- A rule names the calls it is about and what befalls them; rules are tried in order. Every matching
  condition counts (`Latency`, `Clock`, `HiddenSecrets`, `StaleCache`), of the incidents only the first.
- Clock and cache are the application's own: it is asked by the `emulator` of the scope, see `App`.
- A rule counts the calls it matches from 1, whether or not another rule took them.
- A lost answer is `Dropped`: no byte of it reaches the client.
- A `Late` call is delivered after its client has already failed. `settled` waits for those; a process
  that ends first has lost them, as a server that crashes would.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.emulator.dropped import Dropped
from reconciler.emulator.hidden import hiding
from reconciler.emulator.rules import (
    Answer,
    Clock,
    Condition,
    Double,
    DropAfter,
    DropBefore,
    Fault,
    HiddenSecrets,
    Incident,
    Late,
    Latency,
    Overtaken,
    Rule,
    StaleCache,
    parse_rules,
)
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send

__all__ = [
    "Answer",
    "Clock",
    "Double",
    "DropAfter",
    "DropBefore",
    "Dropped",
    "Fault",
    "Faults",
    "HiddenSecrets",
    "Late",
    "Latency",
    "Overtaken",
    "Rule",
    "StaleCache",
    "parse_rules",
]

_Message = dict[str, Any]

_TYPES = {
    404: "key_not_found",
    409: "key_already_exists",
    429: "general_rate_limit_exceeded",
    500: "general_unknown",
    503: "general_service_disabled",
}
_MESSAGES = {
    429: "Rate limit for the current endpoint has been exceeded. Please try again after some time.",
}


class Faults:
    """An application in which some calls go wrong."""

    def __init__(self, app: ASGIApp, rules: Iterable[Rule]) -> None:
        self._app = app
        self._rules = tuple(rules)
        self._counts = [0] * len(self._rules)
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Deliver one call, or what the rules make of it."""
        due = self._due(scope)
        incident: Incident | None = None
        app = self._app
        for fault in due:
            if isinstance(fault, Condition):
                app, scope = await _under(fault, app, scope)
            else:
                incident = incident or fault
        await self._befall(incident, app, (scope, receive, send))

    async def _befall(self, incident: Incident | None, app: ASGIApp, call: tuple[Scope, Receive, Send]) -> None:
        scope, receive, send = call
        match incident:
            case None:
                await app(scope, receive, send)
            case Answer() as answer:
                await _reply(answer, send)
            case DropBefore():
                raise Dropped
            case DropAfter():
                await _deliver(app, scope, receive)
                raise Dropped
            case Late(seconds=seconds):
                await self._postpone(app, scope, receive, seconds)
                raise Dropped
            case Double(returns=which):
                messages = await _whole(receive)
                answers = [await _deliver(app, scope, _again(messages)) for _ in range(2)]
                for message in answers[0 if which == "first" else 1]:
                    await send(message)
            case Overtaken():
                await _overtake(app, scope, receive, send)

    async def settled(self) -> None:
        """Wait until every late call so far has been done."""
        while self._late:
            await asyncio.wait(self._late)

    def _due(self, scope: Scope) -> list[Fault]:
        """The faults of this call, in the order of their rules."""
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        due: list[Fault] = []
        for index, rule in enumerate(self._rules):
            if rule.matches(scope["method"], path):
                self._counts[index] += 1
                if rule.nth in (None, self._counts[index]):
                    due.append(rule.fault)
        return due

    async def _postpone(self, app: ASGIApp, scope: Scope, receive: Receive, seconds: float) -> None:
        call = await _whole(receive)

        async def later() -> None:
            await asyncio.sleep(seconds)
            await _deliver(app, scope, _again(call))

        task = asyncio.create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


async def _under(condition: Condition, app: ASGIApp, scope: Scope) -> tuple[ASGIApp, Scope]:
    """What a call is delivered to, and with what, under a condition."""
    asked = dict(scope.get("emulator", {}))
    match condition:
        case Latency(seconds=seconds):
            await asyncio.sleep(seconds)
        case HiddenSecrets(form=form):
            return hiding(app, form), scope
        case StaleCache(seconds=seconds):
            asked["stale"] = max(seconds, asked.get("stale", 0))
        case Clock(seconds=seconds, direction=direction):
            asked["clock"] = asked.get("clock", 0) + (seconds if direction == "ahead" else -seconds)
    return app, {**scope, "emulator": asked}


async def _deliver(app: ASGIApp, scope: Scope, receive: Receive) -> list[_Message]:
    """Let the application do the call, and keep what it answers."""
    messages: list[_Message] = []

    async def keep(message: Any) -> None:
        messages.append(dict(message))

    await app(scope, receive, keep)
    return messages


async def _overtake(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """A DELETE of what a PUT is about, and the answer to the PUT that lost; other calls are not overtaken."""
    if scope["method"] != "PUT":
        await app(scope, receive, send)
        return
    await _whole(receive)
    await _deliver(app, {**scope, "method": "DELETE"}, _again([{"type": "http.request", "body": b""}]))
    await _reply(Answer(status=500), send)


async def _whole(receive: Receive) -> list[_Message]:
    """Every message of the request, to be delivered again."""
    messages = [dict(await receive())]
    while messages[-1].get("more_body", False):
        messages.append(dict(await receive()))
    return messages


def _again(call: Sequence[_Message]) -> Receive:
    """A `receive` that delivers the kept messages, and then the client's leaving."""
    rest = iter(call)

    async def receive() -> _Message:
        return next(rest, {"type": "http.disconnect"})

    return receive


async def _reply(answer: Answer, send: Send) -> None:
    kind, body = _body(answer)
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if answer.retry_after is not None:
        headers.append((b"retry-after", answer.retry_after.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _body(answer: Answer) -> tuple[bytes, bytes]:
    match answer.body:
        case "empty":
            return b"text/html", b""
        case "html":
            page = f"<html><head><title>{answer.status}</title></head><body>Bad gateway</body></html>"
            return b"text/html", page.encode()
        case "typed" | "untyped":
            kind = {"type": _TYPES.get(answer.status, "general_unknown")} if answer.body == "typed" else {}
            message = _MESSAGES.get(answer.status, "Server Error")
            error = {"message": message, "code": answer.status, **kind, "version": "1.9.6"}
            return b"application/json; charset=UTF-8", json.dumps(error, separators=(",", ":")).encode()
