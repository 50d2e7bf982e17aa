"""The command line in processes that are forked, live faster than the world, and have bad disks:
`python -m tests.chaos.forking`.

As `tests.support.zygote`, with more in each request: `variables` (set in the environment), `entropy` (the seed of what
is otherwise random: nonces and pauses), and `disk` (see `tests.chaos.disk`). Answers twice: `pid` as soon as there is a
process, and then `code`. `sabotage` names a way to break the program, see `tests.chaos.sabotage`.

In a fork all waiting takes a `SPEED`-th of its time; the emulator's clock runs as much faster.
"""

from __future__ import annotations

import asyncio
import faulthandler
import importlib
import json
import os
import random
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from tests.chaos.disk import Disk
from tests.chaos.speed import SPEED

_PATIENCE = 60.0
_sleep = time.sleep


def _sleep_fast(seconds: float) -> None:
    _sleep(seconds / SPEED)


time.sleep = _sleep_fast  # type: ignore[assignment]  # before anybody takes it

from reconciler.edge.clock import SystemClock  # noqa: E402
from tests.chaos.sabotage import SABOTAGES  # noqa: E402
from tests.support import zygote  # noqa: E402

_APPLY = zygote.WRITING[0]
_USED = (
    *zygote.IMPORTED_LATE,
    *(f"reconciler.edge.sinks.{kind}" for kind in ("dotenv", "file", "age", "exec", "vault")),
    *(f"reconciler.edge.sinks.{kind}" for kind in ("aws", "github_actions", "gitlab_ci", "kubernetes")),
    *("boto3", "botocore.session", "nacl.public", "pyrage", "yaml", "reconciler.formats.data"),
)


class Countdown(zygote.Countdown):
    """Counts lines from where the plan is made and the sinks are tried: what comes after that changes something."""

    _began = False

    def _call(self, frame: FrameType, event: str, arg: Any) -> zygote.Trace | None:
        code = frame.f_code
        self._began = self._began or (code.co_name == "run" and code.co_filename == _APPLY)
        return super()._call(frame, event, arg) if self._began else None


async def _wait_fast(_: SystemClock, seconds: float) -> None:
    await asyncio.sleep(seconds / SPEED)


def _run(command: dict[str, Any]) -> dict[str, int]:
    child = os.fork()
    if child == 0:
        _be_the_program(command)
    _say({"pid": child})
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status)}


def _be_the_program(command: dict[str, Any]) -> None:
    """In the child: never returns."""
    # What hangs says where, and ends.
    faulthandler.dump_traceback_later(_PATIENCE, exit=True, file=_output_of(command))
    os.environ.update(command["variables"])
    entropy = random.Random(command["entropy"])
    random.SystemRandom = lambda: entropy  # type: ignore[assignment,misc]
    random.seed(command["entropy"])
    SystemClock.sleep = _wait_fast  # type: ignore[assignment,method-assign]
    SystemClock.monotonic = lambda _: time.monotonic() * SPEED  # type: ignore[assignment,method-assign]
    Disk(**command["disk"]).mount()
    if command["sabotage"]:
        SABOTAGES[command["sabotage"]]()
    zygote.Countdown = Countdown  # type: ignore[misc]
    zygote.be_the_program(command, os.open(os.devnull, os.O_WRONLY))


def _output_of(command: dict[str, Any]) -> Any:
    return open(command["output"] + ".hung", "w")  # noqa: PTH123 - for as long as the process lives


def _say(what: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for module in _USED:
        with suppress(ImportError):
            importlib.import_module(module)
    for request in sys.stdin:
        _say(_run(json.loads(request)))
