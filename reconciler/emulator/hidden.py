"""Secrets that an application shows, taken out of its answers; the answer to a creation keeps its own."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any, Literal

from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send, dump_json

_CREATED = 201


def hiding(app: ASGIApp, form: Literal["empty", "absent"]) -> ASGIApp:
    """The application, with every `secret` empty or absent."""

    async def hide(scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[MutableMapping[str, Any]] = []

        async def keep(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        await app(scope, receive, keep)
        start, *rest = messages
        body = b"".join(message.get("body", b"") for message in rest)
        if start["status"] != _CREATED:
            body = _hidden(body, form)
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return hide


def _hidden(body: bytes, form: Literal["empty", "absent"]) -> bytes:
    try:
        data = json.loads(body)
    except ValueError:
        return body
    if not isinstance(data, dict):
        return body
    for key in [data, *data.get("keys", ())]:
        if form == "absent":
            key.pop("secret", None)
        elif "secret" in key:
            key["secret"] = ""
    return dump_json(data).encode()
