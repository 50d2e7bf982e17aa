"""The HTTP caller of the sinks, against a server on a socket that fails in every way."""

import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from reconciler.edge.sinks.http import Answer, Service
from reconciler.edge.sinks.http_client import Trust, open_client
from reconciler.errors import SinkError, SinkUnavailable
from tests.repository import ROOT
from tests.support.bad_servers import CERTIFICATE
from tests.support.http_service import Calls, Fault, Reply, Request, serving

SECRET = Secret("standard_" + "0123456789abcdef" * 16)
TOKEN = Secret("s.credential")
OK = frozenset({200})


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def service(calls: Calls, pauses: list[float]) -> Iterator[Service]:
    def echo(request: Request) -> Reply:
        return Reply(status=200, body={"method": request.method, "sent": request.body})

    with serving(echo, calls) as address, a_client(address) as http:
        yield a_service(http, pauses.append)


def a_client(address: str, **more: Any) -> httpx.Client:
    return open_client(address, "the vault", {"X-Ours": "yes"}, ("X-Token", TOKEN), **more)


def a_service(http: httpx.Client, pause: Callable[[float], None]) -> Service:
    return Service(
        name="the vault", hint="see the token", http=http, explain=lambda body: str(body["error"]), pause=pause
    )


def write(service: Service) -> Answer:
    return service.call("POST", "/x", known=OK, json={"value": SECRET})


def no(status: int, words: str = "", **headers: str) -> Reply:
    return Reply(
        status=status, body={"error": words}, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


def shown(error: BaseException) -> str:
    """All that a traceback tells, and the values of variables in its frames, but for those of tests."""
    words = traceback.format_exception(error)
    told: traceback.TracebackException | None = traceback.TracebackException.from_exception(error, capture_locals=True)
    while told is not None:
        frames = [frame for frame in told.stack if not Path(frame.filename).is_relative_to(ROOT / "tests")]
        assert frames
        words += [str(frame.locals) for frame in frames]
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)
    return "".join(words)


def test_a_secret_in_a_body_becomes_text_where_it_is_sent(service: Service, calls: Calls) -> None:
    answer = write(service)

    assert answer.body == {"method": "POST", "sent": {"value": SECRET.reveal()}}
    assert SECRET.reveal() not in repr(answer)
    [request] = calls.requests
    assert request.headers["content-type"] == "application/json"
    assert (request.headers["x-token"], request.headers["x-ours"]) == (TOKEN.reveal(), "yes")


def test_a_body_of_another_kind_says_so_itself(service: Service, calls: Calls) -> None:
    service.call("PATCH", "/x", known=OK, json={}, headers={"Content-Type": "application/merge-patch+json"})

    assert calls.requests[0].headers["content-type"] == "application/merge-patch+json"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_waited_out(service: Service, calls: Calls, pauses: list[float], status: int) -> None:
    calls.faults.append(Fault(method="POST", reply=no(status), times=3))

    assert write(service).status == 200
    assert len(calls.requests) == 4
    assert [0 <= pause <= 0.2 * 2**attempt for attempt, pause in enumerate(pauses)] == [True] * 3


def test_a_server_that_says_when_is_asked_again_then(service: Service, calls: Calls, pauses: list[float]) -> None:
    calls.faults.append(Fault(method="POST", reply=no(429, Retry_After="7")))

    write(service)

    assert pauses == [7.0]


def test_a_server_that_says_much_later_is_not_waited_for(service: Service, calls: Calls, pauses: list[float]) -> None:
    calls.faults.append(Fault(method="POST", reply=no(429, "slow down", Retry_After="3600")))

    with pytest.raises(SinkError, match=r"^the vault answered 429: slow down$") as caught:
        write(service)

    assert not isinstance(caught.value, SinkUnavailable)
    assert caught.value.hint == "try again in 3600 seconds"
    assert pauses == []


def test_what_does_not_pass_in_the_end_is_told(service: Service, calls: Calls, pauses: list[float]) -> None:
    calls.faults.append(Fault(method="POST", reply=no(503, "sealed"), times=4))

    with pytest.raises(SinkUnavailable, match=r"^the vault answered 503: sealed$"):
        write(service)

    assert len(pauses) == 3


@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_dropped_connection_is_tried_again(service: Service, calls: Calls, drop: str) -> None:
    calls.faults.append(Fault(method="POST", drop=drop))

    assert write(service).status == 200


def test_no_answer_at_all_leaves_open_whether_it_was_carried_out(service: Service, calls: Calls) -> None:
    calls.faults.append(Fault(method="POST", drop="after", times=4))

    with pytest.raises(SinkUnavailable, match=r"^the vault cannot be reached: ") as caught:
        write(service)

    assert SECRET.reveal() not in shown(caught.value)
    assert TOKEN.reveal() not in shown(caught.value)


