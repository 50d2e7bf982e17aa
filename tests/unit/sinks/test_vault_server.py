"""One Vault server for many threads, where the order of two calls is what matters."""

from __future__ import annotations

import pytest

from reconciler.edge.sinks.http import Service
from reconciler.edge.sinks.http_client import open_client
from reconciler.edge.sinks.vault_server import AppRole, Server
from reconciler.errors import SinkUnavailable
from tests.support.http_service import Calls, Reply, Request, serving

ROLE = AppRole(mount="approle", role_id="r", secret_id=None)


def test_a_new_login_takes_no_token_from_calls_in_flight() -> None:
    calls = Calls()
    tokens = iter(("first", "second"))
    held: list[str | None] = []

    def answer(request: Request) -> Reply:
        if request.parts[-1] != "login":
            return Reply(status=200, body={})
        held.append(server.service.http.headers.get("X-Vault-Token"))  # what a call that is sent now would show
        return Reply(status=200, body={"auth": {"client_token": next(tokens), "lease_duration": 1e-6}})

    with serving(answer, calls) as address, open_client(address, "the vault", {}) as http:
        service = Service(name="the vault", hint="", http=http, explain=lambda _: "")
        server = Server(service=service, mask=lambda _: None, role=ROLE)
        server.read("a")
        server.read("b")

    assert held == [None, "first"]
    shown = [request.headers.get("x-vault-token") for request in calls.of("GET")]
    assert shown == ["first", "second"]


@pytest.mark.parametrize(("status", "logins"), [(400, 1), (403, 1), (500, 20)])
def test_a_login_that_is_refused_is_not_tried_again(status: int, logins: int) -> None:
    calls = Calls()

    with (
        serving(lambda _: Reply(status=status, body={}), calls) as address,
        open_client(address, "the vault", {}) as http,
    ):
        service = Service(name="the vault", hint="", http=http, explain=lambda _: "")
        server = Server(service=service, mask=lambda _: None, role=ROLE)
        for _ in range(20):
            with pytest.raises(SinkUnavailable, match=f"no login with the AppRole .* answered {status}"):
                server.read("a")

    assert len(calls.of("POST")) == logins
