"""A server that shows a secret once, in the answer to the creation: as genuine ones from 1.9.10 and 2.6.2 on."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send


def hiding(app: ASGIApp) -> ASGIApp:
    """The application, with `secret` empty in every answer but that to a creation."""

    async def hide(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await app(scope, receive, send)
            return
        messages: list[MutableMapping[str, Any]] = []

        async def keep(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        await app(scope, receive, keep)
        start, *rest = messages
        body = _blanked(b"".join(message.get("body", b"") for message in rest))
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return hide


def _blanked(body: bytes) -> bytes:
    try:
        data = json.loads(body)
    except ValueError:
        return body
    for key in [data, *data.get("keys", ())]:
        if "secret" in key:
            key["secret"] = ""
    return json.dumps(data).encode()