def test_a_clear_no_means_that_nothing_was_done(service: Service, calls: Calls, pauses: list[float]) -> None:
    calls.faults.append(Fault(method="POST", reply=no(403, "permission\n\t* denied")))

    with pytest.raises(SinkError, match=r"^the vault answered 403: permission \* denied$") as caught:
        write(service)

    assert not isinstance(caught.value, SinkUnavailable)
    assert caught.value.hint == "see the token"
    assert pauses == []


@pytest.mark.parametrize("first", [Fault(method="POST", drop="after"), Fault(method="POST", reply=no(504))])
def test_a_no_to_the_second_sending_says_nothing_of_the_first(service: Service, calls: Calls, first: Fault) -> None:
    first.times = 1
    calls.faults += [first, Fault(method="POST", reply=no(400, "version"))]

    with pytest.raises(SinkUnavailable, match=r"^the vault answered 400: version$"):
        write(service)


def test_a_no_after_a_call_that_was_never_let_in_is_clear(service: Service, calls: Calls) -> None:
    calls.faults += [Fault(method="POST", reply=no(429)), Fault(method="POST", reply=no(400, "version"))]

    with pytest.raises(SinkError, match=r"^the vault answered 400: version$") as caught:
        write(service)

    assert not isinstance(caught.value, SinkUnavailable)


def test_a_read_that_is_refused_is_something_that_cannot_be_known(service: Service, calls: Calls) -> None:
    calls.faults.append(Fault(method="GET", reply=no(403, "permission denied")))

    with pytest.raises(SinkUnavailable, match=r"^the vault answered 403: permission denied$") as caught:
        service.read("/x")

    assert caught.value.hint == "see the token"


@pytest.mark.parametrize(
    "reply",
    [no(400, f"invalid value {SECRET.reveal()} at x"), Reply(status=400, body=[SECRET.reveal()])],
    ids=["repeats what was sent", "has another shape"],
)
def test_words_that_may_hold_a_secret_are_left_out(service: Service, calls: Calls, reply: Reply) -> None:
    service = Service(
        name=service.name,
        hint="",
        http=service.http,
        explain=lambda body: body.get("error", "") if isinstance(body, dict) else "",
    )
    calls.faults.append(Fault(method="POST", reply=reply))

    with pytest.raises(SinkError, match=r"^the vault answered 400$") as caught:
        write(service)

    assert SECRET.reveal() not in shown(caught.value)


def test_a_secret_beside_the_body_is_kept_out_of_words_too(service: Service, calls: Calls) -> None:
    calls.faults.append(Fault(method="DELETE", reply=no(400, f"what is {TOKEN.reveal()}?")))

    with pytest.raises(SinkError, match=r"^the vault answered 400$"):
        service.call("DELETE", "/x", known=OK, sent=TOKEN)


@pytest.mark.parametrize(
    ("header", "before"), [("Authorization", "Bearer "), ("PRIVATE-TOKEN", ""), ("X-Vault-Token", "")]
)
def test_a_service_that_repeats_the_credential_repeats_it_to_nobody(
    service: Service, calls: Calls, header: str, before: str
) -> None:
    service.http.headers[header] = f"{before}{TOKEN.reveal()}"
    calls.faults.append(Fault(method="POST", reply=no(400, f"not with {header}: {before}{TOKEN.reveal()}")))

    with pytest.raises(SinkError, match=r"^the vault answered 400$"):
        write(service)


def test_long_words_are_cut(service: Service, calls: Calls) -> None:
    calls.faults.append(Fault(method="POST", reply=no(400, "x" * 1000)))

    with pytest.raises(SinkError, match=r"^the vault answered 400: x{200}$"):
        write(service)


def test_a_redirect_is_not_followed(service: Service, calls: Calls) -> None:
    calls.faults.append(Fault(method="POST", reply=no(307, Location="http://127.0.0.1:9/elsewhere")))

    with pytest.raises(SinkError, match=r"^the vault answered 307$") as caught:
        write(service)

    assert caught.value.hint == "redirects are not followed: name the address that answers itself"
    assert len(calls.requests) == 1


