"""The watchman by itself, with real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from reconciler.core.secret import Secret
from reconciler.edge import watchman
from reconciler.edge.feed import Feed
from reconciler.edge.watchman import Watchman


def _sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], start_new_session=True)


def _pid(watching: Watchman) -> int:
    return watching._process.pid


def _abandon(watching: Watchman) -> None:
    """What the system does when the run dies."""
    assert watching._process.stdin is not None
    watching._process.stdin.close()
    watching._process.wait(10)


def test_a_watched_command_is_ended_when_the_pipe_is() -> None:
    with _sleeper() as watched, _sleeper() as other:
        watching = Watchman(os.defpath).__enter__()
        watching.watch(watched)
        _abandon(watching)
        assert watched.wait(10) == -signal.SIGTERM
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("name", ["dash", "bash", "busybox"])
def test_whatever_sh_is_it_asks_first_and_then_makes_the_command_end(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"there is no {name} here")
    (tmp_path / "sh").symlink_to(program)
    monkeypatch.setattr(watchman, "SHELL", str(tmp_path / "sh"))
    deaf = ["sh", "-c", "trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done"]
    with subprocess.Popen(deaf, stdout=subprocess.PIPE, start_new_session=True) as watched:
        assert watched.stdout is not None
        assert watched.stdout.readline() == b"ready\n"
        watching = Watchman(os.defpath).__enter__()
        watching.watch(watched)
        _abandon(watching)
        assert watched.wait(10) == -signal.SIGKILL
        assert watched.stdout.read() == b"asked\n"


def test_a_command_that_has_ended_meanwhile_is_let_alone() -> None:
    with Watchman(os.defpath) as watching, _sleeper() as watched:
        watching.watch(watched)
        watched.kill()
    assert not Path("/proc", str(_pid(watching))).exists(), "nobody watches any more"


def test_what_a_command_leaves_on_purpose_is_not_ended_with_the_watch() -> None:
    with _sleeper() as watched:
        with Watchman(os.defpath) as watching:
            watching.watch(watched)
        assert watched.poll() is None
        watched.kill()


def test_a_run_that_dies_before_there_is_a_command_ends_nobody() -> None:
    watching = Watchman(os.defpath).__enter__()
    _abandon(watching)
    assert watching._process.returncode == 0


def test_a_watchman_that_somebody_has_ended_fails_nothing() -> None:
    with Watchman(os.defpath) as watching, _sleeper() as watched:
        watching._process.kill()
        watching._process.wait()
        watching.watch(watched)
        watched.kill()


def test_the_whole_secret_is_in_the_pipe_before_there_is_a_command() -> None:
    with Feed(Secret("schlüssel")) as feed:
        assert feed.is_done
        assert os.read(feed.reader, 100).decode() == "schlüssel"
        assert os.read(feed.reader, 100) == b""


def test_what_is_longer_than_a_pipe_follows() -> None:
    text = "0123456789abcdef" * 20_000
    with Feed(Secret(text)) as feed:
        read = b""
        while not feed.is_done:
            read += os.read(feed.reader, 10_000)
            feed.go_on()
        while chunk := os.read(feed.reader, 100_000):
            read += chunk
    assert read.decode() == text


def test_whoever_closes_early_has_had_enough() -> None:
    with Feed(Secret("x" * 1_000_000)) as feed:
        assert not feed.is_done
        feed.hand_over()
        feed.go_on()
        assert feed.is_done
