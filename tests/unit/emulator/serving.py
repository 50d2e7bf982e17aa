"""The emulator as a process of its own: `python -m tests.unit.emulator.serving DATABASE [RULES]`.

Prints the port once it answers, and serves until it is told to end.
"""

import sys
from pathlib import Path

from reconciler.emulator import Emulator, serve
from reconciler.emulator.faults import Faults, parse_rules


def _ready(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    emulator = Emulator(Path(sys.argv[1]))
    emulator.ensure_project("shop")
    emulator.app = Faults(emulator.app, parse_rules(sys.argv[2] if len(sys.argv) > 2 else "[]"))
    serve(emulator, "127.0.0.1", 0, ready=_ready)
    emulator.close()
