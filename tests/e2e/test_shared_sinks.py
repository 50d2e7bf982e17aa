from pathlib import Path

import pytest

from reconciler import api
from reconciler.errors import ManifestError

MANIFEST = """\
version: 1
owner: shop
keys:
  backend:
    scopes: [users.read]
    deliver:
      - dotenv: {path: PATH, variable: KEY}
environments:
  one: {endpoint: emulator, project: p1}
  two: {endpoint: emulator, project: p2}
"""


def written(folder: Path, path: str) -> Path:
    file = folder / "keys.yaml"
    file.write_text(MANIFEST.replace("PATH", path))
    return file


def test_two_environments_may_not_meet_in_one_sink(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        api.validate([written(tmp_path, ".env")], (), {})

    (problem,) = caught.value.problems
    assert problem.message.startswith("one/backend and two/backend are delivered to one place: dotenv ")
    assert problem.position.line == 4


@pytest.mark.anyio
async def test_the_plan_of_both_refuses_what_the_plan_of_one_allows(tmp_path: Path) -> None:
    manifest = api.read_manifest(written(tmp_path, ".env"))

    async with api.connect(manifest, variables={}) as reconciler:
        with pytest.raises(ManifestError):
            await reconciler.plan()
    async with api.connect(manifest, ["one"], variables={}) as reconciler:
        assert (await reconciler.plan()).plan.changes


def test_a_path_of_its_own_for_each_environment_is_valid(tmp_path: Path) -> None:
    validation = api.validate([written(tmp_path, '"{environment}.env"')], (), {})

    assert [(checked.environment, checked.keys) for checked in validation.environments] == [("one", 1), ("two", 1)]
