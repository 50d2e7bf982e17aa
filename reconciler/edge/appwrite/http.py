"""The HTTP client of one server.

It never follows a redirect, keeps no cookie, checks certificates, and keeps connections alive.
`SSL_CERT_FILE`, `HTTPS_PROXY` and their like work as everywhere. How long a call may take is decided call by
call, in `caller`.
"""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_CONNECT_SECONDS = 10


def open_http(endpoint: str, *, app: ASGIApp | None = None, parallelism: int) -> httpx.AsyncClient:
    """A client for one endpoint, `emulator` (with its `app`, called in process) or a URL that ends in /v1.

    `parallelism` is the number of connections; the caller closes the client.
    """
    limits = httpx.Limits(max_connections=parallelism, max_keepalive_connections=parallelism)
    return httpx.AsyncClient(
        base_url="http://emulator/v1" if endpoint == "emulator" else endpoint,
        transport=None if app is None else httpx.ASGITransport(app),
        headers={"User-Agent": f"reconciler/{_version()}"},
        timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        limits=limits,
        # A cookie of one answer must not travel with another credential's request.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
    )


def _version() -> str:
    try:
        return version("appwrite-reconciler")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"
