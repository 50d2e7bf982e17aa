"""Several manifests in one run: files and directories, an owner each, and what `--target` chooses among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Command, in_folder

SHOP = """\
version: 1
owner: shop
keys:
  storefront: {scopes: [rows.read]}
  ci: {scopes: [sites.read]}
environments:
  local: {endpoint: emulator, project: one-project}
  other: {endpoint: emulator, project: other-project}
"""
WITHOUT_CI = SHOP.replace("  ci: {scopes: [sites.read]}\n", "")
PAY = SHOP.replace("owner: shop", "owner: shop/pay").replace("storefront", "ledger")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    made = in_folder(tmp_path, monkeypatch, capsys)
    (tmp_path / "keys").mkdir()
    made.write(SHOP, "keys/shop.yaml")
    made.write(PAY, "keys/pay.yml")
    made.write("not: [a manifest", "keys/.hidden.yaml")
    made.write("hello", "keys/notes.txt")
    return made


def planned(command: Command, *arguments: str) -> list[str]:
    """The addresses and symbols of a plan, in order."""
    ended = command("plan", *arguments)
    assert ended.code == 0, ended.err
    told = ("  +", "  -", "local", "other", "extra")
    return [line.split("  (")[0].strip() for line in ended.out.splitlines() if line.startswith(told)]


def test_a_directory_stands_for_its_manifests_in_the_order_of_their_names(command: Command) -> None:
    assert planned(command, "-f", "keys", "-e", "local") == [
        "local (shop/pay): project one-project at emulator",
        "+ ci",
        "+ ledger",
        "local (shop): project one-project at emulator",
        "+ ci",
        "+ storefront",
    ]


def test_what_one_owner_applied_is_unmanaged_to_the_other(command: Command) -> None:
    assert command("apply", "-f", "keys/shop.yaml", "-e", "local", "--auto-approve").code == 0

    ended = command("plan", "-f", "keys", "-e", "local")

    assert "Plan: 2 to create; 2 unchanged, 2 unmanaged." in ended.out
    assert command("apply", "-f", "keys", "-e", "local", "--auto-approve").out.count("applied") == 2
    assert command("plan", "-f", "keys", "-e", "local", "--detailed-exitcode").code == 0


def test_a_file_that_is_named_twice_is_read_once(command: Command) -> None:
    assert planned(command, "-f", "keys/shop.yaml", "-f", "keys/../keys/shop.yaml", "-e", "local") == [
        "local: project one-project at emulator",
        "+ ci",
        "+ storefront",
    ]


def test_an_environment_that_only_one_of_the_files_has_is_planned_there(command: Command) -> None:
    command.write(PAY.replace("other:", "extra:"), "keys/pay.yml")

    assert planned(command, "-f", "keys", "-e", "extra") == [
        "extra: project other-project at emulator",
        "+ ci",
        "+ ledger",
    ]


def test_one_owner_in_two_files_is_refused_with_both_places(command: Command) -> None:
    command.write(SHOP, "keys/pay.yml")

    ended = command("validate", "-f", "keys")

    assert ended.code == 1
    assert 'keys/shop.yaml:2:8: the owner "shop" is that of keys/pay.yml:2:8 too' in ended.out


def test_the_problems_of_all_files_are_told_at_once(command: Command) -> None:
    command.write(SHOP.replace("rows.read", "row.read"), "keys/shop.yaml")
    command.write(PAY.replace("sites.read", "site.read"), "keys/pay.yml")

    ended = command("validate", "-f", "keys")

    assert 'keys/pay.yml:5:17: scope "site.read" is unknown' in ended.out
    assert 'keys/shop.yaml:4:25: scope "row.read" is unknown' in ended.out


def test_every_valid_file_is_told_with_its_environments(command: Command) -> None:
    assert command("validate", "-f", "keys").out == (
        "keys/pay.yml is valid: local (2 keys), other (2 keys).\n"
        "keys/shop.yaml is valid: local (2 keys), other (2 keys).\n"
    )


def test_a_directory_without_manifests_is_an_error(command: Command) -> None:
    (command.folder / "empty").mkdir()

    ended = command("plan", "-f", "empty")

    assert ended.code == 1
    assert ended.err == (
        "error: there is no manifest in the directory empty\n"
        "  hint: manifests end in .yaml or .yml; directories below it are not searched: name each with -f\n"
    )


def test_an_environment_that_no_file_has_is_told_with_those_that_there_are(command: Command) -> None:
    assert command("plan", "-f", "keys", "-e", "prod").err == (
        'error: none of the 2 manifests has an environment "prod"\n  hint: they have "local" or "other"\n'
    )


def test_a_target_chooses_keys_by_address_in_every_file(command: Command) -> None:
    assert planned(command, "-f", "keys", "-e", "local", "--target", "local/ci", "--target", "*/led*") == [
        "local (shop/pay): project one-project at emulator",
        "+ ci",
        "+ ledger",
        "local (shop): project one-project at emulator",
        "+ ci",
    ]


def test_an_exclude_leaves_keys_out_and_a_target_and_an_exclude_work_together(command: Command) -> None:
    assert planned(command, "-f", "keys/shop.yaml", "--exclude", "other/*", "--exclude", "*/ci") == [
        "local: project one-project at emulator",
        "+ storefront",
    ]


@pytest.mark.parametrize("selection", [("--target", "local/ci"), ("--exclude", "other/*", "--exclude", "*/storefront")])
@pytest.mark.parametrize("output_format", ["text", "markdown"])
def test_an_environment_without_a_selected_key_is_not_told_of(
    command: Command, selection: tuple[str, ...], output_format: str
) -> None:
    ended = command("plan", "-f", "keys/shop.yaml", *selection, "--format", output_format, "--detailed-exitcode")

    assert ended.code == 2
    assert "local" in ended.out
    assert "other" not in ended.out
    assert "no changes" not in ended.out


def test_a_key_that_is_not_selected_refuses_nothing_by_adopting_what_is_not_there(command: Command) -> None:
    command.write(SHOP.replace("ci: {scopes", "ci: {id: Legacy, scopes"), "keys/shop.yaml")

    whole = command("plan", "-f", "keys/shop.yaml", "-e", "local")
    assert whole.code == 1
    assert 'local/ci adopts the key "Legacy", which project "one-project" does not have' in whole.err
    assert planned(command, "-f", "keys/shop.yaml", "-e", "local", "--exclude", "local/ci")[1:] == ["+ storefront"]
    assert planned(command, "-f", "keys/shop.yaml", "-e", "local", "--target", "*/storefront")[1:] == ["+ storefront"]
    assert command("plan", "-f", "keys/shop.yaml", "--target", "local/ci").code == 1


def test_a_key_outside_of_the_selection_is_neither_changed_nor_taken_for_undeclared(command: Command) -> None:
    assert command("apply", "-f", "keys/shop.yaml", "-e", "local", "--auto-approve").code == 0
    command.write(WITHOUT_CI.replace("[rows.read]", "[rows.write]"), "keys/shop.yaml")

    ended = command("apply", "-f", "keys/shop.yaml", "-e", "local", "--target", "*/storefront", "--auto-approve")

    assert ended.out == "~ local/storefront  update: applied\n\nApplied: the one change.\n"
    assert planned(command, "-f", "keys/shop.yaml", "-e", "local")[1:] == ["- ci"]


def test_a_target_that_matches_no_key_is_an_error_with_the_nearest_address(command: Command) -> None:
    ended = command("plan", "-f", "keys/shop.yaml", "-e", "local", "--target", "local/storefrnt")

    assert ended.code == 1
    assert ended.err == (
        'error: no key has an address that "local/storefrnt" matches\n  hint: did you mean "local/storefront"?\n'
    )


def test_an_undeclared_key_can_be_a_target(command: Command) -> None:
    assert command("apply", "-f", "keys/shop.yaml", "-e", "local", "--auto-approve").code == 0
    command.write(WITHOUT_CI, "keys/shop.yaml")

    assert planned(command, "-f", "keys/shop.yaml", "-e", "local", "--target", "local/ci")[1:] == ["- ci"]
