"""The HTTP client of one server.

It keeps no cookie, checks certificates, and keeps connections alive.
`SSL_CERT_FILE`, `HTTPS_PROXY` and their like work as everywhere. How long a call may take is decided call by
call, in `caller`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

from reconciler.core.addresses import EMULATOR
from reconciler.edge.authorities import authorities
from reconciler.errors import UsageError

_Message = MutableMapping[str, Any]
ASGIApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]],
    Awaitable[None],
]

_CONNECT_SECONDS = 10


class _NoCookies(httpx.Cookies):
    """A jar that keeps nothing: a cookie of one answer must not travel with another credential's request."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Ignore what the server sets; the standard jar would also cost a fifth of each call."""


class _Client(httpx.AsyncClient):
    """A client without cookies."""

    @property
    def cookies(self) -> httpx.Cookies:
        """Always empty."""
        return _NoCookies()

    @cookies.setter
    def cookies(self, _: object) -> None:
        raise AttributeError("this client keeps no cookies")


def open_http(endpoint: str, *, app: ASGIApp | None = None, parallelism: int) -> httpx.AsyncClient:
    """A client for one endpoint, `emulator` (with its `app`, called in process) or a URL that ends in /v1.

    `parallelism` is the number of connections; the caller closes the client. Raises UsageError where the endpoint is no
    URL, or the certificates or the proxy that the environment names cannot be used.
    """
    try:
        return _open(endpoint, app, parallelism)
    except (httpx.InvalidURL, OSError, ValueError) as error:
        raise UsageError(
            f"no connection to {endpoint} can be prepared: {type(error).__name__}",
            hint="check `endpoint:`, and the variables SSL_CERT_FILE, SSL_CERT_DIR and HTTPS_PROXY where they are set",
        ) from error


def _open(endpoint: str, app: ASGIApp | None, parallelism: int) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=parallelism, max_keepalive_connections=parallelism)
    return _Client(
        base_url="http://emulator/v1" if endpoint == EMULATOR else endpoint,
        transport=None if app is None else httpx.ASGITransport(app),
        verify=authorities() if app is None else True,
        headers={"User-Agent": f"reconciler/{_version()}"},
        timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        limits=limits,
    )


@cache
def _version() -> str:
    try:
        return version("appwrite-reconciler")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"
