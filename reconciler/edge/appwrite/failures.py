"""Foreign exceptions, told apart by what a person can do about them.

Frames and texts are cut off what is chained: httpcore and h11 keep request headers, and so the credential, in
their frames, and quote what the server sent in their texts.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx

from reconciler.edge.appwrite.answer import Failure

FOREIGN = (httpx.HTTPError, httpx.InvalidURL, OSError)
"""Everything that sending a request and reading its answer may raise."""


def failure_of(error: Exception) -> Failure:
    """What a foreign exception means."""
    causes = tuple(_chain(error))
    emptied = _emptied(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = getattr(cause, "verify_message", "") or "not valid"  # only errors of OpenSSL's own have it
            return Failure(kind="untrusted", text=f"its certificate: {reason}", error=emptied)
        if isinstance(cause, ssl.SSLError):
            reason = (getattr(cause, "reason", "") or "failed").lower().replace("_", " ")
            return Failure(kind="untrusted", text=f"the TLS handshake: {reason}", error=emptied)
        if isinstance(cause, socket.gaierror):
            return Failure(kind="unreachable", text="its host name cannot be resolved", error=emptied)
        if isinstance(cause, ConnectionRefusedError):
            return Failure(kind="unreachable", text="it refuses connections", error=emptied)
    match error:
        case httpx.ConnectTimeout():
            return Failure(kind="unreachable", text="it does not answer connection attempts", error=emptied)
        case httpx.ConnectError() | httpx.ProxyError() | httpx.UnsupportedProtocol():
            return Failure(kind="unreachable", text="no connection can be made to it", error=emptied)
        case httpx.DecodingError():
            return Failure(kind="broken", text="its answer cannot be decompressed", error=emptied)
        case httpx.RemoteProtocolError():
            return Failure(kind="broken", text="it broke off, or does not speak HTTP", error=emptied)
        case _:
            return Failure(kind="broken", text="the connection broke", error=emptied)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, groups included."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            waiting.extend(link.exceptions)
        waiting.extend(cause for cause in (link.__cause__, link.__context__) if cause is not None)


def _emptied(error: Exception) -> Exception:
    error.args = ()
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
