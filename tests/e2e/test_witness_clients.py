"""Other people's clients find in the emulator what they expect of a server: create, list, get, update, delete, errors.

Each runs in a process of its own, against an emulator on a port in another.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import Emulator, Profile
from tests.repository import ROOT
from tests.support.processes import clean_environment

pytestmark = pytest.mark.slow

_WITNESSES = ROOT / "tests" / "witnesses"
_APPWRITE_27 = ROOT / ".venv" / "witness-27"
_NODE = _WITNESSES / "node"
_REFUSED = [401, "user_unauthorized"]
_DENIED = [403, "key_creation_denied"]
_NONE = "no such method"


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A client, and the command that runs it."""

    command: tuple[str, ...]
    path: str = ""

    def says(self, given: dict[str, str]) -> dict[str, Any]:
        """What it finds at a server."""
        environment = clean_environment() | ({"PYTHONPATH": self.path} if self.path else {})
        ended = subprocess.run(
            self.command,
            input=json.dumps(given),
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        return dict(json.loads(ended.stdout))


def _python(module: str, path: str = "") -> Witness:
    return Witness(command=(sys.executable, str(_WITNESSES / "keys.py"), module), path=path)


def _node() -> Witness:
    node = shutil.which("node")
    if node is None or not (_NODE / "node_modules" / "node-appwrite").is_dir():
        pytest.skip("npm's node-appwrite is no witness here: node is missing, or `npm ci` was not run")
    return Witness(command=(node, str(_NODE / "keys.mjs")))


@contextmanager
def _server(profile: Profile, folder: Path) -> Iterator[dict[str, str]]:
    """Where and with what to call an emulator that has the keys `witness`, `subject` and `other`."""
    database = folder / "emulator.sqlite3"
    emulator = Emulator(database, profile=profile)
    emulator.ensure_project("shop", organization="acme")
    scopes = ["keys.read", "keys.write", "users.read"]
    given = {"project": "shop", "organization": "acme", "key": emulator.add_key("shop", "witness", scopes)}
    given["organization_key"] = (
        "organization_" + "0" * 256  # there are none
        if profile == "1.9.x"
        else emulator.add_organization_key("acme", ["projects.read", "keys.read", "keys.write"])
    )
    given["session"] = f"a_session_console={emulator.console_session()}"
    for key_id in ("subject", "other"):
        emulator.add_key("shop", key_id, [])
    emulator.close()
    command = [
        sys.executable,
        "-m",
        "reconciler",
        "emulator",
        "--port",
        "0",
        "--profile",
        profile,
        "--database",
        str(database),
    ]
    with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        given["endpoint"] = process.stdout.readline().split(" at ")[1].strip()
        try:
            yield given
        finally:
            process.terminate()


def _shown(key_id: str, name: str, *scopes: str, expire: str = "", secret: str = "standard_") -> dict[str, Any]:
    return {"id": key_id, "name": name, "scopes": list(scopes), "expire": expire, "secret": secret}


def _common(secret: str = "standard_") -> dict[str, Any]:
    """What every client finds on every server."""
    end = "2030-01-01T00:00:00.000+00:00"
    return {
        "get": _shown("subject", "subject", secret=secret),
        "update": _shown("subject", "Renamed", "keys.read", expire=end, secret=secret),
        "missing": [404, "key_not_found"],
        "wrong": [401, "user_unauthorized"],
        "invalid": [400, "general_argument_invalid"],
        "ephemeral": _shown("", "", "keys.read", secret="ephemeral"),
        "delete": None,
        "deleted": [404, "key_not_found"],
    }


@pytest.mark.parametrize("profile", ["1.9.x", "main"])
def test_the_last_python_client_that_creates_keys(profile: Profile, tmp_path: Path) -> None:
    with _server(profile, tmp_path) as given:
        said = _python("appwrite").says(given)

    made = _shown("by-key", "By key", "users.read") if profile == "1.9.x" else _DENIED
    ids = ["by-key"] * (profile == "1.9.x") + ["by-session", "other", "subject", "witness"]
    assert said["keys"] == _common() | {
        "create by key": made,
        "create by session": _shown("by-session", "By session"),
        "taken": [409, "key_already_exists"],
        "list": ids,
        "listed by ephemeral": len(ids),
    }
    assert said["organization"]["projects"] == (_REFUSED if profile == "1.9.x" else ["shop"])


@pytest.mark.parametrize("profile", ["1.9.x", "main", "2.6.2"])
def test_the_newest_python_client_creates_none(profile: Profile, tmp_path: Path) -> None:
    if not _APPWRITE_27.is_dir():
        pytest.fail(f"{_APPWRITE_27} is missing: run `make unit`, which fills it")
    with _server(profile, tmp_path) as given:
        said = _python("appwrite", str(_APPWRITE_27)).says(given)

    assert said["keys"] == _common("" if profile == "2.6.2" else "standard_") | {
        "create by key": _NONE,
        "create by session": _NONE,
        "taken": _NONE,
        "list": ["other", "subject", "witness"],
        "listed by ephemeral": 3,
    }
    absent = [404, None] if profile != "2.6.2" else None
    found = {"list": ["other", "witness"], "update": "described", "ephemeral": "ephemeral_", "delete": None}
    assert said["organization"] == {
        "projects": _REFUSED if profile == "1.9.x" else ["shop"],
        "create": _NONE,
        **(dict.fromkeys(found, absent) if absent else found),
    }


@pytest.mark.parametrize("profile", ["1.9.x", "main", "2.6.2"])
def test_the_console_client_creates_by_session_and_by_organization(profile: Profile, tmp_path: Path) -> None:
    with _server(profile, tmp_path) as given:
        said = _python("appwrite_console").says(given)

    ids = ["by-key"] * (profile == "1.9.x") + ["by-session", "other", "subject", "witness"]
    assert said["keys"] == _common("" if profile == "2.6.2" else "standard_") | {
        "create by key": _shown("by-key", "By key", "users.read") if profile == "1.9.x" else _DENIED,
        "create by session": _shown("by-session", "By session"),
        "taken": [409, "key_already_exists"],
        "list": ids,
        "listed by ephemeral": len(ids),
    }
    if profile == "2.6.2":
        assert said["organization"]["create"] == _shown("of-acme", "Acme's")
        assert said["organization"]["update"] == "described"


@pytest.mark.parametrize("profile", ["1.9.x", "main"])
def test_the_npm_client(profile: Profile, tmp_path: Path) -> None:
    witness = _node()
    with _server(profile, tmp_path) as given:
        said = witness.says(given)

    ids = ["by-key"] * (profile == "1.9.x") + ["other", "subject", "witness"]
    assert said["keys"] == _common() | {
        "create by key": _shown("by-key", "By key", "users.read") if profile == "1.9.x" else _DENIED,
        "list": ids,
        "listed by ephemeral": len(ids),
    }
