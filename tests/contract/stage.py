"""The emulator of a replay, set up as the recording needs it, and the calls sent to it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx

from reconciler.emulator import Emulator, Profile
from tests.contract.matching import Matcher, masked, values_of_the_server
from tests.contract.placeholders import Placeholders, Unknown
from tests.contract.recorded import Call, Entry, Reply
from tests.contract.unrecorded import (
    Changed,
    Made,
    Step,
    Used,
    deleted_on_record,
    is_whole_list,
    project_of,
    shown_keys,
)

_ORGANIZATION = "org1"
_PROJECTS = {"proja": "Project A", "projb": "Project B"}
_KEYS = "/v1/project/keys"
_CREATED = re.compile(r'\{"\$id":"[^"]+","\$createdAt":"([\d-]+[T ][\d:.]+)(?:\+00:00)?"')
_LOGIN = "/v1/account/sessions/email"
_OWNER = {
    "X-Appwrite-Project": "proja",
    "X-Appwrite-Mode": "admin",
    "Cookie": "a_session_console=<SESSION>",
    "Content-Type": "application/json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """Keys that only a total tells of: how many, in which project, before which entry of which group."""

    where: tuple[int, int]
    project: str
    count: int


class Clock:
    """The recording's time: never earlier than the moment told, and moving with every look."""

    def __init__(self) -> None:
        self._now = datetime(2000, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now

    def reach(self, moment: datetime | None) -> None:
        """Let it be that moment, unless it is later."""
        if moment is not None and moment > self._now:
            self._now = moment


class Stage:
    """An emulator with the projects and the people of the recordings, and the recorder's place beside it."""

    def __init__(self, profile: Profile, host: str, groups: Sequence[Sequence[Entry]]) -> None:
        self._clock = Clock()
        self._emulator = Emulator(profile=profile, clock=self._clock)
        self._clock.reach(next((reply.at for group in groups for entry in group for reply in entry.replies), None))
        for project, name in _PROJECTS.items():
            self._emulator.ensure_project(project, organization=_ORGANIZATION, name=name)
        self._session = self._emulator.console_session()
        self._deleted = deleted_on_record(groups)
        self._ids: dict[str, str] = {}
        self._fillers = 0
        self._matcher = Matcher()
        transport = httpx.ASGITransport(self._emulator.app)
        self._client = httpx.AsyncClient(transport=transport, base_url=f"http://{host}:8080")
        self._placeholders = Placeholders(
            session=self._session,
            outsider=self._outsider,
            token=self._emulator.token_of,
            login=self._emulator.console_login(),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()
        self._emulator.close()

    def count(self, project: str) -> int:
        """How many keys a project has."""
        return self._emulator.count_keys(project)

    async def prepare(self, entry: Entry, steps: Sequence[Step]) -> None:
        """Do what the recorder did before an entry without recording it."""
        for step in steps:
            await self._take(step)
        if entry.call is None or not entry.replies:
            return
        self._clock.reach(_moment(entry.replies[0]))
        succeeds = entry.replies[0].status < 300
        if succeeds and any("<SESSION>" in value for value in (entry.call.headers or _OWNER).values()):
            self._emulator.console_session()  # whoever logged out has logged in again
        if succeeds and entry.call.path.startswith(_LOGIN):
            self._meet(entry.call)
        if succeeds and entry.replies[0].clipped is None and is_whole_list(entry.call):
            await self._tidy(entry, project_of(entry.call))

    async def fill(self, fillers: Sequence[Filler]) -> None:
        """Make the keys that only totals tell of."""
        for filler in fillers:
            for _ in range(filler.count):
                self._fillers += 1
                self._emulator.add_key(filler.project, f"filler-{self._fillers}", [])

    async def outcome(self, entry: Entry) -> tuple[str | None, str | None]:
        """Why an entry cannot be replayed, or how its answer differs; neither where it matches."""
        if entry.unread is not None or entry.call is None or not entry.replies:
            return entry.unread or "without an answer", None
        try:
            requests = [self._request(entry.call) for _ in entry.replies]
        except Unknown as error:
            return f"nothing stands for {error}", None
        except ValueError as error:
            return f"cannot be sent: {error}", None
        self._clock.reach(_moment(entry.replies[0]))
        try:
            answers = await asyncio.gather(*map(self._client.send, requests))
        except httpx.HTTPError as error:
            return None, f"no answer: {error}"
        self._client.cookies.clear()
        replies = [_reply(answer) for answer in answers]
        for recorded, answer in zip(entry.replies, replies, strict=True):
            self._learn(entry, recorded, answer)
        if len(replies) == 1:
            return None, self._matcher.difference(entry.replies[0], replies[0])
        return None, _difference_of_many(entry.replies, replies)

    async def _take(self, step: Step) -> None:
        match step:
            case Made():
                self._make(step)
            case Changed():
                owner = self._headers({**_OWNER, "X-Appwrite-Project": step.project})
                await self._client.put(f"{_KEYS}/{step.key_id}", headers=owner, json=step.fields)
            case Used():
                for sdk in step.sdks or [""]:
                    try:
                        user = self._headers(_user(step.project, step.key_id) | {"X-SDK-Name": sdk})
                    except Unknown:
                        return
                    await self._client.get(f"{_KEYS}/{step.key_id}", headers=user)

    async def _tidy(self, entry: Entry, project: str) -> None:
        """Before a whole list: delete what it does not show."""
        shown = {key["$id"].lower() for key in shown_keys(entry)}
        owner = self._headers({**_OWNER, "X-Appwrite-Project": project})
        live = (await self._client.get(_KEYS, headers=owner)).json().get("keys", [])
        for key in live:
            was = self._ids.get(key["$id"], key["$id"]).lower()
            if was not in shown and was not in self._deleted and len(live) > len(shown):
                await self._client.delete(f"{_KEYS}/{key['$id']}", headers=owner)

    def _make(self, key: Made) -> None:
        self._clock.reach(key.at)
        if key.project not in _PROJECTS:
            return
        expire = datetime.fromisoformat(key.expire) if key.expire else None
        try:
            secret = self._emulator.add_key(key.project, key.key_id, key.scopes, name=key.name, expire=expire)
        except ValueError:
            return
        self._placeholders.keep_key(key.key_id, key.name, secret)

    def _meet(self, call: Call) -> None:
        """Make the user whose login worked."""
        try:
            body = json.loads(call.body)
            self._emulator.add_user(body["email"], body["password"], organizations=[_ORGANIZATION])
        except (ValueError, KeyError, TypeError):
            return

    def _outsider(self) -> str:
        return self._emulator.session_of(self._emulator.add_user(f"outsider-{id(object())}@emulator.invalid", "x" * 8))

    def _request(self, call: Call) -> httpx.Request:
        headers = self._headers(_OWNER if call.headers is None else call.headers)
        content = call.body
        if b"<" in content or b"_" in content:
            try:
                content = self._placeholders.filled(content.decode()).encode()
            except UnicodeDecodeError:
                content = call.body
        return self._client.build_request(
            call.method, self._placeholders.filled(call.path), headers=headers, content=content
        )

    def _headers(self, recorded: Any) -> dict[str, str]:
        return {name: self._placeholders.header(value) for name, value in dict(recorded).items()}

    def _learn(self, entry: Entry, recorded: Reply, replayed: Reply) -> None:
        """Remember the credentials and ids of an answer."""
        for was, now in values_of_the_server(recorded.body, replayed.body):
            if was != now:
                self._placeholders.keep_chosen(was, now)
        if replayed.status != httpx.codes.CREATED or entry.call is None or recorded.clipped is not None:
            return
        made = json.loads(replayed.body)
        secret = str(made.get("secret") or made.get("jwt") or "")
        if secret.startswith("ephemeral_"):
            self._placeholders.keep_ephemeral(entry.label, secret)
        elif secret.startswith("standard_"):
            self._placeholders.keep_key(made["$id"], made["name"], secret)
            was = (
                json.loads(recorded.body).get("$id", made["$id"]) if recorded.status == replayed.status else made["$id"]
            )
            self._ids[made["$id"]] = was


def _moment(reply: Reply) -> datetime | None:
    """When a reply was made: to the millisecond where it made something, else by its whole second."""
    found = _CREATED.match(reply.body) if reply.status == httpx.codes.CREATED else None
    if found is None or reply.at is None:
        return reply.at
    made = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    return made if abs(made - reply.at) < timedelta(seconds=2) else reply.at


def _user(project: str, key_id: str) -> dict[str, str]:
    return {"X-Appwrite-Project": project, "X-Appwrite-Key": f"<KEY:{key_id}>"}


def _reply(answer: httpx.Response) -> Reply:
    return Reply(status=answer.status_code, body=answer.text, type=answer.headers.get("content-type"))


def _difference_of_many(recorded: Sequence[Reply], replayed: Sequence[Reply]) -> str | None:
    was = sorted((reply.status, masked(reply.body)) for reply in recorded)
    now = sorted((reply.status, masked(reply.body)) for reply in replayed)
    if was == now:
        return None
    different = next((a, b) for a, b in zip(now, was, strict=True) if a != b)
    return f"{[status for status, _ in now]} for {[status for status, _ in was]}: {different[0]} for {different[1]}"[
        :400
    ]
