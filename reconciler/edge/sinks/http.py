"""The HTTP API of somebody else's service, as a sink calls it: blocking, with few words in its errors.

What passes is waited out: no connection, 429, 502, 503 and 504 are asked again a few times, with full jitter, as
Retry-After says where it does. What does not is translated: an answer says no (SinkError), or nobody knows
(SinkUnavailable). Of an answer only the service's own error text enters a message, cut short and without the secret
that was sent.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core.quoting import clean
from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkUnavailable

if TYPE_CHECKING:
    import httpx

_ATTEMPTS = 4
_PASSING = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE = 10.0
_LONGEST_WORDS = 200
_TIMEOUT = 15.0

Explain = Callable[[Any], str]
"""The service's own words in the JSON of an answer that has its error shape, else an empty text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service answered: one of the statuses that the caller knows what to do with."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service. `name` is how messages call it, `hint` what to do where it refuses the credential."""

    name: str
    hint: str
    http: httpx.Client
    explain: Explain
    pause: Callable[[float], None] = time.sleep

    def read(self, path: str, *, known: frozenset[int] = frozenset({200, 404}), **call: Any) -> Answer:
        """GET. A refusal means that nothing can be known here: SinkUnavailable."""
        try:
            return self.call("GET", path, known=known, **call)
        except SinkUnavailable:
            raise
        except SinkError as error:
            raise SinkUnavailable(error.message, hint=error.hint) from error

    def call(
        self,
        method: str,
        path: str,
        *,
        known: frozenset[int],
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        sent: Secret | None = None,
    ) -> Answer:
        """One call, asked again while that may help; every status that is not `known` is an error. `sent` is the
        secret in the body, which no message may hold.
        """
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            response = self._send(method, path, last=last, json=json, headers=headers, params=params)
            if response is None or (response.status_code in _PASSING and not last):
                self.pause(_pause(attempt, response))
                continue
            if response.status_code in known:
                return Answer(
                    status=response.status_code, headers=dict(response.headers), body=_json(response, self.name)
                )
            raise self._error(response, sent)
        raise SinkUnavailable(f"{self.name} does not answer")

    def _send(self, method: str, path: str, *, last: bool, **call: Any) -> httpx.Response | None:
        import httpx

        try:
            return self.http.request(method, path, timeout=_TIMEOUT, **call)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if not last:
                return None
            raise SinkUnavailable(
                f"{self.name} cannot be reached: {clean(str(error))[:_LONGEST_WORDS] or type(error).__name__}",
                hint="see its address, and whether it is up",
            ) from None  # the request in the chain holds the secret

    def _error(self, response: httpx.Response, sent: Secret | None) -> SinkError:
        status = response.status_code
        try:
            words = clean(self.explain(response.json()))
        except ValueError:
            words = ""
        if sent is not None and sent.reveal() in words:
            words = ""
        told = f"{self.name} answered {status}{f': {words[:_LONGEST_WORDS]}' if words else ''}"
        if status in _PASSING or status >= 500:
            return SinkUnavailable(told, hint="try again later")
        return SinkError(told, hint=self.hint if status in {401, 403, 404} else "")


def _pause(attempt: int, response: httpx.Response | None) -> float:
    told = response.headers.get("Retry-After", "") if response is not None else ""
    if told.isdigit():
        return min(float(told), _LONGEST_PAUSE)
    return random.uniform(0, min(0.2 * 2**attempt, _LONGEST_PAUSE))  # noqa: S311 - jitter is no secret


def _json(response: httpx.Response, name: str) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        raise SinkUnavailable(f"{name} answered {response.status_code} with something that is no JSON") from None
