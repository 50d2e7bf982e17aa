"""`reconciler reveal` prints the one secret that is asked for, and nothing asks for it by accident."""

from functools import partial
from pathlib import Path

import pytest

from reconciler.api import wiring
from tests.support.command import Command, in_folder, terminal

MANIFEST = """\
version: 1
owner: shop
keys:
  ci:
    scopes: [users.read]
    deliver:
      - dotenv: {path: "secrets/{environment}.env", variable: KEY}
  bare: {scopes: []}
  short: {scopes: [], expire: 2999-01-01T00:00:00Z}
environments:
  local: {endpoint: emulator, project: p1}
"""


@pytest.fixture
def reconciler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    made = in_folder(tmp_path, monkeypatch, capsys)
    made.write(MANIFEST)
    return made


def delivered(folder: Path) -> str:
    return (folder / "secrets" / "local.env").read_text().splitlines()[-1].removeprefix("KEY=")


def test_the_secret_stands_alone_on_stdout_and_the_warning_beside_it(reconciler: Command, tmp_path: Path) -> None:
    assert reconciler("apply", "--auto-approve").code == 0

    ended = reconciler("reveal", "local/ci", "--force")

    assert (ended.code, ended.out) == (0, f"{delivered(tmp_path)}\n")
    assert ended.err.startswith("warning: whoever reads this has what key ci.")
    assert "1 scope. It comes from the server." in ended.err
    assert delivered(tmp_path) not in ended.err


def test_without_a_terminal_it_takes_force(reconciler: Command, tmp_path: Path) -> None:
    reconciler("apply", "--auto-approve")

    ended = reconciler("reveal", "local/ci")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "error: standard output is no terminal: whatever reads it would keep the secret\n"
        "  hint: pass --force if that is meant\n"
    )


def test_on_a_terminal_it_takes_nothing(reconciler: Command, tmp_path: Path) -> None:
    reconciler("apply", "--auto-approve")

    with terminal(tmp_path, "reveal", "local/ci") as shown:
        shown.wait_for(delivered(tmp_path)[-40:])


@pytest.mark.parametrize(
    ("address", "message", "hint"),
    [
        ("local/cl", 'no key has the address "local/cl"', 'did you mean "local/ci"'),
        ("local/ci", '"local/ci" is not live', "reconciler apply makes it"),
        ("elsewhere/ci", 'has no environment "elsewhere"', ""),
        ("local/*", 'no key has the address "local/*"', 'did you mean "local/ci"'),
    ],
)
def test_an_address_that_has_no_live_key_is_an_error(
    reconciler: Command, address: str, message: str, hint: str
) -> None:
    ended = reconciler("reveal", address, "--force")

    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err
    assert hint in ended.err


def test_under_github_actions_the_secret_is_masked_first(reconciler: Command, tmp_path: Path) -> None:
    reconciler("apply", "--auto-approve")

    ended = reconciler("reveal", "local/ci", "--force", GITHUB_ACTIONS="true")

    assert f"::add-mask::{delivered(tmp_path)}\n" in ended.err


def test_where_the_server_hides_secrets_a_sink_that_is_known_to_hold_it_tells(
    reconciler: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "open_emulator", partial(wiring.open_emulator, profile="2.6.2"))
    assert reconciler("apply", "--auto-approve").code == 0

    ended = reconciler("reveal", "local/ci", "--force")

    assert (ended.code, ended.out) == (0, f"{delivered(tmp_path)}\n")
    assert "It comes from dotenv secrets/local.env KEY." in ended.err
    bare = reconciler("reveal", "local/bare", "--force")
    assert (bare.code, bare.out) == (1, "")
    assert 'shows the secret of "local/bare" to nobody' in bare.err
