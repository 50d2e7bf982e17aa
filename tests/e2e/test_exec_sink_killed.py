"""The run dies while a command of its exec sink is at work: the command dies too, with all that it has started."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.processes import Process, Server, ended, run, start, write_manifest

APPLY = ("apply", "--auto-approve")
STORE = 'cat >new && mv new "stored-$RECONCILER_KEY_ID"'
HANGS = "sleep 120 & echo $$ $! >pids.new; mv pids.new pids; wait\n"
FORKS = f"(sleep 120; echo late >late) & (sleep 120 & echo $! >grandchild; wait) &\n{HANGS}"
DEAF = "trap '' TERM INT HUP\n(while :; do sleep 0.1; done) & echo $$ $! >pids.new; mv pids.new pids; wait\n"
CLEARS_UP = f"trap 'echo yes >cleared; exit 1' TERM\n{HANGS}"


@pytest.fixture
def project(server: Server, tmp_path: Path) -> Iterator[str]:
    """A new project and a manifest whose one key is delivered by `push`; what that left behind is ended."""
    name = server.project()
    write_manifest(tmp_path, server, name, {"ci": {"scopes": [], "deliver": [{"exec": {"command": ["./push"]}}]}})
    yield name
    if (tmp_path / "pids").exists():
        for pid in _pids(tmp_path):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _script(folder: Path, body: str) -> None:
    (folder / "push").write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (folder / "push").chmod(0o700)


def _pids(folder: Path) -> list[int]:
    return [int(pid) for pid in (folder / "pids").read_text(encoding="ascii").split()]


def _until(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def _at_work(folder: Path, body: str) -> Process:
    """An apply whose command has read its secret and hangs."""
    _script(folder, f"cat >seen; {body}")
    process = start(folder, *APPLY)
    _until((folder / "pids").exists, "the command is not at work")
    return process


def _lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path("/proc", str(pid), "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _children(pid: int) -> list[int]:
    return [int(child) for task in Path("/proc", str(pid), "task").iterdir() for child in _words(task / "children")]


def _words(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split()


def _assert_gone_and_the_next_run_finishes(server: Server, project: str, folder: Path) -> None:
    pids = _pids(folder)
    _until(lambda: not any(map(_lives, pids)), "the command outlives its run", 10)
    _script(folder, STORE)
    assert run(folder, *APPLY).code == 0
    ((key_id, key),) = server.keys(project).items()
    assert (folder / f"stored-{key_id}").read_text(encoding="ascii") == key["secret"]
    assert run(folder, "plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("body", [HANGS, FORKS, DEAF, CLEARS_UP], ids=["hangs", "forks", "deaf", "clears up"])
def test_the_command_of_a_run_that_is_killed_is_ended(server: Server, project: str, tmp_path: Path, body: str) -> None:
    process = _at_work(tmp_path, body)
    process.kill()
    assert ended(process, tmp_path).code == -signal.SIGKILL
    _assert_gone_and_the_next_run_finishes(server, project, tmp_path)
    assert (tmp_path / "cleared").exists() is (body is CLEARS_UP)
    if body is FORKS:
        assert not _lives(int((tmp_path / "grandchild").read_text(encoding="ascii")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("body", [HANGS, DEAF], ids=["hangs", "deaf"])
def test_a_second_signal_ends_the_command_as_well(
    server: Server, project: str, tmp_path: Path, body: str, number: signal.Signals
) -> None:
    process = _at_work(tmp_path, body)
    process.send_signal(number)
    stderr = tmp_path / "stderr"
    _until(lambda: "finishing what is in flight" in stderr.read_text(encoding="utf-8"), "it does not say so")
    assert all(map(_lives, _pids(tmp_path))), "the first signal lets the command finish"
    process.send_signal(number)
    assert ended(process, tmp_path).code == -number
    _assert_gone_and_the_next_run_finishes(server, project, tmp_path)


def test_nobody_beside_the_run_holds_a_secret_or_its_output(server: Server, project: str, tmp_path: Path) -> None:
    process = _at_work(tmp_path, DEAF)
    secret = (tmp_path / "seen").read_text(encoding="ascii")
    helpers = set(_children(process.pid)) - set(_pids(tmp_path))
    assert len(helpers) == 1
    for helper in helpers:
        place = Path("/proc", str(helper))
        seen = b"".join((place / name).read_bytes() for name in ("cmdline", "environ"))
        assert secret[12:24].encode() not in seen
        assert server.session[:20].encode() not in seen
        assert {line.partition(b"=")[0] for line in (place / "environ").read_bytes().split(b"\0")} <= {b"PATH", b""}
    started = time.monotonic()
    process.kill()
    ended(process, tmp_path)
    assert time.monotonic() - started < 1.5, "whoever reads the run's output waits for the helper"
    _assert_gone_and_the_next_run_finishes(server, project, tmp_path)
