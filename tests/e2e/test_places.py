"""Where files are: a manifest elsewhere than in the working folder, home folders, and what is no regular file."""

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from reconciler.emulator import Emulator
from tests.support.command import Command, argv, environment, in_folder

MANIFEST = """\
version: 1
owner: shop
keys:
  ci: {scopes: [users.read], deliver: [{dotenv: {path: app.env, variable: CI}}]}
environments:
  local: {endpoint: emulator, project: p1, credential: {file: CREDENTIAL}}
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return in_folder(tmp_path, monkeypatch, capsys)


def write_session(folder: Path, path: Path) -> None:
    """The session of the emulator whose database is in a manifest's folder."""
    emulator = Emulator(folder / ".reconciler" / "emulator.sqlite3")
    path.touch(mode=0o600)
    path.write_text(f"a_session_console={emulator.console_session()}", encoding="ascii")
    emulator.close()


@pytest.mark.parametrize("written", ["session", "~/session", "../home/session"])
@pytest.mark.parametrize("absolute", [False, True], ids=["relative", "absolute"])
def test_files_of_a_manifest_in_another_folder_are_seen_from_there(
    command: Command, written: str, absolute: bool
) -> None:
    for name in ("team", "home"):
        (command.folder / name).mkdir()
    command.write(MANIFEST.replace("CREDENTIAL", written), "team/keys.yaml")
    session = command.folder / ("team" if written == "session" else "home") / "session"
    write_session(command.folder / "team", session)
    file = str(command.folder / "team" / "keys.yaml") if absolute else "team/keys.yaml"

    ended = command("apply", "--auto-approve", "-f", file, HOME=str(command.folder / "home"))

    assert (ended.code, ended.err.count("Traceback")) == (0, 0), ended.err
    found = {str(path.relative_to(command.folder)) for path in command.folder.rglob("*.env")}
    assert found == {"team/app.env"}


def test_the_emulator_does_not_write_its_session_over_its_database(command: Command) -> None:
    ended = command("emulator", "--database", "x.session")

    assert ended.code == 1
    assert ended.err == "error: x.session is where the console session is written\n  hint: name another --database\n"
    assert not (command.folder / "x.session").exists()


def test_a_database_that_another_process_holds_is_not_to_be_deleted(command: Command) -> None:
    command.write(MANIFEST.replace(", credential: {file: CREDENTIAL}", ""))
    command("plan")
    command.patch.setattr("reconciler.emulator.database._BUSY_SECONDS", 0.01)
    with sqlite3.connect(command.folder / ".reconciler" / "emulator.sqlite3", isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        ended = command("plan")
    holder.close()

    assert ended.code == 1
    assert "cannot be used: database is locked\n  hint: let the process that uses it end\n" in ended.err


def test_a_folder_that_was_deleted_meanwhile_is_told(command: Command) -> None:
    (command.folder / "gone").mkdir()
    command.patch.chdir(command.folder / "gone")
    (command.folder / "gone").rmdir()

    ended = command("init")

    assert ended.code == 1
    assert ended.err.startswith("error: keys.yaml cannot be written: No such file or directory\n  hint: ")


@pytest.mark.parametrize(
    "arguments", [["plan", "-f", "team/keys.yaml"], ["emulator", "--database", "team/.reconciler/e"]]
)
def test_whoever_makes_our_folder_keeps_it_out_of_git(command: Command, arguments: list[str]) -> None:
    (command.folder / "team").mkdir()
    command.write(MANIFEST.replace(", credential: {file: CREDENTIAL}", ""), "team/keys.yaml")
    command.patch.setattr("reconciler.emulator.serve", lambda *_, **__: None)

    assert command(*arguments).code == 0

    assert (command.folder / "team" / ".reconciler" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "-f", "pipe"], "pipe cannot be read: not a regular file"),
        (["apply", "--auto-approve", "-f", "to-pipe.yaml"], "pipe is not a file"),
        (["plan", "-f", "from-pipe.yaml"], "the credential file pipe cannot be read: not a regular file"),
    ],
    ids=["manifest", "sink", "credential"],
)
def test_nothing_waits_for_a_pipe_that_nobody_writes_to(command: Command, arguments: list[str], said: str) -> None:
    os.mkfifo(command.folder / "pipe")
    write_session(command.folder, command.folder / "session")
    command.write(MANIFEST.replace("CREDENTIAL", "session").replace("app.env", "pipe"), "to-pipe.yaml")
    command.write(MANIFEST.replace("CREDENTIAL", "pipe"), "from-pipe.yaml")

    ended = command(*arguments)

    assert ended.code == 1
    assert said in ended.err


@pytest.mark.parametrize("path", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_a_manifest_is_no_stream_because_files_are_written_beside_it(command: Command, path: str) -> None:
    command.write()

    with (command.folder / "keys.yaml").open() as file:
        ended = subprocess.run(
            argv("apply", "--auto-approve", "-f", path),
            stdin=file,
            cwd=command.folder,
            env=environment(),
            capture_output=True,
            check=False,
            text=True,
        )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"error: {path} is a stream, and a manifest must be a regular file\n"
        "  hint: save the manifest as a file: what it declares is written beside it\n"
    )


@pytest.mark.parametrize("path", ["n" * 300, f"{'n' * 300}/a", "a/" * 3000 + "a"], ids=["name", "folder", "path"])
@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (["plan", "-f"], [], 1),
        (["validate", "-f"], [], 1),
        (["plan", "--out"], [], 1),
        (["apply"], [], 1),
        (["init", "-f"], [], 1),
        (["bootstrap", "-e", "local", "--name", "x", "--expire", "1d", "--out"], [], 1),
        (["exec", "-e", "local", "--like", "ci", "-f"], ["true"], 125),
        (["emulator", "--port", "0", "--database"], [], 1),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and value else None,
)
def test_what_is_too_long_for_a_path_is_told_shortened(
    command: Command, path: str, before: list[str], after: list[str], code: int
) -> None:
    command.write(MANIFEST)

    ended = command(*before, path, *after)

    told = f'error: "{path[:60]}…" is too long for the path of a file: {len(path):,} characters\n'
    assert (ended.code, ended.out, ended.err) == (code, "", f"{told}  hint: see what was given in its place\n")


def test_a_plan_may_have_the_longest_name_that_a_file_may_have(command: Command) -> None:
    command.write(MANIFEST.replace(", credential: {file: CREDENTIAL}", ""))

    assert command("plan", "--out", "n" * 255).code == 0
    assert (command.folder / ("n" * 255)).is_file()


def test_what_else_the_system_says_is_told_as_an_error_of_ours(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.write(MANIFEST)

    def refused(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_dir", refused)

    assert command("plan").err == 'error: "keys.yaml" cannot be used: Permission denied\n'
