"""`plan --out` and `apply FILE` as a person meets them: what is written, what is done, and what each refusal says."""

import json
import os
import sqlite3
import stat
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from reconciler.core.ids import Realm, key_id
from reconciler.emulator import Emulator
from tests.support.command import MANIFEST, Command, in_folder, run
from tests.support.saving import sealed

REALM = Realm(owner="shop", environment="local", project="p1")
SINK = "secrets/local.env"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    command = in_folder(tmp_path, monkeypatch, capsys)
    command.write()
    return command


def server(command: Command) -> Emulator:
    """The server of the environment `local`; close it before the next command."""
    emulator = Emulator(command.folder / ".reconciler" / "emulator.sqlite3")
    emulator.ensure_project("p1")
    return emulator


def add(command: Command, name: str, *scopes: str) -> str:
    """A key with this manifest's mark, unless the name is an id; returns its id."""
    own = name if "." in name or name == "by-hand" else key_id(REALM, name)
    emulator = server(command)
    emulator.add_key("p1", own, scopes or ("users.read",), name=name)
    emulator.close()
    return own


def listed(command: Command) -> list[tuple[str, str, list[str]]]:
    """Every key of the project as it is: id, name and scopes."""
    document = planned(command)["environments"][0]
    states = [(each["id"], each["state"]) for each in document["unchanged"]]
    others: list[tuple[str, str, list[str]]] = []
    states += [(each["id"], each["before"]) for each in document["changes"] if "before" in each]
    others += [(each["id"], each["name"], []) for each in document["unmanaged"]]
    return sorted([*((key, state["name"], state["scopes"]) for key, state in states), *others])


def planned(command: Command) -> Any:
    """What a plan made now says, as JSON."""
    return json.loads(command("plan", "--format", "json").out)


def save(command: Command, *flags: str) -> Path:
    ended = command("plan", "--out", "plan.json", *flags)
    assert ended.code == 0, ended.err
    return command.folder / "plan.json"


# --- written and done ---


def test_the_file_is_what_plan_prints_as_json(command: Command) -> None:
    printed = command("plan", "--out", "plan.json", "--format", "json")

    assert printed.code == 0
    assert (command.folder / "plan.json").read_text() == printed.out


def test_with_out_the_plan_is_still_shown(command: Command) -> None:
    shown = command("plan")

    assert command("plan", "--out", "plan.json").out == shown.out


def test_a_saved_plan_is_applied_without_a_question_and_then_has_nothing_left_to_do(
    command: Command, snapshot: SnapshotAssertion
) -> None:
    save(command)

    first = command("apply", "plan.json")
    before = (command.folder / SINK).read_bytes()
    second = command("apply", "plan.json")

    assert (first.code, second.code) == (0, 0)
    assert command("plan", "--detailed-exitcode").code == 0
    assert (command.folder / SINK).read_bytes() == before
    assert f"{first.out}---\n{second.out}---\n{second.err}" == snapshot


@pytest.mark.parametrize("output_format", ["text", "markdown", "json"])
def test_a_plan_that_is_done_says_that_there_is_nothing_to_do(command: Command, output_format: str) -> None:
    save(command)
    assert command("apply", "--auto-approve").code == 0

    ended = command("apply", "plan.json", "--format", output_format)

    assert ended.code == 0
    assert "Applied" not in ended.out
    if output_format == "json":
        report = json.loads(ended.out)
        assert report["complete"]
        assert report["summary"] == {"applied": 0, "already_so": 1, "failed": 0, "undelivered": 0, "not_attempted": 0}
    else:
        assert "Nothing to do: it was so already." in ended.out


def test_what_was_done_before_is_told_beside_what_is_applied(command: Command) -> None:
    command.write(MANIFEST.replace("keys:\n", "keys:\n  jobs: {scopes: [users.read]}\n"))
    save(command)
    assert command("apply", "--target", "local/ci", "--auto-approve").code == 0

    assert "Applied: 1 of 2 changes, 1 already so.\n" in command("apply", "plan.json").out
    assert "Nothing to do: all 2 changes were so already.\n" in command("apply", "plan.json").out


