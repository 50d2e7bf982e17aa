"""The command line in processes that start at once and die where they are told to: `python -m tests.support.zygote`.

Everything that takes time is imported once; each command is a fork that is the program from then on. Reads a JSON
object per line: `argv`, `folder` (where to run), `output` (the file for stdout and stderr), and `kill`: the number of
the line of the program's writing parts, in the order of execution, before which the process kills itself by SIGKILL;
0 counts only. Answers each with `code` (negative for a signal) and, for `kill` 0, `lines`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import reconciler
import reconciler.api
import reconciler.formats.text
from reconciler.cli.main import main
from reconciler.edge.appwrite import open_http

_HOME = str(Path(reconciler.__file__).parent)
WRITING = tuple(
    os.path.join(_HOME, *parts)  # noqa: PTH118 - compared with the file names of code
    for parts in (
        ("app", "apply.py"),
        ("app", "delivery.py"),
        ("app", "minting.py"),
        ("edge", "journal.py"),
        ("edge", "sinks", ""),
    )
)
IMPORTED_LATE = "anyio._backends._asyncio", "click.shell_completion", "httpcore._backends.auto", "jsonschema.validators"

Trace = Callable[[FrameType, str, Any], Any]


class Countdown:
    """Counts lines of the writing parts, in every thread, and ends the process before one of them."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.lines = 0

    def start(self) -> None:
        threading.settrace(self._call)
        sys.settrace(self._call)

    def _call(self, frame: FrameType, _event: str, _arg: Any) -> Trace | None:
        return self._line if frame.f_code.co_filename.startswith(WRITING) else None

    def _line(self, _frame: FrameType, event: str, _arg: Any) -> Trace:
        if event == "line":
            self.lines += 1
            if self.lines == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._line


def be_the_program(command: dict[str, Any], told: int) -> None:
    """In the child: never returns."""
    os.chdir(command["folder"])
    output = os.open(command["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = ["reconciler", *command["argv"]]
    countdown = Countdown(command["kill"]) if command["kill"] is not None else None
    if countdown:
        countdown.start()
    code = 70
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 70
    except BaseException:  # noqa: BLE001 - the program never lets one out; whoever reads the output sees it did
        traceback.print_exc()
    finally:
        sys.settrace(None)
        sys.stdout.flush()
        sys.stderr.flush()
        if countdown:
            os.write(told, str(countdown.lines).encode())
        os._exit(code)


def _run(command: dict[str, Any]) -> dict[str, int]:
    hears, tells = os.pipe()
    child = os.fork()
    if child == 0:
        be_the_program(command, tells)
    os.close(tells)
    _, status = os.waitpid(child, 0)
    with open(hears, "rb") as pipe:  # noqa: PTH123 - a descriptor
        lines = int(pipe.read() or 0)
    return {"code": os.waitstatus_to_exitcode(status), "lines": lines}


if __name__ == "__main__":
    for module in IMPORTED_LATE:
        importlib.import_module(module)
    open_http("http://localhost/v1", parallelism=1)  # reads the authorities, and connects nowhere
    gc.freeze()
    for request in sys.stdin:
        sys.stdout.write(json.dumps(_run(json.loads(request))) + "\n")
        sys.stdout.flush()
