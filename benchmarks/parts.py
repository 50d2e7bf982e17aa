"""Single parts of a run at the size that the server or the guard allows them, for who wants to know where time goes.

No bound is known for them, so their targets are several times what they took when this was written.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figures import Figure
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import wire
from reconciler.edge.appwrite.keys import PAGE
from reconciler.edge.sinks.dotenv import DotenvSink

TIMES = 5
VARIABLES = 500


def figures(folder: Path) -> Iterator[Figure]:
    """A page of keys read, and one delivery into a dotenv file of 500 variables."""
    page = _page()
    yield Figure(
        name=f"a page of {PAGE:,} keys read",
        measured=_least(lambda: wire.read_page(json.loads(page, object_hook=_sealed))),
        target=0.2,
        unit="s",
    )
    sink = _sink(folder)
    turns = iter(range(TIMES))
    yield Figure(
        name=f"a delivery into a dotenv file of {VARIABLES} variables",
        measured=1000 * _least(lambda: _deliver(sink, Secret(f"standard_{next(turns):0256x}"))),
        target=15,
        unit="ms",
    )


def _least(work: Callable[[], object]) -> float:
    """Seconds of the quickest of several times; the first one warms up."""
    best = float("inf")
    for _ in range(TIMES):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def _page() -> str:
    moment = "2026-08-01T12:00:00.000+00:00"
    times = {"$createdAt": moment, "$updatedAt": moment, "expire": moment, "accessedAt": ""}
    key = {**times, "name": "Backend", "scopes": ["rows.read"], "sdks": []}
    keys = [
        {**key, "$id": f"backend-{number}.abcdefgh.g1", "secret": f"standard_{number:0256x}"} for number in range(PAGE)
    ]
    return json.dumps({"total": PAGE, "keys": keys})


def _sealed(fields: dict[str, object]) -> dict[str, object]:
    secret = fields.get("secret")
    return {**fields, "secret": Secret(secret)} if isinstance(secret, str) else fields


def _sink(folder: Path) -> DotenvSink:
    folder.mkdir(parents=True)
    path = folder / "many.env"
    path.write_text("".join(f"KEY_{number}=standard_{number:0256x}\n" for number in range(VARIABLES)), "utf-8")
    return DotenvSink(path=path, variable=f"KEY_{VARIABLES - 1}")


def _deliver(sink: DotenvSink, secret: Secret) -> None:
    assert sink.look().secret != secret
    sink.write(secret, None)
    assert sink.look().secret == secret
