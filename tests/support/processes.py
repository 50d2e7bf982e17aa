"""The command line and a server as processes, and a manifest between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from reconciler.emulator import Profile
from tests.repository import ROOT

Process = subprocess.Popen[str]
_PATIENCE = 60.0


@dataclass(slots=True, kw_only=True)
class Server:
    """A gated server that runs."""

    port: int
    session: str
    http: httpx.Client
    _projects: Iterator[int] = field(default_factory=count)

    @property
    def endpoint(self) -> str:
        """What a manifest calls it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def gate(self, do: str, project: str = "", **more: object) -> Any:
        """Say something about the gates; see `gated_server`."""
        return self.http.post("/gate", json={"do": do, "project": project, **more}).raise_for_status().json()

    def project(self) -> str:
        """A new, empty project."""
        name = f"p{next(self._projects)}"
        self.gate("project", name)
        return name

    def keys(self, project: str) -> dict[str, dict[str, Any]]:
        """The project's keys by id, secrets included."""
        headers = {"X-Appwrite-Project": project, "X-Appwrite-Mode": "admin", "X-Appwrite-Session": self.session}
        answer = self.http.get("/v1/project/keys", headers=headers).raise_for_status()
        return {key["$id"]: key for key in answer.json()["keys"]}

    def create(self, project: str, key_id: str, **fields: object) -> str:
        """Make a key by hand, and return its secret."""
        headers = {"X-Appwrite-Project": project, "X-Appwrite-Mode": "admin", "X-Appwrite-Session": self.session}
        body = {"keyId": key_id, "name": key_id, "scopes": [], **fields}
        answer = self.http.post("/v1/project/keys", headers=headers, json=body).raise_for_status()
        return str(answer.json()["secret"])

    def accepts(self, project: str, secret: str) -> bool:
        """Whether a key of the project has this secret and has not expired."""
        headers = {"X-Appwrite-Project": project, "X-Appwrite-Key": secret}
        answer = self.http.get("/v1/project/keys/nobody", headers=headers)
        return answer.status_code == 404 or "(role: applications)" in answer.text


def clean_environment() -> dict[str, str]:
    """The processes' environment: nothing of the developer's own credentials or colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APPWRITE_", "RECONCILER_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


@contextmanager
def a_server(profile: Profile = "main", *, version: str = "2.0.0", hides: bool = False) -> Iterator[Server]:
    """A server for as long as the context is open; `hides` that it shows a secret once."""
    command = [sys.executable, "-m", "tests.support.gated_server", profile, version, *(["hides"] if hides else [])]
    with subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, session = process.stdout.readline().split()
            past = {"X-Past-The-Gate": "yes"}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=past, timeout=_PATIENCE) as http:
                yield Server(port=int(port), session=session, http=http)
        finally:
            process.kill()  # a polite end would wait for calls that are held


def start(folder: Path, *arguments: str, stderr: str = "stderr") -> Process:
    """`python -m reconciler …` in a folder; what it says goes into the file `stderr` there."""
    with (folder / stderr).open("w", encoding="utf-8") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended; `code` is negative for a signal."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> Any:
        """Its JSON."""
        return json.loads(self.stdout)


def ended(process: Process, folder: Path, *, stderr: str = "stderr") -> Ended:
    """Wait for a started command."""
    stdout, _ = process.communicate(timeout=_PATIENCE)
    return Ended(code=process.returncode, stdout=stdout, stderr=(folder / stderr).read_text(encoding="utf-8"))


def run(folder: Path, *arguments: str) -> Ended:
    """Start a command and wait for it."""
    return ended(start(folder, *arguments), folder)


def until_said(file: Path, words: str) -> str:
    """What a process has said into a file once it says these words."""
    said = ""
    for _ in range(600):
        said = file.read_text(encoding="utf-8") if file.exists() else ""
        if words in said:
            return said
        time.sleep(0.1)
    raise AssertionError(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """How a forked command ended: its output, and how many lines of the writing parts it ran where those counted."""

    code: int
    lines: int
    output: str


@dataclass(slots=True, kw_only=True)
class Zygote:
    """Where commands are forked from."""

    process: Process

    def run(self, folder: Path, *arguments: str, kill: int | None = None, said: str = "output") -> Forked:
        """Run a command in a folder; `kill` says before which line it dies, 0 only counts them. What it says goes into
        the file `said` there.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        output = folder / said
        request = {"argv": arguments, "folder": str(folder), "output": str(output), "kill": kill}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return Forked(**answer, output=output.read_text(encoding="utf-8"))


@contextmanager
def a_zygote() -> Iterator[Zygote]:
    """A zygote for as long as the context is open."""
    command = [sys.executable, "-m", "tests.support.zygote"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdin=pipe, stdout=pipe, text=True) as process:
        yield Zygote(process=process)
        assert process.stdin is not None
        process.stdin.close()


def write_manifest(folder: Path, server: Server, project: str, keys: Mapping[str, object]) -> None:
    """A manifest of one environment on a server, and its credential, in a folder that is made where it is missing."""
    folder.mkdir(exist_ok=True)
    environment = {"endpoint": server.endpoint, "project": project, "credential": {"file": "session"}}
    manifest = {"version": 1, "owner": "team", "keys": keys, "environments": {"live": environment}}
    (folder / "keys.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    write_session(folder, server)


def write_session(folder: Path, server: Server) -> None:
    """The credential of a manifest that names the file `session`."""
    session = folder / "session"
    session.touch(mode=0o600)
    session.write_text(f"a_session_console={server.session}\n", encoding="ascii")


def delivered(folder: Path, variable: str, file: str = "app.env") -> str | None:
    """The value of a variable of a dotenv file, read without the product's help."""
    path = folder / file
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{variable}=")), None)
