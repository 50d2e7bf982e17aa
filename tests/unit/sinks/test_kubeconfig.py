"""How a cluster is reached: every way to prove who one is, and what is said where a kubeconfig is wrong."""

from __future__ import annotations

import base64
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks, http, kubeconfig
from reconciler.errors import SinkError, SinkUnavailable
from tests.support.cluster import CERTIFICATE, Cluster, User, a_cluster
from tests.support.cluster import kubeconfig as config_of

PEM = base64.b64encode(CERTIFICATE.read_bytes()).decode()
KEY = PEM  # the file holds both


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(http, "_pause", lambda *_: 0.0)
    with a_cluster() as made:
        made.users = {"Bearer right": User(name="ci"), "Basic Y2k6cmlnaHQ=": User(name="ci")}
        yield made


def look(variables: Mapping[str, str], **options: str) -> None:
    """Look at a Secret that is not there: passes where the cluster knows who asks."""
    fields = tuple(sorted({"secret": "s", "key": "K", **options}.items()))
    with InstalledSinks({"PATH": os.environ["PATH"], **variables}) as sinks:
        assert sinks.open(SinkSpec(kind="kubernetes", options=fields)).look() is EMPTY


def refused(variables: Mapping[str, str], **options: str) -> SinkError:
    with pytest.raises(SinkUnavailable) as caught:
        look(variables, **options)
    shown = f"{caught.value.message} {caught.value.hint}"
    assert "right" not in shown
    assert PEM[:40] not in shown
    assert caught.value.hint
    return caught.value


def write(folder: Path, text: str, name: str = "config") -> dict[str, str]:
    (folder / name).write_text(text, encoding="utf-8")
    return {"KUBECONFIG": str(folder / name)}


def edited(server: str, part: str, **fields: Any) -> str:
    """A kubeconfig whose cluster, user or context has these fields too."""
    whole = json.loads(config_of(server, token="right"))
    whole[f"{part}s"][0][part].update(fields)
    return json.dumps(whole)


def script(folder: Path, body: str) -> None:
    (folder / "login").write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (folder / "login").chmod(0o700)


def plugin(server: str, **more: Any) -> str:
    api = "client.authentication.k8s.io/v1"
    return config_of(server, exec={"apiVersion": api, "command": "./login", "interactiveMode": "Never", **more})


def credential(**status: str) -> str:
    return json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status})


def test_a_token_a_name_with_a_password_and_a_file_with_a_token_prove_who_asks(
    tmp_path: Path, cluster: Cluster
) -> None:
    look(write(tmp_path, config_of(cluster.address, token="right")))
    look(write(tmp_path, config_of(cluster.address, username="ci", password="right")))
    (tmp_path / "token").write_text("right\n", encoding="ascii")
    look(write(tmp_path, config_of(cluster.address, tokenFile="token", token="wrong")))
    assert "401" in refused(write(tmp_path, config_of(cluster.address, token="wrong"))).message


def test_a_token_in_a_file_is_read_for_each_call(tmp_path: Path, cluster: Cluster) -> None:
    token = tmp_path / "token"
    token.write_text("wrong", encoding="ascii")
    with InstalledSinks(write(tmp_path, config_of(cluster.address, tokenFile="token"))) as sinks:
        sink = sinks.open(SinkSpec(kind="kubernetes", options=(("key", "K"), ("secret", "s"))))
        with pytest.raises(SinkUnavailable):
            sink.look()
        token.write_text("right", encoding="ascii")
        assert sink.look() is EMPTY
        token.unlink()
        with pytest.raises(SinkUnavailable, match="No such file"):
            sink.look()


def test_the_default_file_is_that_of_kubectl(tmp_path: Path, cluster: Cluster) -> None:
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube", config_of(cluster.address, token="right"))
    look({"HOME": str(tmp_path)})


