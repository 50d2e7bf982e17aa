"""Who plans need not be who applies: a plan with a lesser credential succeeds, says so, and can be saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.ids import Realm, key_id
from tests.support.command import Command, in_folder
from tests.support.emulators import Running, running

OWN = key_id(Realm(owner="shop", environment="live", project="p"), "admin")
HEADING = "Not with this credential"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), "1.9.x") as server:
        server.emulator.ensure_project("p", organization="acme")
        yield server


@pytest.fixture(scope="module")
def reads(server: Running) -> str:
    return server.emulator.add_key("p", "reads", ["keys.read"])


@pytest.fixture(scope="module")
def writes(server: Running) -> str:
    return server.emulator.add_key("p", OWN, ["keys.read", "keys.write", "users.read"])


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: Running, writes: str
) -> Command:
    made = in_folder(tmp_path, monkeypatch, capsys)
    keys = {"ci": {"scopes": ["users.read"]}, "admin": {"scopes": ["keys.read", "keys.write", "users.read"]}}
    keys["admin"]["allow_sensitive"] = ["keys.read", "keys.write"]
    keys["admin"]["name"] = OWN  # type: ignore[assignment]
    where = {"endpoint": server.endpoint, "project": "p", "credential": {"env": "TOKEN"}}
    made.write(json.dumps({"version": 1, "owner": "shop", "keys": keys, "environments": {"live": where}}))
    return made


def without_admin(command: Command) -> None:
    file = command.folder / "keys.yaml"
    document = json.loads(file.read_text())
    del document["keys"]["admin"]
    file.write_text(json.dumps(document))


@pytest.mark.parametrize("flags", [(), ("--detailed-exitcode",)])
def test_a_plan_with_a_key_that_reads_succeeds_and_says_that_it_cannot_apply_it(
    command: Command, reads: str, flags: tuple[str, ...]
) -> None:
    text = command("plan", *flags, TOKEN=reads)
    markdown = command("plan", "--format", "markdown", *flags)
    document = json.loads(command("plan", "--format", "json", *flags).out)

    assert {text.code, markdown.code} == {2 if flags else 0}
    assert f"{HEADING}:\n  live: " in text.out
    assert "Refused" not in text.out + markdown.out
    assert f"### {HEADING}\n\n- `live`: `" in markdown.out
    assert "credential that has keys.write" in " ".join(text.out.split())
    assert [(each["guard"], each["of_credential"]) for each in document["refusals"]] == [("may-not-write", True)]


def test_apply_with_that_key_is_refused_and_changes_nothing(command: Command, server: Running, reads: str) -> None:
    assert command("plan", "--out", "plan.json", TOKEN=reads).code == 0
    before = server.keys("p")

    for arguments in (("apply", "--auto-approve"), ("apply", "plan.json")):
        ended = command(*arguments)
        assert ended.code == 4
        assert "error: the plan is refused (may-not-write); nothing was changed\n" in ended.err
    assert server.keys("p") == before


def test_what_one_credential_planned_another_one_applies(
    command: Command, server: Running, reads: str, writes: str
) -> None:
    assert command("plan", "--out", "plan.json", TOKEN=reads).code == 0

    applied = command("apply", "plan.json", TOKEN=writes)

    assert applied.code == 0, applied.err
    assert HEADING not in applied.err
    ci = key_id(Realm(owner="shop", environment="live", project="p"), "ci")
    server.call("DELETE", f"/project/keys/{ci}", "p")


def test_a_credential_may_plan_its_own_end_for_another_one_to_apply(command: Command, reads: str, writes: str) -> None:
    without_admin(command)

    own = command("plan", "--allow-in-use", "--out", "plan.json", TOKEN=writes)
    refused = command("apply", "plan.json")
    other = command("plan", "--allow-in-use", TOKEN=reads)

    assert (own.code, refused.code, other.code) == (0, 4, 0)
    assert "this key is, or may be, the credential of this very run" in " ".join(own.out.split())
    assert "the plan is refused (own-credential)" in refused.err
    assert "this key is, or may be" not in other.out


def test_a_guard_that_asks_for_no_credential_still_refuses_the_plan(command: Command, reads: str) -> None:
    file = command.folder / "keys.yaml"
    file.write_text(file.read_text().replace('"allow_sensitive": ["keys.read", "keys.write"], ', ""))

    ended = command("plan", TOKEN=reads)

    assert ended.code == 4
    assert ended.out.index("Refused:\n") < ended.out.index(f"{HEADING}:\n")
