"""One apply of 200 new keys with two sinks each, 50 ms for each call, next to calls × latency ÷ parallelism.

The sinks are fields of a key/value engine as Vault has it. It is the whole command as a user runs it, from its start to
its end; the calls are those that it made. Memory is flat where four times the keys take hardly more of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.processes import COMMAND, REPOSITORY, Cost, cost
from benchmarks.services import LATENCY, PROJECT

KEYS = 200
PARALLELISM = 10
TARGET = 1.5
TARGET_GROWTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an apply took, and how many calls it made."""

    cost: Cost
    calls: int

    @property
    def bound(self) -> float:
        """Seconds that latency alone takes."""
        return self.calls * LATENCY / PARALLELISM


def figures(folder: Path, keys: int = KEYS) -> Iterator[Figure]:
    """Time next to the bound, and memory next to that of a quarter of the keys."""
    few, many = (_apply(folder / str(count), count) for count in (max(1, keys // 4), keys))
    yield Figure(
        name=f"{keys} creations, two sinks each, {PARALLELISM} at once",
        measured=many.cost.seconds / many.bound,
        target=TARGET,
        unit="×",
        detail=f"{many.cost.seconds:.2f} s, {many.bound:.2f} s: {many.calls} calls",
    )
    yield Figure(
        name=f"memory for them beyond that for {max(1, keys // 4)}",
        measured=many.cost.megabytes - few.cost.megabytes,
        target=TARGET_GROWTH,
        unit="MB",
        detail=f"{many.cost.megabytes:.0f} MB, {few.cost.megabytes:.0f} MB",
    )


def _apply(folder: Path, keys: int) -> Applied:
    folder.mkdir(parents=True)
    with _services() as (address, session):
        (folder / "keys.yaml").write_text(_manifest(address, keys), "utf-8")
        variables = {"VAULT_ADDR": address, "VAULT_TOKEN": "token", "APPWRITE_API_KEY": f"a_session_console={session}"}
        took = cost([COMMAND, "apply", "--auto-approve", "-f", folder / "keys.yaml"], os.environ | variables)
        with urllib.request.urlopen(f"{address}/calls") as answer:
            return Applied(cost=took, calls=int(answer.read()))


def _manifest(address: str, keys: int) -> str:
    declared = {
        f"service-{number:03}": {
            "name": f"Service {number}",
            "scopes": ["rows.read", "users.read"],
            "deliver": [
                {"vault": {"secret": f"shop/{number}", "field": "APPWRITE_API_KEY"}},
                {"vault": {"secret": f"spare/{number}", "field": "APPWRITE_API_KEY"}},
            ],
        }
        for number in range(keys)
    }
    environment = {"endpoint": f"{address}/v1", "project": PROJECT}
    return json.dumps({"version": 1, "owner": "benchmark", "keys": declared, "environments": {"live": environment}})


@contextmanager
def _services() -> Iterator[tuple[str, str]]:
    """The services as a process of their own: their address and a console session."""
    command = [sys.executable, "-m", "benchmarks.services"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, session = process.stdout.readline().split()
            yield f"http://127.0.0.1:{port}", session
        finally:
            process.terminate()
