"""A secret that does not arrive: the new key is deleted again, the old value stays, and the next run converges."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.core.outcome import Outcome, Result, Status
from reconciler.emulator.faults import Answer, Faults, Rule
from reconciler.errors import SinkError
from tests.support.folders import a_folder
from tests.support.line import Meanwhile
from tests.support.processes import a_server, clean_environment, delivered, run, write_manifest
from tests.support.world import Machine, a_world, assert_converged, desired, held, key

pytestmark = pytest.mark.anyio

OLD = b"# mine\r\nexport A='old value'\r\nOTHER=kept"
CREATION = 4
"""The call of an apply that creates its first key: it lists, and asks the server for version and scopes, before."""


def only(outcome: Outcome) -> Result:
    ((result,),) = (environment.results for environment in outcome.environments)
    return result


def a_folder_in_place_of_the_draft(machine: Machine) -> Callable[[], None]:
    draft = machine.folder / ".reconciler-draft"
    draft.mkdir()
    return draft.rmdir


def a_file_in_place_of_the_folder(machine: Machine) -> Callable[[], None]:
    folder = machine.folder / "deep"
    folder.rmdir()
    folder.touch()

    def undo() -> None:
        folder.unlink()
        folder.mkdir()

    return undo


@pytest.mark.parametrize("file", ["app.env", "deep/app.env"])
async def test_a_sink_that_breaks_after_the_key_was_made_costs_the_key_and_not_the_old_value(file: str) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            (folder / "deep").mkdir()
            (folder / "app.env").write_bytes(OLD)
            breaks = a_file_in_place_of_the_folder if file.startswith("deep") else a_folder_in_place_of_the_draft
            wanted = desired(key("a", machine.dotenv("A", "first/app.env"), machine.dotenv("A", file)))
            mends: list[Callable[[], None]] = []
            world.line.expect({CREATION: Meanwhile(happens=lambda: mends.append(breaks(machine)))})

            result = only(await machine.apply(wanted))

            assert result.status is Status.UNDELIVERED
            assert str(folder / file) in result.message
            assert await world.keys() == {}
            assert (folder / "app.env").read_bytes() == OLD
            assert held(machine.dotenv("A", "first/app.env")) is None  # written, and taken away again
            mends[0]()
            assert (await machine.apply(wanted)).complete
            await assert_converged(machine, wanted, {})


async def test_a_sink_that_cannot_be_written_is_found_before_a_key_is_made() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            machine.write("file", "")
            wanted = desired(key("a", machine.dotenv("A", "file/app.env")), key("b"))
            with pytest.raises(SinkError, match=r"local/a: .*/file is not a folder"):
                await machine.apply(wanted)
            assert await world.keys() == {}


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_commit_that_is_refused_costs_the_key_and_not_the_old_value(status: int) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            (folder / "app.env").write_bytes(OLD)
            wanted = desired(key("a", machine.dotenv("A")))
            machine.line = Faults(world.line, [Rule(fault=Answer(status=status), method="PUT")])

            result = only(await machine.apply(wanted))

            assert result.status is Status.UNDELIVERED
            assert result.message.startswith("not committed: ")
            assert f"the server answered {status}" in result.message
            assert await world.keys() == {}
            assert (folder / "app.env").read_bytes() == OLD
            machine.line = None
            assert (await machine.apply(wanted)).complete
            await assert_converged(machine, wanted, {})


async def test_a_secret_that_the_server_refuses_is_not_left_in_the_sink() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            (folder / "app.env").write_bytes(OLD)
            trial = Rule(fault=Answer(status=401), method="GET", path="/keys/reconciler-asks")
            machine.line = Faults(world.line, [trial])

            result = only(await machine.apply(desired(key("a", machine.dotenv("A")))))

            assert result.status is Status.UNDELIVERED
            assert result.message == "the server refuses the new key's own secret"
            assert await world.keys() == {}
            assert (folder / "app.env").read_bytes() == OLD


async def test_where_the_key_cannot_be_deleted_either_the_report_says_when_it_dies() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            (folder / "app.env").write_bytes(OLD)
            wanted = desired(key("a", machine.dotenv("A")))
            refused = [Rule(fault=Answer(status=403), method=method) for method in ("PUT", "DELETE")]
            machine.line = Faults(world.line, refused)

            result = only(await machine.apply(wanted))

            (left,) = (await world.keys()).values()
            assert result.status is Status.UNDELIVERED
            assert "the new key could not be deleted" in result.message
            assert f"dies at {left['expire'][:19]}" in result.message
            assert (folder / "app.env").read_bytes() == OLD
            machine.line = None
            assert (await machine.apply(wanted)).complete
            await assert_converged(machine, wanted, {})


async def test_a_commit_without_an_answer_undoes_nothing_and_the_next_run_commits_the_same_key() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            wanted = desired(key("a", machine.dotenv("A")))
            machine.line = Faults(world.line, [Rule(fault=Answer(status=503), method="PUT")])

            result = only(await machine.apply(wanted))

            (left,) = (await world.keys()).values()
            assert result.status is Status.FAILED
            assert "not committed" in result.message
            assert f"dies at {left['expire'][:19]}" in result.message
            assert held(machine.dotenv("A")) == left["secret"]
            machine.line = None
            assert (await machine.apply(wanted)).complete
            await assert_converged(machine, wanted, {})
            assert held(machine.dotenv("A")) == left["secret"]


_NO_ROOM = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
runpy.run_module("reconciler", run_name="__main__", alter_sys=True)
"""


def test_a_full_disk_leaves_the_old_file_whole_and_no_key_behind(tmp_path: Path) -> None:
    keys = {"a": {"scopes": [], "deliver": [{"dotenv": {"path": "app.env", "variable": "A"}}]}}
    old = "A=old\n" + "# a long file\n" * 100
    (tmp_path / "app.env").write_text(old, encoding="utf-8")
    with a_server() as server:
        project = server.project()
        write_manifest(tmp_path, server, project, keys)
        full = subprocess.run(
            [sys.executable, "-c", _NO_ROOM, "apply", "--auto-approve", "--format", "json"],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )

        assert full.returncode == 3, full.stderr
        (result,) = json.loads(full.stdout)["environments"][0]["results"]
        assert result["status"] == "undelivered"
        assert "app.env: File too large" in result["message"]
        assert "whether the disk is full" in result["hint"]
        assert server.keys(project) == {}
        assert (tmp_path / "app.env").read_text(encoding="utf-8") == old
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".app.env")]
        assert run(tmp_path, "apply", "--auto-approve").code == 0
        (live,) = server.keys(project).values()
        assert delivered(tmp_path, "A") == live["secret"]
