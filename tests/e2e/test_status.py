"""`reconciler status`: looks, and writes nothing."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from reconciler.emulator import Emulator
from tests.support.command import MANIFEST, Command, in_folder

ENVIRONMENTS = MANIFEST[MANIFEST.index("environments:") :]
ROTATING = MANIFEST.replace("    deliver:", "    rotation: {every: 90d, overlap: 7d}\n    deliver:")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return in_folder(tmp_path, monkeypatch, capsys)


def test_a_key_is_told_before_it_is_made_and_after(command: Command) -> None:
    command.write(ROTATING)

    before = command("status")
    assert before.code == 0
    assert "create: declared, and not live" in before.out
    assert not (command.folder / "secrets").exists()

    assert command("apply", "--auto-approve").code == 0
    after = command("status", "--format", "json")
    assert after.code == 0
    ((key,),) = (environment["keys"] for environment in json.loads(after.out)["environments"])
    assert (key["address"], key["generation"], key["pending"], key["why"]) == ("local/ci", 1, None, "")
    assert key["created"] < key["rotates"] < key["expire"]
    assert key["sinks"] == [{"sink": "dotenv secrets/local.env APPWRITE_API_KEY", "holds": True}]


def test_a_sink_that_lacks_the_secret_is_told(command: Command) -> None:
    command.write(ROTATING)
    assert command("apply", "--auto-approve").code == 0
    (command.folder / "secrets" / "local.env").unlink()

    shown = command("status")

    assert "dotenv secrets/local.env APPWRITE_API_KEY: lacks it" in shown.out
    assert not (command.folder / "secrets" / "local.env").exists()


def test_a_target_delivers_nothing_again_to_what_nobody_can_look_into(command: Command) -> None:
    command.write(MANIFEST[: MANIFEST.index("      - dotenv")] + "      - exec: {command: ['true']}\n" + ENVIRONMENTS)
    assert command("apply", "--auto-approve").code == 0

    shown = command("status", "--target", "local/ci")

    assert "not compared" in shown.out
    assert "0 to be changed by apply" in shown.out


def test_a_key_that_protect_keeps_from_rotating_is_warned_of_before_it_is_due(command: Command) -> None:
    command.write(ROTATING.replace("project: p1}", "project: p1, protect: [ci]}"))

    judged = command("validate")

    assert judged.code == 0
    assert "local/ci is under rotation, and `protect` names it: once it is due, each plan is refused" in " ".join(
        (judged.out + judged.err).split()
    )


def test_a_place_that_is_another_one_for_each_generation_is_warned_of(command: Command) -> None:
    command.write(ROTATING.replace(".env", "-{id}.env", 1))

    judged = command("validate")

    assert judged.code == 0
    said = " ".join((judged.out + judged.err).split())
    assert "has {id} in it: each generation goes to another place" in said


def test_it_is_about_what_is_selected(command: Command) -> None:
    command.write(ROTATING)

    assert command("status", "--exclude", "local/*").out == "No keys.\n"
    assert command("status", "--target", "local/nobody").code == 1


def test_the_picture_is_of_ascii_where_the_terminal_has_no_more(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.write(ROTATING)
    assert command("apply", "--auto-approve").code == 0

    drawn = command("status", "--format", "timeline").out
    monkeypatch.setattr("reconciler.cli.console.can_write", lambda *_: False)
    plain = command("status", "--format", "timeline").out

    assert "◆" in drawn
    assert "R rotates from here" in plain
    assert plain.isascii()


def test_it_ends_well_whatever_it_finds_and_its_json_says_so(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command.write(ROTATING)
    assert command("apply", "--auto-approve").code == 0
    assert json.loads(command("status", "--format", "json").out)["well"] is True
    later = partial(Emulator, clock=lambda: datetime.now(UTC) + timedelta(days=95))
    monkeypatch.setattr("reconciler.emulator.Emulator", later)

    told = command("status", "--format", "json")
    ((key,),) = (environment["keys"] for environment in json.loads(told.out)["environments"])

    assert (told.code, json.loads(told.out)["well"]) == (0, False)
    assert [each["sign"] for each in key["warnings"]] == ["overdue"]
    assert command("status").code == command("status", "--format", "timeline").code == 0
    assert "! rotation        ci." in command("doctor").out
