"""The emulator on a port, by uvicorn.

A call that ends in `Dropped` gets no answer at all: its connection is closed. uvicorn has no word for
that, so the connection of the running call travels in a context variable.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextvars import ContextVar
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.emulator.dropped import Dropped
from reconciler.emulator.emulator import Emulator
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send

_connection: ContextVar[asyncio.BaseTransport] = ContextVar("connection")


class _Protocol(H11Protocol):
    """Tells the tasks that answer a connection's requests which connection it is."""

    def data_received(self, data: bytes) -> None:
        _connection.set(self.transport)
        super().data_received(data)


class _Closing:
    """Turns `Dropped` into a closed connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Dropped:
            _connection.get().close()
            while (await receive())["type"] != "http.disconnect":
                pass


class _Server(uvicorn.Server):
    """uvicorn's server, saying when it listens and returning to its caller when it is told to end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """End; at the second time without waiting. uvicorn itself would raise the signal again."""
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(emulator: Emulator, host: str, port: int, *, ready: Callable[[int], None] | None = None) -> None:
    """Answer on `host` and `port` until SIGINT or SIGTERM.

    Args:
        emulator: the server; its `app` is read once, here.
        host: the address to listen on.
        port: the port, or 0 for any free one.
        ready: called once with the port, when connections are answered.

    Raises:
        OSError: the address cannot be listened on.
    """
    listener = socket.create_server((host, port), family=_family(host))
    # asyncio would set it itself, but does not recognise a socket made for it as TCP; without it every
    # answer, head and body in two writes, waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        _Closing(emulator.app),
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
    actual = int(listener.getsockname()[1])
    with listener:
        _Server(config, lambda: ready(actual) if ready else None).run([listener])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
