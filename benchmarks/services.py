"""An emulated Appwrite and a key/value engine as Vault has it, on one port, each call 50 ms late:
`python -m benchmarks.services`.

Prints its port and a console session. `GET /calls` answers with the number of calls so far, and forgets it. Of the
engine there is what the vault sink calls.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from reconciler.emulator import Emulator, serve
from reconciler.emulator.faults import Faults, Latency, Rule
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send, read_body

LATENCY = 0.05
PROJECT = "project-00"
_ENGINE = "/v1/secret/"
_MOMENT = "2040-01-01T00:00:00Z"


class Engine:
    """Secrets by path: the number of the newest version, its fields, and what is noted beside it."""

    def __init__(self) -> None:
        self._secrets: dict[str, tuple[int, Any, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        asked = json.loads(await read_body(receive, 1 << 20) or b"{}")
        status, answer = self._answered(scope["method"], scope["path"], asked)
        body = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answered(self, method: str, path: str, asked: Any) -> tuple[int, Any]:
        _, is_data, secret = path.partition("/secret/data/")
        if path.endswith("/mounts/secret"):
            return 200, {"data": {"type": "kv", "options": {"version": "2"}}}
        if path.endswith("/capabilities-self"):
            return 200, {"data": {each: ["create", "read", "update", "patch"] for each in asked["paths"]}}
        if not is_data:
            secret = path.partition("/secret/metadata/")[2]
            number, fields, _ = self._secrets[secret]
            self._secrets[secret] = (number, fields, asked["custom_metadata"])
            return 200, {}
        number, fields, notes = self._secrets.get(secret, (0, {}, {}))
        if method == "GET" and not number:
            return 404, {"errors": []}
        if method == "GET":
            metadata = {"version": number, "created_time": _MOMENT, "custom_metadata": notes}
            return 200, {"data": {"data": fields, "metadata": metadata}}
        if asked["options"]["cas"] != number:
            return 400, {"errors": ["check-and-set parameter did not match the current version"]}
        self._secrets[secret] = (number + 1, asked["data"], notes)
        return 200, {"data": {"version": number + 1}}


class Counting:
    """The two of them, and how often they were called."""

    def __init__(self, server: ASGIApp, engine: ASGIApp) -> None:
        slow = Rule(fault=Latency(seconds=LATENCY))
        self._server, self._engine = Faults(server, [slow]), Faults(engine, [slow])
        self._calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, late."""
        if scope["path"] == "/calls":
            body, self._calls = str(self._calls).encode(), 0
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
            return
        self._calls += 1
        is_of_engine = scope["path"].startswith((_ENGINE, "/v1/sys/"))
        await (self._engine if is_of_engine else self._server)(scope, receive, send)


def main() -> None:
    """Serve until SIGTERM."""
    emulator = Emulator(profile="2.6.2")
    emulator.ensure_project(PROJECT)
    emulator.app = Counting(emulator.app, Engine())

    def ready(port: int) -> None:
        sys.stdout.write(f"{port} {emulator.console_session()}\n")
        sys.stdout.flush()

    serve(emulator, "127.0.0.1", 0, ready=ready)
    emulator.close()


if __name__ == "__main__":
    main()
