from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.api import connect, read_manifest
from reconciler.core.outcome import Outcome
from reconciler.emulator import Emulator

pytestmark = pytest.mark.anyio

MANIFEST = """\
version: 1
owner: shop
keys: {ci: {scopes: [users.read]}}
environments: {local: {endpoint: emulator, project: p-1, organization: emulator, credential: {env: CREDENTIAL}}}
"""
STALE = "no owned key is left to refresh the server's cache with"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "keys.yaml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path / ".reconciler" / "emulator.sqlite3")
    emulator.ensure_project("p-1")
    yield emulator
    emulator.close()


async def run(manifest: Path, credential: str, *, destroy: bool = False) -> Outcome:
    async with connect(read_manifest(manifest), variables={"CREDENTIAL": credential}) as reconciler:
        return await reconciler.apply(await (reconciler.plan_to_destroy() if destroy else reconciler.plan()))


async def test_a_refused_creation_warns_of_no_deleted_key(manifest: Path, server: Emulator) -> None:
    outcome = await run(manifest, server.add_organization_key("emulator", ["keys.read"]))

    assert not outcome.complete
    assert outcome.environments[0].warnings == ()


async def test_the_deletion_of_the_last_owned_key_warns_that_a_server_before_2_0_may_go_on_accepting_it(
    manifest: Path, server: Emulator
) -> None:
    session = f"a_session_console={server.console_session()}"
    await run(manifest, session)

    outcome = await run(manifest, session, destroy=True)

    assert outcome.complete
    assert [warning.split(";")[0] for warning in outcome.environments[0].warnings] == [STALE]
