"""Somebody else's HTTP service on a socket: what a faithful stand-in adds is how it answers, what is here is the rest.

Faults are laid ahead, each for the next calls that it fits: an answer of another status, none at all before or after
the call is carried out, or a late one.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call as it came: `parts` are the decoded segments of its path, `body` its JSON."""

    method: str
    path: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer; no body for None."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Fault:
    """What happens to the next `times` calls of a method: `reply` instead of an answer, `drop` of the connection before
    or after the call is carried out, `late` by so many seconds.
    """

    method: str
    reply: Reply | None = None
    drop: str = ""
    late: float = 0
    times: int = 1


@dataclass(slots=True, kw_only=True)
class Calls:
    """What was asked of a service, and the faults that wait."""

    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def of(self, method: str) -> list[Request]:
        """The calls of a method."""
        return [request for request in self.requests if request.method == method]

    def fault(self, request: Request) -> Fault | None:
        """The fault that befalls a call, used up."""
        for fault in self.faults:
            if fault.method == request.method and fault.times:
                fault.times -= 1
                return fault
        return None


@contextmanager
def serving(answer: Callable[[Request], Reply], calls: Calls, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server for as long as the context is open; its address. One call is answered at a time."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one segment

        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            request = Request(
                method=self.command,
                path=self.path,
                parts=tuple(unquote(part) for part in url.path.strip("/").split("/")),
                query={name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                body=json.loads(content) if content else None,
            )
            with lock:
                calls.requests.append(request)
                fault = calls.fault(request)
                if fault is not None and fault.drop == "before":
                    self.close_connection = True
                    return
                reply = fault.reply if fault is not None and fault.reply is not None else answer(request)
            if fault is not None:
                time.sleep(fault.late)
                if fault.drop == "after":
                    self.close_connection = True
                    return
            self._send(reply)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

        def _send(self, reply: Reply) -> None:
            body = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status not in {204, 304}:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of clients that leave."""

    with Server(("127.0.0.1", 0), Handler) as server:
        scheme = _over(server, tls)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"{scheme}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _over(server: ThreadingHTTPServer, tls: ssl.SSLContext | None) -> str:
    """The scheme that a server speaks from now on."""
    if tls is None:
        return "http"
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    return "https"