def test_several_files_are_one_and_the_first_counts(tmp_path: Path, cluster: Cluster) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "token").write_text("right", encoding="ascii")
    write(tmp_path, json.dumps({"users": [{"name": "ci", "user": {"tokenFile": "token"}}]}), "deep/users")
    write(tmp_path, config_of(cluster.address, token="wrong"), "rest")
    look(
        {"KUBECONFIG": os.pathsep.join((str(tmp_path / "none"), str(tmp_path / "deep/users"), str(tmp_path / "rest")))}
    )


def test_a_context_is_chosen_by_name(tmp_path: Path, cluster: Cluster) -> None:
    whole = json.loads(config_of(cluster.address, token="right"))
    whole["contexts"].append({"name": "other", "context": {"cluster": "c", "user": "ci", "namespace": "elsewhere"}})
    variables = write(tmp_path, json.dumps(whole))
    look(variables, context="production")
    assert 'in the namespace "elsewhere"' in refused(variables, context="other").message
    error = refused(variables, context="prod")
    assert error.message == 'the kubeconfig has no context "prod"'
    assert error.hint == "it has other, production"
    del whole["current-context"]
    assert refused(write(tmp_path, json.dumps(whole))).message == "the kubeconfig has no current context"


def _mutual() -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    tls.load_verify_locations(CERTIFICATE)
    tls.verify_mode = ssl.CERT_REQUIRED
    return tls


def test_a_certificate_proves_who_asks_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with a_cluster(_mutual()) as cluster:
        cluster.users[""] = User(name="by certificate")
        data = {"client-certificate-data": PEM, "client-key-data": KEY}
        files = {"client-certificate": "pem", "client-key": str(CERTIFICATE)}
        (tmp_path / "pem").write_bytes(CERTIFICATE.read_bytes())
        for user in (data, files):
            look(write(tmp_path, config_of(cluster.address, **user)))
        given = credential(
            clientCertificateData=CERTIFICATE.read_text("ascii"), clientKeyData=CERTIFICATE.read_text("ascii")
        )
        script(tmp_path, f"cat <<'END'\n{given}\nEND")
        look(write(tmp_path, plugin(cluster.address)))
        assert not list((tmp_path / "tmp").iterdir())
        refused(write(tmp_path, config_of(cluster.address, username="nobody", password="x")))


def test_a_command_gives_a_token_and_is_told_whom_for(tmp_path: Path, cluster: Cluster) -> None:
    script(
        tmp_path,
        'echo "$KUBERNETES_EXEC_INFO" >info; env >seen; [ "$1" = --role ] || exit 1\n'
        f"echo '{credential(token='right')}'",
    )
    variables = write(
        tmp_path,
        plugin(cluster.address, args=["--role"], env=[{"name": "REGION", "value": "eu"}], provideClusterInfo=True),
    )
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        look({**variables, "APPWRITE_API_KEY": "standard_0123456789abcdef0123456789abcdef"})
    finally:
        os.chdir(before)
    info = json.loads((tmp_path / "info").read_text("utf-8"))
    assert info["kind"] == "ExecCredential"
    assert info["spec"]["interactive"] is False
    assert info["spec"]["cluster"]["server"] == cluster.address
    seen = (tmp_path / "seen").read_text("utf-8")
    assert "REGION=eu" in seen
    assert "APPWRITE_API_KEY" not in seen


