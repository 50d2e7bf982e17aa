"""Secrets whose text is easily told, the server that repeats what it is shown, and where to look for them."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from tests.repository import ROOT

WORD = "k4n4ry"
"""What no output holds; every secret below does, every few letters."""

CREDENTIAL = "standard_" + "k4n4ry-credential." * 8
NAME_LIKE = "standard_" + "k4n4ry0name0" * 6
"""A credential that a variable or a file could be called."""
SESSION = "eyJ" + "k4n4rysession0" * 8
UNMANAGED = "standard_" + "k4n4ryunmanaged0" * 16
OWNED = "standard_" + "k4n4ryowned00000" * 16
HELD = "k4n4ry-held-by-a-sink"


class Echo(BaseHTTPRequestHandler):
    """Answers every call with `status`, and repeats each header of the request in the body and in the headers."""

    status: ClassVar[int]
    html: ClassVar[bool]

    def answer(self) -> None:
        """One answer, in the API's error shape or as a page."""
        said = " ".join(self.headers.values())
        kind = {401: "user_unauthorized", 403: "general_access_forbidden"}.get(self.status, "general_unknown")
        error = {"message": f"Not with {said}", "code": self.status, "type": kind, "version": "1.9.6"}
        body = f"<html>{said}</html>".encode() if self.html else json.dumps(error).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html" if self.html else "application/json")
        self.send_header("Content-Length", str(len(body)))
        shown = self.headers.get("X-Appwrite-Key") or self.headers.get("Cookie", "").partition("=")[2] or "nothing"
        self.send_header("Location", f"http://{shown}.example/{shown}")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that leave."""


@contextmanager
def echoing(status: int, *, html: bool = False) -> Iterator[str]:
    """A server that repeats the credential in each of its answers; its endpoint."""
    handler = type("Handler", (Echo,), {"status": status, "html": html})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


def files_with_canary(folder: Path) -> set[str]:
    """The files below a folder that hold the word."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and WORD.encode() in path.read_bytes()
    }


def own_frames(error: BaseException) -> str:
    """The whole chain of tracebacks, with the local values of this project's frames."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    for each in _chain(whole):
        for frame in each.stack:
            if not frame.filename.startswith(str(ROOT / "reconciler")):
                frame.locals = None
    return "".join(whole.format())


def _chain(whole: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    yield whole
    for other in (whole.__cause__, whole.__context__, *(getattr(whole, "exceptions", None) or ())):
        if other is not None:
            yield from _chain(other)
