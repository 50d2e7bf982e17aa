from pathlib import Path

import pytest

from reconciler.api import connect, read_manifest, validate

pytestmark = pytest.mark.anyio

MANIFEST = """\
version: 1
owner: shop
keys: {ci: {scopes: [users.read]}}
environments:
  one: {endpoint: emulator, project: p-1}
  two: {endpoint: emulator, project: p-2}
  far: {endpoint: "${SOMEWHERE}", project: p-3}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "keys.yaml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


async def test_an_environment_that_is_named_twice_is_planned_once(manifest: Path) -> None:
    async with connect(read_manifest(manifest), ["two", "one", "two"], variables={}) as reconciler:
        planned = await reconciler.plan()

    assert [change.address for change in planned.plan.changes] == ["two/ci", "one/ci"]


def test_an_environment_that_is_named_twice_is_judged_once(manifest: Path) -> None:
    (checked,) = validate([manifest], ["one", "one"], {}).environments
    assert (checked.environment, checked.keys) == ("one", 1)
