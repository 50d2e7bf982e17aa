"""The HTTP API of somebody else's service, as a sink calls it: blocking, with few words in its errors.

What passes is waited out: no connection, 429, 502, 503, 504 and a 403 that is a rate limit are asked again a few
times, with full jitter, as Retry-After says where it does, and not at all where it asks for longer than `patience`.
What does not is translated: an answer says no (SinkError), or nobody knows (SinkUnavailable). A no to the second
sending of a call whose first one may have arrived says nothing of the first.

A secret stands in a body as `Secret`, and becomes text where it is sent. Of an answer only the service's own error text
enters a message, cut short and without what was sent.
"""

from __future__ import annotations

import json as json_module
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from reconciler.core.quoting import clean
from reconciler.core.secret import Secret
from reconciler.edge.sinks.certainty import nobody_knows
from reconciler.edge.sinks.words import showable
from reconciler.errors import SinkError, SinkUnavailable

if TYPE_CHECKING:
    import httpx

_ATTEMPTS = 4
_CREDENTIALS = ("Authorization", "PRIVATE-TOKEN", "X-Vault-Token")
_PASSING = frozenset({429, 502, 503, 504})
_PATIENCE = 10.0
_LONGEST_WORDS = 200
_TIMEOUT = 15.0

Explain = Callable[[Any], str]
"""The service's own words in the JSON of an answer that has its error shape, else an empty text."""


class Content(TypedDict, total=False):
    """What a call carries: a body, in which secrets are of type `Secret`, headers and a query."""

    json: Any
    headers: Mapping[str, str]
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service answered: one of the statuses that the caller knows what to do with."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service. `name` is how messages call it, `hint` what to do where it refuses the credential, `trust` the
    variable that names whose certificates are trusted, `patience` the seconds that it may ask us to wait.
    """

    name: str
    hint: str
    http: httpx.Client
    explain: Explain
    trust: str = "SSL_CERT_FILE"
    patience: float = _PATIENCE
    pause: Callable[[float], None] = time.sleep

    def read(self, path: str, *, known: frozenset[int] = frozenset({200, 404}), **content: Unpack[Content]) -> Answer:
        """GET. A refusal means that nothing can be known here: SinkUnavailable."""
        with nobody_knows():
            return self.call("GET", path, known=known, **content)

    def call(
        self,
        method: str,
        path: str,
        *,
        known: frozenset[int],
        sent: Secret | None = None,
        **content: Unpack[Content],
    ) -> Answer:
        """One call, asked again while that may help; every status that is not `known` is an error. `sent` is a secret
        that no message may hold, besides those in the body.
        """
        call = _Call(method=method, path=path, content=content)
        unsure = False
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            response, arrived = self._send(call, last=last)
            pause = _pause(attempt, response, self.patience)
            if response is None or (_is_passing(response) and not last and pause <= self.patience):
                unsure = unsure or arrived
                self.pause(pause)
                continue
            if response.status_code in known:
                return Answer(status=response.status_code, headers=response.headers, body=_json(response, self.name))
            raise self._error(response, (*call.secrets, *([sent] if sent else ())), unsure=unsure)
        raise SinkUnavailable(f"{self.name} does not answer")

    def _send(self, call: _Call, *, last: bool) -> tuple[httpx.Response | None, bool]:
        """The answer, None where another attempt may get one; and whether the call may have been carried out."""
        import httpx

        try:
            response = call.over(self.http)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if not last and not _is_untrusted(error):
                return None, not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            raise self._unreachable(error) from None  # the request in the chain holds the secret
        return response, response.status_code >= 500

    def _unreachable(self, error: Exception) -> SinkUnavailable:
        import httpx

        quotes = isinstance(error, httpx.LocalProtocolError)  # what was to be sent, a credential maybe
        words = "" if quotes else clean(str(error))[:_LONGEST_WORDS]
        words = words or type(error).__name__
        if _is_untrusted(error):
            return SinkUnavailable(
                f"what answers cannot prove that it is {self.name}: {words}",
                hint=f"name the file of the authority that signed its certificate in {self.trust}",
            )
        return SinkUnavailable(f"{self.name} cannot be reached: {words}", hint="see its address, and whether it is up")

    def _error(self, response: httpx.Response, secrets: tuple[Secret, ...], *, unsure: bool) -> SinkError:
        status = response.status_code
        words = _words(response, self.explain, secrets)
        told = f"{self.name} answered {status}{f': {words}' if words else ''}"
        if status >= 500:
            return SinkUnavailable(told, hint="try again later")
        kind = SinkUnavailable if unsure else SinkError
        if _is_passing(response):
            wait = _asked_to_wait(response)
            return kind(told, hint=f"try again in {wait:.0f} seconds" if wait else "try again later")
        if response.is_redirect:
            return kind(told, hint="redirects are not followed: name the address that answers itself")
        return kind(told, hint=self.hint if status in {401, 403, 404} else "")


class _Call:
    """A call that can be sent again; its body is text already, and shown to nobody."""

    __slots__ = ("_body", "_headers", "_method", "_params", "_path", "secrets")

    def __init__(self, *, method: str, path: str, content: Content) -> None:
        self._method, self._path, self._params = method, path, content.get("params")
        self._headers = dict(content.get("headers", {}))
        self._body: Secret | None = None
        self.secrets: list[Secret] = []
        if "json" in content:
            self._headers = {"Content-Type": "application/json", **self._headers}
            self._body = Secret(json_module.dumps(content["json"], default=self._text))

    def _text(self, value: object) -> str:
        if not isinstance(value, Secret):
            raise TypeError(f"{type(value).__name__} is no JSON")
        self.secrets.append(value)
        return value.reveal()

    def over(self, http: httpx.Client) -> httpx.Response:
        """Send it."""
        return http.request(
            self._method,
            self._path,
            content=None if self._body is None else self._body.reveal(),
            headers=self._headers,
            params=self._params,
            timeout=_TIMEOUT,
        )


def _is_untrusted(error: Exception) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _is_passing(response: httpx.Response) -> bool:
    return response.status_code in _PASSING or (response.status_code == 403 and _asked_to_wait(response) is not None)


def _asked_to_wait(response: httpx.Response) -> float | None:
    """Seconds: as Retry-After says, or until a limit that is used up begins anew; None where nothing is said."""
    headers = response.headers
    if headers.get("Retry-After", "").isdigit():
        return float(headers["Retry-After"])
    reset = headers.get("X-RateLimit-Reset", "")
    if headers.get("X-RateLimit-Remaining") != "0" or not reset.isdigit():
        return None
    try:
        now = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except ValueError:
        return None
    return max(0.0, float(reset) - now)


def _pause(attempt: int, response: httpx.Response | None, patience: float) -> float:
    told = _asked_to_wait(response) if response is not None else None
    if told is not None:
        return told
    return random.uniform(0, min(0.2 * 2**attempt, patience))  # noqa: S311 - jitter is no secret


def _words(response: httpx.Response, explain: Explain, secrets: tuple[Secret, ...]) -> str:
    try:
        words = explain(response.json())
    except ValueError:
        return ""
    return showable(words, (*secrets, *_credentials(response.request)), _LONGEST_WORDS)


def _credentials(request: httpx.Request) -> Iterator[Secret]:
    """What a request was sent with, and a service may repeat."""
    for header in _CREDENTIALS:
        credential = request.headers.get(header, "").rpartition(" ")[2]
        if credential:
            yield Secret(credential)


def _json(response: httpx.Response, name: str) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        raise SinkUnavailable(f"{name} answered {response.status_code} with something that is no JSON") from None
