"""Environments of one run, of one file or of several, that share a project and would fight over a key in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.ids import Realm, key_id
from tests.support.command import Command, in_folder

SHOP = """\
version: 1
owner: shop
keys:
  ci: {scopes: [users.read]}
environments:
  live:
    endpoint: emulator
    project: p1
"""
PAY = SHOP.replace("owner: shop", "owner: pay").replace("ci:", "jobs:")
OF_SHOP = key_id(Realm(owner="shop", environment="live", project="p1"), "ci")
GONE_OF_SHOP = key_id(Realm(owner="shop", environment="live", project="p1"), "gone", 2)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    made = in_folder(tmp_path, monkeypatch, capsys)
    made.write(SHOP, "shop.yaml")
    made.write(PAY, "pay.yaml")
    return made


def refused(command: Command, *files: str) -> str:
    """What both commands say of the files, and of them together only; no key is made."""
    flags = [flag for file in files for flag in ("-f", file)]
    told = command("validate", *flags)
    planned = command("plan", *flags)

    assert (told.code, planned.code) == (1, 1)
    assert planned.err.startswith(told.out), "before it is known which keys are live"
    return told.out


def adopting(key: str) -> str:
    return PAY.replace("{scopes", f"{{id: {key}, scopes")


@pytest.mark.parametrize("key", [OF_SHOP, GONE_OF_SHOP], ids=["declared", "owned"])
def test_no_file_adopts_a_key_of_the_other(command: Command, key: str) -> None:
    command.write(adopting(key), "pay.yaml")

    assert f'pay.yaml:4:3: live/jobs adopts "{key}", which is a key of environment "live" (shop.yaml:6:3)' in refused(
        command, "shop.yaml", "pay.yaml"
    )
    assert command("validate", "-f", "pay.yaml").code == 0


@pytest.mark.parametrize("key", [OF_SHOP, GONE_OF_SHOP, OF_SHOP.upper()], ids=["declared", "owned", "in capitals"])
def test_no_file_deletes_a_key_of_the_other(command: Command, key: str) -> None:
    command.write(PAY + f"    absent: [By-Hand, {key}]\n", "pay.yaml")

    assert f'pay.yaml:9:23: "{key}" is to be absent, and is a key of environment "live" (shop.yaml:6:3)' in refused(
        command, "shop.yaml", "pay.yaml"
    )


def test_two_files_do_not_adopt_one_key(command: Command) -> None:
    command.write(SHOP.replace("{scopes", "{id: legacy, scopes"), "shop.yaml")
    command.write(adopting("Legacy"), "pay.yaml")

    assert 'pay.yaml:4:3: live/ci (shop.yaml:4:3) and live/jobs adopt one key: "Legacy"' in refused(
        command, "shop.yaml", "pay.yaml"
    )


def test_no_file_deletes_what_the_other_adopts(command: Command) -> None:
    command.write(adopting("Legacy"), "pay.yaml")
    command.write(SHOP + "    absent: [Legacy]\n", "shop.yaml")

    assert 'shop.yaml:9:14: "Legacy" is to be absent, and live/jobs (pay.yaml:4:3) adopts it' in refused(
        command, "pay.yaml", "shop.yaml"
    )


def test_environments_of_one_file_that_share_a_project_are_judged_alike(command: Command) -> None:
    command.write(
        SHOP + f"    keys: {{ci: null, old: {{id: Legacy, scopes: []}}}}\n    absent: [{OF_SHOP.replace('ci', 'x')}]\n"
        "  other:\n    endpoint: emulator\n    project: p1\n    absent: [Legacy]\n    keys: "
        f"{{ci: {{id: {GONE_OF_SHOP}}}}}\n",
        "shop.yaml",
    )

    assert refused(command, "shop.yaml").splitlines()[::4] == [
        'shop.yaml:14:14: "Legacy" is to be absent, and live/old adopts it',
        f'shop.yaml:15:12: other/ci adopts "{GONE_OF_SHOP}", which is a key of environment "live"',
    ]
    assert command("validate", "-f", "shop.yaml", "-e", "live").code == 0


@pytest.mark.parametrize("apart", ["project: p2", "project: P1"])
def test_another_project_has_other_keys(command: Command, apart: str) -> None:
    command.write(adopting(OF_SHOP).replace("project: p1", apart), "pay.yaml")

    assert command("validate", "-f", "shop.yaml", "-f", "pay.yaml").code == 0


def test_another_folder_has_another_emulator(command: Command) -> None:
    (command.folder / "pay").mkdir()
    command.write(adopting("Legacy"), "pay/keys.yaml")
    command.write(SHOP + "    absent: [Legacy]\n", "shop.yaml")

    assert command("validate", "-f", "shop.yaml", "-f", "pay/keys.yaml").code == 0


def test_two_files_may_name_one_key_that_is_to_go_and_belongs_to_neither(command: Command) -> None:
    for name, text in (("shop.yaml", SHOP), ("pay.yaml", PAY)):
        command.write(text + "    absent: [Legacy]\n", name)

    assert command("plan", "-f", "shop.yaml", "-f", "pay.yaml").code == 0


def test_files_whose_environments_have_one_name_are_told_to_take_other_sinks(command: Command) -> None:
    sink = "{deliver: [dotenv: {path: a.env, variable: KEY}], scopes"
    command.write(SHOP.replace("{scopes", sink), "shop.yaml")
    command.write(PAY.replace("{scopes", sink), "pay.yaml")

    told = refused(command, "shop.yaml", "pay.yaml")

    assert "pay.yaml:4:3: live/ci (shop.yaml:4:3) and live/jobs are delivered to one place: dotenv " in told
    assert "hint: give each file's keys a place of their own: another path, variable or name" in told
    command.write(PAY.replace("{scopes", sink).replace("live:", "other:"), "pay.yaml")
    assert "hint: put {environment} in its path, or name one" in refused(command, "shop.yaml", "pay.yaml")
