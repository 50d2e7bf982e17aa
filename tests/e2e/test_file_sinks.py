"""The sinks file and age from plan to apply: delivered, compared, mended, put back, and never written for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.desired import Desired, SinkSpec
from reconciler.core.outcome import Status
from reconciler.core.plan import Create, Deliver, Reason
from reconciler.emulator.faults import Answer, Faults, Rule
from tests.support.ages import Pair, a_pair
from tests.support.folders import a_folder
from tests.support.world import Machine, World, a_world, desired, first_id, generation, is_retiring, key

pytestmark = pytest.mark.anyio

KINDS = ["file", "age", "age with identity"]
CONTENT = b"of somebody else"


def sink_of(folder: Path, kind: str, pair: Pair) -> SinkSpec:
    path = ("path", str(folder / "secrets" / "a"))
    if kind == "file":
        return SinkSpec(kind="file", options=(path,))
    identity = (("identity", str(pair.identity)),) if kind == "age with identity" else ()
    return SinkSpec(kind="age", options=(*identity, path, ("recipients", (pair.recipient,))))


class Case:
    """One key with one sink, on one machine."""

    def __init__(self, world: World, folder: Path, kind: str) -> None:
        self.world, self.kind, self.pair = world, kind, a_pair(folder)
        self.machine = Machine(world=world, folder=folder)
        self.sink = sink_of(folder, kind, self.pair)
        self.path = folder / "secrets" / "a"

    @property
    def wanted(self) -> Desired:
        return desired(key("a", self.sink))

    @property
    def held(self) -> str:
        return self.path.read_text(encoding="ascii") if self.kind == "file" else self.pair.opens(self.path)

    @property
    def files(self) -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in self.path.parent.iterdir()}

    async def assert_converged(self) -> None:
        """One key that stays, whose secret is in the sink; a plan finds nothing, and another apply writes nothing."""
        keys = await self.world.keys()
        live, *older = (keys[key_id] for key_id in sorted(keys, key=generation, reverse=True))
        assert all(map(is_retiring, older))
        assert self.held == live["secret"]
        assert await self.world.accepts(live["secret"])
        (plan,) = (await self.machine.plan(self.wanted)).plan.environments
        assert (plan.changes, plan.unseen) == ((), ())
        before = self.files
        assert (await self.machine.apply(self.wanted)).complete
        assert self.files == before


@pytest.mark.parametrize("hides", [False, True], ids=["shown", "hidden"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_new_keys_secret_arrives_and_is_not_written_again(kind: str, hides: bool) -> None:
    with a_folder() as folder:
        async with a_world(hides=hides) as world:
            case = Case(world, folder, kind)

            assert (await case.machine.apply(case.wanted)).complete

            await case.assert_converged()
            assert set(case.files) == {"a", ".a.reconciler"}


@pytest.mark.parametrize("drift", ["changed", "deleted"])
@pytest.mark.parametrize("kind", KINDS)
async def test_where_the_server_shows_secrets_drift_is_delivered_again(kind: str, drift: str) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            case = Case(world, folder, kind)
            await case.machine.apply(case.wanted)
            case.path.write_bytes(CONTENT) if drift == "changed" else case.path.unlink()

            (change,) = (await case.machine.plan(case.wanted)).plan.changes

            assert isinstance(change, Deliver)
            assert change.reason is Reason.SINK_DIFFERS
            assert (await case.machine.apply(case.wanted)).complete
            await case.assert_converged()


@pytest.mark.parametrize(("kind", "drift"), [*((kind, "deleted") for kind in KINDS), ("file", "changed")])
async def test_where_the_server_hides_secrets_a_lost_one_is_made_anew(kind: str, drift: str) -> None:
    with a_folder() as folder:
        async with a_world(hides=True) as world:
            case = Case(world, folder, kind)
            await case.machine.apply(case.wanted)
            case.path.write_bytes(CONTENT) if drift == "changed" else case.path.unlink()

            changes = (await case.machine.plan(case.wanted)).plan.changes

            assert [change.reason for change in changes if isinstance(change, Create)] == [Reason.SECRET_LOST]
            assert (await case.machine.apply(case.wanted)).complete
            await case.assert_converged()


@pytest.mark.parametrize("spoilt", ["a", ".a.reconciler"], ids=["the file", "its note"])
@pytest.mark.parametrize("kind", ["age", "age with identity"])
async def test_where_nobody_can_tell_nothing_is_done_and_the_plan_says_why(kind: str, spoilt: str) -> None:
    with a_folder() as folder:
        async with a_world(hides=True) as world:
            case = Case(world, folder, kind)
            await case.machine.apply(case.wanted)
            (folder / "secrets" / spoilt).write_bytes(CONTENT)

            (plan,) = (await case.machine.plan(case.wanted)).plan.environments

            assert plan.changes == ()
            assert [each.why for each in plan.unseen] == ["it is not the file that was written here"]


async def test_other_recipients_make_a_delivery_and_the_key_stays() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            case = Case(world, folder, "age")
            await case.machine.apply(case.wanted)
            (folder / "bob").mkdir()
            case.pair = a_pair(folder / "bob")
            case.sink = sink_of(folder, "age", case.pair)

            (change,) = (await case.machine.plan(case.wanted)).plan.changes

            assert isinstance(change, Deliver)
            assert change.reason is Reason.SINK_OUTDATED
            assert (await case.machine.apply(case.wanted)).complete
            assert set(await world.keys()) == {first_id("a")}
            await case.assert_converged()


EXPOSED = "its file is open to others than its owner, by mode {}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
@pytest.mark.parametrize("kind", ["file", "dotenv"])
async def test_a_file_that_somebody_opened_to_others_is_written_anew(kind: str, mode: int) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            path = folder / "a"
            options = {"file": (), "dotenv": (("variable", "KEY"),)}[kind]
            wanted = desired(key("a", SinkSpec(kind=kind, options=(("path", str(path)), *options))))
            machine = Machine(world=world, folder=folder)
            await machine.apply(wanted)
            before = path.read_bytes()
            path.chmod(mode)

            (change,) = (await machine.plan(wanted)).plan.changes

            assert isinstance(change, Deliver)
            assert change.reason is Reason.SINK_OUTDATED
            assert [mark.detail.rpartition(": ")[2] for mark in change.marks] == [EXPOSED.format(f"{mode:04o}")]
            assert (await machine.apply(wanted)).complete
            assert (path.read_bytes(), path.stat().st_mode & 0o777) == (before, 0o600)
            assert (await machine.plan(wanted)).plan.environments[0].changes == ()


async def test_a_file_that_its_owner_alone_may_read_is_as_it_should_be() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            case = Case(world, folder, "file")
            await case.machine.apply(case.wanted)
            case.path.chmod(0o400)

            await case.assert_converged()


async def test_an_encrypted_file_is_for_everybody() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            case = Case(world, folder, "age")
            await case.machine.apply(case.wanted)
            case.path.chmod(0o644)  # as Git checks it out

            await case.assert_converged()


async def test_where_the_secret_is_hidden_an_open_file_is_told_and_no_key_is_made_for_that() -> None:
    with a_folder() as folder:
        async with a_world(hides=True) as world:
            case = Case(world, folder, "file")
            await case.machine.apply(case.wanted)
            case.path.chmod(0o644)

            (plan,) = (await case.machine.plan(case.wanted)).plan.environments

            assert plan.changes == ()
            assert [each.why for each in plan.unseen] == [EXPOSED.format("0644")]


@pytest.mark.parametrize("hides", [False, True], ids=["shown", "hidden"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_commit_puts_back_what_was_there_to_the_byte(kind: str, hides: bool) -> None:
    with a_folder() as folder:
        async with a_world(hides=hides) as world:
            case = Case(world, folder, kind)
            await case.machine.apply(case.wanted)
            for key_id in await world.keys():
                await world.owner.delete(f"/project/keys/{key_id}")  # the file is left with the secret of a dead key
            before = case.files
            case.machine.line = Faults(world.line, [Rule(fault=Answer(status=400), method="PUT")])

            outcome = await case.machine.apply(case.wanted)

            (result,) = outcome.environments[0].results
            assert result.status is Status.UNDELIVERED
            assert case.files == before
            assert await world.keys() == {}
            case.machine.line = None
            assert (await case.machine.apply(case.wanted)).complete
            await case.assert_converged()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_first_delivery_that_is_undone_leaves_no_file(kind: str) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            case = Case(world, folder, kind)
            case.machine.line = Faults(world.line, [Rule(fault=Answer(status=400), method="PUT")])

            assert not (await case.machine.apply(case.wanted)).complete

            assert case.files == {}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_commit_without_an_answer_is_made_good_by_the_next_run(kind: str) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            case = Case(world, folder, kind)
            case.machine.line = Faults(world.line, [Rule(fault=Answer(status=503), method="PUT")])
            assert not (await case.machine.apply(case.wanted)).complete
            before = case.files
            case.machine.line = None

            assert (await case.machine.apply(case.wanted)).complete

            assert case.files == before
            await case.assert_converged()
