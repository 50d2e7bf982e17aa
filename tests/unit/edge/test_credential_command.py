"""A command's stdout is the credential; whatever else becomes of the command is an error that shows none of it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from reconciler.core.desired import Connection, CredentialSpec
from reconciler.edge.credential_command import output_of
from reconciler.edge.credentials import Credential, load
from reconciler.errors import CredentialError, Position

HEX = "0123456789abcdef" * 16
KEY = f"standard_{HEX}"


def _load(folder: Path, *argv: str) -> Credential:
    connection = Connection(
        environment="production",
        endpoint="https://x.example/v1",
        project="shop",
        credential=CredentialSpec(source="command", argv=argv),
        position=Position(file="keys.yaml", line=1, column=1),
    )
    found = load(connection, {}, folder)
    assert found is not None
    return found


def _python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def _refused(folder: Path, *argv: str, seconds: float = 5) -> CredentialError:
    started = time.monotonic()
    with pytest.raises(CredentialError) as caught:
        output_of("production", argv, folder, seconds=seconds)
    assert time.monotonic() - started < 5
    assert caught.value.message.startswith("production: the credential's command ")
    assert caught.value.hint
    assert HEX[:16] not in f"{caught.value.message}{caught.value.hint}"
    return caught.value


def test_the_output_is_the_credential_and_its_line_break_is_not(tmp_path: Path) -> None:
    found = _load(tmp_path, "printf", r"%s\n", KEY)
    assert (found.kind, found.secret.reveal()) == ("project_key", KEY)
    assert found.source == "the output of printf"


def test_it_runs_in_the_folder_of_the_manifest_and_without_a_shell(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{KEY}\n", encoding="ascii")
    (tmp_path / "show").write_text('#!/bin/sh\ncat "$1"\n', encoding="ascii")
    (tmp_path / "show").chmod(0o700)
    assert _load(tmp_path, "./show", "token").secret.reveal() == KEY
    assert _load(tmp_path, "cat", "token").secret.reveal() == KEY
    with pytest.raises(CredentialError, match="failed: exit code 1"):
        _load(tmp_path, "cat", "$(echo token)")


def test_it_reads_nothing_from_the_terminal_and_its_errors_are_the_users_to_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = f"import sys; sys.stderr.write('unlocking'); assert not sys.stdin.read(); print('{KEY}')"
    assert _load(tmp_path, *_python(code)).secret.reveal() == KEY
    assert capfd.readouterr().err == "unlocking"


def test_output_that_comes_in_parts_is_one(tmp_path: Path) -> None:
    code = f"import time\nfor part in ('standard_', '{HEX}'): print(part, end='', flush=True); time.sleep(0.15)"
    assert _load(tmp_path, *_python(code)).secret.reveal() == KEY


def test_what_is_written_must_be_a_credential(tmp_path: Path) -> None:
    for text, complaint in (("", "empty"), (f"{KEY}\nmore", "a character that no"), (f"account_{HEX}", "account")):
        with pytest.raises(CredentialError, match=f"the output of printf .*{complaint}") as caught:
            _load(tmp_path, "printf", "%s", text)
        assert HEX not in caught.value.message


def test_a_failing_command_is_told_by_its_exit_code_and_nothing_it_wrote(tmp_path: Path) -> None:
    assert "failed: exit code 7" in _refused(tmp_path, "sh", "-c", f"echo {KEY}; exit 7").message
    assert "failed: ended by SIGTERM" in _refused(tmp_path, "sh", "-c", f"echo {KEY}; kill $$").message


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    shown = _refused(tmp_path, "no-such-program-anywhere")
    assert "cannot be run: No such file or directory" in shown.message
    assert "there is no shell" in shown.hint
    assert "cannot be run" in _refused(tmp_path, "cat\0dog").message


def test_a_command_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    for argv in (("sleep", "60"), ("sh", "-c", f"echo {KEY}; exec sleep 60"), ("sh", "-c", "exec >&-; exec sleep 60")):
        assert "did not end in 0.3 s, and was stopped" in _refused(tmp_path, *argv, seconds=0.3).message


def test_a_child_that_keeps_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    started = time.monotonic()
    assert output_of("production", ("sh", "-c", f"sleep 3 & echo {KEY}"), tmp_path).reveal() == f"{KEY}\n"
    assert time.monotonic() - started < 2


def test_endless_output_is_cut_off(tmp_path: Path) -> None:
    assert "writes too much to be one" in _refused(tmp_path, "yes", KEY).message
