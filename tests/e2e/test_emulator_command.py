"""`reconciler emulator` as a server for other programs: its files, a login with them, an organization."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.processes import clean_environment

pytestmark = pytest.mark.slow


@contextmanager
def _emulator(folder: Path, *arguments: str) -> Iterator[tuple[str, list[str]]]:
    """Its endpoint, and what it says."""
    command = [sys.executable, "-m", "reconciler", "emulator", "--port", "0", "--database", "x.db", *arguments]
    with subprocess.Popen(command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(3)]
        try:
            yield said[0].split(" at ")[1], said
        finally:
            process.terminate()


def test_its_owner_logs_in_and_finds_the_projects_of_the_organization(tmp_path: Path) -> None:
    arguments = ("--profile", "2.6.2", "--organization", "acme", "--project", "one", "--project", "two")
    with _emulator(tmp_path, *arguments) as (endpoint, said), httpx.Client(base_url=endpoint) as client:
        body = {
            "email": said[2].split()[2].rstrip(","),
            "password": (tmp_path / "x.password").read_text(encoding="ascii").strip(),
        }
        client.post("/account/sessions/email", json=body).raise_for_status()
        projects = client.get("/organization/projects", headers={"X-Appwrite-Organization": "acme"}).json()
        version = client.get("/health/version").json()

    assert said[1:] == ["Console session: x.session", "Console login: owner@emulator.invalid, password in x.password"]
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("x.session", "x.password")} == {0o600}
    assert [project["$id"] for project in projects["projects"]] == ["one", "two"]
    assert version == {"version": "2.6.2"}


def test_its_clock_can_be_off_and_its_secrets_hidden(tmp_path: Path) -> None:
    faults = '[{"fault": "clock", "seconds": 86400000, "direction": "behind"}, {"fault": "hidden_secrets"}]'
    with _emulator(tmp_path, "--project", "one", "--faults", faults) as (endpoint, _):
        session = (tmp_path / "x.session").read_text(encoding="ascii").strip()
        headers = {"X-Appwrite-Project": "one", "X-Appwrite-Mode": "admin", "Cookie": session}
        with httpx.Client(base_url=endpoint, headers=headers) as client:
            made = client.post("/project/keys", json={"keyId": "k", "name": "k", "scopes": []})
            shown = client.get("/project/keys/k").json()

    assert made.json()["secret"].startswith("standard_")
    assert shown["secret"] == ""
    assert int(made.headers["date"].split()[3]) < int(Path(tmp_path / "x.db").stat().st_mtime // 31_557_600 + 1970)
