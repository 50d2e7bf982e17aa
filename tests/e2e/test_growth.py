"""What is done grows no faster than what is declared.

Counted in calls of Python functions, which no busy machine changes; seconds are the business of `make bench`.
"""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from benchmarks.worlds import build
from reconciler import api
from reconciler.core.secret import Secret
from reconciler.edge.sinks.dotenv import DotenvSink
from reconciler.formats.text import plan_text
from tests.repository import ROOT

_FEW, _MANY = 50, 200
_SLACK = 1.15
"""Over the growth of the keys: what remembers has more to remember, and sorting compares more."""


def _calls(work: Callable[[], object]) -> int:
    """How many functions of Python `work` calls, in every thread."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return count


def _plan(path: Path) -> api.Planned:
    async def plan() -> api.Planned:
        async with api.connect(api.read_manifest(path), variables={}) as reconciler:
            return await reconciler.plan()

    return asyncio.run(plan())


def _plan_and_show(path: Path) -> None:
    planned = _plan(path)
    plan_text(planned.plan, planned.refusals)


@pytest.mark.parametrize("changed", [False, True], ids=["unchanged", "changed"])
def test_four_times_the_keys_take_no_more_than_four_times_the_calls(tmp_path: Path, changed: bool) -> None:
    few, many = (build(tmp_path / str(keys), 2, keys, changed=changed) for keys in (_FEW, _MANY))
    _plan_and_show(few)  # imports

    assert _calls(lambda: _plan_and_show(many)) <= _SLACK * _MANY / _FEW * _calls(lambda: _plan_and_show(few))


def test_four_times_the_deliveries_into_one_file_take_no_more_than_four_times_the_parsing(tmp_path: Path) -> None:
    def deliver(count: int) -> None:
        for number in range(count):
            sink = DotenvSink(path=tmp_path / f"{count}.env", variable=f"KEY_{number}")
            sink.write(Secret(f"standard_{count}_{number}"), None)

    deliver(1)  # imports

    assert _calls(lambda: deliver(_MANY)) <= _SLACK * _MANY / _FEW * _calls(lambda: deliver(_FEW))


def test_a_whole_list_costs_three_calls_of_the_server_however_many_keys_there_are(tmp_path: Path) -> None:
    paths = [build(tmp_path / str(keys), 1, keys, changed=False) for keys in (1, _MANY)]

    assert [_requests(path) for path in paths] == [3, 3]


def _requests(path: Path) -> int:
    requests: list[object] = []

    async def plan() -> None:
        async with api.connect(api.read_manifest(path), variables={}) as reconciler:
            (site,) = reconciler.sites
            http: Any = site.store
            http.http.event_hooks["request"].append(_append_to(requests))
            await reconciler.plan()

    asyncio.run(plan())
    return len(requests)


def _append_to(requests: list[object]) -> Callable[[object], Any]:
    async def note(request: object) -> None:
        requests.append(request)

    return note


def test_what_asyncio_run_returns_is_shown_short_however_many_keys_there_are(tmp_path: Path) -> None:
    shown = repr(_plan(build(tmp_path / "world", 1, _MANY, changed=True)))

    assert len(shown) < 1000


@pytest.mark.slow
def test_the_benchmarks_run_and_judge_every_figure() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)

    lines = done.stdout.splitlines()
    assert len(lines) >= 8
    assert all(" ok" in line or " short" in line for line in lines), done.stdout
