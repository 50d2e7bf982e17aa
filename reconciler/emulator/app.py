"""The ASGI application: from a request to its answer, with response formats and errors around the actions.

Between the arrival of the body and the answer nothing is awaited, so calls in one event loop never
interleave.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.emulator import account, actions, auth, ephemeral, errors, formats, projects, wire
from reconciler.emulator.call import Call, Caller
from reconciler.emulator.people import People
from reconciler.emulator.profile import Server
from reconciler.emulator.routes import Kind, Route, find_route
from reconciler.emulator.stale import StaleProjects
from reconciler.emulator.store import Project, Store
from reconciler.emulator.wire import Answer, Receive, Request, Scope, Send

_LONGEST_BODY = 12 * 1024 * 1024
_NOT_FOUND = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8"><title>Error</title></head><body>'
    "<h1>The page you're looking for doesn't exist.</h1><span class='type'>general_route_not_found</span>"
    "</body></html>"
)

_OPEN: Mapping[Kind, Callable[[Server], Answer]] = {
    "version": actions.version,
    "scopes": actions.scopes,
    "organization_scopes": actions.organization_scopes,
}
_READS: Mapping[Kind, Callable[[Call, Project], Answer]] = {
    "list_keys": actions.list_keys,
    "get_key": actions.get,
    "get_project": projects.get,
}
_WRITES: Mapping[Kind, Callable[[Call, Caller, Project], Answer]] = {
    "create_key": actions.create,
    "update_key": actions.update,
    "delete_key": lambda call, _, project: actions.delete(call, project),
}
_CONSOLE: Mapping[Kind, Callable[[Call, Caller], Answer]] = {
    "list_projects": projects.list_all,
    "list_organization_projects": projects.list_of_organization,
    "list_organizations": projects.list_organizations,
    "get_account": lambda _, caller: account.current(caller),
    "logout": account.logout,
    "create_token": account.create_token,
}


class App:
    """The emulated server as an ASGI application; one per database and profile.

    Faults may ask for two things inside it, in the scope's `emulator`: `clock`, seconds by which its time
    is off, and `stale`, seconds for which the project's keys then authenticate as before the call.
    """

    def __init__(
        self, store: Store, people: People, server: Server, signing: str, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._people = people
        self._server = server
        self._signing = signing
        self._clock = clock
        self._tries = account.Tries()
        self._stale = StaleProjects()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other kinds of scope are refused by raising."""
        if scope["type"] != "http":
            raise RuntimeError(f"the emulator speaks HTTP only, not {scope['type']}")
        body = await wire.read_body(receive, _LONGEST_BODY)
        if body is None:
            from reconciler.emulator.dropped import Dropped

            raise Dropped
        asked: Mapping[str, float] = scope.get("emulator", {})
        now = self._clock() + timedelta(seconds=asked.get("clock", 0))
        answer = self._answer(scope, body, now, asked.get("stale", 0))
        await wire.send_answer(send, answer, now=now, with_body=scope["method"] != "HEAD")

    def _answer(self, scope: Scope, body: bytes, now: datetime, stale: float) -> Answer:
        if scope["method"] == "OPTIONS":
            return Answer(204, b"", b"text/html")
        headers = wire.headers_of(scope)
        version = headers.get("x-appwrite-response-format", "")
        try:
            answer = self._routed(scope, headers, body, now, stale)
        except errors.RouteNotFound:
            return Answer(404, _NOT_FOUND.encode(), b"text/html; charset=UTF-8")
        except errors.ApiError as error:
            answer = self._error(error)
        except sqlite3.Error:
            answer = self._error(errors.server_error())
        return replace(answer, headers=answer.headers + formats.warning(version, self._server.version))

    def _error(self, error: errors.ApiError) -> Answer:
        kind = {} if error.kind is None else {"type": error.kind}
        body = {"message": error.message, "code": error.status, **kind, "version": self._server.version}
        text = wire.dump_json(body).encode()
        return Answer(error.status, text) if kind else Answer(error.status, text, b"text/html")

    def _routed(self, scope: Scope, headers: dict[str, str], body: bytes, now: datetime, stale: float) -> Answer:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        route = find_route(method, path, organization_routes=self._server.organization_routes)
        params = self._params(scope, body, headers, route)
        call = Call(
            request=Request(method, path, headers, params),
            route=route,
            server=self._server,
            store=self._store,
            people=self._people,
            stale=self._stale,
            signing=self._signing,
            now=now,
        )
        caller = auth.identify(call)
        if open_call := _OPEN.get(route.kind):
            return open_call(self._server)
        caller.demand(route.scopes)
        if route.kind == "login":
            return account.login(call, caller, self._tries)
        if on_console := _CONSOLE.get(route.kind):
            return on_console(call, caller)
        return self._on_project(call, caller, stale)

    def _on_project(self, call: Call, caller: Caller, stale: float) -> Answer:
        project = auth.target_project(call, caller)
        kind = call.route.kind
        if kind != "get_project" and caller.by_token and self._server.hardened:
            raise errors.unauthorized()  # assumed: that JWTs manage no keys is known, the answer is not
        if read := _READS.get(kind):
            return read(call, project)
        if kind == "create_ephemeral":
            version = call.request.header("x-appwrite-response-format")
            return formats.answer(version, kind, ephemeral.create(call, caller, project))
        before = self._store.authenticating_keys(project.id) if stale else {}
        answer = _WRITES[kind](call, caller, project)
        self._stale.forget(project.id)
        if stale:
            self._stale.keep(project.id, before, call.now + timedelta(seconds=stale))
        return answer

    def _params(self, scope: Scope, body: bytes, headers: dict[str, str], route: Route) -> dict[str, Any]:
        if scope["method"] in ("GET", "HEAD"):
            return wire.query_params(scope["query_string"])
        try:
            sent = wire.body_params(body, headers.get("content-type", ""))
        except wire.ScalarBody as error:
            if self._server.scalar_body_fails:
                raise errors.untyped_server_error() from error
            sent = {}
        return formats.request_params(headers.get("x-appwrite-response-format", ""), route.kind, sent)
