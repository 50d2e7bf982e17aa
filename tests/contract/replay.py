"""Replay a recording against the emulator: `python -m tests.contract.replay DIR --profile P`.

Every recorded request is sent in order, with the credentials of this run in place of the recorded
ones and the clock at the recorded moment; the answers are compared by `matching`. A group that begins
with a whole list begins where that list says: what the recorder did between groups is made up for.
What the recording cannot show again is skipped and counted: steps kept without their request, and calls
that got no answer. Labels in `exceptions.toml` are known to differ, each with its reason.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import httpx

from reconciler.emulator import Emulator, Profile
from tests.contract.matching import Matcher, masked
from tests.contract.recorded import HERE, Call, Entry, Reply, load

_KEYS = "/v1/project/keys"
_KEY = re.compile(r"<KEY:([^>]+)>")
_VARIANTS: dict[str, Callable[[str], str]] = {
    "-bare": lambda secret: secret.removeprefix("standard_"),
    "-nl": lambda secret: f"{secret} ",
    "-up": str.upper,
}
_OWNER = {
    "X-Appwrite-Project": "proja",
    "X-Appwrite-Mode": "admin",
    "Cookie": "a_session_console=<SESSION>",
    "Content-Type": "application/json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A label of the recording and how the emulator's answer differs."""

    label: str
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a replay: `matched` labels, mismatches, and labels that cannot be replayed."""

    matched: tuple[str, ...]
    mismatches: tuple[Mismatch, ...]
    skipped: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report for people; the total comes first."""
        total = len(self.matched) + len(self.mismatches)
        heading = f"matched {len(self.matched)} of {total}, {len(self.skipped)} cannot be replayed"
        return [heading, *(f"  {mismatch.label}: {mismatch.difference}" for mismatch in self.mismatches)]


class _Clock:
    """The recording's time: never earlier than the moment told, and moving with every look."""

    def __init__(self) -> None:
        self._now = datetime(2000, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now

    def reach(self, moment: datetime | None) -> None:
        if moment is not None and moment > self._now:
            self._now = moment


class _Session:
    """One run: the client, the secrets it was shown, and the correspondence of values."""

    def __init__(self, client: httpx.AsyncClient, session: str, clock: _Clock) -> None:
        self._client = client
        self._session = session
        self._clock = clock
        self._secrets: dict[str, str] = {}
        self._matcher = Matcher()

    async def difference(self, entry: Entry, call: Call) -> str | None:
        """Send an entry's call, as often as it was answered, and compare."""
        self._clock.reach(entry.replies[0].at)
        replies = await asyncio.gather(*(self._send(call) for _ in entry.replies))
        if len(entry.replies) == 1:
            return self._matcher.difference(entry.replies[0], replies[0])
        was = sorted((reply.status, masked(reply.body)) for reply in entry.replies)
        now = sorted((reply.status, masked(reply.body)) for reply in replies)
        return None if was == now else f"{[status for status, _ in now]} for {[status for status, _ in was]}"

    async def arrange(self, entry: Entry) -> None:
        """Where an entry lists all keys: delete those it does not show, use those it shows as used."""
        call = entry.call
        if call is None or (call.method, call.path) != ("GET", _KEYS):
            return
        shown = {key["$id"]: key for key in json.loads(entry.replies[0].body)["keys"]}
        live = await self._client.get(_KEYS, headers=self._headers(_OWNER))
        for key_id in [key["$id"] for key in live.json()["keys"]]:
            if key_id not in shown:
                await self._client.delete(f"{_KEYS}/{key_id}", headers=self._headers(_OWNER))
            elif shown[key_id]["accessedAt"]:
                await self._client.get(_KEYS, headers=self._headers(_caller(key_id)))

    async def _send(self, call: Call) -> Reply:
        headers = _OWNER if call.headers is None else call.headers
        response = await self._client.request(
            call.method,
            call.path,
            headers=self._headers(headers),
            content=call.body,
        )
        if response.status_code == httpx.codes.CREATED:
            shown = response.json()
            self._secrets[shown["$id"]] = shown["secret"]
        return Reply(status=response.status_code, body=response.text, type=response.headers.get("content-type"))

    def _headers(self, recorded: dict[str, str]) -> dict[str, str]:
        """Headers with this run's credentials for the recorded placeholders."""
        return {
            name: _KEY.sub(lambda found: self._secret(found[1]), value.replace("<SESSION>", self._session))
            for name, value in recorded.items()
        }

    def _secret(self, name: str) -> str:
        for suffix, variant in _VARIANTS.items():
            if name.endswith(suffix):
                return variant(self._secrets[name.removesuffix(suffix)])
        return self._secrets[name]


def _caller(key_id: str) -> dict[str, str]:
    return {"X-Appwrite-Project": "proja", "X-Appwrite-Key": f"<KEY:{key_id}>"}


async def replay(groups: Sequence[Sequence[Entry]], profile: Profile) -> Report:
    """Replay a recording from an empty server with the projects proja and projb."""
    clock = _Clock()
    emulator = Emulator(profile=profile, clock=clock)
    for project, name in (("proja", "Project A"), ("projb", "Project B")):
        emulator.ensure_project(project, organization="org1", name=name)
    matched, skipped, mismatches = [], [], []
    transport = httpx.ASGITransport(emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        session = _Session(client, emulator.console_session(), clock)
        for group in groups:
            await session.arrange(group[0])
            for entry in group:
                if entry.call is None or not entry.replies:
                    skipped.append(entry.label)
                elif difference := await session.difference(entry, entry.call):
                    mismatches.append(Mismatch(label=entry.label, difference=difference))
                else:
                    matched.append(entry.label)
    emulator.close()
    return Report(matched=tuple(matched), mismatches=tuple(mismatches), skipped=tuple(skipped))


def exceptions(profile: Profile) -> dict[str, str]:
    """The labels known to differ under a profile, each with its reason."""
    text = (HERE.parent / "exceptions.toml").read_text(encoding="utf-8")
    reasons: dict[str, str] = tomllib.loads(text)[profile]
    return reasons


def main(arguments: Sequence[str]) -> int:
    """Print the report; 1 where a label differs that is not excepted."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract.replay")
    parser.add_argument("directory", type=Path, help="a folder of recorded groups")
    parser.add_argument("--profile", choices=get_args(Profile), required=True)
    chosen = parser.parse_args(arguments)
    report = asyncio.run(replay(load(chosen.directory), chosen.profile))
    sys.stdout.write("\n".join(report.lines()) + "\n")
    known = exceptions(chosen.profile)
    return int(any(mismatch.label not in known for mismatch in report.mismatches))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
