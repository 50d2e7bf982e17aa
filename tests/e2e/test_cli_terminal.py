"""The command as a process: on a terminal that answers, on pipes that end, in encodings that lack an arrow."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.ids import Realm, key_id
from reconciler.emulator import Emulator
from tests.support.command import MANIFEST, argv, environment, run, terminal

OWNED = key_id(Realm(owner="shop", environment="local", project="p1"), "ci")
ASKED = "Apply these changes? Only 'yes' goes on: "
DESTROY = "Delete these keys? Their secrets stop working at once. Only 'local' goes on: "
NO_KEYS = "version: 1\nowner: shop\nenvironments:\n  local: {endpoint: emulator, project: p1}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys.yaml").write_text(MANIFEST)
    return tmp_path


@pytest.fixture
def emulator(folder: Path) -> Iterator[Emulator]:
    made = Emulator(folder / ".reconciler" / "emulator.sqlite3")
    made.ensure_project("p1")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("keys", "code", "said"),
    [
        ("yes\n", 0, "Applied: the one change."),
        ("no\n", 1, "Not approved; nothing was changed."),
        ("y\n", 1, "Not approved; nothing was changed."),
        ("\n", 1, "Not approved; nothing was changed."),
        ("\x03", 1, "\nInterrupted; nothing was changed.\n"),
        ("\x04", 1, "\nInterrupted; nothing was changed.\n"),
    ],
    ids=["yes", "no", "y", "Enter", "Ctrl-C", "Ctrl-D"],
)
def test_apply_asks_and_goes_on_at_yes_only(folder: Path, keys: str, code: int, said: str) -> None:
    with terminal(folder, "apply") as shell:
        shell.wait_for(ASKED)
        shell.type(keys)
        ended = shell.end()

    assert (ended, said in shell.shown) == (code, True), shell.shown
    assert "Traceback" not in shell.shown
    assert (folder / "secrets" / "local.env").exists() is (code == 0)


def test_nothing_is_asked_where_nothing_is_to_be_done(folder: Path) -> None:
    (folder / "keys.yaml").write_text(NO_KEYS)

    with terminal(folder, "apply") as shell:
        assert shell.end() == 0

    assert "Apply these changes?" not in shell.shown
    assert "Nothing to apply." in shell.shown


def test_nothing_is_asked_where_a_guard_refuses(folder: Path, emulator: Emulator) -> None:
    (folder / "keys.yaml").write_text(NO_KEYS)
    emulator.add_key("p1", OWNED, [])

    with terminal(folder, "apply") as shell:
        assert shell.end() == 4

    assert "allow_empty: true" in shell.shown
    assert "Apply these changes?" not in shell.shown


def test_what_changed_while_it_was_asking_is_not_done(folder: Path, emulator: Emulator) -> None:
    with terminal(folder, "apply") as shell:
        shell.wait_for(ASKED)
        emulator.add_key("p1", OWNED, ["users.read"], name="CI")
        shell.type("yes\n")
        ended = shell.end()

    assert ended == 4
    assert "keys or sinks changed while you read the plan; nothing was done" in shell.shown
    assert not (folder / "secrets").exists()


@pytest.mark.parametrize(("keys", "code"), [("yes\n", 1), ("local\n", 0)])
def test_destroy_asks_for_the_environments_name(folder: Path, emulator: Emulator, keys: str, code: int) -> None:
    emulator.add_key("p1", OWNED, [])

    with terminal(folder, "destroy", "-e", "local") as shell:
        shell.wait_for(DESTROY)
        shell.type(keys)
        ended = shell.end()

    gone = emulator._store.key("p1", OWNED) is None
    assert (ended, gone) == (code, code == 0)


@pytest.mark.parametrize(
    ("variables", "flags", "colored"),
    [
        ({}, (), True),
        ({"NO_COLOR": "1"}, (), False),
        ({}, ("--no-color",), False),
        ({"TERM": "dumb"}, (), False),
    ],
    ids=["terminal", "NO_COLOR", "--no-color", "TERM=dumb"],
)
def test_colour_is_for_terminals_whose_users_want_it(
    folder: Path, variables: dict[str, str], flags: tuple[str, ...], colored: bool
) -> None:
    with terminal(folder, "plan", *flags, variables=variables) as shell:
        assert shell.end() == 0

    assert ("\x1b[" in shell.shown) is colored


def test_an_apply_on_a_terminal_without_colour_has_none(folder: Path) -> None:
    with terminal(folder, "apply", "--auto-approve", "--no-color", variables={"TERM": "dumb"}) as shell:
        assert shell.end() == 0

    assert not re.search(r"\x1b\[[0-9;]*m", shell.shown)


@pytest.mark.parametrize("columns", [40, 100])
def test_lines_are_as_wide_as_the_terminal(folder: Path, columns: int) -> None:
    (folder / "keys.yaml").write_text(
        MANIFEST.replace(
            "users.read", "users.read, teams.read, files.read, rows.read, tables.read, databases.read, sites.read"
        )
    )

    with terminal(folder, "plan", "--no-color", columns=columns) as shell:
        assert shell.end() == 0

    widest = max(len(line) for line in shell.shown.splitlines())
    assert columns - 20 <= widest <= columns


@pytest.mark.parametrize("command", ["validate", "plan"])
@pytest.mark.parametrize(
    "change",
    [
        ("scopes", "a_field_that_is_not_there"),
        ("project: p1", "project: p1, credential: {env: NOT_SET_ANYWHERE_AT_ALL}"),
    ],
    ids=["problem", "error"],
)
def test_what_is_wrong_is_folded_on_a_terminal_only(folder: Path, command: str, change: tuple[str, str]) -> None:
    (folder / "keys.yaml").write_text(MANIFEST.replace(*change))

    with terminal(folder, command, columns=50) as shell:
        code = shell.end()
    piped = run(folder, command)

    assert (code, shell.shown.split()) == (piped.code, (piped.out + piped.err).split())
    assert max(len(line) for line in shell.shown.splitlines()) <= 50
    if code:
        assert max(len(line) for line in (piped.out + piped.err).splitlines()) > 80


@pytest.mark.parametrize("arguments", [["plan"], ["scopes"]])
def test_a_reader_that_goes_away_is_no_traceback(folder: Path, arguments: list[str]) -> None:
    process = subprocess.Popen(
        argv(*arguments), cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()

    assert process.wait(timeout=60) in {0, 1}
    assert errors == b""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_an_encoding_that_lacks_a_character_is_no_traceback(folder: Path, encoding: str) -> None:
    (folder / "keys.yaml").write_text(MANIFEST.replace("name: CI", "name: Ç→I"), encoding="utf-8")

    ended = subprocess.run(
        argv("plan"), cwd=folder, env=environment(PYTHONIOENCODING=encoding), capture_output=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"because   declared, and not live" in ended.stdout


def served(folder: Path, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """`reconciler emulator` on a free port, and its address."""
    process = subprocess.Popen(
        argv("emulator", "--port", "0", "--project", "p1", *arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address, session, login = (process.stdout.readline() for _ in range(3))
    assert (session.split(":")[0], login.split(":")[0]) == ("Console session", "Console login")
    return process, address.split()[-1]


def test_the_main_job_against_the_emulator_on_a_port(folder: Path) -> None:
    process, endpoint = served(folder)
    session = folder / ".reconciler" / "emulator.session"
    (folder / "keys.yaml").write_text(
        MANIFEST.replace("endpoint: emulator", f'endpoint: "{endpoint}", credential: {{file: "{session}"}}')
    )
    try:
        assert session.stat().st_mode & 0o777 == 0o600
        assert run(folder, "plan", "--detailed-exitcode").code == 2
        assert run(folder, "apply", "--auto-approve").code == 0
        assert run(folder, "plan", "--detailed-exitcode").code == 0
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (0, "", "")


def test_one_ctrl_c_finishes_what_is_in_flight_and_reports(folder: Path) -> None:
    keys = "".join(f"  key-{number}: {{scopes: [users.read]}}\n" for number in range(30))
    process, endpoint = served(folder, "--faults", '[{"fault": "latency", "seconds": 0.3, "method": "POST"}]')
    where = f'{{endpoint: "{endpoint}", project: p1, credential: {{file: .reconciler/emulator.session}}}}'
    (folder / "keys.yaml").write_text(f"version: 1\nowner: shop\nkeys:\n{keys}environments:\n  local: {where}\n")
    try:
        apply = subprocess.Popen(
            argv("apply", "--auto-approve", "--parallelism", "2", "--format", "json"),
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert apply.stderr is not None
        while "Plan: 30 to create" not in apply.stderr.readline():
            pass
        time.sleep(0.7)
        os.kill(apply.pid, signal.SIGINT)
        out, err = apply.communicate(timeout=30)
    finally:
        process.terminate()
        process.communicate(timeout=30)

    report = json.loads(out)
    assert apply.returncode == 3
    assert "Interrupted: finishing what is in flight. Once more to stop at once." in err
    assert "Traceback" not in err
    assert report["summary"]["not_attempted"] > 10
    assert report["summary"]["applied"] + report["summary"]["not_attempted"] == 30


def test_what_is_said_in_mid_apply_stands_above_the_bar(folder: Path) -> None:
    process, endpoint = served(folder, "--faults", '[{"fault": "latency", "seconds": 2, "method": "POST"}]')
    where = f'{{endpoint: "{endpoint}", project: p1, credential: {{file: .reconciler/emulator.session}}}}'
    (folder / "keys.yaml").write_text(MANIFEST.replace("{endpoint: emulator, project: p1}", where))
    try:
        with terminal(folder, "apply", "--auto-approve") as shell:
            shell.wait_for("0/1")
            shell.type("\x03")
            assert shell.end() == 0
    finally:
        process.terminate()
        process.communicate(timeout=30)

    assert "\r\x1b[2KInterrupted: finishing what is in flight. Once more to stop at once.\n" in shell.shown


def test_python_dash_m_is_the_program(folder: Path) -> None:
    assert run(folder, "--version").out.startswith("reconciler ")
    assert run(folder, "plan", "--detailed-exitcode").code == 2
