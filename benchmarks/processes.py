"""Runs a command as a user does, as a process of its own, and tells what it took.

Linux carries the peak of the process that started a child over into the child's own: whoever measures memory must
stay small, so worlds are built in processes of their own too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(sys.executable).with_name("reconciler")
REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds from start to end, and the most memory that was held, in MB (of 10⁶ bytes)."""

    seconds: float
    megabytes: float


def cost(command: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> Cost:
    """Run a command whose output is thrown away; raises CalledProcessError unless it exits with 0."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, cwd=REPOSITORY, env=variables) as process:
        started = time.perf_counter()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, [str(word) for word in command])
    kilobytes = usage.ru_maxrss if sys.platform != "darwin" else usage.ru_maxrss / 1024
    return Cost(seconds=seconds, megabytes=kilobytes * 1024 / 1e6)


def module(name: str, *arguments: str | Path) -> str:
    """Run a module of this package and return what it prints."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY).stdout
