"""Console users: by a session in one of three places, or by a JWT made from one.

Users belong to the console alone, so that elsewhere a login says nothing unless the call is in admin mode.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.emulator import dates, errors, tokens
from reconciler.emulator.people import People, Session, User
from reconciler.emulator.wire import Request

COOKIE = "a_session_console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who is logged in, and how."""

    user: User
    session: Session | None
    by_token: bool


def login_of(request: Request, people: People, signing: str, now: datetime) -> Login | None:
    """Who calls from the console, if anybody does.

    Raises:
        ApiError: session and JWT at once, or a JWT that is none.
    """
    login = _by_session(request, people, now)
    token = request.header("x-appwrite-jwt")
    if not token:
        return login
    if login is not None:
        raise errors.token_and_session()
    return _by_token(token, people, signing, now)


def check_token(request: Request, signing: str, now: datetime) -> None:
    """Refuse a JWT that is none, where nobody can be logged in by it."""
    if token := request.header("x-appwrite-jwt"):
        _payload(token, signing, now)


def _by_session(request: Request, people: People, now: datetime) -> Login | None:
    for value in _values(request):
        session = people.session(value)
        user = people.user(session.user) if session else None
        if session and user and dates.render(now) < session.expire:
            return Login(user=user, session=session, by_token=False)
    return None


def _values(request: Request) -> Iterator[str]:
    """What might be a session: in the cookie, in a header, in the JSON that stands in for cookies."""
    for pair in request.header("cookie").split(";"):
        name, _, value = pair.strip().partition("=")
        if name in {COOKIE, f"{COOKIE}_legacy"}:
            yield value
    yield request.header("x-appwrite-session")
    try:
        stand_in = json.loads(request.header("x-fallback-cookies") or "{}")
    except ValueError:
        return
    if isinstance(stand_in, dict) and isinstance(stand_in.get(COOKIE), str):
        yield stand_in[COOKIE]


def _by_token(token: str, people: People, signing: str, now: datetime) -> Login | None:
    said = _payload(token, signing, now)
    user = people.user(str(said.get("userId", "")))
    if user is None or not people.has_session(str(said.get("sessionId", ""))):
        return None
    return Login(user=user, session=None, by_token=True)


def _payload(token: str, signing: str, now: datetime) -> dict[str, object]:
    try:
        return tokens.decode(token, signing, now)
    except tokens.BadToken as error:
        raise errors.token_invalid(str(error)) from error
