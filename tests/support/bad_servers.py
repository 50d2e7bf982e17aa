"""Servers that misbehave, on real sockets, in the event loop of the test.

A behaviour is what a server does with each request; `serving` runs it on a free port and notes what was asked.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

DATE = "Mon, 23 Nov 2026 11:51:03 GMT"
CERTIFICATE = Path(__file__).with_name("self_signed.pem")
"""A certificate for 127.0.0.1 that no authority signed, and its key; made for these tests, valid until 2126."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class BadServer:
    """A running server."""

    url: str
    asked: list[Asked] = field(default_factory=list)


Behaviour = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(behave: Behaviour, *, tls: bool = False) -> AsyncIterator[BadServer]:
    """Let a server behave so on a free port until the context is left; one request for each connection."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    bad = BadServer(url="")

    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                asked = await _read(reader)
                if asked is None:
                    writer.write(head(400, {"Content-Length": "0"}))
                    return
                bad.asked.append(asked)
                await behave(asked, writer)
                await writer.drain()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handle(reader, writer))
        handlers.add(task)
        task.add_done_callback(handlers.discard)

    server = await asyncio.start_server(handled, "127.0.0.1", 0, ssl=context)
    host, port = server.sockets[0].getsockname()
    bad.url = f"{'https' if tls else 'http'}://{host}:{port}/v1"
    try:
        yield bad
    finally:
        server.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    """A request, None for the first byte of a TLS handshake, which tells a plain server enough."""
    first = await reader.readexactly(1)
    if first == b"\x16":
        return None
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, path, _ = start.split(" ")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method=method, path=path, headers=headers, body=body)


def raw(*chunks: bytes) -> Behaviour:
    """Write these bytes and close."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        for chunk in chunks:
            writer.write(chunk)

    return behave


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """A status line and headers."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


def reply(status: int, body: str | bytes, content_type: str = "application/json", **headers: str) -> Behaviour:
    """A whole answer; underscores in header names stand for hyphens."""
    content = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    fields = {"Content-Type": content_type, "Content-Length": str(len(content)), "Connection": "close"}
    return raw(head(status, {"Date": DATE} | fields | named), content)


def error(status: int, kind: str, message: str, **headers: str) -> Behaviour:
    """An answer in the API's error shape."""
    return reply(status, json.dumps({"message": message, "code": status, "type": kind, "version": "1.9.6"}), **headers)


def html(status: int) -> Behaviour:
    """What a proxy answers in the name of a server."""
    return reply(status, "<html><body>Oops, <b>bad</b></body></html>", "text/html")


def endless(status: int, start: bytes) -> Behaviour:
    """An answer that begins well and never stops."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        chunk = b" " * (1 << 20)
        writer.write(head(status, {"Date": DATE, "Content-Type": "application/json"}) + start)
        while True:
            writer.write(chunk)
            await writer.drain()

    return behave


async def silent(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await writer.drain()
    await asyncio.Event().wait()


def trickle(status: int) -> Behaviour:
    """One byte now and then: never late by itself, never done."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head(status, {"Date": DATE, "Content-Length": "1000000"}))
        while not writer.transport.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.005)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Each request its own behaviour; the last one for all that follow."""
    left = list(behaviours)

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(asked, writer)

    return behave
