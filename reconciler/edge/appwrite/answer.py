"""What came back from one sending: an answer, or the failure to get one. Neither shows its content in a repr.

The secrets of keys are wrapped while the JSON is read, so that no later frame of a traceback holds one in the
clear.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

from reconciler.core.secret import Secret
from reconciler.core.times import YEARS

if TYPE_CHECKING:
    import httpx

_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """The API's error shape `{message, code, type, version}`; `type` is "" where the server leaves it out."""

    type: str
    message: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> object:
        """The body as JSON, each `secret` wrapped; None where it is no JSON."""
        try:
            return json.loads(self.body, object_hook=_seal)
        except (ValueError, RecursionError):
            return None

    def error(self) -> ApiError | None:
        """What the API says is wrong; None where the body does not have the API's error shape."""
        match self.json():
            case {"message": str(message), "code": int(), **rest}:
                kind = rest.get("type")
                known = isinstance(kind, str) and _TYPE.fullmatch(kind)
                return ApiError(type=str(kind) if known else "", message=message)
            case _:
                return None

    def is_error(self, status: int, kind: str) -> bool:
        """Whether this is the API's own error of that status and type."""
        if self.status != status:
            return False
        error = self.error()
        return error is not None and error.type == kind

    def is_no_route(self) -> bool:
        """Whether it says that the server has no such route: with a page, or as older servers with an error."""
        if self.status != 404:
            return False
        error = self.error()
        return error is None or error.type == "general_route_not_found"

    def date(self) -> datetime | None:
        """The server's clock, in whole seconds; None where no Date header can be read or believed."""
        return _http_date(self.headers.get("Date", ""))

    def retry_after(self) -> float | None:
        """Seconds that the server asks to wait, from a number or a date; None where it does not ask."""
        text = self.headers.get("Retry-After", "")
        if re.fullmatch(r"[0-9]{1,9}", text):
            return float(text)
        until, now = _http_date(text), self.date()
        return max(0.0, (until - now).total_seconds()) if until and now else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """No whole answer: what happened, in words, and the foreign error, emptied of frames and text."""

    kind: Literal["unreachable", "untrusted", "late", "broken", "oversized"]
    text: str
    error: Exception | None = None


def _seal(fields: dict[str, object]) -> dict[str, object]:
    secret = fields.get("secret")
    if isinstance(secret, str):
        fields["secret"] = Secret(secret)
    elif secret is not None:
        fields["secret"] = False  # no secret, whatever it holds
    return fields


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.year in YEARS else None
