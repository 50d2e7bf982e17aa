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


@pytest.mark.anyio
async def test_a_server_that_one_environment_names_and_the_other_has_from_a_variable_is_one(tmp_path: Path) -> None:
    vault = "vault: {secret: shop, field: KEY}"
    text = MANIFEST.replace("dotenv: {path: PATH, variable: KEY}", vault).replace(
        "project: p2}",
        "project: p2, keys: {backend: {deliver: [{vault: {secret: shop, field: KEY, address: 'https://v:8200/'}}]}}}",
    )
    (tmp_path / "keys.yaml").write_text(text)
    manifest = api.read_manifest(tmp_path / "keys.yaml")

    async with api.connect(manifest, variables={"VAULT_ADDR": "https://v:8200"}) as reconciler:
        with pytest.raises(ManifestError) as caught:
            await reconciler.plan()

    (problem,) = caught.value.problems
    assert problem.message == (
        "one/backend and two/backend are delivered to one place: vault KEY shop and vault https://v:8200/ KEY shop"
    )
