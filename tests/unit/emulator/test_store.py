"""What stays: files, their modes, several processes on one file, and a killed one."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from reconciler.emulator import Emulator
from tests.unit.emulator.test_server import served

pytestmark = pytest.mark.anyio

_ROOT = Path(__file__).parents[3]
_KEYS = "/v1/project/keys"

# A process that creates the keys k0 … k59, ten at a time, in process on a shared file, and tells the statuses.
_CREATOR = """
import asyncio, json, sys, httpx
from pathlib import Path
from reconciler.emulator import Emulator

async def main():
    emulator = Emulator(Path(sys.argv[1]))
    emulator.ensure_project("shop")
    headers = {"X-Appwrite-Project": "shop", "X-Appwrite-Mode": "admin",
               "X-Appwrite-Session": emulator.console_session()}
    transport = httpx.ASGITransport(emulator.app)
    sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=headers) as client:
        async def create(number):
            body = {"keyId": f"k{number}", "name": sys.argv[2], "scopes": []}
            return (await client.post("/v1/project/keys", json=body)).status_code
        statuses = []
        for start in range(0, 60, 10):
            statuses += await asyncio.gather(*map(create, range(start, start + 10)))
    sys.stdout.write(json.dumps(statuses))

asyncio.run(main())
"""


def _creator(database: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _CREATOR, str(database), name],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def _names(database: Path) -> dict[str, str]:
    emulator = Emulator(database)
    headers = {
        "X-Appwrite-Project": "shop",
        "X-Appwrite-Mode": "admin",
        "X-Appwrite-Session": emulator.console_session(),
    }
    transport = httpx.ASGITransport(emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=headers) as client:
        keys = (await client.get(_KEYS)).json()["keys"]
    emulator.close()
    return {key["$id"]: key["name"] for key in keys}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "emulator" / "emulator.db"


async def test_keys_and_session_stay_in_the_file(database: Path) -> None:
    first = Emulator(database)
    first.ensure_project("shop")
    first.add_key("shop", "ci", ["users.read"], name="kept")
    session = first.console_session()
    first.close()
    second = Emulator(database)

    assert second.console_session() == session
    second.close()
    assert await _names(database) == {"ci": "kept"}


def test_in_memory_nothing_is_shared() -> None:
    first, second = Emulator(), Emulator()

    assert first.console_session() != second.console_session()
    first.close()
    second.close()


def test_folder_file_and_journals_are_the_owner_s_alone(database: Path) -> None:
    emulator = Emulator(database)
    emulator.ensure_project("shop")
    modes = {path.name: path.stat().st_mode & 0o777 for path in database.parent.iterdir()}
    folder = database.parent.stat().st_mode & 0o777
    emulator.close()

    assert folder == 0o700
    assert modes == {"emulator.db": 0o600, "emulator.db-wal": 0o600, "emulator.db-shm": 0o600}


async def test_of_two_processes_that_create_the_same_keys_each_key_has_one_winner(database: Path) -> None:
    creators = [_creator(database, name) for name in ("left", "right", "third")]
    for creator in creators:
        assert creator.stdout is not None
        assert creator.stdout.readline() == "ready\n"
    for creator in creators:
        assert creator.stdin is not None
        creator.stdin.write("go\n")
        creator.stdin.flush()
    answers = [creator.communicate(timeout=60) for creator in creators]

    assert [error for _, error in answers] == ["", "", ""]
    statuses = [json.loads(output) for output, _ in answers]
    names = await _names(database)
    for number, given in enumerate(zip(*statuses, strict=True)):
        assert sorted(given) == [201, 409, 409]
        assert names[f"k{number}"] == ("left", "right", "third")[given.index(201)]


def test_a_killed_process_loses_nothing_it_answered_and_leaves_a_sane_file(database: Path) -> None:
    with served(database) as (client, process):
        answered = []
        for number in range(40):
            body = {"keyId": f"k{number}", "name": "n", "scopes": []}
            answered.append(client.post(_KEYS, json=body).json()["$id"])
        process.kill()
        process.wait(timeout=20)

    connection = sqlite3.connect(database)
    checked = connection.execute("PRAGMA integrity_check").fetchone()
    kept = [row[0] for row in connection.execute("SELECT id FROM keys ORDER BY sequence")]
    connection.close()
    assert checked == ("ok",)
    assert kept == answered


async def test_a_database_that_stays_locked_is_a_server_error(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.emulator.database._BUSY_SECONDS", 0.01)
    emulator = Emulator(database)
    emulator.ensure_project("shop")
    headers = {
        "X-Appwrite-Project": "shop",
        "X-Appwrite-Mode": "admin",
        "X-Appwrite-Session": emulator.console_session(),
    }
    body = {"keyId": "ci", "name": "n", "scopes": []}
    other = sqlite3.connect(database, isolation_level=None)
    transport = httpx.ASGITransport(emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=headers) as client:
        other.execute("BEGIN IMMEDIATE")
        locked = await client.post(_KEYS, json=body)
        other.execute("ROLLBACK")
        free = await client.post(_KEYS, json=body)
    other.close()
    emulator.close()

    assert (locked.status_code, locked.json()["type"]) == (500, "general_unknown")
    assert free.status_code == 201


_OLDER = """
CREATE TABLE projects (id TEXT PRIMARY KEY COLLATE NOCASE, organization TEXT NOT NULL);
CREATE TABLE keys (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE COLLATE NOCASE,
    project TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL COLLATE NOCASE,
    expire TEXT,
    scopes TEXT NOT NULL,
    secret TEXT NOT NULL UNIQUE,
    accessed_at TEXT,
    sdks TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
INSERT INTO projects VALUES ('shop', 'acme');
INSERT INTO keys VALUES (1, 'ci', 'shop', 'CI', NULL, '[]', 'standard_x', NULL, '[]', '', '');
"""


async def test_a_file_of_an_older_emulator_is_opened_with_its_keys(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "older.sqlite3") as older:
        older.executescript(_OLDER)
    older.close()

    assert await _names(tmp_path / "older.sqlite3") == {"ci": "CI"}
    assert await _names(tmp_path / "older.sqlite3") == {"ci": "CI"}