def test_only_what_was_chosen_when_it_was_made_is_applied(command: Command) -> None:
    command.write(MANIFEST.replace("keys:\n", "keys:\n  jobs: {scopes: [users.read]}\n"))
    old = add(command, "old")
    save(command, "--target", "*/old", "--target", "*/ci", "--exclude", "*/ci", "--allow-deletes", "1")

    assert command("apply", "plan.json").code == 0
    again = command("apply", "plan.json", "--format", "json")

    assert again.code == 0, again.err
    assert [(each["id"], each["status"]) for each in json.loads(again.out)["environments"][0]["results"]] == [
        (old, "already_so")
    ]
    assert planned(command)["summary"]["create"] == 2


def test_what_was_allowed_when_it_was_made_is_allowed(command: Command) -> None:
    for number in range(12):
        add(command, f"old-{number}")
    assert command("plan", "--out", "refused.json").code == 4
    save(command, "--allow-deletes", "12")

    refused = command("apply", "refused.json")
    done = command("apply", "plan.json")

    assert refused.code == 4
    assert refused.err.startswith("error: the plan was refused when it was made (deletes); nothing was changed\n")
    assert done.code == 0


def test_what_the_guard_let_pass_when_it_was_made_is_finished_after_a_crash(command: Command) -> None:
    old = [add(command, f"old-{number}") for number in range(5)]
    kept = "".join(f"  kept-{number}: {{scopes: [users.read]}}\n" for number in range(4))
    new = "".join(f"  new-{number}: {{scopes: [users.read]}}\n" for number in range(5))
    command.write(MANIFEST.replace("keys:\n", f"keys:\n{kept}{new}"))
    assert command("apply", "--target", "*/kept-*", "--auto-approve").code == 0
    save(command)
    assert command("apply", "--exclude", "*/old-*", "--auto-approve").code == 0, "as far as a run that is killed comes"

    assert command("plan").code == 4, "a plan made now would take 5 of 15"
    ended = command("apply", "plan.json")

    assert ended.code == 0, ended.err
    assert not {*old} & {key for key, _, _ in listed(command)}


def test_what_came_up_since_is_left_and_told(command: Command) -> None:
    save(command)
    old = add(command, "old")

    ended = command("apply", "plan.json")

    assert ended.code == 0
    assert "not in this plan, and not done: changes to local/old; plan again for them" in " ".join(ended.err.split())
    assert old in [key for key, _, _ in listed(command)]


def test_a_manifest_elsewhere_is_named_with_f(command: Command) -> None:
    save(command)
    (command.folder / "keys.yaml").rename(command.folder / "moved.yaml")

    missing = command("apply", "plan.json")
    moved = command("apply", "plan.json", "-f", "moved.yaml")

    assert missing.code == 1
    assert "there is no file keys.yaml" in missing.err
    assert moved.code == 0, moved.err


def test_a_plan_of_several_manifests_is_applied_whole(command: Command) -> None:
    command.write(MANIFEST.replace("owner: shop", "owner: other").replace("secrets/", "other/"), "other.yaml")
    save(command, "-f", "keys.yaml", "-f", "other.yaml")

    ended = command("apply", "plan.json", "--format", "json")

    assert ended.code == 0, ended.err
    environments = json.loads(ended.out)["environments"]
    assert [(each["environment"], each["owner"], len(each["results"])) for each in environments] == [
        ("local", "shop", 1),
        ("local", "other", 1),
    ]
    assert command("apply", "plan.json", "-f", "keys.yaml").code == 4


def test_the_file_holds_no_secret_and_is_written_for_everybody_to_read(command: Command) -> None:
    assert command("apply", "--auto-approve").code == 0
    command.write(MANIFEST.replace("users.read", "rows.read"))
    secret = (command.folder / SINK).read_text().partition("=")[2].strip().strip("'\"")

    before = os.umask(0o022)
    try:
        path = save(command)
    finally:
        os.umask(before)

    assert len(secret) > 20
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [each.name for each in command.folder.iterdir() if each.name.startswith(".plan")] == []


