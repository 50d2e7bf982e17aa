"""The program is killed (SIGKILL) wherever it can be, and the same command goes on where it died.

Killed while a call is under way, before and after the server did it, and before lines of everything that writes:
apply, delivery, sinks, journal. The next run comes at once: the journal says that the dead one was this machine's.
"""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Literal

import pytest

from tests.support.folders import a_folder
from tests.support.processes import (
    Ended,
    Server,
    Zygote,
    a_server,
    ended,
    run,
    start,
    until_said,
)
from tests.support.sites import KEYS, Site
from tests.support.sweeps import STRIDE

APPLY = ("apply", "--auto-approve", "--parallelism", "1")
SHARES = 2
EVERY = 8
"""Of the lines that an apply runs in the writing parts, the program is killed before each eighth: in turns on a server
that shows secrets and on one that hides them, so that each is there at every sixteenth.
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def site(server: Server, tmp_path: Path) -> Site:
    return Site(server, tmp_path)


def killed_at(site: Site, nth: int, when: Literal["before", "after"], *flags: str) -> Ended:
    """`python -m reconciler apply`, killed while its n-th call is under way."""
    site.server.gate("arm", site.project, nth=nth, when=when)
    process = start(site.folder, *APPLY, *flags)
    site.server.gate("wait", site.project, calls=1)
    process.kill()
    result = ended(process, site.folder)
    site.server.gate("release", site.project)
    return result


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 9))
def test_killed_during_a_call_the_next_run_converges(
    site: Site, zygote: Zygote, nth: int, when: Literal["before", "after"]
) -> None:
    assert killed_at(site, nth, when).code == -signal.SIGKILL
    assert zygote.run(site.folder, *APPLY).code == 0
    site.assert_converged()
    assert zygote.run(site.folder, "plan", "--detailed-exitcode").code == 0


def test_an_apply_makes_as_many_calls_as_it_is_killed_at(site: Site, zygote: Zygote) -> None:
    site.server.gate("arm", site.project, nth=0, when="before")
    assert zygote.run(site.folder, *APPLY).code == 0
    assert site.server.gate("count", site.project) == 8


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_it_refreshes_the_cache_of_an_old_server_it_has_converged(
    zygote: Zygote, tmp_path: Path, when: Literal["before", "after"]
) -> None:
    with a_server(version="1.9.6") as old:
        site = Site(old, tmp_path)
        assert killed_at(site, 9, when).code == -signal.SIGKILL
        site.assert_converged()
        assert zygote.run(site.folder, *APPLY).code == 0
        site.assert_converged()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 4))
def test_killed_during_an_update_or_a_deletion_the_next_run_converges(
    site: Site, zygote: Zygote, nth: int, when: Literal["before", "after"]
) -> None:
    assert zygote.run(site.folder, *APPLY).code == 0
    site.declare({"web": {**KEYS["web"], "scopes": ["users.read"]}, "people": KEYS["people"]})
    assert killed_at(site, nth, when, "--allow-in-use").code == -signal.SIGKILL
    assert zygote.run(site.folder, *APPLY, "--allow-in-use").code == 0
    site.assert_converged()


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_before_a_line_of_what_writes_the_next_run_converges(server: Server, zygote: Zygote, share: int) -> None:
    assert killed_before_lines(server, zygote, 1 + 2 * EVERY * share) * SHARES * STRIDE > 50


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_where_secrets_are_shown_once_none_is_lost(hiding_server: Server, zygote: Zygote, share: int) -> None:
    assert killed_before_lines(hiding_server, zygote, 1 + EVERY + 2 * EVERY * share) * SHARES * STRIDE > 50


def killed_before_lines(server: Server, zygote: Zygote, first: int) -> int:
    """Kill an apply before each line of a share, and assert that the next one converges; returns how often."""
    with a_folder() as folder:
        counted = zygote.run(Site(server, folder).folder, *APPLY, kill=0)
    assert counted.code == 0
    kills = 0
    for point in range(first, counted.lines, 2 * EVERY * SHARES * STRIDE):
        with a_folder() as folder:
            site = Site(server, folder)
            # Two runs may differ by a few lines, so that the last points may lie beyond the end of this one.
            kills += zygote.run(folder, *APPLY, kill=point).code == -signal.SIGKILL
            again = zygote.run(folder, *APPLY)
            assert again.code == 0, f"killed before line {point}, the next run said:\n{again.output}"
            site.assert_converged()
    return kills


def test_killed_again_and_again_it_converges_in_the_end(site: Site, zygote: Zygote) -> None:
    kills = 0
    for point in range(10, 3000, 17):
        result = zygote.run(site.folder, *APPLY, kill=point)
        if result.code == 0:
            break
        assert result.code == -signal.SIGKILL, result.output
        kills += 1
    assert kills > 5
    site.assert_converged()


def test_killed_amid_ten_calls_at_a_time_the_next_run_converges(server: Server, zygote: Zygote, tmp_path: Path) -> None:
    for nth in (3, 8, 14):
        folder = tmp_path / str(nth)
        folder.mkdir()
        site = Site(server, folder)
        many = {name: {**KEYS["people"], "name": name} for name in (f"more-{number}" for number in range(12))}
        site.declare(KEYS | many)
        site.server.gate("arm", site.project, nth=nth, when="from")
        process = start(site.folder, "apply", "--auto-approve")
        site.server.gate("wait", site.project, calls=3)
        process.kill()
        assert ended(process, site.folder).code == -signal.SIGKILL
        site.server.gate("release", site.project, deliver=True)  # calls that were under way arrive after the death
        assert zygote.run(site.folder, *APPLY).code == 0
        assert zygote.run(site.folder, "plan", "--detailed-exitcode").code == 0
        live = site.server.keys(site.project)
        assert len(live) == len(site.keys) + 1


def test_without_the_journal_the_next_run_waits_until_the_dead_one_cannot_be_at_work(site: Site) -> None:
    killed_at(site, 2, "after")  # the first creation
    shutil.rmtree(site.folder / ".reconciler")
    (left,) = (key for key in site.server.keys(site.project).values() if key["name"].endswith(" (undelivered)"))

    waits = start(site.folder, *APPLY, "--format", "json")
    until_said(site.folder / "stderr", "waiting for another run")
    waits.send_signal(signal.SIGINT)
    early = ended(waits, site.folder)

    assert early.code == 3
    results = early.report["environments"][0]["results"]
    (waiting,) = (result for result in results if result["status"] != "applied")
    assert waiting["id"] == left["$id"]
    assert waiting["status"] == "failed"
    assert waiting["message"].startswith("in progress elsewhere: another run created this key at ")
    assert site.server.keys(site.project)[left["$id"]] == left
    site.server.gate("move", seconds=15 * 60 + 1)
    assert run(site.folder, *APPLY).code == 0
    site.assert_converged()
