"""Requests and answers between ASGI and the emulator, read and written as PHP does.

GET reads its parameters from the query string only, writes read them from the body only. A body that
is no JSON object (or no form) is an empty one. JSON goes out compact, slashes escaped, other characters
as they are; every answer is signed `Server: Appwrite` and dated by the emulator's clock.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_JSON = b"application/json; charset=UTF-8"
_COMMON = (
    (b"x-debug-fallback", b"false"),
    (b"server", b"Appwrite"),
    (b"x-content-type-options", b"nosniff"),
)
_UNCACHED = (
    (b"cache-control", b"no-cache, no-store, must-revalidate"),
    (b"expires", b"0"),
    (b"pragma", b"no-cache"),
)
_FIRST_ERROR = 400


class ScalarBody(Exception):
    """The body is JSON but a bare text, number or boolean; the releases differ on what that means."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `path` is as sent, with its percent signs; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    params: Mapping[str, Any]

    def header(self, name: str) -> str:
        """A header by its lower-case name; `""` where it was not sent."""
        return self.headers.get(name, "")

    @property
    def hostname(self) -> str:
        """The host that was called, without its port."""
        host = self.header("host")
        name, colon, port = host.rpartition(":")
        return name if colon and port.isdigit() else host

    def text(self, name: str) -> str:
        """A parameter that is a text; `""` where it is another kind of value, or was not sent."""
        value = self.params.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `headers` are those beyond what every answer carries."""

    status: int
    body: bytes
    content_type: bytes = _JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers by lower-case name; of a doubled one the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None where it is longer than `limit` bytes or the client has gone."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            return None
    return body


def query_params(query: bytes) -> dict[str, Any]:
    """The parameters in a query string."""
    return _php_array(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {}


def body_params(body: bytes, content_type: str) -> dict[str, Any]:
    """The parameters in a body.

    Raises:
        ScalarBody: the body is a JSON text, number or boolean.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _php_array(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    if kind != "application/json" or not body:
        return {}
    value = _parsed(body)
    if isinstance(value, (str, int, float)):
        raise ScalarBody
    return value if isinstance(value, dict) else {}


def _parsed(body: bytes) -> object:
    """The JSON value, or None for what PHP cannot parse: NaN, lone surrogates, a byte order mark."""
    try:
        value: object = json.loads(body.decode(), parse_constant=_refuse_constant)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _php_array(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`a=1&b[]=2&b[5]=3` → `{"a": "1", "b": ["2", "3"]}`; a later plain value replaces."""
    params: dict[str, Any] = {}
    for name, value in pairs:
        stem, bracket, _ = name.partition("[")
        if not bracket:
            params[name] = value
            continue
        held = params.get(stem)
        params[stem] = [*held, value] if isinstance(held, list) else [value]
    return params


def dump_json(value: object) -> str:
    """JSON as PHP writes it here: compact, `/` escaped, and of non-ASCII only the two line separators."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("/", "\\/").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


async def send_answer(send: Send, answer: Answer, *, now: datetime, with_body: bool) -> None:
    """Send an answer whole; a HEAD gets it without its body."""
    headers = [
        *_COMMON,
        (b"date", format_datetime(now.astimezone(UTC), usegmt=True).encode()),
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        *answer.headers,
    ]
    if answer.status >= _FIRST_ERROR:
        headers += _UNCACHED
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})
