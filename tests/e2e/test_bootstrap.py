"""`bootstrap`: from a console session on a new project to a file that `credential: {file: …}` names."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from reconciler.core.holding import Note
from reconciler.core.secret import Secret
from reconciler.edge.clock import SystemClock
from reconciler.edge.key_file import KeyFile
from reconciler.emulator import Emulator, Profile
from tests.support.command import Command, argv, environment, in_folder, terminal

MANIFEST = """\
version: 1
owner: shop
keys:
  ci: {name: CI, scopes: [users.read]}
environments:
  fresh: {endpoint: emulator, project: p1}
  after: {endpoint: emulator, project: p1, credential: {file: key}}
"""
FLAGS = ("--name", "Reconciler", "--expire", "2099-01-01T00:00:00Z")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    (tmp_path / "keys.yaml").write_text(MANIFEST)
    return in_folder(tmp_path, monkeypatch, capsys)


@pytest.fixture
def emulator(command: Command) -> Iterator[Emulator]:
    made = Emulator(command.folder / ".reconciler" / "emulator.sqlite3")
    made.ensure_project("p1")
    yield made
    made.close()


def without_ids(text: str) -> str:
    return " ".join("reconciler-…" if word.startswith("reconciler-") else word for word in text.split(" "))


def test_from_a_session_to_a_key_that_plans(command: Command, snapshot: SnapshotAssertion) -> None:
    ended = command("bootstrap", "-e", "fresh", *FLAGS, "--out", "key")

    assert (ended.code, ended.out) == (0, "")
    assert without_ids(ended.err) == snapshot
    path = command.folder / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("standard_")
    assert path.read_text().strip() not in ended.err
    planned = command("plan", "-e", "after")
    assert planned.code == 0
    assert "Not with this credential:" in planned.out, "the key may list, and on this server it may not create"
    assert "1 unmanaged key is left alone: reconciler-" in planned.out


@pytest.mark.parametrize("profile", ["1.9.x", "main", "2.6.2"])
@pytest.mark.parametrize("scopes", [[], ["keys.read"], ["keys.write"], ["users.read, rows.read"]], ids=str)
def test_it_says_what_the_key_may_do(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    snapshot: SnapshotAssertion,
    profile: Profile,
    scopes: list[str],
) -> None:
    opened = Emulator

    def of_that_profile(database: Path, **_: object) -> Emulator:
        return opened(database, profile=profile)

    monkeypatch.setattr("reconciler.emulator.Emulator", of_that_profile)

    ended = command("bootstrap", "-e", "fresh", *FLAGS, *(["--scopes", *scopes] if scopes else []), "--out", "key")

    assert ended.code == 0, ended.err
    assert without_ids(ended.err) == snapshot


def test_printed_is_the_secret_and_nothing_else(command: Command) -> None:
    ended = command("bootstrap", "-e", "fresh", *FLAGS, "--print")

    secret = ended.out.removesuffix("\n")
    assert ended.code == 0
    assert secret.startswith("standard_")
    assert secret not in ended.err


def test_github_is_told_to_mask_what_is_printed(command: Command) -> None:
    ended = command("bootstrap", "-e", "fresh", *FLAGS, "--print", GITHUB_ACTIONS="true")

    assert f"::add-mask::{ended.out.strip()}" in ended.err.splitlines()


def test_github_is_told_to_mask_what_goes_to_a_file_too(command: Command) -> None:
    ended = command("bootstrap", "-e", "fresh", *FLAGS, "--out", "key", GITHUB_ACTIONS="true")

    secret = (command.folder / "key").read_text().strip()
    assert [line for line in ended.err.splitlines() if secret in line] == [f"::add-mask::{secret}"]


@pytest.mark.parametrize("where", ["full", "closed"])
def test_what_cannot_be_printed_is_not_left(command: Command, emulator: Emulator, where: str) -> None:
    process = subprocess.Popen(
        argv("bootstrap", "-e", "fresh", *FLAGS, "--print"),
        cwd=command.folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=os.open("/dev/full", os.O_WRONLY) if where == "full" else subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if process.stdout is not None:
        process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()

    assert process.wait(timeout=60) == 1
    assert "error: " in errors
    assert emulator.count_keys("p1") == 0


def test_a_file_that_exists_is_left_as_it_is_and_no_key_is_made(command: Command, emulator: Emulator) -> None:
    (command.folder / "key").write_text("precious")

    ended = command("bootstrap", "-e", "fresh", *FLAGS, "--out", "key")

    assert (ended.code, ended.out) == (1, "")
    assert "key exists already" in ended.err
    assert (command.folder / "key").read_text() == "precious"
    assert emulator.count_keys("p1") == 0


def test_a_folder_that_is_missing_is_named_and_no_key_is_made(command: Command, emulator: Emulator) -> None:
    ended = command("bootstrap", "-e", "fresh", *FLAGS, "--out", "secrts/key")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "error: there is no folder secrts to write key to\n  hint: mkdir -p secrts\n"
    assert not (command.folder / "secrts").exists()
    assert emulator.count_keys("p1") == 0


def test_a_run_that_was_killed_before_it_had_finished_is_finished_by_the_next(
    command: Command, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    written = KeyFile.write

    def killed(self: KeyFile, secret: Secret, note: Note | None) -> None:
        written(self, secret, note)
        raise KeyError("killed here")  # nothing of ours catches that, as nothing catches SIGKILL

    with monkeypatch.context() as patch:
        patch.setattr(KeyFile, "write", killed)
        with pytest.raises(KeyError):
            command("bootstrap", "-e", "fresh", *FLAGS, "--out", "key")
    secret = (command.folder / "key").read_text()

    ended = command("bootstrap", "-e", "fresh", *FLAGS, "--out", "key")

    assert (ended.code, ended.out) == (0, "")
    assert without_ids(ended.err) == snapshot
    assert (command.folder / "key").read_text() == secret
    assert emulator.count_keys("p1") == 1


def test_a_file_that_appears_meanwhile_is_left_as_it_is_and_no_key_is_left(
    command: Command, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def late(source: Path, target: Path) -> None:
        Path(target).write_text("precious")
        link(source, target)

    monkeypatch.setattr(os, "link", late)

    ended = command("bootstrap", "-e", "fresh", *FLAGS, "--out", "key")

    assert (ended.code, "key: File exists" in ended.err) == (1, True)
    assert (command.folder / "key").read_text() == "precious"
    assert emulator.count_keys("p1") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*FLAGS], "give either --out or --print"),
        ([*FLAGS, "--out", "key", "--print"], "give either --out or --print"),
        (["--name", "x", "--print"], "there is no terminal to ask for the key's name and end on"),
        (["--expire", "90d", "--print"], "there is no terminal to ask for the key's name and end on"),
        (["--name", "x", "--expire", "soon", "--print"], '--expire: "soon" is not a time of the calendar'),
        (["--name", "x", "--expire", "", "--print"], "--expire: "),
        (
            ["--name", "x", "--expire", "2020-01-01T00:00:00Z", "--print"],
            "--expire 2020-01-01T00:00:00Z is in the past",
        ),
        ([*FLAGS, "--scopes", "keys.rea", "--print"], 'scope "keys.rea" is unknown to this server'),
    ],
)
def test_what_it_cannot_do_it_says_before_it_makes_a_key(
    command: Command, emulator: Emulator, arguments: list[str], message: str
) -> None:
    ended = command("bootstrap", "-e", "fresh", *arguments)

    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err
    assert emulator.count_keys("p1") == 0


def test_on_a_terminal_it_asks_and_enter_takes_what_it_suggests(command: Command, emulator: Emulator) -> None:
    with terminal(command.folder, "bootstrap", "-e", "fresh", "--out", "key") as shell:
        shell.wait_for("Name of the key [Reconciler]: ")
        shell.type("\n")
        shell.wait_for("It expires (such as 90d, a time, or never) [90d]: ")
        shell.type("30d\n")
        code = shell.end()

    assert (code, '("Reconciler")' in shell.shown) == (0, True), shell.shown
    assert emulator.count_keys("p1") == 1


@pytest.mark.parametrize("keys", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_who_does_not_answer_gets_no_key(command: Command, emulator: Emulator, keys: str) -> None:
    with terminal(command.folder, "bootstrap", "-e", "fresh", "--out", "key") as shell:
        shell.wait_for("Name of the key [Reconciler]: ")
        shell.type(keys)
        code = shell.end()

    assert (code, "Interrupted; nothing was made." in shell.shown) == (1, True)
    assert emulator.count_keys("p1") == 0


def test_a_server_that_gives_no_answer_leaves_nothing_in_the_file(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(self: SystemClock, seconds: float) -> None:
        pass

    monkeypatch.setattr(SystemClock, "sleep", at_once)
    command.write(MANIFEST.replace("fresh: {endpoint: emulator", "fresh: {endpoint: 'http://127.0.0.1:9/v1'"))

    ended = command("bootstrap", "-e", "fresh", *FLAGS, "--out", "key", APPWRITE_API_KEY="standard_x")

    assert (ended.code, "cannot be reached" in ended.err) == (1, True)
    assert not (command.folder / "key").exists()
