"""Calls on the keys of one project: which routes they go by, how they are sent, and how a key is read from an answer.

- An organization key goes by `/v1/organization/projects/:projectId/keys` where the server has that, everything else by
  `/v1/project/keys`.
- That a server lacks the routes of organizations is told from its 404 for a call that it does not know, which is
  another than those of the API; the call is then made where every server has it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

import httpx

from reconciler.core.keys import LiveKey
from reconciler.edge.appwrite import explain, headers, wire
from reconciler.edge.appwrite.answer import Answer
from reconciler.edge.appwrite.call import Call, Peer
from reconciler.edge.appwrite.caller import Caller, Settle
from reconciler.edge.appwrite.server import Server
from reconciler.edge.credentials import Credential
from reconciler.ports import Clock, Mask, unmasked

_T = TypeVar("_T")


@dataclass(eq=False)
class ProjectCalls:
    """What both questions and changes are made of.

    `limiter` and `server` are shared by all that call the same server; `label` names the environment in messages.
    `deadline` is in seconds for one sending, twice that for a page of a list: lists of a server in trouble have been
    seen to hang. Once `stop` is set no call is sent a second time.
    """

    http: httpx.AsyncClient = field(repr=False)
    _: KW_ONLY
    project: str
    organization: str | None
    credential: Credential | None
    limiter: asyncio.Semaphore
    clock: Clock
    random: random.Random
    label: str
    deadline: float = 30.0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    server: Server = field(default_factory=Server)
    mask: Mask = unmasked

    def __post_init__(self) -> None:
        base = str(self.http.base_url).rstrip("/")
        self._base = base
        own = self.http.headers
        self._by_project = (
            f"{base}/project/keys",
            headers.authenticated(own, self.project, self.organization, self.credential),
        )
        self._by_organization = (
            f"{base}/organization/projects/{quote(self.project, safe='')}/keys",
            headers.by_organization(own, self.organization, self.credential),
        )
        peer = Peer(label=self.label, endpoint=base, project=self.project, credential=self.credential)
        self._caller = Caller(
            http=self.http,
            peer=peer,
            limiter=self.limiter,
            clock=self.clock,
            random=self.random,
            stop=self.stop,
        )

    async def _send(self, build: Callable[[], Call], settle: Settle | None = None) -> tuple[Call, Answer]:
        """A call and its answer; made once more where it turns out that the server has no routes of organizations."""
        call = build()
        answer = await self._caller.send(call, settle=settle)
        if self._goes_by_organization and answer.is_no_route():
            self.server.organization_routes = False
            call = build()
            answer = await self._caller.send(call, settle=settle)
        return call, answer

    @property
    def _goes_by_organization(self) -> bool:
        is_organization_key = self.credential is not None and self.credential.kind == "organization_key"
        return is_organization_key and self.server.organization_routes is not False

    def _found_routes(self) -> bool | None:
        """Whether the server has the routes of organizations; asked after a list that succeeded."""
        if self._goes_by_organization:
            self.server.organization_routes = True
        return self.server.organization_routes

    @property
    def _keys(self) -> str:
        return self._by_organization[0] if self._goes_by_organization else self._by_project[0]

    @property
    def _headers(self) -> httpx.Headers:
        return self._by_organization[1] if self._goes_by_organization else self._by_project[1]

    def _get(self, key_id: str) -> Call:
        return self._call("GET", self._one(key_id), f"reading key {key_id} of project {self.project}")

    def _call(self, method: str, url: httpx.URL, doing: str, content: bytes | None = None) -> Call:
        return Call(method=method, url=url, headers=self._headers, doing=doing, content=content, deadline=self.deadline)

    def _one(self, key_id: str) -> httpx.URL:
        return httpx.URL(f"{self._keys}/{quote(key_id, safe='')}")

    def _key(self, call: Call, answer: Answer, status: int) -> LiveKey:
        return self._read(call, answer, status, wire.read_key)

    def _read(self, call: Call, answer: Answer, status: int, read: Callable[[object], _T]) -> _T:
        if answer.status != status:
            raise explain.refused(self._caller.peer, call, answer)
        body = answer.json()
        self.mask(wire.secrets(body))
        try:
            return read(body)
        except wire.Malformed as error:
            raise explain.malformed(self._caller.peer, call, answer, str(error)) from error

    def _now(self, call: Call, answer: Answer) -> datetime:
        now = answer.date()
        if now is None:
            # The local clock would judge expiries otherwise than the server does, and nobody would see it.
            raise explain.malformed(self._caller.peer, call, answer, "it has no Date header")
        return now

    async def _delete(self, key_id: str) -> None:
        doing = f"deleting key {key_id} of project {self.project}"
        call, answer = await self._send(lambda: self._call("DELETE", self._one(key_id), doing))
        if answer.status != 204 and not answer.is_error(404, "key_not_found"):
            raise explain.refused(self._caller.peer, call, answer)