def test_a_command_is_asked_again_when_its_token_ends(tmp_path: Path, cluster: Cluster) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat(timespec="seconds").replace("+00:00", "Z")
    script(tmp_path, f"echo . >>{tmp_path}/asked; echo '{credential(token='right', expirationTimestamp=soon)}'")
    look(write(tmp_path, plugin(cluster.address)))
    assert len((tmp_path / "asked").read_text("ascii").split()) == 2
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds").replace("+00:00", "Z")
    script(tmp_path, f"echo . >>{tmp_path}/asked; echo '{credential(token='right', expirationTimestamp=later)}'")
    look(write(tmp_path, plugin(cluster.address)))
    assert len((tmp_path / "asked").read_text("ascii").split()) == 3


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("echo right; exit 3", "gives no credential: exit code 3"),
        ("echo right", "gives no ExecCredential"),
        ("echo '{\"status\": []}'", "gives no ExecCredential"),
        (f"echo '{credential(password='right')}'", "gives no credential"),
        (f"echo '{credential(token='right', expirationTimestamp='soon')}'", "gives no ExecCredential"),
        ("yes right", "gives no credential: writes too much"),
    ],
)
def test_a_command_that_gives_no_credential_is_told(tmp_path: Path, cluster: Cluster, body: str, told: str) -> None:
    script(tmp_path, body)
    assert told in refused(write(tmp_path, plugin(cluster.address))).message


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"command": "./none", "installHint": "get it from us"}, '"./none": No such file'),
        ({"command": None}, "is not named"),
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "speaks another version"),
        ({"interactiveMode": "Always"}, "wants a terminal"),
        ({"env": [{"name": "A"}]}, "args or env is wrong"),
        ({"env": {"A": "right"}}, "args or env is wrong"),
        ({"args": 1}, "args or env is wrong"),
    ],
)
def test_a_command_that_cannot_be_run_is_told(
    tmp_path: Path, cluster: Cluster, more: dict[str, Any], told: str
) -> None:
    assert told in refused(write(tmp_path, plugin(cluster.address, **more))).message


def test_a_server_that_cannot_prove_itself_gets_no_credential(tmp_path: Path, cluster: Cluster) -> None:
    variables = write(tmp_path, edited(cluster.address, "cluster", **{"certificate-authority": ""}))
    assert "cannot prove that it is Kubernetes" in refused(variables).message
    assert not cluster.calls.requests
    look(write(tmp_path, edited(cluster.address, "cluster", **{"insecure-skip-tls-verify": True})))
    look(write(tmp_path, edited(cluster.address, "cluster", **{"certificate-authority-data": PEM})))


def test_a_server_may_be_known_by_another_name(tmp_path: Path, cluster: Cluster) -> None:
    elsewhere = cluster.address.replace("127.0.0.1", "localhost")
    assert "cannot prove" in refused(write(tmp_path, config_of(elsewhere, token="right"))).message
    look(write(tmp_path, edited(elsewhere, "cluster", **{"tls-server-name": "127.0.0.1"})))


def test_a_credential_goes_over_tls_only(tmp_path: Path) -> None:
    for server in ("http://127.0.0.1:1", "", "cluster.example"):
        assert (
            "no server that begins with https://" in refused(write(tmp_path, config_of(server, token="right"))).message
        )


def test_a_proxy_is_gone_through(tmp_path: Path, cluster: Cluster) -> None:
    variables = write(tmp_path, edited(cluster.address, "cluster", **{"proxy-url": "http://127.0.0.1:1"}))
    assert "cannot be reached" in refused(variables).message


@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        ("socks5://127.0.0.1:1", "neither http:// nor https://"),
        ("ftp://user:right@127.0.0.1:1", "neither http:// nor https://"),
        ("http://127.0.0.1:right", "can be prepared: InvalidURL"),
    ],
)
def test_a_proxy_that_cannot_be_gone_through_is_told(tmp_path: Path, cluster: Cluster, proxy: str, told: str) -> None:
    assert told in refused(write(tmp_path, edited(cluster.address, "cluster", **{"proxy-url": proxy}))).message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [right", "is no YAML"),
        ("token: right", "the kubeconfig has no current context"),
        ("- right", "is no kubeconfig"),
        ("users: [right]", "is no kubeconfig"),
        ("current-context: x", 'no context "x"'),
        ("current-context: x\ncontexts: [{name: x, context: {cluster: [right]}}]", "cluster is no text"),
        ("current-context: x\ncontexts: [{name: x, context: {cluster: c}}]", 'no cluster "c"'),
        ("", "is no kubeconfig"),
    ],
)
def test_what_is_no_kubeconfig_is_told_and_not_shown(tmp_path: Path, text: str, told: str) -> None:
    assert told in refused(write(tmp_path, text)).message