def test_without_a_terminal_a_saved_plan_needs_no_approval(command: Command) -> None:
    save(command)

    assert run(command.folder, "apply").code == 1
    assert run(command.folder, "apply", "plan.json").code == 0


# --- refused, with exit code 4 and nothing changed ---


def edited(change: Callable[[dict[str, Any]], object], *, seal: bool = False) -> Callable[[Command], object]:
    """The plan changed by hand, as somebody does who can work out a digest or as one who cannot."""

    def edit(command: Command) -> None:
        path = command.folder / "plan.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(sealed(document) if seal else json.dumps(document, indent=2) + "\n")

    return edit


def first(document: dict[str, Any]) -> dict[str, Any]:
    """The change that makes the key ci."""
    change: dict[str, Any] = document["environments"][0]["changes"][0]
    assert change["action"] == "create"
    return change


def delete_by_hand(document: dict[str, Any]) -> None:
    state = {"name": "by-hand", "scopes": ["users.read"], "expire": None, "description": ""}
    common = {"address": "local/by-hand", "id": "by-hand", "reason": "undeclared", "marks": []}
    document["environments"][0]["changes"].append(
        {"action": "delete", **common, "before": state, "expired": False, "leaked": False}
    )
    document["summary"]["delete"] += 1


def on_environment(**fields: object) -> Callable[[Command], object]:
    return edited(lambda document: document["environments"][0].update(fields), seal=True)


def on_create(**fields: object) -> Callable[[Command], object]:
    return edited(lambda document: first(document).update(fields), seal=True)


def _text(command: Command, text: str) -> None:
    (command.folder / "plan.json").write_text(text)


WIDER = {"name": "CI", "scopes": ["keys.write", "users.read"], "expire": None, "description": ""}
PUBLIC = {"kind": "dotenv", "options": {"path": "public.env", "variable": "APPWRITE_API_KEY"}}
REFUSED: dict[str, Callable[[Command], object]] = {
    "no json": lambda command: _text(command, "hello\n"),
    "cut short": lambda command: _text(command, (command.folder / "plan.json").read_text()[:400]),
    "of terraform": lambda command: _text(command, '{"format_version": "1.2", "terraform_version": "1.9.5"}'),
    "a report": lambda command: _text(command, '{"version": 1, "complete": true, "environments": []}'),
    "without digest": edited(lambda document: document.pop("digest")),
    "edited": edited(lambda document: first(document)["after"].update(name="Other")),
    "another format": edited(lambda document: document.update(version=2), seal=True),
    "another reconciler": edited(lambda document: document.update(reconciler="0.0.1"), seal=True),
    "a field gone": edited(lambda document: first(document).pop("expiry"), seal=True),
    "a field more": on_create(run="rm -rf"),
    "another manifest": lambda command: command.write(MANIFEST + "# a word\n"),
    "a broken manifest": lambda command: command.write("secret: [unclosed"),
    "another endpoint": on_environment(endpoint="https://a.example/v1"),
    "another project": on_environment(project="p2"),
    "another environment": on_environment(owner="other"),
    "a foreign key to delete": edited(delete_by_hand, seal=True),
    "more scopes": on_create(after=WIDER),
    "another sink": on_create(deliver=[PUBLIC]),
    "another life": on_create(expiry="90d"),
    "hostile names": on_create(id="x\x1b[2J", address="\x1b]0;owned\x07\nlocal/fine"),
    "the key made otherwise": lambda command: add(command, "ci", "rows.read"),
    "another key changed": lambda command: _rename(command, key_id(REALM, "old")),
    "everything changed": lambda command: _rename(command, key_id(REALM, "old"), add(command, "ci", "rows.read")),
}


def _rename(command: Command, *keys: str) -> None:
    """A person renames keys and gives them another scope."""
    change = "UPDATE keys SET name = 'New', scopes = '[\"rows.read\"]' WHERE id = ?"
    with sqlite3.connect(command.folder / ".reconciler" / "emulator.sqlite3") as connection:
        for key in keys:
            assert connection.execute(change, (key,)).rowcount == 1
    connection.close()


