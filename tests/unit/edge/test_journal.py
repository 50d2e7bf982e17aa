"""The journal, with real files, real locks and a real dead process."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.edge.journal import RunJournal

NONCE = datetime(2030, 1, 1, 0, 12, 34, 567000, tzinfo=UTC)
OTHER = NONCE + timedelta(milliseconds=1)


def _runs(folder: Path) -> list[Path]:
    return sorted((folder / ".reconciler" / "runs").glob("run-*"))


def test_a_key_of_a_run_that_ended_unfinished_is_abandoned(tmp_path: Path) -> None:
    with RunJournal(tmp_path / ".reconciler") as first:
        first.record("ci.aaaaaaaa.g1", NONCE)
        first.record("web.aaaaaaaa.g1", OTHER)
    later = RunJournal(tmp_path / ".reconciler")
    assert later.abandoned("ci.aaaaaaaa.g1", NONCE)
    assert later.abandoned("web.aaaaaaaa.g1", OTHER)


def test_only_the_very_pair_counts(tmp_path: Path) -> None:
    with RunJournal(tmp_path / ".reconciler") as first:
        first.record("ci.aaaaaaaa.g1", NONCE)
    later = RunJournal(tmp_path / ".reconciler")
    assert not later.abandoned("ci.aaaaaaaa.g1", OTHER)
    assert not later.abandoned("ci.aaaaaaaa.g", NONCE)
    assert not later.abandoned("web.aaaaaaaa.g1", NONCE)


def test_a_key_of_a_run_that_goes_on_is_not_abandoned(tmp_path: Path) -> None:
    with RunJournal(tmp_path / ".reconciler") as running:
        running.record("ci.aaaaaaaa.g1", NONCE)
        assert not RunJournal(tmp_path / ".reconciler").abandoned("ci.aaaaaaaa.g1", NONCE)
        assert not running.abandoned("ci.aaaaaaaa.g1", NONCE)
    assert RunJournal(tmp_path / ".reconciler").abandoned("ci.aaaaaaaa.g1", NONCE)


def test_a_run_killed_on_the_spot_leaves_its_keys_abandoned(tmp_path: Path) -> None:
    program = (
        "import sys, time; from datetime import datetime; from pathlib import Path;"
        "from reconciler.edge.journal import RunJournal;"
        "journal = RunJournal(Path(sys.argv[1], '.reconciler'));"
        "journal.record('ci.aaaaaaaa.g1', datetime.fromisoformat(sys.argv[2]));"
        "sys.stdout.write('recorded\\n'); sys.stdout.flush(); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path), NONCE.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"recorded\n"
        later = RunJournal(tmp_path / ".reconciler")
        assert not later.abandoned("ci.aaaaaaaa.g1", NONCE)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert later.abandoned("ci.aaaaaaaa.g1", NONCE)


def test_a_run_that_succeeded_leaves_no_file(tmp_path: Path) -> None:
    with RunJournal(tmp_path / ".reconciler") as journal:
        journal.record("ci.aaaaaaaa.g1", NONCE)
        journal.close(success=True)
    assert _runs(tmp_path) == []
    assert not RunJournal(tmp_path / ".reconciler").abandoned("ci.aaaaaaaa.g1", NONCE)


def test_a_run_that_creates_nothing_leaves_no_folder(tmp_path: Path) -> None:
    with RunJournal(tmp_path / ".reconciler") as journal:
        assert not journal.abandoned("ci.aaaaaaaa.g1", NONCE)
    assert list(tmp_path.iterdir()) == []
    assert journal.warnings == ()


def test_nobody_else_may_read_the_folder_and_git_ignores_it(tmp_path: Path) -> None:
    with RunJournal(tmp_path / ".reconciler") as journal:
        journal.record("ci.aaaaaaaa.g1", NONCE)
    marked = tmp_path / ".reconciler"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (marked, marked / "runs")] == [0o700, 0o700]
    assert [stat.S_IMODE(path.stat().st_mode) for path in _runs(tmp_path)] == [0o600]
    assert (marked / ".gitignore").read_text() == "*\n"


def test_files_of_dead_runs_are_removed_after_eight_days(tmp_path: Path) -> None:
    for key in ("old.aaaaaaaa.g1", "young.aaaaaaaa.g1"):
        with RunJournal(tmp_path / ".reconciler") as dead:
            dead.record(key, NONCE)
    old = next(path for path in _runs(tmp_path) if "old." in path.read_text())
    past = time.time() - timedelta(days=8, minutes=1).total_seconds()
    os.utime(old, (past, past))
    with RunJournal(tmp_path / ".reconciler") as running:
        running.record("long.aaaaaaaa.g1", NONCE)
        own = next(path for path in _runs(tmp_path) if "long." in path.read_text())
        os.utime(own, (past, past))
        with RunJournal(tmp_path / ".reconciler") as journal:
            journal.record("new.aaaaaaaa.g1", NONCE)
        assert not old.exists()
        assert own.exists()
    later = RunJournal(tmp_path / ".reconciler")
    assert later.abandoned("young.aaaaaaaa.g1", NONCE)
    assert not later.abandoned("old.aaaaaaaa.g1", NONCE)


def test_a_folder_that_cannot_be_used_is_one_warning_and_no_error(tmp_path: Path) -> None:
    (tmp_path / ".reconciler").write_text("in the way")
    with RunJournal(tmp_path / ".reconciler") as journal:
        journal.record("ci.aaaaaaaa.g1", NONCE)
        journal.record("web.aaaaaaaa.g1", NONCE)
    (warning,) = journal.warnings
    assert f"{tmp_path}/.reconciler/runs cannot be written" in warning
    assert not RunJournal(tmp_path / ".reconciler").abandoned("ci.aaaaaaaa.g1", NONCE)


def test_a_journal_that_cannot_be_read_says_so_once(tmp_path: Path) -> None:
    (tmp_path / ".reconciler").mkdir()
    (tmp_path / ".reconciler" / "runs").write_text("in the way")
    journal = RunJournal(tmp_path / ".reconciler")
    assert not journal.abandoned("ci.aaaaaaaa.g1", NONCE)
    assert not journal.abandoned("web.aaaaaaaa.g1", NONCE)
    (warning,) = journal.warnings
    assert "runs that died here are not recognised" in warning
