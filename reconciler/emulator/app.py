"""The ASGI application: routing, response formats and errors around the actions.

Routing is Appwrite's, not a framework's: it works on the path as sent, ignores empty segments when it
matches but counts them when it reads a parameter, and answers anything unknown with an HTML page.
Between the arrival of the body and the answer nothing is awaited, so calls in one event loop never
interleave.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from reconciler.emulator import actions, auth, errors, wire
from reconciler.emulator.profile import Server
from reconciler.emulator.store import Store
from reconciler.emulator.wire import Answer, Receive, Request, Scope, Send

_LONGEST_BODY = 12 * 1024 * 1024
_NOT_FOUND = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8"><title>Error</title></head><body>'
    "<h1>The page you're looking for doesn't exist.</h1><span class='type'>general_route_not_found</span>"
    "</body></html>"
)

_Kind = Literal["version", "scopes", "keys", "key"]
_OPEN_ROUTES = {"version": actions.version, "scopes": actions.scopes}


@dataclass(frozen=True, slots=True)
class Route:
    """What a path leads to; `key_id` and `project` as they stand in it."""

    kind: _Kind
    key_id: str = ""
    project: str | None = None


class App:
    """The emulated server as an ASGI application; one per database and profile."""

    def __init__(self, store: Store, server: Server, session: str, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._server = server
        self._session = session
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other kinds of scope are refused by raising."""
        if scope["type"] != "http":
            raise RuntimeError(f"the emulator speaks HTTP only, not {scope['type']}")
        body = await wire.read_body(receive, _LONGEST_BODY)
        if body is None:
            from reconciler.emulator.dropped import Dropped

            raise Dropped
        now = self._clock()
        answer = self._answer(scope, body, now)
        await wire.send_answer(send, answer, now=now, with_body=scope["method"] != "HEAD")

    def _answer(self, scope: Scope, body: bytes, now: datetime) -> Answer:
        if scope["method"] == "OPTIONS":
            return Answer(204, b"", b"text/html")
        headers = wire.headers_of(scope)
        try:
            answer = self._routed(scope, headers, body, now)
        except errors.RouteNotFound:
            return Answer(404, _NOT_FOUND.encode(), b"text/html; charset=UTF-8")
        except errors.ApiError as error:
            return self._error(error)
        except sqlite3.Error:
            return self._error(errors.server_error())
        wanted = headers.get("x-appwrite-response-format")
        return replace(answer, headers=self._format_warning(wanted)) if wanted else answer

    def _error(self, error: errors.ApiError) -> Answer:
        kind = {} if error.kind is None else {"type": error.kind}
        body = {"message": error.message, "code": error.status, **kind, "version": self._server.version}
        text = wire.dump_json(body).encode()
        return Answer(error.status, text) if kind else Answer(error.status, text, b"text/html")

    def _routed(self, scope: Scope, headers: dict[str, str], body: bytes, now: datetime) -> Answer:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        route = find_route(method, path)
        request = Request(method, path, headers, self._params(scope, body, headers))
        caller = auth.identify(request, self._store, self._session, now, route.project)
        if open_route := _OPEN_ROUTES.get(route.kind):
            return open_route(self._server)
        project = auth.demand(caller, "keys.read" if method == "GET" else "keys.write")
        match method, route.kind:
            case "GET", "keys":
                answer = actions.list_keys(request, project, self._store)
            case "POST", _:
                answer = actions.create(request, caller, project, self._store, self._server, now)
            case "GET", _:
                answer = actions.get(route.key_id, project, self._store)
            case "PUT", _:
                answer = actions.update(request, route.key_id, project, self._store, self._server, now)
            case _:
                answer = actions.delete(route.key_id, project, self._store)
        return answer

    def _params(self, scope: Scope, body: bytes, headers: dict[str, str]) -> dict[str, object]:
        if scope["method"] in ("GET", "HEAD"):
            return wire.query_params(scope["query_string"])
        try:
            sent = wire.body_params(body, headers.get("content-type", ""))
        except wire.ScalarBody as error:
            if self._server.scalar_body_fails:
                raise errors.untyped_server_error() from error
            sent = {}
        return _as_of(headers.get("x-appwrite-response-format"), sent)

    def _format_warning(self, version: str) -> tuple[tuple[bytes, bytes], ...]:
        if _parts(version) <= _parts(self._server.version):
            return ()
        text = (
            f"The current SDK is built for Appwrite {version}. However, the current Appwrite server "
            f"version is {self._server.version}. Please downgrade your SDK to match the Appwrite version: "
            "https://appwrite.io/docs/sdks"
        )
        return ((b"x-appwrite-warning", text.encode("latin-1")),)


def find_route(method: str, path: str) -> Route:
    """The route of a call.

    Raises:
        RouteNotFound: there is none of that method and path.
    """
    parts = path.strip("/").split("/")
    match method, [part for part in parts if part]:
        case "GET", ["v1", "health", "version"]:
            return Route("version")
        case "GET", ["v1", "console", "scopes", "project"]:
            return Route("scopes")
        case (("GET" | "POST"), ["v1", "project", "keys"]):
            return Route("keys")
        case (("GET" | "PUT" | "DELETE"), ["v1", "project", "keys", _]):
            return Route("key", key_id=parts[3])
        case (("GET" | "POST"), ["v1", "projects", _, "keys"]):
            return Route("keys", project=parts[2])
        case (("GET" | "PUT" | "DELETE"), ["v1", "projects", _, "keys", _]):
            return Route("key", key_id=parts[4], project=parts[2])
        case _:
            raise errors.RouteNotFound


def _as_of(response_format: str | None, sent: dict[str, object]) -> dict[str, object]:
    """What an old `X-Appwrite-Response-Format` makes of a body: defaults of its time."""
    if not response_format:
        return sent
    version = _parts(response_format)
    defaults: dict[str, object] = {}
    if version < (1, 9, 0) and sent.get("keyId") is None:
        defaults["keyId"] = "unique()"
    if version < (1, 9, 1) and not isinstance(sent.get("scopes"), (list, dict)):
        defaults["scopes"] = []
    return {**sent, **defaults}


def _parts(version: str) -> tuple[int, ...]:
    """A version to compare; a text that is none is the lowest."""
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        return ()
