"""The project of one seed on its own emulator, as its owner sees it and as somebody meddles with it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from reconciler.emulator import Emulator
from tests.chaos.cases import Case
from tests.chaos.front import Call, Front
from tests.chaos.speed import FastTime
from tests.support.hiding import hiding

OWNER = "team"
ENVIRONMENT = "live"
UNDELIVERED, RETIRING = " (undelivered)", " (retiring)"
_START = datetime(2030, 1, 1, 12, tzinfo=UTC)
_ORGANIZATION_SCOPES = ("organization.projects.keys.read", "organization.projects.keys.write", "projects.read")

Shown = dict[str, Any]


class Project:
    """The server and its one project; `secrets` are those that the server ever gave out, by the id of their key, and
    `committed` the ids of keys that were ever not on probation.
    """

    def __init__(self, case: Case, front: Front) -> None:
        self.case, self._front = case, front
        self.time = FastTime(_START + case.skew)
        self.emulator = Emulator(profile=case.profile, clock=self.time)
        self.emulator.ensure_project(case.project)
        self.session = self.emulator.console_session()
        self.secrets: defaultdict[str, list[str]] = defaultdict(list)
        self.committed: set[str] = set()
        self._hands: list[str] = []
        self.credential = self._credential()
        self._foreign_keys()
        self.foreign = self.unowned()
        front.stand_before(hiding(self.emulator.app) if case.hides else self.emulator.app)
        front.watch = self._note

    @property
    def hides(self) -> bool:
        """Whether the server shows a secret once only."""
        return self.case.hides or self.case.profile == "2.6.2"

    @property
    def environment(self) -> dict[str, str]:
        """What a manifest says of it."""
        organization = {"organization": "emulator"} if self.case.credential == "organization key" else {}
        return {"endpoint": f"http://127.0.0.1:{self._front.port}/v1", "project": self.case.project, **organization}

    def _credential(self) -> str:
        match self.case.credential:
            case "session":
                return f"a_session_console={self.session}"
            case "project key":
                return self.emulator.add_key(self.case.project, "the-credential", ["keys.read", "keys.write"])
            case "organization key":
                return self.emulator.add_organization_key("emulator", _ORGANIZATION_SCOPES)

    def _foreign_keys(self) -> None:
        """Keys that are nobody's business, some of which look as if they were ours."""
        project, add = self.case.project, self.emulator.add_key
        add(project, "66f0c3a1b2", ["users.read"], name="web", expire=_START + timedelta(days=30))
        add(project, f"web.aaaaaaaa.g1-{project}"[:36], ["rows.read"], name="web (undelivered)")
        add(project, "web.aaaaaaaa.g1", ["rows.read"], name="Key web (undelivered)", expire=self.time())
        add(project, "ci.bbbbbbbb.g2", [], name="ci")

    def close(self) -> None:
        """Let go of the database."""
        self.emulator.close()

    def forget(self, folder: Path) -> None:
        """What this machine knows of its runs is lost."""
        shutil.rmtree(folder / ".reconciler", ignore_errors=True)

    def dated(self, expire: str) -> str:
        """`{date}` is a day within the year."""
        return expire.replace("{date}", (_START + timedelta(days=200)).isoformat())

    # --- what is there ---

    def keys(self) -> dict[str, Shown]:
        """Every key by id, as the server shows it to its owner."""
        return {key["$id"]: key for key in self._call("GET", "/project/keys")["keys"]}

    def owned(self) -> dict[str, Shown]:
        """The keys that are this manifest's: all but those that were there before it."""
        return {key_id: key for key_id, key in self.keys().items() if key_id not in self.foreign}

    def unowned(self) -> dict[str, Shown]:
        """The keys that were there before; `accessedAt` and what moves with it are the credential's own."""
        keys = self.keys()
        if "the-credential" in keys:
            keys["the-credential"] = {**keys["the-credential"], "accessedAt": "", "$updatedAt": "", "sdks": []}
        return {key_id: keys[key_id] for key_id in (getattr(self, "foreign", None) or keys) if key_id in keys}

    def is_valid(self, secret: str | None) -> bool:
        """Whether a secret is a live key's that has not expired, as the lists have it."""
        ids = [key_id for key_id, given in self.secrets.items() if secret in given[-1:]]
        return any(self._is_live(self.keys().get(key_id)) for key_id in ids)

    def _is_live(self, key: Shown | None) -> bool:
        return key is not None and (not key["expire"] or datetime.fromisoformat(key["expire"]) > self.time())

    def accepts(self, secret: str) -> bool:
        """Whether the server lets somebody in who comes with this secret."""
        headers = {"X-Appwrite-Project": self.case.project, "X-Appwrite-Key": secret}
        answer = self._ask("GET", "/project/keys/nobody", headers, None)
        return answer.status_code == 404 or "(role: applications)" in answer.text

    def known_secrets(self) -> list[str]:
        """Everything that no output may hold."""
        given = [secret for secrets in self.secrets.values() for secret in secrets]
        return [*given, *self._hands, self.credential.removeprefix("a_session_console="), self.session]

    # --- hands that meddle ---

    def by_hand(self, number: int) -> str:
        """A value that somebody puts into a place."""
        self._hands.append(f"standard_{number:04}{'ba5eba11' * 31}{self.case.seed:04}")
        return self._hands[-1]

    def delete(self, key_id: str) -> None:
        """Delete a key, where it is there."""
        if key_id in self.keys():
            self._call("DELETE", f"/project/keys/{key_id}")

    def change(self, key_id: str) -> None:
        """Give a key other fields, where it is there."""
        if key_id in self.keys():
            self._call("PUT", f"/project/keys/{key_id}", name="By hand", scopes=["teams.write"], expire=None)

    def begin(self, key_id: str, name: str) -> None:
        """What a run on another machine has left that died half an hour ago."""
        expire = (self.time() + timedelta(days=7)).isoformat(timespec="milliseconds")
        body = {"keyId": key_id, "name": f"{name}{UNDELIVERED}", "scopes": ["rows.read"], "expire": expire}
        made = self._call("POST", "/project/keys", **body)
        self.secrets[key_id].append(made["secret"])
        self.time.move(timedelta(minutes=30))

    # --- calls ---

    def _note(self, call: Call) -> None:
        """Keep each secret that the server gives out, and which keys are committed."""
        if (call.method, call.status) not in {("POST", 201), ("PUT", 200)}:
            return
        written = json.loads(call.answered)
        if call.method == "POST" and written.get("secret"):
            self.secrets[written["$id"]].append(written["secret"])
        if not written["name"].endswith((UNDELIVERED, RETIRING)):
            self.committed.add(written["$id"])

    def _call(self, method: str, path: str, **body: object) -> Any:
        headers = {
            "X-Appwrite-Project": self.case.project,
            "X-Appwrite-Mode": "admin",
            "Cookie": f"a_session_console={self.session}",
        }
        answer = self._ask(method, path, headers, body or None)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def _ask(self, method: str, path: str, headers: dict[str, str], body: object) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.emulator.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server/v1") as client:
                return await client.request(method, path, headers=headers, json=body)

        return asyncio.run(ask())
