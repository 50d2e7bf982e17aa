"""What the live suite works on: one project of a server of the user's own, named by variables, and left as it was.

- Nothing but keys of one scratch owner is made, changed or deleted, and keys that a test itself made by hand. All of
  them end by themselves within the hour.
- Whatever ends the suite (a failure, Ctrl-C, SIGTERM) tidies up. What a killed suite left, the next one removes first.
- At the end every key of the project must be as it was at the beginning.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest

from reconciler.api import connect, read_manifest
from reconciler.core.keys import KeyState, Listing
from reconciler.ports import KeyStore
from tests.repository import ROOT

OWNER, ENVIRONMENT = "reconciler-live-test", "scratch"
NEEDED = ("APPWRITE_ENDPOINT", "APPWRITE_PROJECT_ID")
_PATIENCE = 300.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The project, from one folder; `by_hand` are ids of keys that tests made without reconciler."""

    folder: Path
    by_hand: set[str] = field(default_factory=set)

    def declare(self, keys: Mapping[str, object]) -> None:
        """Write the manifest."""
        environment = {"endpoint": os.environ["APPWRITE_ENDPOINT"], "project": os.environ["APPWRITE_PROJECT_ID"]}
        if organization := os.environ.get("APPWRITE_ORGANIZATION_ID"):
            environment["organization"] = organization
        manifest = {"version": 1, "owner": OWNER, "keys": keys, "environments": {ENVIRONMENT: environment}}
        (self.folder / "keys.yaml").write_text(json.dumps(manifest), encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command as a process of its own, which no Ctrl-C at the terminal reaches."""
        return subprocess.Popen(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> Ended:
        """Start a command and wait for it; an interruption lets it finish what is in flight first."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=_PATIENCE)
        except BaseException:
            process.terminate()
            process.communicate(timeout=_PATIENCE)
            raise
        return Ended(code=process.returncode, out=out, err=err)

    def apply(self, *arguments: str) -> Ended:
        """`apply`, which must succeed."""
        ended = self.run("apply", "--auto-approve", *arguments)
        assert ended.code == 0, ended
        return ended

    def store(self, do: Callable[[KeyStore], Awaitable[_T]]) -> _T:
        """Work on the keys past the command line."""

        async def work() -> _T:
            async with connect(read_manifest(self.folder / "keys.yaml"), variables=os.environ) as reconciler:
                return await do(reconciler.sites[0].store)

        return asyncio.run(work())

    def listing(self) -> Listing:
        """Every key."""
        return self.store(lambda store: store.list())

    def states(self) -> dict[str, KeyState]:
        """Every key by id, without what its use changes."""
        return {key.id: key.state for key in self.listing().keys}

    def owned(self) -> dict[str, KeyState]:
        """The keys of the scratch owner, by name in the manifest."""
        managed = json.loads(self.run("plan", "--format", "json").out)["environments"][0]
        ids = {entry["id"]: entry["address"].split("/")[1] for entry in (*managed["changes"], *managed["unchanged"])}
        return {ids[key]: state for key, state in self.states().items() if key in ids}

    def secret(self, variable: str) -> str:
        """What was delivered to a variable."""
        lines = (self.folder / "app.env").read_text(encoding="utf-8").splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith(f"{variable}="))

    def tidy(self) -> None:
        """Remove every scratch key, also one whose creation lands late."""
        self.declare({})
        for key_id in tuple(self.by_hand):
            self.store(lambda store, key_id=key_id: store.delete(key_id))  # type: ignore[misc]
            self.by_hand.discard(key_id)
        left = 5
        while (ended := self.run("destroy", "-e", ENVIRONMENT, "--auto-approve")).out != "Nothing to apply.\n":
            left -= 1
            assert left, f"scratch keys are left: {ended}"


def pytest_configure() -> None:
    """What ends the suite from outside ends it as Ctrl-C does: what was made is removed first."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, signal.default_int_handler)


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project, which must be at the end as it was at the beginning."""
    if missing := [name for name in NEEDED if not os.environ.get(name)]:
        pytest.skip(f"{' and '.join(missing)} name no project: see CONTRIBUTING.md, `make test-live`")
    project = Project(folder=tmp_path_factory.mktemp("live"))
    project.tidy()
    before = project.states()
    try:
        yield project
    finally:
        project.tidy()
        assert project.states() == before, "the project is not as it was"


@pytest.fixture
def project(found: Project) -> Iterator[Project]:
    """The project without a scratch key, and an empty folder."""
    for path in found.folder.iterdir():
        if path.is_file():
            path.unlink()
    found.declare({})
    yield replace(found)
    found.tidy()


@pytest.fixture
def creator(project: Project) -> Project:
    """The project, where this credential may create keys."""
    project.declare({"probe": {"scopes": [], "expire": "1h"}})
    ended = project.run("plan")
    if "may not create keys" in " ".join(ended.out.split()):
        pytest.skip("this credential may not create keys on this server")
    assert ended.code == 0, ended
    return project
