"""`reconciler emulator` as a process, and the same server in hand: both work on one database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from reconciler.emulator import Emulator, Profile
from tests.support.processes import clean_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that answers at `endpoint`; `emulator` makes what it knows."""

    endpoint: str
    emulator: Emulator

    @property
    def session(self) -> str:
        """The owner's cookie."""
        return f"a_session_console={self.emulator.console_session()}"

    def call(self, method: str, path: str, project: str, **body: object) -> Any:
        """A call by the owner; the JSON of its answer, None where it has no body."""
        headers = {"X-Appwrite-Project": project, "X-Appwrite-Mode": "admin", "Cookie": self.session}
        sent = None if method == "GET" else body
        answer = httpx.request(method, f"{self.endpoint}{path}", headers=headers, timeout=30, json=sent)
        return answer.raise_for_status().json() if answer.content else None

    def keys(self, project: str) -> dict[str, dict[str, Any]]:
        """The keys of a project by id."""
        return {key["$id"]: key for key in self.call("GET", "/project/keys", project)["keys"]}


@contextmanager
def running(folder: Path, profile: Profile, *arguments: str) -> Iterator[Running]:
    """A server for as long as the context is open, with more arguments; its database is in the folder."""
    database = folder / f"{profile}.sqlite3"
    command = [sys.executable, "-m", "reconciler", "emulator", "--port", "0", "--profile", profile]
    command += ["--database", str(database), *arguments]
    with subprocess.Popen(command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().split()[-1]
        emulator = Emulator(database, profile=profile)
        try:
            yield Running(endpoint=endpoint, emulator=emulator)
        finally:
            emulator.close()
            process.terminate()
