"""A client that is not ours sees what the command line did: the official Python SDK, on a socket.

Emulator and command line are processes of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from appwrite.client import Client
from appwrite.enums.project_key_scopes import ProjectKeyScopes
from appwrite.exception import AppwriteException
from appwrite.services.project import Project

from tests.support.processes import Ended, clean_environment, delivered, run

PROJECT = "shop"
WITNESS = {
    "name": "Witness",
    "scopes": ["keys.read"],
    "allow_sensitive": ["keys.read"],
    "deliver": [{"dotenv": {"path": "app.env", "variable": "WITNESS"}}],
}
DEPLOY = {
    "name": "CI deploy",
    "scopes": ["functions.read", "sites.write"],
    "expire": "2031-12-31T23:59:59Z",
    "deliver": [{"dotenv": {"path": "app.env", "variable": "DEPLOY"}}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A folder with a manifest for a server that runs."""

    folder: Path
    endpoint: str
    session: str

    def apply(self, *flags: str, **keys: object) -> Ended:
        """Declare these keys and apply them."""
        local = {"endpoint": self.endpoint, "project": PROJECT, "credential": {"file": "emulator.session"}}
        manifest = {"version": 1, "owner": "team", "keys": keys, "environments": {"local": local}}
        (self.folder / "keys.yaml").write_text(json.dumps(manifest), encoding="utf-8")
        return run(self.folder, "apply", "--auto-approve", *flags)

    def sdk(self, secret: str | None) -> Project:
        """The official SDK with a key."""
        return Project(self._client().set_key(secret or ""))

    def _client(self) -> Any:
        client: Any = Client  # ships without types
        return client().set_endpoint(self.endpoint).set_project(PROJECT)

    def owner(self) -> Project:
        """The official SDK in the hands of somebody at the console."""
        return Project(self._client().add_header("x-appwrite-mode", "admin").add_header("cookie", self.session))


@pytest.fixture(params=["main", "1.9.x"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    profile: Literal["main", "1.9.x"] = request.param
    arguments = ["--port", "0", "--project", PROJECT, "--profile", profile, "--database", "emulator.sqlite3"]
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "emulator", *arguments],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().split(" at ")[1].strip()
        process.stdout.readline()
        session = (tmp_path / "emulator.session").read_text(encoding="ascii").strip()
        try:
            yield Site(folder=tmp_path, endpoint=endpoint, session=session)
        finally:
            process.terminate()


def listed(sdk: Project) -> dict[str, Any]:
    """Every key that the SDK sees, by its name."""
    page = sdk.list_keys()
    assert page.total == len(page.keys)
    return {key.name: key for key in page.keys}


@pytest.mark.slow
def test_the_official_sdk_sees_creations_updates_and_deletions_with_a_delivered_secret(site: Site) -> None:
    assert site.apply(witness=WITNESS, deploy=DEPLOY).code == 0

    secrets = {variable: delivered(site.folder, variable) for variable in ("WITNESS", "DEPLOY")}
    sdk = site.sdk(secrets["WITNESS"])
    keys = listed(sdk)
    assert sorted(keys) == ["CI deploy", "Witness"]
    assert {"WITNESS": keys["Witness"].secret, "DEPLOY": keys["CI deploy"].secret} == secrets
    assert keys["CI deploy"].scopes == ["functions.read", "sites.write"]
    assert keys["CI deploy"].expire == "2031-12-31T23:59:59.000+00:00"
    assert keys["Witness"].expire == ""
    with pytest.raises(AppwriteException, match=r"missing scopes \(\[\"keys\.read\"\]\)") as lacking:
        site.sdk(secrets["DEPLOY"]).list_keys()
    assert lacking.value.type == "general_unauthorized_scope"
    with pytest.raises(AppwriteException) as unknown:
        site.sdk("standard_" + "0" * 256).list_keys()
    assert unknown.value.type == "user_unauthorized"

    assert site.apply(witness=WITNESS, deploy={**DEPLOY, "scopes": ["sites.read"], "expire": "never"}).code == 0

    changed = sdk.get_key(keys["CI deploy"].id)
    assert (changed.scopes, changed.expire, changed.secret) == (["sites.read"], "", secrets["DEPLOY"])

    assert site.apply("--allow-in-use", witness=WITNESS).code == 0

    assert sorted(listed(sdk)) == ["Witness"]
    with pytest.raises(AppwriteException) as gone:
        site.sdk(secrets["DEPLOY"]).list_keys()
    assert gone.value.type == "user_unauthorized"


@pytest.mark.slow
def test_what_the_official_sdk_changes_is_mended_and_what_it_makes_is_left_alone(site: Site) -> None:
    assert site.apply(witness=WITNESS).code == 0
    owner = site.owner()
    (witness,) = listed(owner).values()
    made = owner.create_key("made-with-the-sdk", "Somebody's", [ProjectKeyScopes.USERS_READ])
    owner.update_key(witness.id, "Renamed", [ProjectKeyScopes.KEYS_READ, ProjectKeyScopes.KEYS_WRITE])

    assert site.apply(witness=WITNESS).code == 0

    keys = listed(site.sdk(delivered(site.folder, "WITNESS")))
    assert sorted(keys) == ["Somebody's", "Witness"]
    assert keys["Witness"].scopes == ["keys.read"]
    assert keys["Somebody's"].to_dict() == made.to_dict()


@pytest.mark.slow
def test_a_key_deleted_with_the_official_sdk_is_made_again_and_its_new_secret_delivered(site: Site) -> None:
    assert site.apply(witness=WITNESS).code == 0
    before = delivered(site.folder, "WITNESS")
    (witness,) = listed(site.owner()).values()
    site.owner().delete_key(witness.id)

    assert site.apply(witness=WITNESS).code == 0

    after = delivered(site.folder, "WITNESS")
    assert after != before
    assert listed(site.sdk(after))["Witness"].secret == after
