"""Ctrl-C and SIGTERM: what is in flight is finished, the rest is not begun, and the report says so."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.support.processes import Process, Server, delivered, ended, run, start, write_manifest

NAMES = [f"k{number}" for number in range(8)]
KEYS = {
    name: {"scopes": ["rows.read"], "deliver": [{"dotenv": {"path": "app.env", "variable": name.upper()}}]}
    for name in NAMES
}
APPLY = ("apply", "--auto-approve", "--format", "json", "--parallelism", "2")
_LIST = 1
_PATIENCE = 20.0


@pytest.fixture
def project(server: Server, tmp_path: Path) -> str:
    """A new project and, in the test's folder, a manifest of eight keys for it."""
    name = server.project()
    write_manifest(tmp_path, server, name, KEYS)
    return name


def held_up(server: Server, project: str, folder: Path, *, from_call: int, calls: int) -> Process:
    """An apply whose calls from the n-th on do not reach the server, when so many of them are under way."""
    server.gate("arm", project, nth=from_call, when="from")
    process = start(folder, *APPLY)
    server.gate("wait", project, calls=calls)
    return process


def wait_for(folder: Path, text: str) -> None:
    """Until the command has written it to stderr."""
    deadline = time.monotonic() + _PATIENCE
    while text not in (folder / "stderr").read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, f"{text!r} is not said"
        time.sleep(0.01)


def assert_the_next_run_finishes(server: Server, project: str, folder: Path) -> None:
    assert run(folder, *APPLY).code == 0
    live = {key_id.split(".")[0]: key for key_id, key in server.keys(project).items()}
    assert sorted(live) == NAMES
    for name, key in live.items():
        assert (key["name"], key["expire"]) == (name, "")
        assert delivered(folder, name.upper()) == key["secret"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_apply_finishes_what_is_in_flight(
    server: Server, project: str, tmp_path: Path, number: signal.Signals
) -> None:
    process = held_up(server, project, tmp_path, from_call=_LIST + 1, calls=2)
    process.send_signal(number)
    wait_for(tmp_path, "Interrupted: finishing what is in flight.")
    server.gate("release", project, deliver=True)
    result = ended(process, tmp_path)

    assert result.code == 3
    assert result.report["complete"] is False
    results = result.report["environments"][0]["results"]
    assert [each["status"] for each in results] == ["applied"] * 2 + ["not_attempted"] * 6
    assert {each["message"] for each in results[2:]} == {"interrupted"}
    live = server.keys(project).values()
    assert sorted(key["name"] for key in live) == NAMES[:2]
    assert {delivered(tmp_path, name.upper()) for name in NAMES[:2]} == {key["secret"] for key in live}
    assert_the_next_run_finishes(server, project, tmp_path)


def test_a_call_that_waits_to_be_sent_again_is_not_waited_for(tmp_path: Path) -> None:
    rule = {"fault": "answer", "status": 429, "retry_after": "30", "method": "POST"}
    command = ("emulator", "--port", "0", "--project", "p1", "--database", "emulator.sqlite3")
    server = tmp_path / "server"
    server.mkdir()
    emulator = start(server, *command, "--faults", json.dumps([rule]))
    try:
        assert emulator.stdout is not None
        endpoint = emulator.stdout.readline().split()[-1]
        environment = {"endpoint": endpoint, "project": "p1", "credential": {"file": "server/emulator.session"}}
        manifest = {"version": 1, "owner": "team", "keys": KEYS, "environments": {"live": environment}}
        (tmp_path / "keys.yaml").write_text(json.dumps(manifest), encoding="utf-8")
        process = start(tmp_path, *APPLY)
        wait_for(tmp_path, "Plan: 8 to create")
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        result = ended(process, tmp_path)
        assert time.monotonic() - asked < 5
    finally:
        emulator.terminate()
        emulator.communicate(timeout=_PATIENCE)

    assert result.code == 3
    results = result.report["environments"][0]["results"]
    assert [each["status"] for each in results] == ["failed"] * 2 + ["not_attempted"] * 6
    assert "the server answered 429" in results[0]["message"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("arrives", [True, False], ids=["calls arrive", "calls are lost"])
def test_a_second_signal_ends_the_program_at_once_and_the_next_run_finishes(
    server: Server, project: str, tmp_path: Path, number: signal.Signals, arrives: bool
) -> None:
    process = held_up(server, project, tmp_path, from_call=_LIST + 1, calls=2)
    process.send_signal(number)
    wait_for(tmp_path, "Interrupted: finishing what is in flight.")
    process.send_signal(number)
    result = ended(process, tmp_path)  # although nothing has released its calls

    assert result.code == -number
    assert "Traceback" not in result.stderr
    server.gate("release", project, deliver=arrives)
    assert_the_next_run_finishes(server, project, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_while_it_plans_it_ends_and_has_done_nothing(
    server: Server, project: str, tmp_path: Path, number: signal.Signals
) -> None:
    process = held_up(server, project, tmp_path, from_call=_LIST, calls=1)
    process.send_signal(number)
    result = ended(process, tmp_path)

    assert result.code == (1 if number is signal.SIGINT else -number)
    assert result.stderr.strip() == ("Interrupted; nothing more was done." if number is signal.SIGINT else "")
    server.gate("release", project)
    assert server.keys(project) == {}
    assert_the_next_run_finishes(server, project, tmp_path)
