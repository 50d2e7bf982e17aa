"""A short proof of `make test-live`: it passes against a server on a port, and leaves the project as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reconciler.emulator import Profile
from tests.repository import ROOT
from tests.support.emulators import Running, running
from tests.support.processes import clean_environment

pytestmark = pytest.mark.slow

MANAGES = ["keys.read", "keys.write", "users.read", "teams.read"]


def _start(server: Running, credential: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The suite as the Makefile starts it, with the variables that a user sets and no other."""
    variables = {
        "APPWRITE_ENDPOINT": server.endpoint,
        "APPWRITE_PROJECT_ID": "mine",
        "APPWRITE_API_KEY": credential,
    }
    command = [sys.executable, "-m", "pytest", "tests/live", "-p", "no:cacheprovider", f"--basetemp={folder}"]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env=clean_environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _project(server: Running) -> dict[str, object]:
    """A project that is in use: what it holds."""
    server.emulator.ensure_project("mine")
    server.emulator.add_key("mine", "in-production", ["users.read"], name="Do not touch")
    return _keys(server)


def _keys(server: Running) -> dict[str, object]:
    shown = ("name", "scopes", "expire", "secret")
    return {key: {field: each[field] for field in shown} for key, each in server.keys("mine").items()}


@pytest.mark.parametrize(
    ("profile", "by_key", "tests", "said"),
    [
        ("main", True, "says or works", "2 passed, 1 skipped"),
        ("2.6.2", False, "works or lost_file", "2 passed"),
    ],
)
def test_the_suite_passes_and_leaves_the_project_as_it_was(
    tmp_path: Path, profile: Profile, by_key: bool, tests: str, said: str
) -> None:
    with running(tmp_path, profile) as server:
        server.emulator.ensure_project("mine")
        credential = server.emulator.add_key("mine", "credential", MANAGES) if by_key else server.session
        before = _project(server)
        suite = _start(server, credential, tmp_path / "suite", "-k", tests)
        output, _ = suite.communicate(timeout=240)
        assert said in output
        assert suite.returncode == 0
        assert _keys(server) == before
    assert credential.partition("=")[2] not in output or by_key
    assert credential not in output


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_suite_leaves_the_project_as_it_was(tmp_path: Path, ending: signal.Signals) -> None:
    with running(tmp_path, "main") as server:
        before = _project(server)
        suite = _start(server, server.session, tmp_path / "suite", "-k", "killed or two_runs")
        deadline = time.monotonic() + 120
        while len(_keys(server)) == len(before):
            assert suite.poll() is None, suite.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        suite.send_signal(ending)
        output, _ = suite.communicate(timeout=240)
        assert suite.returncode == pytest.ExitCode.INTERRUPTED, output
        assert _keys(server) == before


def test_without_a_project_to_work_on_the_suite_says_what_it_needs() -> None:
    command = [sys.executable, "-m", "pytest", "tests/live", "-p", "no:cacheprovider", "-k", "says"]
    ended = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False)
    assert "APPWRITE_ENDPOINT and APPWRITE_PROJECT_ID name no project" in ended.stdout
