"""What lasts longer than a seed: a port for Appwrite, a process to fork from, the kinds of sinks and their services."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.front import Front
from tests.chaos.kinds import Kind
from tests.chaos.sorts import SORTS
from tests.repository import ROOT
from tests.support.processes import clean_environment

HUNG = "Timeout ("
"""How the stacks begin that a fork writes which hangs. (Not from `forking`, whose import makes all waiting short.)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended, and all that it said."""

    arguments: tuple[str, ...]
    code: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command that is to be forked; see `tests.chaos.forking`."""

    folder: Path
    arguments: tuple[str, ...]
    variables: Mapping[str, str]
    troubles: tuple[dict[str, Any], ...] = ()
    kill: int | None = None
    entropy: int = 0
    sabotage: str = ""


@dataclass(slots=True, kw_only=True)
class Arena:
    """The lasting parts; `kinds` are those that this machine can run."""

    front: Front
    kinds: dict[str, Kind]
    _process: subprocess.Popen[str]

    @property
    def fronts(self) -> tuple[Front, ...]:
        """Every port that a run may call."""
        return (self.front, *(kind.front for kind in self.kinds.values() if kind.front is not None))

    def run(self, request: Request) -> Ended:
        """Fork a command and wait for its end."""
        output = request.folder / ".output"
        for front in self.fronts:
            front.victim.expect()
        self._say(
            {
                "argv": request.arguments,
                "folder": str(request.folder),
                "output": str(output),
                "kill": request.kill,
                "variables": dict(request.variables),
                "entropy": request.entropy,
                "sabotage": request.sabotage,
                "disk": {"log": str(log_of(request.folder)), "troubles": request.troubles},
            }
        )
        born = self._hear()
        for front in self.fronts:
            front.victim.born(born["pid"])
        code = self._hear()["code"]
        text = output.read_text(encoding="utf-8", errors="replace")
        hung = Path(f"{output}.hung").read_text(encoding="utf-8")
        assert HUNG not in hung, f"{' '.join(request.arguments)} hangs:\n{hung}"
        return Ended(arguments=request.arguments, code=code, output=text)

    def _say(self, what: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, int]:
        assert self._process.stdout is not None
        heard: dict[str, int] = json.loads(self._process.stdout.readline())
        return heard


def log_of(folder: Path) -> Path:
    """Where the disk of a seed's programs notes what they put in place."""
    return folder / ".disk"


@contextmanager
def an_arena(kinds: tuple[str, ...] = tuple(SORTS)) -> Iterator[Arena]:
    """An arena for as long as the context is open."""
    command = [sys.executable, "-m", "tests.chaos.forking"]
    pipe = subprocess.PIPE
    with (
        ExitStack() as stack,
        subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdin=pipe, stdout=pipe, text=True) as process,
    ):
        made = {name: stack.enter_context(SORTS[name]()) for name in kinds}
        yield Arena(front=Front(_nothing), kinds=made, _process=process)
        assert process.stdin is not None
        process.stdin.close()


async def _nothing(*_: object) -> None:
    raise AssertionError("no seed is running")
