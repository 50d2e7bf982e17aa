"""Standard streams that are full, closed or no longer read: each is told where it can be, and no apply is given up."""

import errno
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.progress import progress
from reconciler.core.outcome import Result, Status
from reconciler.core.plan import Delete, Reason
from tests.support.builders import state
from tests.support.command import MANIFEST, argv, environment

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="only some systems have a device that is always full")
KEYS = json.dumps(
    {
        f"k{number}": {
            "scopes": ["users.read"],
            "deliver": [{"dotenv": {"path": "app.env", "variable": f"K{number}"}}],
        }
        for number in range(12)
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys.yaml").write_text(MANIFEST)
    return tmp_path


def shell(folder: Path, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A line of a shell in which `reconciler` is the program."""
    program = " ".join(argv())
    script = f'reconciler() {{ {program} "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@needs_full
@pytest.mark.parametrize(
    "arguments",
    ["plan", "validate", "scopes", "schema manifest", "init -f new.yaml", "--help", "plan --help", "--version"],
)
def test_a_full_disk_behind_stdout_is_an_error_in_words(folder: Path, arguments: str) -> None:
    ended = shell(folder, f"reconciler {arguments} >/dev/full")

    assert ended.returncode == 1
    assert "error: " in ended.stderr
    assert "No space left on device\n" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.parametrize("arguments", ["plan", "--help"])
def test_a_closed_stdout_is_an_error_in_words(folder: Path, arguments: str) -> None:
    ended = shell(folder, f"reconciler {arguments} >&-")

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert "Bad file descriptor" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("where", ["2>&-", pytest.param("2>/dev/full", marks=needs_full)])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [("plan --detailed-exitcode", 2), ("apply --auto-approve", 0), ("frobnicate", 1), ("plan -f no", 1)],
)
def test_a_stderr_that_takes_nothing_changes_no_exit_code(folder: Path, where: str, arguments: str, code: int) -> None:
    ended = shell(folder, f"reconciler {arguments} {where}")

    assert (ended.returncode, ended.stderr) == (code, "")
    assert bool(ended.stdout) is (code != 1)


def test_all_streams_closed_still_apply_and_tell_by_the_exit_code_that_no_report_was_written(folder: Path) -> None:
    ended = shell(folder, "reconciler apply --auto-approve <&- >&- 2>&-")

    assert ended.returncode == 1
    assert (folder / "secrets" / "local.env").read_text().splitlines()[-1].startswith("APPWRITE_API_KEY=standard_")


def test_a_closed_stdin_is_no_terminal(folder: Path) -> None:
    ended = shell(folder, "reconciler apply <&-")

    assert ended.returncode == 1
    assert ended.stderr == (
        "error: this asks before it changes anything, and there is no terminal to ask on\n  hint: pass --auto-approve\n"
    )


@needs_full
def test_an_apply_whose_report_cannot_be_written_is_done_and_not_called_a_success(folder: Path) -> None:
    ended = shell(folder, "reconciler apply --auto-approve >/dev/full")

    assert ended.returncode == 1
    assert "standard output cannot be written" in ended.stderr
    assert (folder / "secrets" / "local.env").exists()


@needs_full
def test_an_emulator_that_cannot_say_where_it_is_does_not_blame_the_port(folder: Path) -> None:
    ended = shell(folder, "reconciler emulator --port 0 >/dev/full")

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: standard output cannot be written: No space left on device")


def test_an_apply_whose_stderr_nobody_reads_any_more_delivers_everything_and_reports(folder: Path) -> None:
    (folder / "keys.yaml").write_text(
        f"version: 1\nowner: shop\nkeys: {KEYS}\nenvironments: {{local: {{endpoint: emulator, project: p1}}}}\n"
    )
    script = """
import os, sys
from reconciler.cli import progress
from reconciler.edge.appwrite import AppwriteKeys

progress._SECONDS_BETWEEN_LINES = 0.0
create = AppwriteKeys.create

async def gone(self, *arguments):
    os.close(reader)  # as a reader does that has seen enough
    AppwriteKeys.create = create
    return await create(self, *arguments)

reader, writer = os.pipe()
os.dup2(writer, 2)
AppwriteKeys.create = gone
sys.argv = ["reconciler", "apply", "--auto-approve", "--format", "json"]
from reconciler.cli.main import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        check=False,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 0
    assert json.loads(ended.stdout)["summary"]["applied"] == 12
    assert len((folder / "app.env").read_text().splitlines()) == 12 * 2  # each with its note


class Hung(io.StringIO):
    """A terminal that has hung up."""

    def isatty(self) -> bool:
        return True

    def write(self, _: str, /) -> int:
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("hangs_up", ["before", "meanwhile"])
def test_a_terminal_that_hangs_up_does_not_end_what_its_bar_shows(
    monkeypatch: pytest.MonkeyPatch, hangs_up: str
) -> None:
    if hangs_up == "meanwhile":
        monkeypatch.setattr(Hung, "write", io.StringIO.write)
    monkeypatch.setattr(sys, "stderr", Hung())
    result = Result(
        change=Delete(key_id="a", address="e/a", before=state(), reason=Reason.UNDECLARED), status=Status.APPLIED
    )

    with progress(2, color=True) as report:
        report(result)
        monkeypatch.undo()
        monkeypatch.setattr(sys, "stderr", Hung())
        report(result)
