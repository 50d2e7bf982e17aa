"""The `KeyStore` port over Appwrite's routes `/v1/project/keys`; an organization key uses
`/v1/organization/projects/:projectId/keys` where the server has that.

- One LIST serves 5,000 keys; more come page by page after the last id. A cursor that somebody deleted starts
  the list anew. A short page ends the list unless the server's own total says that keys are missing; an empty one
  that leaves keys missing starts it anew.
- A PUT that answers 500 is read back before it is judged: racing a DELETE it may have been applied, or not.
- That a server lacks the routes of organizations is told from its 404 for a call that it does not know, which
  is another than those of the API; the call is then made where every server has it.
- That a key is gone is told from the API's own `key_not_found`, never from another 404.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar
from urllib.parse import quote, urlencode

import httpx

from reconciler.core.ephemeral import EphemeralKey
from reconciler.core.keys import KeyState, Listing, LiveKey, ServerFacts
from reconciler.core.secret import Secret
from reconciler.core.times import to_milliseconds
from reconciler.edge.appwrite import explain, headers, wire
from reconciler.edge.appwrite.answer import Answer
from reconciler.edge.appwrite.call import Call, Peer
from reconciler.edge.appwrite.caller import Caller, Settle
from reconciler.edge.appwrite.server import Server
from reconciler.edge.credentials import Credential
from reconciler.errors import ServerError
from reconciler.ports import Clock, Mask, unmasked

_T = TypeVar("_T")

PAGE = 5000
_PAGES = 200
_RESTARTS = 3
_LIST_BYTES = 64 << 20
_NOBODY = "reconciler-asks-whether-it-may-ask"
_DEAD = KeyState(name="reconciler's question", scopes=frozenset(), expire=datetime(1971, 1, 1, tzinfo=UTC))


@dataclass(eq=False)
class AppwriteKeys:
    """The keys of one project.

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

    async def facts(self) -> ServerFacts:
        """Version and scopes, asked for at once and once for each server, without a credential; None where the server
        does not say.
        """
        return await self.server.facts(self._facts)

    async def _facts(self) -> ServerFacts:
        version, scopes = await asyncio.gather(
            self._public("health/version", "asking the server for its version"),
            self._public("console/scopes/project", "asking the server for its scopes"),
            return_exceptions=True,  # neither goes on alone, on a client that is closed meanwhile
        )
        for answer in (version, scopes):
            if isinstance(answer, BaseException):
                raise answer
        return ServerFacts(version=wire.read_version(version), scopes=wire.read_scopes(scopes))

    async def list(self) -> Listing:
        """Every key, and the Date of the last answer in whole seconds."""
        for _ in range(_RESTARTS):
            listing = await self._list_once()
            if listing is not None:
                return listing
        raise self._unstable("the list changed under each of three readings")

    async def create(self, key_id: str, state: KeyState) -> LiveKey:
        """Create a key; raises KeyExists and CreationDenied."""
        doing = f"creating key {key_id} in project {self.project}"
        content = wire.write_creation(key_id, state)
        call, answer = await self._send(lambda: self._call("POST", httpx.URL(self._keys), doing, content))
        return self._key(call, answer, 201)

    async def get(self, key_id: str) -> LiveKey | None:
        """One key, None where this project has none of that id."""
        call, answer = await self._send(lambda: self._get(key_id))
        return None if answer.is_error(404, "key_not_found") else self._key(call, answer, 200)

    async def update(self, key: LiveKey, state: KeyState) -> LiveKey:
        """Replace name, scopes, expiry and description."""
        return await self._put(key.id, "updating", wire.write_update(state), state)

    async def touch(self, key: LiveKey) -> None:
        """Write a key back exactly as it is."""
        await self._put(key.id, "writing back unchanged", wire.write_unchanged(key), key.state)

    async def delete(self, key_id: str) -> None:
        """Delete a key; that it is gone already is success."""
        doing = f"deleting key {key_id} of project {self.project}"
        call, answer = await self._send(lambda: self._call("DELETE", self._one(key_id), doing))
        if answer.status != 204 and not answer.is_error(404, "key_not_found"):
            raise explain.refused(self._caller.peer, call, answer)

    async def create_ephemeral(self, scopes: frozenset[str], lifetime: timedelta) -> EphemeralKey:
        """A key that dies after that long; what comes of a lost answer is known to nobody, and dies as soon."""
        doing = f"asking for an ephemeral key of project {self.project}"
        content = wire.write_ephemeral(scopes, lifetime)
        call, answer = await self._send(lambda: self._call("POST", self._one("ephemeral"), doing, content))
        return self._read(call, answer, 201, wire.read_ephemeral)

    async def accepts(self, secret: Secret) -> bool:
        """Whether a key with this secret authenticates now.

        Asks for a key that does not exist: the server checks the credential first, then its scopes, so both
        "no such key" and "keys.read is missing" prove that it knows the secret, and neither shows anything.
        """
        call = Call(
            method="GET",
            url=httpx.URL(f"{self._base}/project/keys/{_NOBODY}"),
            headers=headers.as_key(self.http.headers, self.project, secret),
            deadline=self.deadline,
            doing=f"trying a new secret in project {self.project}",
        )
        answer = await self._caller.send(call)
        error = answer.error()
        if answer.status == 401 and error:
            return error.type == "general_unauthorized_scope" and "(role: applications)" in error.message
        if answer.status != 200 and not answer.is_error(404, "key_not_found"):
            raise explain.refused(self._caller.peer, call, answer)
        return True

    async def may_write(self, absent_id: str) -> bool:
        """Whether the credential may write keys: the server looks at its scopes first, then for the key."""
        doing = f"asking whether keys of project {self.project} may be written"
        call, answer = await self._send(lambda: self._call("DELETE", self._one(absent_id), doing))
        if answer.is_error(401, "general_unauthorized_scope"):
            return False
        if answer.status != 204 and not answer.is_error(404, "key_not_found"):
            raise explain.refused(self._caller.peer, call, answer)
        return True

    async def may_create(self, taken_id: str, secret: Secret | None = None) -> bool:
        """Whether the credential, or a key, may create keys: the server looks at who asks first, then for the id.

        Should the id have become free meanwhile, what is made is expired from the start, and deleted again.
        """
        doing = f"asking whether keys of project {self.project} may be created"
        content = wire.write_creation(taken_id, _DEAD)

        def build() -> Call:
            call = self._call("POST", httpx.URL(self._keys), doing, content)
            if secret is None:
                return call
            shown = headers.as_key(self.http.headers, self.project, secret)
            return replace(call, url=httpx.URL(self._by_project[0]), headers=shown)

        call, answer = await self._send(build)
        if answer.is_error(403, "key_creation_denied"):
            return False
        if answer.status == 201:
            await self.delete(taken_id)
        elif not answer.is_error(409, "key_already_exists"):
            raise explain.refused(self._caller.peer, call, answer)
        return True

    async def _list_once(self) -> Listing | None:
        """The whole list; None where it changed meanwhile: a cursor was deleted, or keys are missing at its end."""
        keys: dict[str, LiveKey] = {}
        for _ in range(_PAGES):
            call, answer = await self._send(partial(self._page, after=next(reversed(keys), None)))
            if keys and answer.is_error(400, "general_cursor_not_found"):
                return None
            page, total = self._read(call, answer, 200, wire.read_page)
            known = len(keys)
            keys |= {key.id: key for key in page}
            if len(page) < PAGE and len(keys) >= total:
                by_organization = self._found_routes()
                return Listing(keys=tuple(keys.values()), now=self._now(call, answer), by_organization=by_organization)
            if not page:
                return None
            if len(keys) == known:
                raise self._unstable("the server answers the same page again and again")
        raise self._unstable(f"there are more than {_PAGES * PAGE} keys")

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

    async def _put(self, key_id: str, verb: str, content: bytes, wanted: KeyState) -> LiveKey:
        doing = f"{verb} key {key_id} of project {self.project}"

        async def settle() -> Answer | None:
            reading, answer = await self._send(lambda: self._get(key_id))
            if answer.is_error(404, "key_not_found"):
                return answer
            found = self._key(reading, answer, 200).state
            return answer if found == _stored(wanted) else None

        call, answer = await self._send(lambda: self._call("PUT", self._one(key_id), doing, content), settle)
        return self._key(call, answer, 200)

    async def _public(self, path: str, doing: str) -> object:
        url = httpx.URL(f"{self._base}/{path}")
        call = Call(method="GET", url=url, headers=self.http.headers, doing=doing, deadline=self.deadline)
        answer = await self._caller.send(call)
        if answer.status in {408, 429} or answer.status >= 500:
            raise explain.refused(self._caller.peer, call, answer)
        return answer.json() if answer.status == 200 else None

    def _page(self, *, after: str | None) -> Call:
        queries: list[dict[str, object]] = [{"method": "limit", "values": [PAGE]}]
        if after is not None:
            queries.append({"method": "cursorAfter", "values": [after]})
        query = urlencode({f"queries[{at}]": json.dumps(query) for at, query in enumerate(queries)})
        return Call(
            method="GET",
            url=httpx.URL(self._keys, query=query.encode()),
            headers=self._headers,
            doing=f"listing the keys of project {self.project}",
            deadline=2 * self.deadline,
            cap=_LIST_BYTES,
        )

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

    def _unstable(self, what: str) -> ServerError:
        return explain.listing_unstable(self._caller.peer, self._page(after=None), what)


def _stored(state: KeyState) -> KeyState:
    """A state as Appwrite keeps it."""
    return state if state.expire is None else replace(state, expire=to_milliseconds(state.expire))
