"""`make demo` and `make demo-rotation` without make: the scripts on the installed program, away from home and from any
network.
"""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.commands import environment
from tests.repository import ROOT

DEMO = ROOT / "examples" / "demo.sh"
ROTATION = ROOT / "examples" / "demo-rotation.sh"
STEPS = {
    DEMO: [
        "Plan: 2 to create",
        "Applied: all 2 changes.",
        "APPWRITE_API_KEY=standard_(265 characters)",
        "No changes",
        "DELETE  storefront.",
        "scopes    - users.write",
        "Plan: 1 to create, 1 to update",
        "(exit code 2)",
        "Applied: all 2 changes.",
        "No changes",
    ],
    ROTATION: [
        "create: applied",
        ".g1",
        "No changes",
        "because   due for rotation (since",
        "retire: applied",
        ".g2",
        "overlap: another took its place",
        "delete: applied",
        "holds it",
        "no run has rotated it; it ends at",
        '"well": false',
        "! rotation        storefront.",
        "it ended at",
        "rotate: applied",
        ".g3",
    ],
}


def run(home: Path, demo: Path = DEMO, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A demo, with the temporary folder in `home`."""
    return subprocess.run(
        ["bash", demo], cwd=home, env=environment(home, **variables), capture_output=True, text=True, check=False
    )


def state(folder: Path) -> set[tuple[Path, int]]:
    """Every file of a folder, and when it was written."""
    return {(path, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module", params=[DEMO, ROTATION], ids=["demo", "demo-rotation"])
def demo(request: pytest.FixtureRequest) -> Path:
    """The script that tells the story."""
    script: Path = request.param
    return script


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Path:
    """Where the demo may write; nothing may be left of it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def told(home: Path, demo: Path) -> "subprocess.CompletedProcess[str]":
    """The demo, once."""
    before = state(ROOT / "examples")
    done = run(home, demo)
    assert state(ROOT / "examples") == before
    return done


def test_the_demo_tells_its_story_in_80_columns_shows_no_secret_and_leaves_nothing_behind(
    told: "subprocess.CompletedProcess[str]", home: Path
) -> None:
    assert (told.returncode, told.stderr) == (0, "")
    assert [line for line in told.stdout.splitlines() if len(line) > 80] == []
    assert re.findall(r"[0-9a-f]{32}", told.stdout) == []
    assert list(home.iterdir()) == []


def test_the_demo_shows_its_steps_in_this_order(told: "subprocess.CompletedProcess[str]", demo: Path) -> None:
    at = 0
    for step in STEPS[demo]:
        at = told.stdout.index(step, at) + len(step)


@pytest.mark.parametrize(
    ("script", "answer", "reason"),
    [
        (DEMO, "exit 0", 'does not show "+ ci-deploy"'),
        (DEMO, "exit 1", "exit code 1, not 0"),
        (ROTATION, "exit 0", "the emulator does not start"),
    ],
    ids=["says nothing", "fails", "says nothing of a rotation"],
)
def test_the_demo_fails_where_the_program_does_not_do_what_the_story_says(
    tmp_path: Path, script: Path, answer: str, reason: str
) -> None:
    fake = tmp_path / "bin" / "reconciler"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
    fake.chmod(0o755)

    told = run(tmp_path, script, PATH=f"{fake.parent}:/usr/bin:/bin")

    assert told.returncode == 1
    assert told.stderr.startswith("\nThe demo failed: ")
    assert reason in told.stderr
