"""The program is killed (SIGKILL) while it applies a saved plan, and the same `apply FILE` finishes what it began."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.folders import a_folder
from tests.support.processes import Server, Zygote, ended, run, start
from tests.support.sites import KEYS, Site
from tests.support.sweeps import STRIDE

PLAN = ("plan", "--out", "plan.json")
APPLY = ("apply", "plan.json", "--parallelism", "1")
SHARES = 2
EVERY = 16
"""Of the lines that an apply runs in the writing parts, the program is killed before each sixteenth, in turns on a
server that shows secrets and on one that hides them: it is the apply that test_kill kills, but for where its plan is
from.
"""

pytestmark = pytest.mark.slow


def planned(site: Site, zygote: Zygote, *flags: str) -> Site:
    """A site with a saved plan beside its manifest."""
    made = zygote.run(site.folder, *PLAN, *flags)
    assert made.code == 0, made.output
    return site


def changed(site: Site, zygote: Zygote) -> Site:
    """A site with a saved plan that updates, makes and deletes."""
    assert zygote.run(site.folder, "apply", "--auto-approve").code == 0
    web = {**KEYS["web"], "scopes": ["users.read"], "name": "Web"}
    site.declare({"web": web, "people": {**KEYS["people"], "scopes": ["rows.read"]}})
    return planned(site, zygote, "--allow-in-use")


def killed_at(site: Site, nth: int, when: Literal["before", "after"]) -> int:
    """`apply plan.json`, killed while its n-th call is under way."""
    site.server.gate("arm", site.project, nth=nth, when=when)
    process = start(site.folder, *APPLY)
    site.server.gate("wait", site.project, calls=1)
    process.kill()
    code = ended(process, site.folder).code
    site.server.gate("release", site.project)
    return code


def assert_finished(site: Site, zygote: Zygote) -> None:
    """The same command does what was left, once more it has nothing to do, and nothing is left for another plan."""
    again = zygote.run(site.folder, *APPLY)
    assert again.code == 0, again.output
    site.assert_converged()
    before = site.server.keys(site.project)
    assert zygote.run(site.folder, *APPLY).code == 0
    assert site.server.keys(site.project) == before
    assert zygote.run(site.folder, "plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 9))
def test_killed_during_a_call_the_same_command_finishes_the_plan(
    server: Server, zygote: Zygote, tmp_path: Path, nth: int, when: Literal["before", "after"]
) -> None:
    site = planned(Site(server, tmp_path), zygote)

    assert killed_at(site, nth, when) == -signal.SIGKILL

    assert_finished(site, zygote)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 5))
def test_killed_during_an_update_or_a_deletion_the_same_command_finishes_the_plan(
    server: Server, zygote: Zygote, tmp_path: Path, nth: int, when: Literal["before", "after"]
) -> None:
    site = changed(Site(server, tmp_path), zygote)

    assert killed_at(site, nth, when) == -signal.SIGKILL

    assert_finished(site, zygote)


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("hides", [False, True])
def test_killed_before_a_line_of_what_writes_the_same_command_finishes_the_plan(
    server: Server, hiding_server: Server, zygote: Zygote, share: int, hides: bool
) -> None:
    where = hiding_server if hides else server
    with a_folder() as folder:
        counted = zygote.run(planned(Site(where, folder), zygote).folder, *APPLY, kill=0)
    assert counted.code == 0
    kills = 0
    for point in range(1 + EVERY * (2 * share + hides), counted.lines, 2 * EVERY * SHARES * STRIDE):
        with a_folder() as folder:
            site = planned(Site(where, folder), zygote)
            kills += zygote.run(folder, *APPLY, kill=point).code == -signal.SIGKILL
            again = zygote.run(folder, *APPLY)
            assert again.code == 0, f"killed before line {point}, the same command said:\n{again.output}"
            site.assert_converged()
    assert kills * SHARES * STRIDE > 25


def test_killed_again_and_again_the_same_command_gets_there(server: Server, zygote: Zygote, tmp_path: Path) -> None:
    site = planned(Site(server, tmp_path), zygote)
    kills = 0
    for point in range(10, 3000, 17):
        result = zygote.run(site.folder, *APPLY, kill=point)
        if result.code == 0:
            break
        assert result.code == -signal.SIGKILL, result.output
        kills += 1
    assert kills > 5
    site.assert_converged()


def test_a_plan_that_another_apply_has_done_is_done(server: Server, zygote: Zygote, tmp_path: Path) -> None:
    site = planned(Site(server, tmp_path), zygote)
    assert zygote.run(site.folder, "apply", "--auto-approve").code == 0
    before = site.server.keys(site.project)

    ended_ = run(site.folder, *APPLY, "--format", "json")

    assert ended_.code == 0
    results: list[dict[str, Any]] = ended_.report["environments"][0]["results"]
    assert {each["address"]: each["status"] for each in results} == dict.fromkeys(
        [f"live/{name}" for name in KEYS], "already_so"
    )
    assert site.server.keys(site.project) == before
