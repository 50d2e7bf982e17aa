"""The `KeyStore` port over Appwrite's routes for keys.

- One LIST serves 5,000 keys; more come page by page after the last id. A cursor that somebody deleted starts
  the list anew. A short page ends the list unless the server's own total says that keys are missing; an empty one
  that leaves keys missing starts it anew.
- A PUT that answers 500 is read back before it is judged: racing a DELETE it may have been applied, or not.
- That a key is gone is told from the API's own `key_not_found`, never from another 404.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from urllib.parse import urlencode

import httpx

from reconciler.core.ephemeral import EphemeralKey
from reconciler.core.keys import KeyState, Listing, LiveKey
from reconciler.core.times import to_milliseconds
from reconciler.edge.appwrite import explain, wire
from reconciler.edge.appwrite.answer import Answer
from reconciler.edge.appwrite.call import Call
from reconciler.edge.appwrite.questions import Questions
from reconciler.errors import ServerError

PAGE = 5000
_PAGES = 200
_RESTARTS = 3
_LIST_BYTES = 64 << 20


@dataclass(eq=False)
class AppwriteKeys(Questions):
    """The keys of one project, and the questions that are asked of its server."""

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
        await self._delete(key_id)

    async def create_ephemeral(self, scopes: frozenset[str], lifetime: timedelta) -> EphemeralKey:
        """A key that dies after that long; what comes of a lost answer is known to nobody, and dies as soon."""
        doing = f"asking for an ephemeral key of project {self.project}"
        content = wire.write_ephemeral(scopes, lifetime)
        call, answer = await self._send(lambda: self._call("POST", self._one("ephemeral"), doing, content))
        return self._read(call, answer, 201, wire.read_ephemeral)

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

    def _unstable(self, what: str) -> ServerError:
        return explain.listing_unstable(self._caller.peer, self._page(after=None), what)


def _stored(state: KeyState) -> KeyState:
    """A state as Appwrite keeps it."""
    return state if state.expire is None else replace(state, expire=to_milliseconds(state.expire))
