"""`escrow: age:RECIPIENT` from the manifest to the file, on a server that shows a secret once and refuses the rest."""

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

import httpx
import pytest

from tests.support.ages import NEEDS_AGE, Pair, a_pair, opened_by_age
from tests.support.processes import Ended, clean_environment, run

pytestmark = pytest.mark.slow

NO = {"fault": "answer", "status": 403}
REFUSED = [NO | {"method": method} for method in ("PUT", "DELETE")]


@contextmanager
def a_server_that_refuses(folder: Path, faults: list[dict[str, Any]]) -> Iterator[str]:
    """An emulator of the newest profile, which shows a secret once; its endpoint."""
    command = [sys.executable, "-m", "reconciler", "emulator", "--port", "0", "--database", "x.db", "--project", "shop"]
    options = ["--profile", "2.6.2", "--faults", json.dumps(faults)]
    with subprocess.Popen(
        [*command, *options], cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(3)]
        try:
            yield said[0].split(" at ")[1]
        finally:
            process.terminate()


def write_manifest(folder: Path, endpoint: str, escrow: str) -> None:
    environment = {"endpoint": endpoint, "project": "shop", "credential": {"file": "x.session"}, "escrow": escrow}
    key = {"scopes": ["users.read"], "deliver": [{"dotenv": {"path": "app.env", "variable": "A"}}]}
    manifest = {"version": 1, "owner": "team", "keys": {"a": key}, "environments": {"live": environment}}
    (folder / "keys.yaml").write_text(json.dumps(manifest), encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a run leaves that made a key, and could neither commit nor delete it."""

    folder: Path
    pair: Pair
    report: Ended

    @property
    def file(self) -> Path:
        (file,) = (self.folder / "escrow" / "live").iterdir()
        return file


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder = tmp_path_factory.mktemp("left")
    pair = a_pair(folder)
    (folder / "app.env").write_text("A=before\n", encoding="utf-8")
    with a_server_that_refuses(folder, REFUSED) as endpoint:
        write_manifest(folder, endpoint, f"age:{pair.recipient}")
        return Left(folder=folder, pair=pair, report=run(folder, "apply", "--auto-approve"))


def accepts(endpoint: str, secret: str) -> bool:
    headers = {"X-Appwrite-Project": "shop", "X-Appwrite-Key": secret}
    answer = httpx.get(f"{endpoint}/project/keys/nobody", headers=headers)
    return answer.status_code == 404 or "(role: applications)" in answer.text


def test_the_report_names_the_file_and_how_to_open_it(left: Left) -> None:
    shown = " ".join(left.report.stdout.split())

    assert left.report.code == 3
    assert "live/a create: undelivered" in shown
    assert f"its secret is kept, encrypted: age -d -i IDENTITY escrow/live/{left.file.name}" in shown


def test_the_file_is_the_owners_alone_and_the_sink_as_before(left: Left) -> None:
    assert [each.stat().st_mode & 0o777 for each in (left.file, left.file.parent)] == [0o600, 0o700]
    assert (left.folder / "app.env").read_text(encoding="utf-8") == "A=before\n"


@pytest.mark.parametrize("named", [True, False], ids=["with an escrow", "without one now"])
def test_the_next_plan_and_doctor_name_the_file(left: Left, tmp_path: Path, named: bool) -> None:
    folder = tmp_path / "later"
    shutil.copytree(left.folder, folder)
    stale = folder / "escrow" / "live" / "gone.aaaaaaaa.g1.age"
    stale.touch()
    with a_server_that_refuses(folder, []) as endpoint:
        write_manifest(folder, endpoint, f"age:{left.pair.recipient}")
        if not named:
            text = (folder / "keys.yaml").read_text()
            (folder / "keys.yaml").write_text(text.replace(f', "escrow": "age:{left.pair.recipient}"', ""))

        planned, looked = run(folder, "plan"), run(folder, "doctor")

    key_id, file = left.file.name.removesuffix(".age"), f"escrow/live/{left.file.name}"
    shown = " ".join(planned.stdout.split())
    assert f"live/a: the secret of {key_id} did not arrive, and is in escrow: age -d -i IDENTITY {file}" in shown
    assert "escrow/live/gone.aaaaaaaa.g1.age is in escrow for a key that is not live any more: delete it" in shown
    assert f"! escrow secrets that did not arrive: {file}," in " ".join(looked.stdout.split())


def test_a_doctor_says_where_nothing_could_be_kept(left: Left, tmp_path: Path) -> None:
    (tmp_path / "escrow").mkdir()
    (tmp_path / "escrow" / "live").touch()
    write_manifest(tmp_path, "emulator", f"age:{left.pair.recipient}")

    looked = run(tmp_path, "doctor")

    shown = " ".join(looked.stdout.split())
    assert looked.code == 1
    assert "✗ escrow " in shown
    assert "escrow/live is not a folder hint: name another path, or remove that file" in shown


@NEEDS_AGE
def test_the_age_program_opens_it_as_the_report_says(left: Left) -> None:
    assert opened_by_age(left.file, left.pair.identity) == left.pair.opens(left.file)


def test_nothing_but_the_encrypted_file_holds_the_secret(left: Left) -> None:
    secret = left.pair.opens(left.file)

    files = [each for each in left.folder.rglob("*") if each.is_file() and not each.name.startswith("x.db")]
    assert secret.startswith("standard_")
    assert secret not in left.report.stdout + left.report.stderr
    assert left.file in files
    assert not [each for each in files if secret.encode() in each.read_bytes()]


def test_the_kept_secret_works_until_a_later_run_has_made_the_key_anew(left: Left, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    shutil.copytree(left.folder, folder)
    secret = left.pair.opens(left.file)
    with a_server_that_refuses(folder, []) as endpoint:
        write_manifest(folder, endpoint, f"age:{left.pair.recipient}")
        assert accepts(endpoint, secret)

        again = run(folder, "apply", "--auto-approve")

        assert again.code == 0, again.stderr
        assert list((folder / "escrow" / "live").iterdir()) == []
        delivered = (folder / "app.env").read_text(encoding="utf-8").rpartition("=")[2].strip()
        assert (accepts(endpoint, secret), accepts(endpoint, delivered)) == (False, True)
        assert run(folder, "plan", "--detailed-exitcode").code == 0


def test_a_recipient_that_is_none_is_a_problem_of_the_manifest_with_its_place(tmp_path: Path) -> None:
    pair = a_pair(tmp_path)
    write_manifest(tmp_path, "emulator", f"age:{pair.recipient[:-1]}q")

    refused = run(tmp_path, "plan")

    assert refused.code == 1
    assert 'escrow of environment "live" is no public key of age: its checksum is wrong' in refused.stderr
    assert "keys.yaml:1:" in refused.stderr


_WITHOUT_THE_LIBRARY = """
import runpy, sys
sys.modules["pyrage"] = None
runpy.run_module("reconciler", run_name="__main__", alter_sys=True)
"""


def test_without_the_library_nothing_is_made(tmp_path: Path) -> None:
    with a_server_that_refuses(tmp_path, []) as endpoint:
        write_manifest(tmp_path, endpoint, f"age:{a_pair(tmp_path).recipient}")

        ended = subprocess.run(
            [sys.executable, "-c", _WITHOUT_THE_LIBRARY, "apply", "--auto-approve"],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )

        assert ended.returncode == 1
        assert "live: escrow: encryption with age needs the package pyrage" in ended.stderr
        assert "pip install 'appwrite-reconciler[age]'" in ended.stderr
        assert "a  (a." in run(tmp_path, "plan").stdout
        assert not (tmp_path / "app.env").exists()
