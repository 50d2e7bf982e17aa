"""The command line as tests call it: in this process for speed, or as a process on pipes or on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli.main import main

REMOVED = (
    "APPWRITE_API_KEY", "APPWRITE_ORGANIZATION_API_KEY", "COLUMNS", "GITHUB_ACTIONS", "GITHUB_WORKSPACE", "LINES",
    "NO_COLOR",
)  # fmt: skip
MANIFEST = """\
version: 1
owner: shop
keys:
  ci:
    name: CI
    scopes: [users.read]
    deliver:
      - dotenv: {path: "secrets/{environment}.env", variable: APPWRITE_API_KEY}
environments:
  local: {endpoint: emulator, project: p1}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Command:
    """`reconciler`, in a folder of its own, in this process."""

    folder: Path
    patch: pytest.MonkeyPatch
    captured: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, **variables: str) -> Ended:
        """Run it; variables are set for the rest of the test."""
        for name, value in variables.items():
            self.patch.setenv(name, value)
        self.patch.setattr(sys, "argv", ["reconciler", *arguments])
        self.captured.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self.captured.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(code=ended.value.code, out=out, err=err)

    def write(self, text: str = MANIFEST, name: str = "keys.yaml") -> None:
        """Write a manifest."""
        (self.folder / name).write_text(text, encoding="utf-8")


def in_folder(folder: Path, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> Command:
    """The command in a folder, without the variables of whoever runs the tests."""
    for name in REMOVED:
        patch.delenv(name, raising=False)
    patch.chdir(folder)
    return Command(folder, patch, captured)


def environment(**variables: str) -> Mapping[str, str]:
    """This process's variables without those that the program reads, and with these."""
    return {name: value for name, value in os.environ.items() if name not in REMOVED} | variables


def argv(*arguments: str) -> list[str]:
    """The program as a process."""
    return [sys.executable, "-m", "reconciler", *arguments]


def run(folder: Path, *arguments: str, **variables: str) -> Ended:
    """The command as a process without a terminal."""
    ended = subprocess.run(
        argv(*arguments),
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    return Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)


@dataclass(slots=True, kw_only=True)
class Terminal:
    """A process on a terminal of its own, and what it has shown so far."""

    process: subprocess.Popen[bytes]
    descriptor: int
    shown: str = ""

    def wait_for(self, text: str, seconds: float = 30) -> None:
        """Until a text is shown."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} never came: {self.shown!r}"
            if not self._read() and self.process.poll() is not None:
                assert text in self.shown, f"{text!r} never came: {self.shown!r}"

    def type(self, keys: str) -> None:
        """Send keys: `\\x03` is Ctrl-C, `\\x04` is Ctrl-D at the beginning of a line."""
        time.sleep(0.2)  # a signal between prompt and reading is seen at the next key only; no person is so fast
        os.write(self.descriptor, keys.encode())

    def end(self, seconds: float = 30) -> int:
        """Wait for the exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end: {self.shown!r}"
            self._read()
        while self._read():
            pass
        return self.process.returncode

    def _read(self) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], 0.05)
        if not ready:
            return False
        with suppress(OSError):  # the other end is closed
            data = os.read(self.descriptor, 65536)
            self.shown += data.decode(errors="replace").replace("\r\n", "\n")
            return bool(data)
        return False


@contextmanager
def terminal(
    folder: Path, *arguments: str, columns: int = 80, variables: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """The command on a terminal, stdin, stdout and stderr."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _ON_TERMINAL, *arguments],
        cwd=folder,
        env=environment(**({"TERM": "xterm-256color"} | dict(variables or {}))),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    try:
        yield Terminal(process=process, descriptor=leader)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(leader)


_ON_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is a signal
sys.argv[0] = "reconciler"
from reconciler.cli.main import main
main()
"""
