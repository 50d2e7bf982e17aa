"""The example of a sink in a package of its own, installed and used through the command line."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import ROOT
from tests.support.command import Ended
from tests.support.processes import clean_environment

PACKAGE = ROOT / "examples" / "sink-package"
MANIFEST = """\
version: 1
owner: shop
keys:
  web: {scopes: [users.read], deliver: [{sqlite: {path: secrets.db, name: "{environment}/{name}"}}]}
  ci: {scopes: [users.read], deliver: [{sqlite: {path: secrets.db, name: "{environment}/{name}"}}]}
environments:
  local: {endpoint: emulator, project: p1}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what pip makes of the package, without a network."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(PACKAGE, folder / "source")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps"]
    command = [*pip, "--no-build-isolation", "--target", str(folder / "site"), str(folder / "source")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "site"


class Shop:
    """The command line with the package, in a folder of its own."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        path = os.pathsep.join((str(ROOT), str(site)))
        self._environment = {**clean_environment(), "PYTHONPATH": path}

    def __call__(self, *arguments: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        return Ended(code=done.returncode, out=done.stdout, err=done.stderr)

    def rows(self) -> dict[str, str]:
        database = sqlite3.connect(self.folder / "secrets.db")
        try:
            return dict(database.execute("SELECT name, value FROM secrets ORDER BY name"))
        finally:
            database.close()

    def change(self, statement: str) -> None:
        database = sqlite3.connect(self.folder / "secrets.db")
        database.execute(statement)
        database.commit()
        database.close()


@pytest.fixture
def shop(tmp_path: Path, installed: Path) -> Shop:
    (tmp_path / "keys.yaml").write_text(MANIFEST, encoding="utf-8")
    return Shop(tmp_path, installed)


def test_its_schema_is_part_of_the_manifests(shop: Shop) -> None:
    assert shop("validate").code == 0
    printed = json.loads(shop("schema", "manifest").out)
    assert printed["$defs"]["sink"]["properties"]["sqlite"]["required"] == ["path", "name"]
    (shop.folder / "keys.yaml").write_text(MANIFEST.replace("name: ", "row: "), encoding="utf-8")
    wrong = shop("validate")
    assert wrong.code == 1
    assert 'keys.yaml:4:42: deliver[1].sqlite of key "web" has no "name"' in wrong.out
    assert "it knows path, name" in wrong.out


def test_it_delivers_and_plans_and_mends_like_any_other(shop: Shop) -> None:
    planned = shop("plan")
    assert planned.code == 0, planned.err
    assert "sqlite" in planned.out
    assert not (shop.folder / "secrets.db").exists()

    assert shop("apply", "--auto-approve").code == 0
    rows = shop.rows()
    assert sorted(rows) == ["local/ci", "local/web"]
    assert all(value.startswith("standard_") for value in rows.values())
    assert (shop.folder / "secrets.db").stat().st_mode & 0o777 == 0o600
    assert shop("plan", "--detailed-exitcode").code == 0

    shop.change("UPDATE secrets SET value = 'changed' WHERE name = 'local/web'")
    shop.change("DELETE FROM secrets WHERE name = 'local/ci'")
    drifted = shop("plan", "--detailed-exitcode")
    assert drifted.code == 2, drifted.err
    assert shop("apply", "--auto-approve").code == 0
    assert shop.rows() == rows


def test_a_database_that_somebody_locks_is_told_before_a_key_is_made(shop: Shop) -> None:
    assert shop("apply", "--auto-approve", "--target", "local/ci").code == 0
    database = sqlite3.connect(shop.folder / "secrets.db", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    refused = shop("apply", "--auto-approve")
    database.close()
    assert refused.code == 1
    assert "database is locked" in refused.err
    assert sorted(shop.rows()) == ["local/ci"]


def test_a_folder_that_is_not_there_is_told_before_a_key_is_made(shop: Shop) -> None:
    (shop.folder / "keys.yaml").write_text(MANIFEST.replace("path: ", "path: none/"), encoding="utf-8")
    refused = shop("apply", "--auto-approve")
    assert refused.code == 1
    assert "none is no folder to write in" in refused.err
    assert "make it first" in refused.err
