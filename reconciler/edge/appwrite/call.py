"""One call of the API before it is sent, and whom it speaks to: what a message about it needs to say."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from reconciler.edge.credentials import Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The environment that a call belongs to, in a message's words."""

    label: str
    endpoint: str
    project: str
    credential: Credential | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that can be sent any number of times.

    `doing` completes "failed while …"; `deadline` is in seconds for one sending, `cap` in bytes of its
    decoded answer.
    """

    method: str
    url: httpx.URL
    headers: httpx.Headers = field(repr=False)
    doing: str
    deadline: float
    content: bytes | None = field(default=None, repr=False)
    cap: int = 1 << 20

    def request(self) -> httpx.Request:
        """A fresh request; nothing of the client's own, such as cookies, is added to it."""
        return httpx.Request(self.method, self.url, headers=self.headers, content=self.content)
