"""`--login EMAIL` at a terminal: one login for each server, and a logout whatever ends the run."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from reconciler.emulator import Profile
from tests.support.command import Terminal, run, terminal
from tests.support.emulators import Running, running

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
PROMPT = "Password of ada@example.org at http"
MANIFEST = """\
version: 1
owner: shop
keys:
  ci: {{scopes: [users.read], deliver: [{{dotenv: {{path: "{{environment}}.env", variable: KEY}}}}]}}
environments:
  staging: {{endpoint: "{endpoint}", project: shop-staging, credential: {{env: NOBODY_SET_THIS}}}}
  production: {{endpoint: "{endpoint}", project: shop}}
"""


LEFT = "a console session of ada@example.org at http"


@contextmanager
def _serving(tmp_path: Path, profile: Profile, *arguments: str) -> Iterator[Running]:
    with running(tmp_path, profile, *arguments) as server:
        for project in ("shop", "shop-staging"):
            server.emulator.ensure_project(project, organization="acme")
        server.emulator.add_user("ada@example.org", PASSWORD, organizations=["acme"])
        (tmp_path / "keys.yaml").write_text(MANIFEST.format(endpoint=server.endpoint), encoding="utf-8")
        yield server


@pytest.fixture(params=["1.9.x", "main"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    profile: Profile = request.param
    with _serving(tmp_path, profile) as server:
        yield server


def _slow(seconds: float, method: str, path: str) -> tuple[str, str]:
    """Arguments of a server on which such a call waits so long."""
    return "--faults", json.dumps([{"fault": "latency", "seconds": seconds, "method": method, "path": path}])


def _sessions(folder: Path) -> int:
    """How many sessions the server knows, besides the one of its owner."""
    (database,) = folder.glob("*.sqlite3")
    with closing(sqlite3.connect(database)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM sessions").fetchone()
    return int(count) - 1


@contextmanager
def _logged_in(folder: Path, *arguments: str, password: str = PASSWORD) -> Iterator[Terminal]:
    with terminal(folder, *arguments, "--login", "ada@example.org", columns=200) as screen:
        screen.wait_for(PROMPT)
        screen.type(f"{password}\n")
        yield screen
    assert password not in screen.shown


def test_one_login_serves_every_environment_of_a_server_and_ends_with_the_run(server: Running, tmp_path: Path) -> None:
    with _logged_in(tmp_path, "apply", "--auto-approve") as screen:
        assert screen.end() == 0
    assert screen.shown.count(PROMPT) == 1
    assert "Applied: all 2 changes." in screen.shown
    assert "could not be ended" not in screen.shown
    assert (tmp_path / "production.env").read_text(encoding="ascii").splitlines()[-1].startswith("KEY=standard_")
    assert _sessions(tmp_path) == 0


def test_a_wrong_password_is_told_and_leaves_nothing(server: Running, tmp_path: Path) -> None:
    with _logged_in(tmp_path, "plan", password="wrong horse battery") as screen:
        assert screen.end() == 1
    assert screen.shown.count("logging in to the console as ada@example.org failed: no account there has this") == 1
    assert screen.shown.count(PROMPT) == 1, "a server that refused once is not asked for its other environments"
    assert _sessions(tmp_path) == 0


@pytest.mark.parametrize("server", ["1.9.x"], indirect=True)
@pytest.mark.parametrize("ending", ["no", "\x03", signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_the_run_logs_out(server: Running, tmp_path: Path, ending: str | signal.Signals) -> None:
    with _logged_in(tmp_path, "apply") as screen:
        screen.wait_for("Only 'yes' goes on")
        assert _sessions(tmp_path) == 1
        if isinstance(ending, signal.Signals):
            os.kill(screen.process.pid, ending)
            screen.type("\n")
        else:
            screen.type(ending if ending == "\x03" else f"{ending}\n")
        assert screen.end() == 1
    assert _sessions(tmp_path) == 0
    assert server.keys("shop") == {}


@pytest.mark.parametrize("server", ["1.9.x"], indirect=True)
def test_the_end_of_the_credential_that_a_login_stands_in_for_binds_nobody(server: Running, tmp_path: Path) -> None:
    text = MANIFEST.format(endpoint=server.endpoint).replace(
        "{env: NOBODY_SET_THIS}", "{env: NOBODY_SET_THIS, expires: 2031-01-01T00:00:00Z}"
    )
    (tmp_path / "keys.yaml").write_text(text, encoding="utf-8")
    with _logged_in(tmp_path, "plan", "-e", "staging") as screen:
        assert screen.end() == 0
    assert "Plan: 1 to create" in screen.shown


@pytest.mark.parametrize("server", ["1.9.x"], indirect=True)
def test_an_error_logs_out_too(server: Running, tmp_path: Path) -> None:
    text = MANIFEST.format(endpoint=server.endpoint).replace("project: shop}", "project: shpo}")
    (tmp_path / "keys.yaml").write_text(text, encoding="utf-8")
    with _logged_in(tmp_path, "plan") as screen:
        assert screen.end() == 1
    assert "finds no project shpo there" in screen.shown
    assert _sessions(tmp_path) == 0


@pytest.mark.parametrize("server", ["1.9.x"], indirect=True)
def test_ctrl_c_at_the_password_ends_it(server: Running, tmp_path: Path) -> None:
    with terminal(tmp_path, "plan", "--login", "ada@example.org") as screen:
        screen.wait_for(PROMPT)
        screen.type("\x03")
        assert screen.end() == 1
    assert "Traceback" not in screen.shown
    assert _sessions(tmp_path) == 0


def test_ctrl_c_within_the_login_waits_for_it_and_logs_out(tmp_path: Path) -> None:
    with (
        _serving(tmp_path, "main", *_slow(2, "POST", "/sessions/email$")),
        _logged_in(tmp_path, "plan") as screen,
    ):
        screen.type("\x03")
        assert screen.end() == 1
        assert "Interrupted; nothing more was done." in screen.shown
        assert LEFT not in screen.shown
        assert _sessions(tmp_path) == 0


def test_a_second_ctrl_c_within_the_login_says_that_a_session_may_live_on(tmp_path: Path) -> None:
    with (
        _serving(tmp_path, "main", *_slow(5, "POST", "/sessions/email$")),
        _logged_in(tmp_path, "plan") as screen,
    ):
        screen.type("\x03")
        screen.type("\x03")
        assert screen.end(seconds=10) == 1
        assert screen.shown.count(LEFT) == 1
        assert "may live on, for up to a year: end it in the Console, under the account's sessions" in screen.shown


def test_a_second_ctrl_c_at_an_apply_says_that_a_session_may_live_on(tmp_path: Path) -> None:
    with (
        _serving(tmp_path, "main", *_slow(5, "PUT", "/keys/")),
        _logged_in(tmp_path, "apply", "-e", "production", "--auto-approve") as screen,
    ):
        screen.wait_for("Plan: 1 to create")
        deadline = time.monotonic() + 20
        while not (tmp_path / "production.env").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        screen.type("\x03")
        screen.wait_for("Once more to stop at once.")
        screen.type("\x03")
        assert screen.end(seconds=10) == -signal.SIGINT
        assert screen.shown.count(LEFT) == 1
        assert _sessions(tmp_path) == 1


def test_a_login_whose_answer_is_lost_says_that_a_session_may_live_on(tmp_path: Path) -> None:
    lost = json.dumps([{"fault": "drop_after", "method": "POST", "path": "/sessions/email$"}])
    with _serving(tmp_path, "main", "--faults", lost), _logged_in(tmp_path, "plan") as screen:
        assert screen.end() == 1
        assert screen.shown.count(LEFT) == 1
        assert _sessions(tmp_path) == 1


@pytest.mark.parametrize(
    "arguments", [("plan",), ("apply", "--auto-approve"), ("destroy", "-e", "x", "--auto-approve")]
)
def test_without_a_terminal_nobody_is_asked(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = run(tmp_path, *arguments, "--login", "ada@example.org")
    assert ended.code == 1
    assert "--login asks for a password, and there is no terminal to ask on" in ended.err
    assert "credential: {env: VARIABLE}" in ended.err


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    assert "takes the e-mail address of a console account" in run(tmp_path, "plan", "--login", "ada").err
