"""While no server answers the command says so now and then, and stops when something comes back."""

from pathlib import Path

import pytest

from reconciler.api import wiring
from reconciler.app import cache
from reconciler.cli import waiting
from reconciler.emulator import Emulator, Profile
from reconciler.emulator.faults import Faults, parse_rules
from tests.support.command import MANIFEST, Command, in_folder

PLANNING = "still waiting for an answer ({} s); Ctrl-C gives up\n"
APPLYING = "still waiting for an answer ({} s); Ctrl-C ends it after what is in flight\n"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    made = in_folder(tmp_path, monkeypatch, capsys)
    made.write()
    return made


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in server takes its time: 0.3 s for the list and for a creation."""
    opened = wiring.open_emulator

    def open_slow(database: Path, profile: Profile = "main") -> Emulator:
        emulator = opened(database, profile)
        rules = '[{"fault": "latency", "seconds": 0.3, "path": "/keys$"}]'
        emulator.app = Faults(emulator.app, parse_rules(rules))
        return emulator

    monkeypatch.setattr(wiring, "open_emulator", open_slow)


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plan"], [PLANNING]),
        (["scopes", "-e", "local"], []),
        (["destroy", "-e", "local", "--auto-approve"], [PLANNING]),
        (["apply", "--auto-approve"], [PLANNING, APPLYING]),
    ],
    ids=lambda value: value[0] if value and isinstance(value[0], str) else "",
)
def test_who_waits_is_told_so(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: list[str]
) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 0.125)
    monkeypatch.setattr(cache, "_PAUSE", 0.0)

    ended = command(*arguments)

    assert ended.code == 0
    assert "waiting" not in ended.out
    lines = [line for line in ended.err.splitlines(keepends=True) if "waiting" in line]
    assert [line for line in lines if "(0.125 s)" in line] == [line.format(0.125) for line in told]
    assert [line for line in lines if "(0.25 s)" in line] == [line.format(0.25) for line in told]


@pytest.mark.usefixtures("slow")
def test_every_result_begins_the_wait_anew(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    more = "".join(f"  key-{number}: {{scopes: [users.read]}}\n" for number in range(8))
    command.write(MANIFEST.replace("environments:", f"{more}environments:"))
    monkeypatch.setattr(waiting, "SECONDS", 1.0)
    monkeypatch.setattr(cache, "_PAUSE", 0.0)

    assert "waiting" not in command("apply", "--auto-approve", "--parallelism", "1").err


def test_who_need_not_wait_is_told_nothing(command: Command) -> None:
    assert "waiting" not in command("apply", "--auto-approve").err
