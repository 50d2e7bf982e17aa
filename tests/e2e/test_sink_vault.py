"""From a manifest to a field in OpenBao, and what happens when somebody changes that field."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Command, in_folder
from tests.support.http_service import Fault, Reply
from tests.support.vaults import ROOT_TOKEN, Vault, a_vault, between

MANIFEST = """\
version: 1
owner: shop
keys:
  backend:
    scopes: [users.read]
    deliver:
      - vault: {secret: "shop/{environment}/PLACE", field: APPWRITE_API_KEY}
environments:
  local: {endpoint: emulator, project: p1}
"""
DATA, METADATA = "secret/data/shop/*", "secret/metadata/shop/*"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with a_vault(tmp_path_factory.mktemp("vault")) as running:
        yield running


@pytest.fixture
def reconciler(
    vault: Vault, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    made = in_folder(tmp_path, monkeypatch, capsys)
    made.write(MANIFEST.replace("PLACE", place))
    monkeypatch.setenv("VAULT_ADDR", vault.address)
    monkeypatch.setenv("VAULT_TOKEN", ROOT_TOKEN)
    return made


def held(vault: Vault, place: str) -> dict[str, str]:
    return vault.get(f"shop/local/{place}") or {}


def test_a_secret_arrives_and_what_somebody_changes_is_mended(reconciler: Command, vault: Vault, place: str) -> None:
    vault.put(f"shop/local/{place}", {"DATABASE": "x"})

    applied = reconciler("apply", "--auto-approve")

    assert applied.code == 0
    fields = held(vault, place)
    secret = fields["APPWRITE_API_KEY"]
    assert secret.startswith("standard_")
    assert fields["DATABASE"] == "x"
    assert secret not in applied.out + applied.err
    assert reconciler("plan", "--detailed-exitcode").code == 0

    for somebody in ({"DATABASE": "x", "APPWRITE_API_KEY": "other"}, {"DATABASE": "y"}):
        vault.put(f"shop/local/{place}", somebody)
        planned = reconciler("plan", "--detailed-exitcode")
        assert planned.code == 2
        assert f"deliver   vault APPWRITE_API_KEY shop/local/{place}" in planned.out
        assert reconciler("apply", "--auto-approve").code == 0
        assert held(vault, place) == {**somebody, "APPWRITE_API_KEY": secret}

    assert reconciler("plan", "--detailed-exitcode").code == 0


@pytest.mark.usefixtures("hiding")
def test_a_server_that_hides_secrets_is_compared_by_the_note(reconciler: Command, vault: Vault, place: str) -> None:
    assert reconciler("apply", "--auto-approve").code == 0
    first = held(vault, place)["APPWRITE_API_KEY"]
    assert "No changes" in reconciler("plan").out

    vault.put(f"shop/local/{place}", {"APPWRITE_API_KEY": "other"})
    assert "1 to rotate, 1 to retire" in reconciler("plan").out
    assert reconciler("apply", "--auto-approve").code == 0

    second = held(vault, place)["APPWRITE_API_KEY"]
    assert second.startswith("standard_")
    assert second != first
    assert reconciler("plan", "--detailed-exitcode").code == 0


@pytest.mark.usefixtures("hiding")
def test_without_a_note_a_plan_does_not_claim_to_have_compared(reconciler: Command, vault: Vault, place: str) -> None:
    token = vault.token("no-metadata", {DATA: "create read update"})

    assert reconciler("apply", "--auto-approve", VAULT_TOKEN=token).code == 0

    planned = reconciler("plan")
    assert "no note\n  tells whose value it holds" in planned.out
    assert "No changes" in planned.out


def test_a_policy_without_sight_of_secrets_is_enough(reconciler: Command, vault: Vault, place: str) -> None:
    vault.put(f"shop/local/{place}", {"DATABASE": "x"})
    token = vault.token("no-sight", {DATA: "create patch", METADATA: "read patch"})

    assert reconciler("apply", "--auto-approve", VAULT_TOKEN=token).code == 0

    assert held(vault, place).keys() == {"DATABASE", "APPWRITE_API_KEY"}
    assert "No changes" in reconciler("plan").out


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"VAULT_ADDR": "http://127.0.0.1:9"}, "the vault at http://127.0.0.1:9 cannot be reached"),
        ({"VAULT_TOKEN": "s.wrong"}, "answered 403: permission denied"),
        ({"VAULT_TOKEN": ""}, "there is no credential for the vault"),
    ],
    ids=["down", "denied", "no credential"],
)
def test_no_key_is_made_where_the_vault_cannot_take_it(
    reconciler: Command, variables: dict[str, str], message: str, tmp_path: Path
) -> None:
    applied = reconciler("apply", "--auto-approve", **variables, HOME=str(tmp_path))

    assert applied.code == 1
    assert message in applied.err
    assert "1 to create" in reconciler("plan").out


def test_a_write_that_is_refused_leaves_neither_key_nor_value(reconciler: Command, vault: Vault, place: str) -> None:
    full = Reply(status=400, body={"errors": ["the storage is full"]})
    with between(vault.address) as standing:
        asks = Fault(method="POST", reply=Reply(status=403))  # what it may do, it may not ask
        standing.calls.faults += [asks, Fault(method="POST", reply=full)]
        applied = reconciler("apply", "--auto-approve", VAULT_ADDR=standing.address)

    assert applied.code == 3
    assert "answered 400: the storage is full" in applied.out + applied.err
    assert held(vault, place) == {}
    assert "1 to create" in reconciler("plan", VAULT_ADDR=vault.address).out


def test_a_write_without_an_answer_is_finished_by_the_next_run(
    reconciler: Command, vault: Vault, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)
    with between(vault.address) as standing:
        standing.calls.faults += [Fault(method="PATCH", drop="before", times=4)]
        applied = reconciler("apply", "--auto-approve", VAULT_ADDR=standing.address)

    assert applied.code == 3
    again = reconciler("apply", "--auto-approve", VAULT_ADDR=vault.address)
    assert again.code == 0
    assert held(vault, place)["APPWRITE_API_KEY"].startswith("standard_")
    assert reconciler("plan", "--detailed-exitcode").code == 0


def test_another_machine_is_talked_to_in_the_open_only_where_the_manifest_says_so(
    reconciler: Command, vault: Vault, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.edge.sinks.http_client._is_loopback", lambda _: False)
    text = MANIFEST.replace("PLACE", place)
    address = f"address: '{vault.address}'"

    for refused in (text, text.replace("field:", f"{address}, field:")):
        reconciler.write(refused)
        ended = reconciler("apply", "--auto-approve")
        assert ended.code == 1
        assert "begins with http://, and secrets go over TLS only" in " ".join(ended.err.split())
        assert held(vault, place) == {}

    reconciler.write(text.replace("field:", f"{address}, insecure: true, field:"))
    assert reconciler("apply", "--auto-approve").code == 0
    assert held(vault, place)["APPWRITE_API_KEY"].startswith("standard_")


def test_what_travels_in_the_open_is_a_warning_once_for_each_server(reconciler: Command) -> None:
    sink = "vault: {secret: shop, field: KEY, insecure: true, address: 'http://vault.vault.svc:8200'}"
    reconciler.write(
        f"version: 1\nowner: shop\nkeys:\n  a: {{scopes: [], deliver: [{sink}]}}\n"
        f"  b: {{scopes: [], deliver: [{sink.replace('shop', 'more')}]}}\n"
        "environments:\n  local: {endpoint: emulator, project: p1}\n"
    )

    ended = reconciler("validate")

    warning = "http://vault.vault.svc:8200 is not https: what is delivered there travels in clear text"
    assert (ended.code, " ".join((ended.out + ended.err).split()).count(warning)) == (0, 1)
