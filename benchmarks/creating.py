"""Creations against a server that takes 50 ms for each call, next to calls × latency ÷ parallelism.

A key without sinks takes one call; with a sink three: create, try, commit. Measured from the start of apply to its
last creation, because against a server before 2.0 apply then waits a second on purpose.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure
from benchmarks.processes import COMMAND
from benchmarks.worlds import manifest
from reconciler.api import Reconciler, read_manifest, shipped_catalogue
from reconciler.app.planning import Site
from reconciler.cli.main import go_without
from reconciler.core.connecting import connection
from reconciler.core.desired import Connection, Desired
from reconciler.core.keys import ServerFacts
from reconciler.core.manifest import Manifest
from reconciler.core.outcome import Result
from reconciler.core.resolve import resolve
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import AppwriteKeys, open_http
from reconciler.edge.clock import SystemClock
from reconciler.edge.credentials import Credential
from reconciler.emulator import Emulator
from reconciler.emulator.faults import Faults, Latency, Rule

if TYPE_CHECKING:
    import httpx

LATENCY = 0.05
PROJECT = "project-00"
TARGET = 1.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """So many creations at a parallelism, on a socket or in process; `times` it is tried, the best counts."""

    keys: int
    parallelism: int
    sinks: bool
    in_process: bool
    times: int

    @property
    def bound(self) -> float:
        """Seconds that latency alone takes."""
        calls = self.keys * (3 if self.sinks else 1)
        return calls * LATENCY / self.parallelism

    @property
    def name(self) -> str:
        """The figure's name."""
        what = "with a sink, " if self.sinks else ""
        where = "in process" if self.in_process else "on a socket"
        return f"{self.keys} creations, {what}{self.parallelism} at once {where}"


TRIALS = (
    Trial(keys=500, parallelism=1, sinks=False, in_process=False, times=1),
    Trial(keys=500, parallelism=10, sinks=False, in_process=False, times=3),
    Trial(keys=500, parallelism=50, sinks=False, in_process=True, times=3),
    Trial(keys=100, parallelism=1, sinks=True, in_process=False, times=1),
    Trial(keys=500, parallelism=10, sinks=True, in_process=False, times=2),
)
QUICK = (
    Trial(keys=5, parallelism=5, sinks=False, in_process=False, times=1),
    Trial(keys=5, parallelism=5, sinks=True, in_process=True, times=1),
)


def figures(folder: Path, trials: tuple[Trial, ...] = TRIALS) -> Iterator[Figure]:
    """A figure for each trial."""
    go_without()  # as the command does
    for number, trial in enumerate(trials):
        tries = [_try(trial, folder / f"{number}-{turn}") for turn in range(trial.times)]
        best = min(tries)
        yield Figure(
            name=trial.name,
            measured=best / trial.bound,
            target=TARGET,
            unit="×",
            detail=f"{best:.2f} s, {trial.bound:.2f} s",
        )


def _try(trial: Trial, folder: Path) -> float:
    folder.mkdir(parents=True)
    path = folder / "keys.yaml"
    path.write_text(manifest(1, trial.keys, sinks=trial.sinks), "utf-8")
    if trial.in_process:
        return _apply_in_process(trial, path)
    with _server(folder) as (endpoint, session):
        return asyncio.run(_apply(trial, path, open_http(endpoint, parallelism=trial.parallelism), session))


def _apply_in_process(trial: Trial, path: Path) -> float:
    emulator = Emulator(path.with_name("emulator.sqlite3"))
    emulator.ensure_project(PROJECT)
    slow = Faults(emulator.app, [Rule(fault=Latency(seconds=LATENCY))])
    http = open_http("emulator", app=slow, parallelism=trial.parallelism)
    try:
        return asyncio.run(_apply(trial, path, http, emulator.console_session()))
    finally:
        emulator.close()


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, str]]:
    """The emulator as a process of its own: its endpoint and a console session."""
    faults = json.dumps([{"fault": "latency", "seconds": LATENCY}])
    database = folder / "emulator.sqlite3"
    command: list[str | Path] = [COMMAND, "emulator", "--port", "0", "--project", PROJECT]
    command += ["--database", database, "--faults", faults]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            endpoint = process.stdout.readline().split()[-1]
            written = Path(process.stdout.readline().split()[-1]).read_text("ascii")
            session = written.strip().removeprefix("a_session_console=")
            yield endpoint, session
        finally:
            process.terminate()


async def _apply(trial: Trial, path: Path, http: httpx.AsyncClient, session: str) -> float:
    """Seconds from the start of apply to its last creation."""
    known = read_manifest(path)
    found = connection(known, known.environments[0], {})
    async with http:
        reconciler = _reconciler(trial, known, found, http, session)
        planned = await reconciler.plan()
        ends: list[float] = []

        def note(_: Result) -> None:
            ends.append(time.perf_counter())

        started = time.perf_counter()
        outcome = await reconciler.apply(planned, progress=note)
    if not outcome.complete or len(ends) != trial.keys:
        raise RuntimeError(f"{trial.name}: not every key was created")
    return max(ends) - started


def _reconciler(trial: Trial, known: Manifest, found: Connection, http: httpx.AsyncClient, session: str) -> Reconciler:
    clock, entropy = SystemClock(), random.SystemRandom()
    store = AppwriteKeys(
        http,
        project=found.project,
        organization=None,
        credential=Credential(kind="session", secret=Secret(session)),
        limiter=asyncio.Semaphore(trial.parallelism),
        clock=clock,
        random=entropy,
        label=found.environment,
    )

    def desired(facts: ServerFacts) -> Desired:
        return resolve(known, found, catalogue=shipped_catalogue(), server_scopes=facts.scopes)

    empty = replace(desired(ServerFacts()), keys=())
    site = Site(store=store, own_secret=None, empty=empty, resolve=desired, folder=known.path.parent)
    return Reconciler(
        sites=(site,),
        parallelism=trial.parallelism,
        clock=clock,
        entropy=entropy,
    )
