"""The Python API: what is raised before anything is changed, and what an outcome tells afterwards."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconciler.api import Allowances, Reconciler, connect, read_manifest, refuse
from reconciler.core.ids import Realm, key_id
from reconciler.core.outcome import Result, Status
from reconciler.core.secret import Secret
from reconciler.edge.sinks.dotenv import DotenvSink
from reconciler.emulator import Emulator
from reconciler.errors import CredentialError, GuardError, ManifestError, SeveralErrors, SinkError
from tests.support.clocks import FakeClock

pytestmark = pytest.mark.anyio

MANIFEST = """\
version: 1
owner: shop
keys:
  a: {name: A, scopes: [users.read], deliver: [{dotenv: {path: "env/{environment}.env", variable: A}}]}
  b: {name: B, scopes: [users.read], deliver: [{dotenv: {path: "env/{environment}.env", variable: B}}]}
environments:
  one: {endpoint: emulator, project: p-1}
  two: {endpoint: emulator, project: p-2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys.yaml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


@pytest.fixture
async def reconciler(folder: Path) -> AsyncIterator[Reconciler]:
    manifest = read_manifest(folder / "keys.yaml")
    async with connect(manifest, variables={}, clock=FakeClock()) as connected:
        yield connected


async def keys(reconciler: Reconciler) -> list[int]:
    return [len((await site.store.list()).keys) for site in reconciler.sites]


async def test_every_environment_is_applied_and_each_secret_is_where_it_was_declared(
    reconciler: Reconciler, folder: Path
) -> None:
    results: list[Result] = []

    outcome = await reconciler.apply(await reconciler.plan(), progress=results.append)

    assert outcome.complete
    assert [len(each.results) for each in outcome.environments] == [2, 2]
    assert len(results) == 4
    for name in ("one", "two"):
        site = reconciler.sites[("one", "two").index(name)]
        for variable in ("A", "B"):
            secret = DotenvSink(path=folder / "env" / f"{name}.env", variable=variable).look().secret
            assert secret is not None
            assert await site.store.accepts(secret)
    assert (await reconciler.plan()).plan.changes == ()


async def test_a_plan_that_a_guard_refuses_is_not_applied(folder: Path) -> None:
    emulator = Emulator(folder / ".reconciler" / "emulator.sqlite3")
    emulator.ensure_project("p-1")
    realm = Realm(owner="shop", environment="one", project="p-1")
    for number in range(10):
        emulator.add_key("p-1", key_id(realm, f"old-{number}"), [])
    emulator.close()

    async with connect(read_manifest(folder / "keys.yaml"), ["one"], variables={}) as reconciler:
        planned = await reconciler.plan()
        with pytest.raises(GuardError, match=r"the plan is refused \(.*\); nothing was changed") as refused:
            await reconciler.apply(planned)
        assert await keys(reconciler) == [10]
        refuse(await reconciler.plan(Allowances(deletes=10)))

    assert refused.value.exit_code == 4
    assert not (folder / "env").exists()


async def test_every_sink_that_cannot_be_written_is_told_before_a_key_is_made(
    reconciler: Reconciler, folder: Path
) -> None:
    (folder / "env").mkdir()
    (folder / "env" / "one.env").mkdir()
    (folder / "env" / "two.env").symlink_to("elsewhere.env")

    planned = await reconciler.plan()
    with pytest.raises(SeveralErrors) as told:
        await reconciler.apply(planned)

    messages = [error.message for error in told.value.errors]
    assert all(isinstance(error, SinkError) for error in told.value.errors)
    assert [message.partition(":")[0] for message in messages] == ["one/a", "one/b", "two/a", "two/b"]
    assert await keys(reconciler) == [0, 0]


async def test_what_fails_in_one_environment_stops_no_other(folder: Path) -> None:
    text = MANIFEST.replace("project: p-1", "project: p-1, organization: emulator, credential: {env: KEY}")
    (folder / "keys.yaml").write_text(text, encoding="utf-8")
    emulator = Emulator(folder / ".reconciler" / "emulator.sqlite3")
    emulator.ensure_project("p-1")
    key = emulator.add_organization_key("emulator", ["keys.read"])
    emulator.close()

    async with connect(read_manifest(folder / "keys.yaml"), variables={"KEY": key}) as reconciler:
        outcome = await reconciler.apply(await reconciler.plan())

    one, two = ({result.status for result in each.results} for each in outcome.environments)
    assert Status.APPLIED not in one
    assert two == {Status.APPLIED}
    assert not outcome.complete


async def test_what_is_wrong_with_several_environments_is_told_at_once_and_before_any_call(folder: Path) -> None:
    text = MANIFEST.replace("project: p-1", "project: p-1, credential: {env: MISSING}").replace(
        "project: p-2", "project: p-2, credential: {file: nowhere}"
    )
    (folder / "keys.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(SeveralErrors) as told:
        async with connect(read_manifest(folder / "keys.yaml"), variables={}):
            pass

    assert [type(error) for error in told.value.errors] == [CredentialError, CredentialError]
    assert "MISSING" in told.value.errors[0].message
    assert "nowhere" in told.value.errors[1].message
    assert not (folder / ".reconciler").exists()


async def test_the_problems_that_only_the_server_can_tell_name_their_place(folder: Path) -> None:
    (folder / "keys.yaml").write_text(MANIFEST.replace("users.read", "analytics.read"), encoding="utf-8")

    async with connect(read_manifest(folder / "keys.yaml"), ["one"], variables={}) as reconciler:
        with pytest.raises(ManifestError) as told:
            await reconciler.plan()

    assert [(each.position.line, each.position.column) for each in told.value.problems] == [(4, 25), (5, 25)]
    assert all("unknown to this server" in each.message for each in told.value.problems)


async def test_a_stopped_apply_begins_nothing(reconciler: Reconciler) -> None:
    reconciler.stop.set()

    outcome = await reconciler.apply(await reconciler.plan())

    assert {result.status for each in outcome.environments for result in each.results} == {Status.NOT_ATTEMPTED}
    assert await keys(reconciler) == [0, 0]


async def test_destroy_empties_every_connected_environment_of_what_is_owned(
    reconciler: Reconciler, folder: Path
) -> None:
    await reconciler.apply(await reconciler.plan())
    held = (folder / "env" / "one.env").read_bytes()

    outcome = await reconciler.apply(await reconciler.plan_to_destroy())

    assert outcome.complete
    assert await keys(reconciler) == [0, 0]
    assert (folder / "env" / "one.env").read_bytes() == held


async def test_a_journal_that_cannot_be_written_is_a_warning_and_no_failure(
    reconciler: Reconciler, folder: Path
) -> None:
    planned = await reconciler.plan()
    (folder / ".reconciler" / "runs").write_text("a file in the folder's place")

    outcome = await reconciler.apply(planned)

    assert outcome.complete
    assert any("cannot be written" in warning for warning in outcome.warnings)


async def test_a_value_that_was_in_the_sink_is_replaced_and_the_plan_says_so(
    reconciler: Reconciler, folder: Path
) -> None:
    sink = DotenvSink(path=folder / "env" / "one.env", variable="A")
    sink.write(Secret("old"), None)

    planned = await reconciler.plan()

    first = planned.plan.changes[0]
    assert [str(mark).partition(" (")[0] for mark in first.marks] == ["replaces a value"]
    await reconciler.apply(planned)
    assert sink.look().secret != Secret("old")
