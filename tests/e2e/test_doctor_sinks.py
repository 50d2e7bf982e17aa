"""`doctor` looks at sinks: whether each could be written, whose value it holds, and what to do. No trace is left."""

import json
import socket
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.support.command import Command, Ended, in_folder
from tests.support.vaults import ROOT_TOKEN, Vault, a_vault

NUMBERS = count()
HEAD = "version: 1\nowner: shop\n"
FOOT = "environments:\n  local: {endpoint: emulator, project: p1}\n"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with a_vault(tmp_path_factory.mktemp("vault")) as running:
        yield running


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    for name in ("VAULT_TOKEN", "VAULT_ADDR", "GH_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return in_folder(tmp_path, monkeypatch, capsys)


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that refuses every connection."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def keys(*sinks: str) -> str:
    """A key for each sink."""
    entries = (f"  k{at}: {{scopes: [users.read], deliver: [{sink}]}}\n" for at, sink in enumerate(sinks))
    return f"{HEAD}keys:\n{''.join(entries)}{FOOT}"


def sinks(ended: Ended) -> list[dict[str, Any]]:
    """The checks that are about sinks."""
    (environment,) = json.loads(ended.out)["environments"]
    return [check for check in environment["checks"] if "sinks" in check]


def told(command: Command, *arguments: str, **variables: str) -> list[dict[str, Any]]:
    return sinks(command("doctor", "--format", "json", *arguments, **variables))


def in_vault(field: str = "KEY", place: str = "") -> str:
    return f"vault: {{secret: shop/{place or f'd{next(NUMBERS)}'}, field: {field}}}"


def test_sinks_of_several_kinds_well_and_ill(
    command: Command, dead_port: int, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    (command.folder / "open").mkdir()
    (command.folder / "open").chmod(0o777)
    (command.folder / "push").write_text("#!/bin/sh\n")
    (command.folder / "run").write_text("#!/bin/sh\n")
    (command.folder / "run").chmod(0o755)
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{dead_port}")
    command.write(
        keys(
            "dotenv: {path: app.env, variable: A}",
            "dotenv: {path: app.env, variable: B}",
            "dotenv: {path: open/app.env, variable: C}",
            "file: {path: open/secret}",
            "vault: {secret: shop/one, field: KEY}",
            "vault: {secret: shop/two, field: KEY}",
            "aws: {secret: shop, region: eu-central-1}",
            "github_actions: {repository: acme/shop, secret: KEY}",
            "exec: {command: [./push]}",
            "exec: {command: [./run, there]}",
        )
    )

    ended = command("doctor", VAULT_TOKEN="canary")

    assert (ended.code, "canary" in ended.out) == (1, False)
    assert ended.out.replace(str(dead_port), "PORT").replace(str(command.folder), "FOLDER") == snapshot
    assert sorted(path.name for path in command.folder.rglob("*") if ".reconciler" not in path.parts) == [
        "keys.yaml",
        "open",
        "push",
        "run",
    ]


def test_an_outage_is_one_finding_however_many_sinks_it_hits(
    command: Command, dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.edge.sinks.http._ATTEMPTS", 1)
    command.write(keys(*(in_vault() for _ in range(200))))

    (check,) = told(command, VAULT_ADDR=f"http://127.0.0.1:{dead_port}", VAULT_TOKEN="t")

    assert (check["check"], check["verdict"], len(check["sinks"])) == ("vault", "failed", 200)
    assert " and 199 more: the vault at http://127.0.0.1:" in check["message"]
    assert "cannot be reached" in check["message"]


@pytest.mark.parametrize(
    ("rights", "verdict", "message", "hint"),
    [
        (
            {"secret/data/else": "read"},
            "failed",
            "the credential may not patch secret/data/shop/",
            "its policy needs: path",
        ),
        ({"secret/data/shop/*": "read"}, "failed", "the credential may not create secret/data/shop/", "its policy"),
        ({"secret/data/shop/*": "create read update"}, "ok", "can be written, as far as asking tells", ""),
    ],
    ids=["nothing", "reads", "writes"],
)
def test_what_a_policy_of_openbao_allows_is_one_finding_and_nothing_is_written(
    command: Command, vault: Vault, rights: dict[str, str], verdict: str, message: str, hint: str
) -> None:
    places = [f"d{next(NUMBERS)}" for _ in range(3)]
    command.write(keys(*(in_vault(place=place) for place in places)))

    (check,) = told(command, VAULT_ADDR=vault.address, VAULT_TOKEN=vault.token(f"p-{places[0]}", rights))

    assert (check["verdict"], len(check["sinks"])) == (verdict, 3)
    assert check["message"].startswith(f"KEY shop/{places[0]} and 2 more: {message}")
    assert check["hint"].startswith(hint)
    assert [vault.get(f"shop/{place}") for place in places] == [None, None, None]


def test_a_token_that_openbao_refuses_is_told(command: Command, vault: Vault) -> None:
    command.write(keys(in_vault()))

    (check,) = told(command, VAULT_ADDR=vault.address, VAULT_TOKEN="no-such-token")

    assert check["verdict"] == "failed"
    assert "answered 403" in check["message"]
    assert check["hint"].startswith("see whether VAULT_TOKEN is still valid")


def test_a_sealed_openbao_is_told(command: Command, tmp_path: Path) -> None:
    (tmp_path / "sealed").mkdir()
    with a_vault(tmp_path / "sealed") as vault:
        vault.call("PUT", "sys/seal")
        command.write(keys(in_vault()))

        (check,) = told(command, VAULT_ADDR=vault.address, VAULT_TOKEN=ROOT_TOKEN)

    assert (check["verdict"], check["hint"]) == ("failed", "try again later")
    assert "answered 503: Vault is sealed" in check["message"]


def test_a_package_that_is_missing_is_told_with_the_command_that_installs_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    command.write(keys(f"age: {{path: a.age, recipients: [{recipient}]}}"))

    (check,) = told(command)

    assert (check["check"], check["verdict"]) == ("age", "failed")
    assert check["hint"] == "pip install 'appwrite-reconciler[age]'"


@pytest.mark.parametrize("verb", [["plan"], ["apply", "--auto-approve"]], ids=["plan", "apply"])
def test_an_identity_that_is_none_is_an_error_of_plan_and_apply_and_a_finding(
    command: Command, verb: list[str]
) -> None:
    recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    (command.folder / "id.txt").write_text(f"# mine\n{recipient}\n")
    command.write(keys(f"age: {{path: a.age, recipients: [{recipient}], identity: id.txt}}"))

    ended = command(*verb)

    assert ended.code == 1
    assert (
        "error: id.txt:2: this is no identity that can be used\n  hint: give a file that age-keygen made" in ended.err
    )
    (check,) = told(command)
    assert (check["verdict"], check["message"]) == ("failed", "a.age: id.txt:2: this is no identity that can be used")


def test_the_secret_of_another_manifests_key_is_told_and_stands_in_the_way(command: Command) -> None:
    sink = "dotenv: {path: app.env, variable: KEY}"
    command.write(keys(sink).replace("owner: shop", "owner: other"))
    assert command("apply", "--auto-approve").code == 0
    command.write(keys(sink))

    ended = command("doctor", "--format", "json")

    (check,) = sinks(ended)
    assert (ended.code, check["verdict"]) == (1, "failed")
    assert check["message"].startswith(
        "app.env KEY: it holds the secret of another manifest's or environment's key: k0."
    )
    assert check["hint"] == "deliver to another place, or remove that value first if nobody needs it"


def test_a_value_of_nobody_known_is_worth_a_look(command: Command) -> None:
    (command.folder / "app.env").write_text("KEY=mine\n")
    command.write(keys("dotenv: {path: app.env, variable: KEY}"))

    ended = command("doctor", "--format", "json")

    (check,) = sinks(ended)
    assert (ended.code, check["verdict"]) == (0, "warning")
    assert check["message"] == "app.env KEY: it holds a value, no note says whose, and apply replaces it"
    assert (command.folder / "app.env").read_text() == "KEY=mine\n"


def test_what_was_delivered_is_well_and_a_plan_sees_nothing_to_do(command: Command) -> None:
    command.write(keys("dotenv: {path: app.env, variable: KEY}", "dotenv: {path: '{id}.env', variable: KEY}"))
    assert command("apply", "--auto-approve").code == 0

    ended = command("doctor")

    assert ended.code == 0
    assert "✓ dotenv          app.env KEY and 2 more: can be written" in ended.out
    assert "the server knows all that it declares; nothing to apply" in ended.out


def test_where_nothing_waits_to_be_written_a_sink_that_is_down_is_a_warning(
    command: Command, vault: Vault, dead_port: int
) -> None:
    command.write(keys(in_vault()))
    assert command("apply", "--auto-approve", VAULT_ADDR=vault.address, VAULT_TOKEN=ROOT_TOKEN).code == 0

    ended = command("doctor", "--format", "json", VAULT_ADDR=f"http://127.0.0.1:{dead_port}")

    (check,) = sinks(ended)
    assert (ended.code, check["verdict"]) == (0, "warning")
    assert check["message"].endswith("; nothing is to be written there now")


def test_where_all_is_delivered_a_credential_that_may_only_read_is_a_warning(command: Command, vault: Vault) -> None:
    place = f"d{next(NUMBERS)}"
    command.write(keys(in_vault(place=place)))
    assert command("apply", "--auto-approve", VAULT_ADDR=vault.address, VAULT_TOKEN=ROOT_TOKEN).code == 0

    ended = command("doctor", "--format", "json", VAULT_TOKEN=vault.token("reads", {"secret/data/shop/*": "read"}))

    (check,) = sinks(ended)
    assert (ended.code, check["verdict"]) == (0, "warning")
    assert check["message"] == (
        f"KEY shop/{place}: the credential may not update secret/data/shop/{place}; nothing is to be written there now"
    )


def test_sinks_are_looked_at_although_the_server_is_down(command: Command, dead_port: int) -> None:
    command.write(
        keys("dotenv: {path: app.env, variable: KEY}").replace(
            "endpoint: emulator", f"endpoint: 'http://127.0.0.1:{dead_port}/v1', credential: {{env: KEY}}"
        )
    )

    (check,) = told(command)

    assert (check["check"], check["verdict"]) == ("dotenv", "ok")


def test_one_file_under_two_names_is_told_as_plan_tells_it(command: Command) -> None:
    (command.folder / "s").mkdir()
    (command.folder / "link").symlink_to("s")
    command.write(keys("file: {path: s/f}", "file: {path: link/f}"))

    ended = command("doctor")

    assert ended.code == 1
    assert "local/k0 and local/k1 are delivered to one place: file s/f and file link/f" in " ".join(ended.out.split())


def test_no_exec_refuses_a_command_and_looks_for_none(command: Command) -> None:
    command.write(keys("exec: {command: [./missing]}", "dotenv: {path: app.env, variable: KEY}"))

    ended = command("doctor", "--no-exec", "--format", "json")

    refused, well = sinks(ended)
    assert (ended.code, refused["verdict"], well["verdict"]) == (1, "failed", "ok")
    assert refused["message"] == "./missing: a command delivers, and --no-exec refuses it"
    assert refused["hint"].startswith("leave out --no-exec once somebody has read the command")


def test_a_plan_for_new_keys_says_once_that_their_sinks_could_not_be_looked_at(
    command: Command, dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.edge.sinks.http._ATTEMPTS", 1)
    command.write(keys(*(in_vault(place=f"p{at}") for at in range(9))))

    ended = command("plan", VAULT_ADDR=f"http://127.0.0.1:{dead_port}", VAULT_TOKEN="t")

    shown = " ".join(ended.out.split())
    assert ended.code == 0
    assert shown.count("cannot be reached") == 1
    assert "not compared: vault KEY shop/p0 (local/k0), " in shown
    assert f"(local/k2), 6 more: the vault at http://127.0.0.1:{dead_port} cannot be reached" in shown
    assert shown.count("(local/k8)") == 0
    assert "(local/k8)" in command("plan", "--verbose").out


def test_a_sink_that_may_not_be_read_is_no_pending_change(command: Command, vault: Vault) -> None:
    place = f"d{next(NUMBERS)}"
    command.write(keys(in_vault(place=place)))
    assert command("apply", "--auto-approve", VAULT_ADDR=vault.address, VAULT_TOKEN=ROOT_TOKEN).code == 0

    ended = command("plan", "--detailed-exitcode", VAULT_TOKEN=vault.token("nothing", {"secret/data/else": "read"}))

    assert (ended.code, "No changes" in ended.out) == (0, True)
    assert f"not compared: vault KEY shop/{place} (local/k0): the credential may not read" in " ".join(
        ended.out.split()
    )
