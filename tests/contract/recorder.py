"""Records an emulator as the genuine servers were recorded, steps off the record included."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from reconciler.emulator import Emulator

_HEX = re.compile(r"(standard_)[0-9a-f]{256}")
OWNER = {
    "X-Appwrite-Project": "proja",
    "X-Appwrite-Mode": "admin",
    "Cookie": "a_session_console=<SESSION>",
    "Content-Type": "application/json",
}


class Recorder:
    """An emulator and what was recorded of it, group by group.

    Attributes:
        emulator: for steps off the record.
        secrets: what stands for placeholders.
        items: the entries of the group that is being recorded, to which strange ones may be added.
    """

    def __init__(self, folder: Path) -> None:
        self._now = datetime(2026, 11, 24, 9, tzinfo=UTC)
        self._folder = folder
        self.emulator = Emulator(clock=self._clock)
        for project in ("proja", "projb"):
            self.emulator.ensure_project(project, organization="org1")
        self.secrets = {"<SESSION>": self.emulator.console_session()}
        self.items: list[dict[str, Any]] = []
        transport = httpx.ASGITransport(self.emulator.app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")

    def pass_time(self, seconds: float) -> None:
        """Let time go by."""
        self._now += timedelta(seconds=seconds)

    def add_key(self, key_id: str, scopes: list[str]) -> None:
        """Make a key off the record, whose secret the recorder has."""
        self.secrets[f"<KEY:{key_id}>"] = self.emulator.add_key("proja", key_id, scopes)

    async def call(
        self,
        label: str,
        request: str,
        body: object = None,
        *,
        headers: dict[str, str] = OWNER,
        shown: Callable[[str], object] = str,
    ) -> dict[str, Any]:
        """Send a call, `METHOD path`, and record it with its answer, of which `shown` keeps a part."""
        answer = await self._send(request, body, headers)
        method, _, path = request.partition(" ")
        if isinstance(body, dict) and answer.status_code == 201 and "keyId" in body:
            self.secrets[f"<KEY:{body['keyId']}>"] = answer.json()["secret"]
        recorded = {
            "status": answer.status_code,
            "headers": list(answer.headers.items()),
            "body": shown(_HEX.sub(r"\1<hex:256>", answer.text)),
        }
        text = None if body is None else json.dumps(body)
        sent = {"method": method, "path": path, "headers": headers, "body": text}
        self.items.append({"label": label, "note": None, "request": sent, "response": recorded})
        return dict(answer.json()) if answer.text.startswith("{") else {}

    async def off_the_record(self, request: str, body: object = None, headers: dict[str, str] = OWNER) -> None:
        """Send a call, and tell nobody."""
        await self._send(request, body, headers)

    def write(self, group: str) -> None:
        """End a group."""
        (self._folder / f"{group}.json").write_text(json.dumps({"group": group, "items": self.items}))
        self.items = []

    async def close(self) -> None:
        """Let go of the emulator."""
        await self._client.aclose()
        self.emulator.close()

    async def _send(self, request: str, body: object, headers: dict[str, str]) -> httpx.Response:
        method, _, path = request.partition(" ")
        content = None if body is None else json.dumps(body)
        answer = await self._client.request(
            method, path, headers={name: self._filled(value) for name, value in headers.items()}, content=content
        )
        self._client.cookies.clear()
        return answer

    def _filled(self, text: str) -> str:
        for placeholder, value in self.secrets.items():
            text = text.replace(placeholder, value)
        return text

    def _clock(self) -> datetime:
        self._now += timedelta(milliseconds=7)
        return self._now
