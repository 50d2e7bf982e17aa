"""The console account: login by e-mail address and password, who is logged in, a token, and the end of it.

A login is tried ten times an hour for each address, right or wrong; the count lives as long as the process.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from datetime import UTC, datetime, timedelta

from reconciler.emulator import dates, errors, params, tokens
from reconciler.emulator.call import Call, Caller
from reconciler.emulator.ids import random_id
from reconciler.emulator.logins import COOKIE
from reconciler.emulator.people import Session, User
from reconciler.emulator.wire import Answer, dump_json

_MOST_TRIES = 10
_HOUR = 3600
_SESSION_TIME = timedelta(days=365)
_TOKEN_TIMES = range(3601)
_TOKEN_TIME = 900


class Tries:
    """How often each address was tried in which hour."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int]] = Counter()

    def count(self, address: str, now: datetime) -> None:
        """Count a try, and refuse the eleventh."""
        tried = (address, int(now.timestamp()) // _HOUR)
        self._counts[tried] += 1
        if self._counts[tried] > _MOST_TRIES:
            raise errors.too_many()


def login(call: Call, caller: Caller, tries: Tries) -> Answer:
    """A new session, in two cookies and in the JSON that stands in for cookies."""
    tries.count(call.request.text("email"), call.now)
    if caller.user is not None:
        raise errors.session_exists()
    email = params.email(call.request.params)
    password = params.password(call.request.params)
    user = call.people.user_of(email) if caller.project is None else None
    if user is None or not secrets.compare_digest(user.password.encode(), password.encode()):
        raise errors.credentials_invalid()
    session = new_session(user, call.now)
    call.people.ensure_session(session)
    return Answer(
        201, dump_json(_shown(session, user)).encode(), headers=_cookies(session.value, call.now + _SESSION_TIME)
    )


def new_session(user: User, now: datetime) -> Session:
    """A session that nobody knows yet; its value looks as the genuine ones do."""
    identity = random_id(now)
    value = json.dumps({"id": user.id, "secret": secrets.token_hex(128)}, separators=(",", ":"))
    return Session(
        value=base64.urlsafe_b64encode(value.encode()).rstrip(b"=").decode(),
        id=identity,
        user=user.id,
        created_at=dates.render(now),
        expire=dates.render(now + _SESSION_TIME),
    )


def current(caller: Caller) -> Answer:
    """Who is logged in."""
    user = _somebody(caller)
    shown = {
        "$id": user.id,
        "$createdAt": user.created_at,
        "$updatedAt": user.created_at,
        "name": user.name,
        "registration": user.created_at,
        "status": True,
        "labels": [],
        "passwordUpdate": user.created_at,
        "email": user.email,
        "phone": "",
        "emailVerification": False,
        "phoneVerification": False,
        "mfa": False,
        "prefs": {},
        "targets": [],
        "accessedAt": user.created_at,
    }
    return Answer(200, dump_json(shown).encode())


def logout(call: Call, caller: Caller) -> Answer:
    """The end of the session that was called with; 1.9.x ends it and answers 500."""
    _somebody(caller)
    if caller.session is None:
        raise errors.session_not_found()
    call.people.end_session(caller.session)
    if call.server.logout_fails:
        raise errors.server_error()
    return Answer(204, b"", b"text/html", headers=_cookies("deleted", datetime.fromtimestamp(0, tz=UTC)))


def create_token(call: Call, caller: Caller) -> Answer:
    """A JWT that stands for the session, while that lives."""
    seconds = params.seconds(call.request.params, _TOKEN_TIMES, _TOKEN_TIME)
    user = _somebody(caller)
    if caller.session is None:
        raise errors.session_not_found()
    said = {"userId": user.id, "sessionId": caller.session.id}
    token = tokens.encode(said, call.signing, call.now, seconds)
    return Answer(201, dump_json({"jwt": token}).encode())


def _somebody(caller: Caller) -> User:
    if caller.user is None:
        raise errors.missing_scope(caller.who, caller.role, ("account",))
    return caller.user


def _cookies(value: str, end: datetime) -> tuple[tuple[bytes, bytes], ...]:
    until = end.astimezone(UTC).strftime("%a, %d-%b-%Y %H:%M:%S GMT")
    stand_in = json.dumps({} if value == "deleted" else {COOKIE: value}, separators=(",", ":"))
    return (
        (b"x-fallback-cookies", stand_in.encode()),
        (b"set-cookie", f"{COOKIE}_legacy={value}; expires={until}; path=/; httponly".encode()),
        (b"set-cookie", f"{COOKIE}={value}; expires={until}; path=/; httponly; samesite=None".encode()),
    )


def _shown(session: Session, user: User) -> dict[str, object]:
    """A session as its maker sees it; what it knows of devices is empty here."""
    device = ("osCode", "osName", "osVersion", "clientType", "clientCode", "clientName", "clientVersion")
    engine = ("clientEngine", "clientEngineVersion", "deviceName", "deviceBrand", "deviceModel")
    return {
        "$id": session.id,
        "$createdAt": session.created_at,
        "$updatedAt": session.created_at,
        "userId": user.id,
        "expire": session.expire,
        "provider": "email",
        "providerUid": user.email,
        "providerAccessToken": "",
        "providerAccessTokenExpiry": "",
        "providerRefreshToken": "",
        "ip": "127.0.0.1",
        **dict.fromkeys((*device, *engine), ""),
        "countryCode": "--",
        "countryName": "Unknown",
        "current": True,
        "factors": ["password"],
        "secret": "",
        "mfaUpdatedAt": "",
    }
