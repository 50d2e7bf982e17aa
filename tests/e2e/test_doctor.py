"""`doctor`: a checklist for each environment, in words, JSON and Markdown, and an exit code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from reconciler.edge.clock import SystemClock
from reconciler.emulator import Emulator, Profile
from tests.support.command import Command, Ended, in_folder, run, terminal

MANIFEST = """\
version: 1
owner: shop
keys:
  ci: {name: CI, scopes: [users.read]}
environments:
  local: {endpoint: emulator, project: p1}
  keyed: {endpoint: emulator, project: p1, credential: {env: KEY}}
"""
PROFILES: tuple[Profile, ...] = ("1.9.x", "main", "2.6.2")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    async def at_once(self: SystemClock, seconds: float) -> None:
        pass

    monkeypatch.setattr(SystemClock, "sleep", at_once)
    (tmp_path / "keys.yaml").write_text(MANIFEST)
    return in_folder(tmp_path, monkeypatch, capsys)


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """The built-in emulator in each of its profiles."""
    chosen: Profile = request.param
    opened = Emulator

    def of_that_profile(database: Path, **_: object) -> Emulator:
        return opened(database, profile=chosen)

    monkeypatch.setattr("reconciler.emulator.Emulator", of_that_profile)
    return chosen


@pytest.fixture
def emulator(command: Command) -> Iterator[Emulator]:
    made = Emulator(command.folder / ".reconciler" / "emulator.sqlite3")
    made.ensure_project("p1")
    yield made
    made.close()


def checks(ended: Ended) -> dict[str, dict[str, Any]]:
    """The checks of the only environment in the JSON, by name."""
    (environment,) = json.loads(ended.out)["environments"]
    return {check["check"]: check for check in environment["checks"]}


def test_a_session_on_each_server(command: Command, profile: Profile, snapshot: SnapshotAssertion) -> None:
    ended = command("doctor", "-e", "local")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == snapshot


@pytest.mark.parametrize("probes", [[], ["--write-probes"]], ids=["reads", "asks"])
def test_a_project_key_on_each_server(
    command: Command, emulator: Emulator, profile: Profile, snapshot: SnapshotAssertion, probes: list[str]
) -> None:
    key = emulator.add_key("p1", "manager", ["keys.read", "keys.write"], name="Manager")

    ended = command("doctor", "-e", "keyed", *probes, KEY=key)

    assert ended.code == (0 if profile == "1.9.x" else 1)
    assert ended.out == snapshot


@pytest.mark.parametrize("scopes", [["keys.read"], ["keys.read", "keys.write"]], ids=["reader", "writer"])
def test_probes_write_nothing(command: Command, emulator: Emulator, profile: Profile, scopes: list[str]) -> None:
    key = emulator.add_key("p1", "manager", scopes)
    before = [emulator._store.key("p1", "manager"), emulator.count_keys("p1")]

    found = checks(command("doctor", "-e", "keyed", "--write-probes", "--format", "json", KEY=key))

    after = [emulator._store.key("p1", "manager"), emulator.count_keys("p1")]
    assert [str(each).partition("accessed")[0] for each in before] == [
        str(each).partition("accessed")[0] for each in after
    ]
    assert found["keys.write"]["verdict"] == ("ok" if "keys.write" in scopes else "failed")


def test_what_is_wrong_with_one_environment_is_told_beside_the_others(
    command: Command, emulator: Emulator, snapshot: SnapshotAssertion
) -> None:
    command.write(
        MANIFEST
        + "  refused: {endpoint: emulator, project: p1, credential: {env: WRONG}}\n"
        + "  nowhere: {endpoint: 'http://127.0.0.1:9/v1', project: p1, credential: {env: KEY}}\n"
        + "  unset: {endpoint: '${NOT_SET}', project: p1}\n"
    )

    ended = command("doctor", WRONG="standard_" + "0" * 64)

    assert (ended.code, ended.err) == (1, "")
    assert ended.out == snapshot


def test_on_a_narrow_terminal_what_was_found_goes_on_below_the_names(
    command: Command, snapshot: SnapshotAssertion
) -> None:
    command.write(MANIFEST + "  nowhere: {endpoint: 'http://127.0.0.1:9/v1', project: p1, credential: {env: KEY}}\n")

    ended = command("doctor", "-e", "nowhere", "-e", "local", COLUMNS="40")

    assert all(len(line) <= 40 or " " not in line.strip() for line in ended.out.splitlines())
    assert ended.out == snapshot


def test_an_id_that_is_live_in_another_environment_of_the_server_is_found(command: Command, emulator: Emulator) -> None:
    emulator.ensure_project("p2")
    emulator.add_key("p2", "Shared", ["users.read"])
    command.write(
        "version: 1\nowner: shop\nenvironments:\n"
        "  one: {endpoint: emulator, project: p1, keys: {ci: {id: shared, scopes: [users.read]}}}\n"
        "  two: {endpoint: emulator, project: p2}\n"
    )

    ended = command("doctor", "--format", "json")

    found = {
        each["environment"]: {check["check"]: check["verdict"] for check in each["checks"]}
        for each in json.loads(ended.out)["environments"]
    }
    assert ended.code == 1
    assert (found["one"]["ids"], found["one"]["manifest"], found["two"]["ids"]) == ("failed", "failed", "ok")


def test_the_json_says_what_the_screen_says(command: Command) -> None:
    ended = command("doctor", "-e", "local", "--format", "json")

    told = json.loads(ended.out)
    assert (ended.code, told["version"], told["works"]) == (0, 1, True)
    (environment,) = told["environments"]
    assert (environment["environment"], environment["endpoint"], environment["project"]) == ("local", "emulator", "p1")
    assert list(checks(ended)) == [
        "reachable",
        "tls",
        "version",
        "clock",
        "credential",
        "keys.read",
        "keys.write",
        "may create",
        "own key",
        "keys used",
        "credential ends",
        "rotation",
        "keys end",
        "secrets",
        "ids",
        "manifest",
    ]


def test_markdown_is_a_table(command: Command, snapshot: SnapshotAssertion) -> None:
    ended = command("doctor", "-e", "local", "--format", "markdown")

    assert ended.code == 0
    assert ended.out == snapshot


def test_an_environment_that_nobody_declares_is_a_mistake(command: Command) -> None:
    ended = command("doctor", "-e", "loca")

    assert (ended.code, ended.out) == (1, "")
    assert 'keys.yaml has no environment "loca"' in ended.err


@pytest.mark.parametrize(("encoding", "signs"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_where_signs_cannot_be_written_there_are_words(command: Command, encoding: str, signs: bool) -> None:
    ended = run(command.folder, "doctor", "-e", "local", PYTHONIOENCODING=encoding)

    assert ("✓ reachable" in ended.out) is signs
    assert ("ok   reachable" in ended.out) is not signs
    assert "\\u" not in ended.out


def test_colour_only_repeats_what_the_signs_say(command: Command) -> None:
    with terminal(command.folder, "doctor", "-e", "local") as shell:
        assert shell.end() == 0
    with terminal(command.folder, "doctor", "-e", "local", "--no-color") as plain:
        assert plain.end() == 0

    assert "\x1b[32m✓\x1b[0m reachable" in shell.shown
    assert "\x1b" not in plain.shown
    assert "✓ reachable" in plain.shown
    assert max(map(len, plain.shown.splitlines())) <= 80
