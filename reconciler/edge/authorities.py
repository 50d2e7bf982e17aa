"""Whose certificates are trusted, unless a file of others is named."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def authorities() -> ssl.SSLContext:
    """The usual authorities, read once in a process: it takes 50 ms."""
    import httpx

    return httpx.create_ssl_context()