def test_certificates_that_cannot_be_read_are_told(tmp_path: Path, cluster: Cluster) -> None:
    for user in (
        {"client-certificate": "none.pem"},
        {"client-certificate-data": "right?"},
        {"client-certificate-data": "cmlnaHQ="},
    ):
        error = refused(write(tmp_path, config_of(cluster.address, **user)))
        assert error.message.startswith("the kubeconfig cannot be used: ")
    assert (
        "none.pem" in refused(write(tmp_path, config_of(cluster.address, **{"client-certificate": "none.pem"}))).message
    )


def test_what_kubernetes_gave_up_is_told(tmp_path: Path, cluster: Cluster) -> None:
    variables = write(tmp_path, config_of(cluster.address, **{"auth-provider": {"name": "gcp"}}))
    assert "auth-provider" in refused(variables).message


def test_without_a_kubeconfig_a_pod_is_its_own_account(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubeconfig, "ACCOUNT", tmp_path / "account")
    variables = {
        "HOME": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": cluster.address.rpartition(":")[2],
    }
    assert refused(variables).message == "there is no kubeconfig"
    (tmp_path / "account").mkdir()
    assert "account/namespace: No such file" in refused(variables).message
    for name, text in (("token", "right"), ("namespace", "shop"), ("ca.crt", CERTIFICATE.read_text("ascii"))):
        (tmp_path / "account" / name).write_text(text, encoding="ascii")
    look(variables)
    assert refused(variables, context="production").message == "there is no kubeconfig"


@pytest.mark.parametrize("token", ["right\n", " right", "right\r\n"])
def test_white_space_around_a_token_is_none_of_it(tmp_path: Path, cluster: Cluster, token: str) -> None:
    look(write(tmp_path, config_of(cluster.address, token=token)))
    script(tmp_path, f"cat <<'END'\n{credential(token=token)}\nEND")
    look(write(tmp_path, plugin(cluster.address)))


@pytest.mark.parametrize("token", ["right\nright", "righté", "right\x00"])
def test_a_token_that_no_header_carries_is_refused_and_not_shown(tmp_path: Path, cluster: Cluster, token: str) -> None:
    for text in (config_of(cluster.address, token=token), config_of(cluster.address, tokenFile="token")):
        (tmp_path / "token").write_text(token, encoding="utf-8")
        error = refused(write(tmp_path, text))
        assert error.message.startswith("the credential for Kubernetes holds a character that none has")


def test_a_file_with_a_token_that_is_no_text_is_named(tmp_path: Path, cluster: Cluster) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    assert "token is no text" in refused(write(tmp_path, config_of(cluster.address, tokenFile="token"))).message


def test_what_proves_who_asks_is_masked(tmp_path: Path, cluster: Cluster) -> None:
    (tmp_path / "token").write_text("right\n", encoding="ascii")
    script(tmp_path, f"echo '{credential(token='right')}'")
    for text in (
        config_of(cluster.address, token="right"),
        config_of(cluster.address, tokenFile="token"),
        config_of(cluster.address, username="ci", password="right"),
        plugin(cluster.address),
    ):
        masked: list[Secret] = []
        with InstalledSinks({"PATH": os.environ["PATH"], **write(tmp_path, text)}, masked.extend) as sinks:
            sinks.open(SinkSpec(kind="kubernetes", options=(("key", "K"), ("secret", "s")))).look()
        assert Secret("right") in masked


def test_a_command_that_fails_is_asked_once_for_all_sinks(tmp_path: Path, cluster: Cluster) -> None:
    script(tmp_path, f"echo . >>{tmp_path}/asked; exit 1")
    specs = [SinkSpec(kind="kubernetes", options=(("key", f"K{number}"), ("secret", "s"))) for number in range(20)]
    with InstalledSinks({"PATH": os.environ["PATH"], **write(tmp_path, plugin(cluster.address))}) as sinks:
        held = sinks.observe(specs).values()
    assert ["gives no credential: exit code 1" in each.why for each in held] == [True] * 20
    assert (tmp_path / "asked").read_text("ascii").split() == ["."]