def answering(content: bytes) -> Iterator[str]:
    """A server that says the same to everybody, on a socket; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(content)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_an_answer_that_is_no_json_is_not_believed(pauses: list[float]) -> None:
    servers = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")
    with a_client(next(servers)) as http, pytest.raises(SinkUnavailable, match=r"something that is no JSON$"):
        a_service(http, pauses.append).read("/x")
    next(servers, None)


def test_a_server_that_is_not_there_is_asked_four_times(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"

    with a_client(address) as http, pytest.raises(SinkUnavailable, match=r"^the vault cannot be reached: ") as caught:
        write(a_service(http, pauses.append))

    assert len(pauses) == 3
    assert SECRET.reveal() not in shown(caught.value)


def test_a_server_that_takes_too_long_is_given_up(
    service: Service, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.edge.sinks.http._TIMEOUT", 0.05)
    calls.faults.append(Fault(method="POST", late=0.3, times=4))

    with pytest.raises(SinkUnavailable, match=r"^the vault cannot be reached: .*timed out$"):
        write(service)


@pytest.fixture
def untrusted() -> Iterator[str]:
    """The address of a server whose certificate nobody has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    with context.wrap_socket(connection, server_side=True) as channel:
                        channel.recv(65536)
                        channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        threading.Thread(target=answer, daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_a_server_that_cannot_prove_itself_gets_nothing(untrusted: str, pauses: list[float]) -> None:
    message = r"^what answers cannot prove that it is the vault: "
    with a_client(untrusted) as http, pytest.raises(SinkUnavailable, match=message) as caught:
        write(a_service(http, pauses.append))

    assert pauses == []
    assert caught.value.hint.endswith("in SSL_CERT_FILE")


def test_an_authority_of_ones_own_is_trusted(untrusted: str, pauses: list[float]) -> None:
    authority = str(CERTIFICATE)
    with a_client(untrusted, trust=Trust(authority=authority)) as http:
        assert write(a_service(http, pauses.append)).body == {}


def test_an_authority_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailable, match=r"can be prepared: FileNotFoundError$") as caught:
        a_client("https://localhost", trust=Trust(authority=str(tmp_path / "ca.pem")))

    assert str(tmp_path / "ca.pem") in caught.value.hint


def test_a_proxy_that_needs_a_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(SinkUnavailable, match=r"can be prepared: ImportError$") as caught:
        a_client("https://vault.example")

    assert "HTTPS_PROXY" in caught.value.hint


def test_a_credential_that_no_header_carries_is_refused_without_showing_it() -> None:
    with pytest.raises(SinkUnavailable, match="holds a character that none has") as caught:
        open_client("https://localhost", "the vault", {}, ("X-Token", Secret("token\n")))

    assert "token" not in str(caught.value)


def test_a_header_that_cannot_be_sent_is_not_shown(service: Service) -> None:
    service.http.headers["X-Token"] = f"{TOKEN.reveal()}\n"

    with pytest.raises(SinkUnavailable, match=r"^the vault cannot be reached: LocalProtocolError$"):
        write(service)


@pytest.mark.parametrize(
    "host", ["localhost", "vault.localhost", "127.0.0.1", "127.8.8.8:8200", "[::1]:8200", "LOCALHOST"]
)
def test_this_machine_is_talked_to_without_tls(host: str) -> None:
    a_client(f"http://{host}/").close()


@pytest.mark.parametrize(
    "host", ["vault.example", "10.0.0.1:8200", "localhost.example", "[2001:db8::1]", "127.0.0.1.example"]
)
def test_no_other_machine_is(host: str) -> None:
    with pytest.raises(SinkUnavailable, match=r"^the vault has an address that begins with http://") as caught:
        a_client(f"http://{host}/")

    assert caught.value.hint.startswith("write https://")


@pytest.mark.parametrize(
    ("kind", "options", "variables"),
    [
        ("vault", {"secret": "s", "field": "F"}, {"VAULT_ADDR": "http://vault.example", "VAULT_TOKEN": "t"}),
        (
            "github_actions",
            {"repository": "a/b", "secret": "S"},
            {"GITHUB_API_URL": "http://git.example", "GH_TOKEN": "t"},
        ),
        (
            "gitlab_ci",
            {"gitlab_project": "a/b", "variable": "V"},
            {"CI_SERVER_URL": "http://git.example", "GITLAB_TOKEN": "t"},
        ),
        ("kubernetes", {"secret": "s", "key": "K"}, {"KUBECONFIG": "kubeconfig"}),
    ],
)
def test_no_sink_sends_a_secret_in_the_open(
    kind: str, options: dict[str, str], variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kubeconfig").write_text(
        "{current-context: c, contexts: [{name: c, context: {cluster: k}}],"
        " clusters: [{name: k, cluster: {server: 'http://k8s.example'}}]}"
    )
    with InstalledSinks(variables) as sinks:
        (held,) = sinks.observe([SinkSpec(kind=kind, options=tuple(sorted(options.items())))]).values()

    assert "begins with http://, and secrets go over TLS only" in held.why
