"""The emulator on a port, in a process of its own: answers, lost answers, and its end."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from reconciler.emulator import Emulator, serve

_ROOT = Path(__file__).parents[3]
_KEYS = "/v1/project/keys"
_BODY = {"keyId": "ci", "name": "ci", "scopes": []}


@contextmanager
def served(database: Path, rules: str = "[]") -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """A client of the owner, and the process that answers it."""
    command = [sys.executable, "-m", "tests.unit.emulator.serving", str(database), rules]
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        stack.callback(process.kill)
        assert process.stdout is not None
        port = int(process.stdout.readline())
        emulator = Emulator(database)
        headers = {
            "X-Appwrite-Project": "shop",
            "X-Appwrite-Mode": "admin",
            "Cookie": f"a_session_console={emulator.console_session()}",
        }
        emulator.close()
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False)
        yield stack.enter_context(client), process


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "emulator" / "emulator.db"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_on_a_free_port_and_ends_quietly_when_told(database: Path, how: signal.Signals) -> None:
    with served(database) as (client, process):
        version = client.get("/v1/health/version")
        process.send_signal(how)
        _, error = process.communicate(timeout=20)

    assert version.json() == {"version": "1.9.6"}
    assert version.headers.get_list("Server") == ["Appwrite"]
    assert len(version.headers.get_list("Date")) == 1
    assert (error, process.returncode) == ("", 0)


@pytest.mark.parametrize(("fault", "status"), [("drop_before", 404), ("drop_after", 200)])
def test_a_dropped_call_ends_its_connection_without_an_answer(database: Path, fault: str, status: int) -> None:
    with served(database, f'{{"fault":"{fault}","method":"POST"}}') as (client, process):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            client.post(_KEYS, json=_BODY)
        assert client.get(f"{_KEYS}/ci").status_code == status
        process.terminate()
        _, error = process.communicate(timeout=20)

    assert error == ""


def test_a_late_call_on_a_port_is_made_while_the_client_goes_on(database: Path) -> None:
    with served(database, '{"fault":"late","seconds":0.3,"method":"POST"}') as (client, _):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            client.post(_KEYS, json=_BODY)
        statuses = [client.get(f"{_KEYS}/ci").status_code]
        while statuses[-1] == 404 and len(statuses) < 5000:
            statuses.append(client.get(f"{_KEYS}/ci").status_code)

    assert (statuses[0], statuses[-1]) == (404, 200)


def test_a_body_over_12_mib_ends_the_connection(database: Path) -> None:
    with served(database) as (client, _):
        with pytest.raises(httpx.TransportError):
            client.post(_KEYS, content=b" " * (13 * 1024 * 1024))
        assert client.get(_KEYS).status_code == 200


def test_a_head_is_answered_without_a_body(database: Path) -> None:
    with served(database) as (client, _):
        response = client.head(_KEYS)
        again = client.get(_KEYS)

    assert (response.status_code, response.content) == (200, b"")
    assert again.json() == {"total": 0, "keys": []}


def test_an_address_that_is_taken_is_an_os_error(database: Path) -> None:
    with served(database) as (client, _):
        emulator = Emulator()
        with pytest.raises(OSError, match="Address already in use"):
            serve(emulator, "127.0.0.1", client.base_url.port or 0)
        emulator.close()