@pytest.mark.parametrize("what", REFUSED)
def test_a_plan_that_cannot_be_kept_is_refused_with_the_reason(
    command: Command, snapshot: SnapshotAssertion, what: str
) -> None:
    add(command, "by-hand")
    add(command, "old")
    save(command)
    REFUSED[what](command)
    manifest = (command.folder / "keys.yaml").read_text()
    command.write()
    before = listed(command)
    command.write(manifest)

    ended = command("apply", "plan.json")

    assert (ended.code, ended.out) == (4, "")
    assert ended.err.replace(version("appwrite-reconciler"), "{own version}") == snapshot
    assert all(each.isprintable() for each in ended.err.replace("\n", ""))
    command.write()
    assert listed(command) == before
    assert not (command.folder / SINK).exists()
    assert not (command.folder / "public.env").exists()


@pytest.mark.slow
def test_a_flipped_byte_anywhere_is_never_applied(command: Command) -> None:
    path = save(command)
    content = path.read_bytes()
    for position in range(0, len(content), 7):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x20]) + content[position + 1 :])
        ended = command("apply", "plan.json")
        assert ended.code == 4, (position, ended.err)
    path.write_bytes(content)
    assert planned(command)["summary"]["create"] == 1


# --- usage ---


@pytest.mark.parametrize(
    "flags",
    [["-e", "local"], ["--target", "*"], ["--exclude", "*"], ["--allow-deletes", "0"], ["--allow-in-use"]],
    ids=" ".join,
)
def test_what_a_saved_plan_fixes_cannot_be_given_again(command: Command, flags: list[str]) -> None:
    save(command)

    ended = command("apply", "plan.json", *flags)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"error: {flags[0]} cannot be given with a saved plan, which fixes that\n"
        "  hint: leave it out, or make another plan with it: reconciler plan --out FILE\n"
    )


@pytest.mark.parametrize("name", ["missing.json", ".", "pipe"])
def test_1_a_plan_that_is_not_there(command: Command, name: str) -> None:
    os.mkfifo(command.folder / "pipe")

    ended = command("apply", name)

    assert ended.code == 1
    assert ended.err.startswith(f"error: the plan {name} cannot be read: ")


@pytest.mark.parametrize(
    "name", ["keys.yaml", "package.json", "folder", "link.json", "pipe", "nowhere/plan.json", "app.env"]
)
def test_nothing_but_a_plan_is_written_over(command: Command, name: str) -> None:
    (command.folder / "folder").mkdir()
    (command.folder / "package.json").write_text('{"version": 1}')
    (command.folder / "app.env").write_text("SECRET=1\n")
    (command.folder / "link.json").symlink_to("keys.yaml")
    os.mkfifo(command.folder / "pipe")

    ended = command("plan", "--out", name)

    assert (ended.code, ended.out) == (1, "")
    assert name.partition("/")[0] in ended.err
    assert (command.folder / "keys.yaml").read_text() == MANIFEST
    assert (command.folder / "package.json").read_text() == '{"version": 1}'
    assert (command.folder / "app.env").read_text() == "SECRET=1\n"
    assert not (command.folder / ".reconciler").exists()


def test_an_older_plan_and_an_empty_file_are_written_over(command: Command) -> None:
    (command.folder / "plan.json").touch()

    older = json.loads(save(command, "--exclude", "*/ci").read_text())
    newer = json.loads(save(command).read_text())

    assert (older["selection"]["excludes"], newer["selection"]["excludes"]) == (["*/ci"], [])
    assert command("apply", "plan.json").code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_plan_that_cannot_be_written_is_an_error(command: Command) -> None:
    (command.folder / "closed").mkdir(mode=0o500)

    ended = command("plan", "--out", "closed/plan.json")

    assert (ended.code, ended.out) == (1, "")
    assert "error: a plan cannot be written to closed/plan.json: Permission denied" in ended.err


def test_a_plan_for_which_there_is_no_room_is_an_error_and_leaves_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(command)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    ended = command("plan", "--out", "plan.json")

    assert ended.code == 1
    assert "error: a plan cannot be written to plan.json: No space left on device" in ended.err
    assert path.read_bytes() == before
    assert sorted(each.name for each in command.folder.iterdir()) == [".reconciler", "keys.yaml", "plan.json"]
