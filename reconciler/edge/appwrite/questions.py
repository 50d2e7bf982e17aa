"""Questions about a server and a credential, each answered by a call that changes nothing.

- A server says its version, its scopes and its time to whoever asks, without a credential.
- What a credential may do is told from what the server refuses first: who asks, then their scopes, then the key.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpx

from reconciler.core.keys import KeyState, ServerFacts
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import explain, headers, wire
from reconciler.edge.appwrite.answer import Answer
from reconciler.edge.appwrite.call import Call
from reconciler.edge.appwrite.project_calls import ProjectCalls

_VERSION = "health/version"
_NOBODY = "reconciler-asks-whether-it-may-ask"
_DEAD = KeyState(name="reconciler's question", scopes=frozenset(), expire=datetime(1971, 1, 1, tzinfo=UTC))


@dataclass(eq=False)
class Questions(ProjectCalls):
    """The questions of the `KeyStore` port."""

    async def facts(self) -> ServerFacts:
        """Version and scopes, asked for at once and once for each server, without a credential; None where the server
        does not say.
        """
        return await self.server.facts(self._facts)

    async def _facts(self) -> ServerFacts:
        version, scopes = await asyncio.gather(
            self._public(_VERSION, "asking the server for its version"),
            self._public("console/scopes/project", "asking the server for its scopes"),
            return_exceptions=True,  # neither goes on alone, on a client that is closed meanwhile
        )
        for answer in (version, scopes):
            if isinstance(answer, BaseException):
                raise answer
        return ServerFacts(version=wire.read_version(version), scopes=wire.read_scopes(scopes))

    async def now(self) -> datetime:
        """The server's time in whole seconds, of the Date of an answer; needs no credential."""
        return self._now(*await self._asked(_VERSION, "asking the server for its time"))

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
            await self._delete(taken_id)
        elif not answer.is_error(409, "key_already_exists"):
            raise explain.refused(self._caller.peer, call, answer)
        return True

    async def _public(self, path: str, doing: str) -> object:
        _, answer = await self._asked(path, doing)
        return answer.json() if answer.status == 200 else None

    async def _asked(self, path: str, doing: str) -> tuple[Call, Answer]:
        """A call that needs no credential, and its answer, unless that comes of trouble which may pass."""
        url = httpx.URL(f"{self._base}/{path}")
        call = Call(method="GET", url=url, headers=self.http.headers, doing=doing, deadline=self.deadline)
        answer = await self._caller.send(call)
        if answer.status in {408, 429} or answer.status >= 500:
            raise explain.refused(self._caller.peer, call, answer)
        return call, answer
