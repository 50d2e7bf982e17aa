"""A console session of a run's own: login by e-mail address and password, and logout.

- A login is sent once: one whose answer is lost may have made a session that nobody can end, and a second sending would
  make another. Appwrite takes ten tries an hour.
- A session is ended by whoever made it. Appwrite 1.9.x answers 500 to a logout that worked, so a logout is judged by
  whether the session is still known afterwards.
- The password is a Secret until it is written into the one body that needs it.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field

import httpx

from reconciler.core.secret import Secret
from reconciler.edge.appwrite import explain, headers
from reconciler.edge.appwrite.answer import Answer
from reconciler.edge.appwrite.call import Call, Peer
from reconciler.edge.appwrite.caller import Caller
from reconciler.edge.credentials import SESSION_COOKIE, Credential
from reconciler.errors import ReconcilerError
from reconciler.ports import Clock

_SECONDS = 30.0


@dataclass(kw_only=True, eq=False)
class Console:
    """The console of one server, where `email` logs in; `label` names the environment that first needed it."""

    http: httpx.AsyncClient = field(repr=False)
    label: str
    email: str
    clock: Clock
    limiter: asyncio.Semaphore

    def __post_init__(self) -> None:
        self._base = str(self.http.base_url).rstrip("/")

    async def log_in(self, password: Secret) -> Credential:
        """A new session; raises CredentialError, also where the account has a second factor, and ServerError.

        Whoever cancels this may leave a session.
        """
        call = self._call("POST", "sessions/email", "logging in to the console", content=self._body(password))
        caller = self._caller(self._credential(password))  # so that no message repeats the password
        answer = await caller.send(call)
        if answer.status != 201:
            raise explain.refused(caller.peer, call, answer)
        session = _session(answer)
        if session is None:
            raise explain.malformed(caller.peer, call, answer, "it has no session")
        credential = self._credential(session)
        try:
            await self._prove(credential)
        except ReconcilerError as error:
            if left := await self.log_out(credential):
                error.hint = f"{error.hint}; {left}" if error.hint else left
            raise
        return credential

    async def log_out(self, credential: Credential) -> str:
        """End a session; what is left to do by hand, in words, where it goes on; never raises for a server."""
        caller = self._caller(credential)
        try:
            ending = self._call("DELETE", "sessions/current", "logging out", credential.secret)
            await caller.send(ending)
            answer = await caller.send(self._call("GET", "", "seeing that the session has ended", credential.secret))
        except ReconcilerError as error:
            return self._left(error.message)
        return "" if answer.status == 401 else self._left(f"the server answered {answer.status} to who is logged in")

    def _left(self, why: str) -> str:
        return (
            f"the console session of {self.email} at {self._base} could not be ended, and lives for up to a year: "
            f"end it in the console, under the account's sessions ({why})"
        )

    async def _prove(self, credential: Credential) -> None:
        """That the session counts: an account with a second factor has one that does not."""
        call = self._call("GET", "", "using the session", credential.secret)
        caller = self._caller(credential)
        answer = await caller.send(call)
        if answer.status != 200:
            raise explain.refused(caller.peer, call, answer)

    def _credential(self, secret: Secret) -> Credential:
        return Credential(kind="session", secret=secret, source=f"the login of {self.email}")

    def _caller(self, credential: Credential) -> Caller:
        """Sends each call once."""
        once = asyncio.Event()
        once.set()
        return Caller(
            http=self.http,
            peer=Peer(label=self.label, endpoint=self._base, project="console", credential=credential),
            limiter=self.limiter,
            clock=self.clock,
            random=random.Random(0),  # noqa: S311 - no chance in what is sent once
            stop=once,
        )

    def _call(
        self, method: str, path: str, doing: str, session: Secret | None = None, *, content: bytes | None = None
    ) -> Call:
        return Call(
            method=method,
            url=httpx.URL(f"{self._base}/account/{path}".rstrip("/")),
            headers=headers.on_console(self.http.headers, session),
            doing=f"{doing} as {self.email}",
            deadline=_SECONDS,
            content=content,
        )

    def _body(self, password: Secret) -> bytes:
        return json.dumps({"email": self.email, "password": password.reveal()}).encode()


def _session(answer: Answer) -> Secret | None:
    """The session in the cookie, or in the JSON that stands in for cookies; None where there is none."""
    for cookie in answer.headers.get_list("set-cookie"):
        name, _, rest = cookie.partition("=")
        value = rest.partition(";")[0].strip()
        if name.strip() == SESSION_COOKIE and _fits(value):
            return Secret(value)
    try:
        cookies = json.loads(answer.headers.get("x-fallback-cookies", "{}"))
    except ValueError:
        return None
    stand_in = cookies.get(SESSION_COOKIE) if isinstance(cookies, dict) else None
    return Secret(stand_in) if isinstance(stand_in, str) and _fits(stand_in) else None


def _fits(value: str) -> bool:
    """Whether it can be sent back in a cookie as it is."""
    return bool(value) and all("!" <= character <= "~" and character not in ',;"\\' for character in value)
