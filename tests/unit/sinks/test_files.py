"""Files that hold secrets: whole, 0600, one writer at a time, and what happens where that cannot be."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from dotenv import dotenv_values

from reconciler.core.secret import Secret
from reconciler.edge.sinks.dotenv import DotenvSink
from reconciler.errors import SinkError
from tests.repository import ROOT

SECRET = Secret("standard_5ec4e7")


def may_become_others() -> bool:
    """Whether this is root with other users to be; in a user namespace of its own it may be the only one."""
    try:
        maps = Path("/proc/self/uid_map").read_text("ascii").splitlines()
    except OSError:
        return os.geteuid() == 0
    return os.geteuid() == 0 and sum(int(line.split()[2]) for line in maps) > 65534


_WRITE = """
    import sys
    from pathlib import Path
    from reconciler.core.secret import Secret
    from reconciler.edge.sinks.dotenv import DotenvSink
    from reconciler.errors import SinkError

    sink = DotenvSink(path=Path(sys.argv[1]), variable=sys.argv[2])
"""


def run(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own that has a sink."""
    code = textwrap.dedent(_WRITE) + textwrap.dedent(script)
    return subprocess.Popen(
        [sys.executable, "-B", "-c", code, *map(str, arguments)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    return out.strip()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.env"


@pytest.mark.parametrize("before", [None, 0o644, 0o600, 0o400, 0o000])
@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_a_written_file_is_the_owners_alone(path: Path, before: int | None, umask: int) -> None:
    if before is not None:
        if before == 0 and os.geteuid():
            pytest.skip("only root reads what nobody may")
        path.touch()
        path.chmod(before)
    old = os.umask(umask)
    try:
        DotenvSink(path=path, variable="A").write(SECRET, None)
    finally:
        os.umask(old)

    assert mode(path) == 0o600


def test_missing_folders_are_made_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "app.env"
    sink = DotenvSink(path=path, variable="A")
    sink.preflight()
    assert not (tmp_path / "a").exists()

    sink.write(SECRET, None)

    assert [mode(folder) for folder in (path.parent, path.parent.parent)] == [0o700, 0o700]
    assert [each.name for each in path.parent.iterdir()] == ["app.env"]


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)

    DotenvSink(path=folder / "app.env", variable="A").write(SECRET, None)

    assert mode(folder) == 0o755


@pytest.mark.skipif(not may_become_others(), reason="only root may give files away")
def test_a_file_that_root_writes_stays_its_owners(path: Path) -> None:
    path.touch()
    os.chown(path, 1000, 1001)

    DotenvSink(path=path, variable="A").write(SECRET, None)

    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (1000, 1001, 0o600)


def test_preflight_leaves_no_trace(path: Path) -> None:
    path.write_bytes(b"A=1\n")
    before = path.stat()

    DotenvSink(path=path, variable="A").preflight()

    assert path.stat() == before
    assert [each.name for each in path.parent.iterdir()] == ["app.env"]


def test_a_symbolic_link_is_refused_before_anything_is_minted(tmp_path: Path) -> None:
    (tmp_path / "real.env").touch()
    for name, target in (("link.env", "real.env"), ("dangling.env", "nowhere.env")):
        link = tmp_path / name
        link.symlink_to(target)

        with pytest.raises(SinkError, match="is a symbolic link") as refused:
            DotenvSink(path=link, variable="A").preflight()

        assert refused.value.hint == "name the file itself"


def test_a_folder_or_a_pipe_in_the_files_place_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SinkError, match="is not a file"):
            DotenvSink(path=path, variable="A").preflight()


def test_a_file_in_a_folders_place_is_refused(path: Path) -> None:
    path.touch()

    with pytest.raises(SinkError, match=r"app\.env is not a folder"):
        DotenvSink(path=path / "deeper" / "app.env", variable="A").preflight()


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that other users reach."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for each in folder.rglob("*"):
            each.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0 and not may_become_others(), reason="root may do everything")
@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "said"),
    [
        (0o555, None, "may not be read and written to"),
        (0o333, None, "may not be read and written to"),
        (0o777, 0o000, "Permission denied"),
    ],
)
def test_what_this_user_may_not_touch_is_said_before_anything_is_minted(
    elsewhere: Path, folder_mode: int, file_mode: int | None, said: str
) -> None:
    folder = elsewhere / "theirs"
    folder.mkdir()
    if file_mode is not None:
        (folder / "app.env").touch()
        (folder / "app.env").chmod(file_mode)
    folder.chmod(folder_mode)
    script = """
        import os

        if os.geteuid() == 0:  # root may do everything
            os.setuid(65534)
        try:
            sink.preflight()
        except SinkError as error:
            print(error)
    """

    assert said in finished(run(script, folder / "app.env", "A"))


def test_a_full_disk_leaves_the_old_file_and_says_so(path: Path) -> None:
    content = b"A=1\n" + b"#" * 5000 + b"\n"
    path.write_bytes(content)
    script = """
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        sink.preflight()
        try:
            sink.write(Secret("standard_5ec4e7"), None)
        except SinkError as error:
            print(error)
            print(error.hint)
    """

    said = finished(run(script, path, "B"))

    assert said == f"{path}: File too large\nsee who owns it, and whether the disk is full"
    assert path.read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == ["app.env"]


@pytest.mark.parametrize("moment", ["Path.replace", "os.fsync", "os.fchmod"])
def test_a_kill_before_the_rename_leaves_the_old_file_and_the_next_writer_cleans_up(path: Path, moment: str) -> None:
    path.write_bytes(b"A=old\n")
    script = f"""
        import os, signal
        {moment} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        sink.write(Secret("standard_5ec4e7"), None)
    """

    process = run(script, path, "A")
    process.communicate(timeout=60)

    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"A=old\n"
    left = [each for each in path.parent.iterdir() if each != path]
    assert [each.name for each in left] == [".reconciler-draft"]
    assert mode(left[0]) == 0o600
    DotenvSink(path=path, variable="A").write(SECRET, None)
    assert [each.name for each in path.parent.iterdir()] == ["app.env"]
    assert DotenvSink(path=path, variable="A").look().secret == SECRET


@pytest.mark.parametrize("name", ["n" * 255, "ключ" * 31 + ".env"], ids=["ASCII", "Cyrillic"])
def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path, name: str) -> None:
    sink = DotenvSink(path=tmp_path / name, variable="A")
    sink.preflight()

    sink.write(SECRET, None)

    assert sink.look().secret == SECRET


def test_a_name_that_is_too_long_is_said_before_anything_is_minted(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="File name too long"):
        DotenvSink(path=tmp_path / ("n" * 256), variable="A").preflight()


def test_threads_that_write_one_file_lose_nothing(path: Path) -> None:
    path.write_bytes(b"# kept\n")
    names = [f"V{number}" for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: DotenvSink(path=path, variable=name).write(Secret(name.lower()), None), names))

    assert dotenv_values(path) == {name: name.lower() for name in names}
    assert path.read_bytes().startswith(b"# kept\n")


def test_processes_that_write_one_file_lose_nothing(path: Path) -> None:
    script = """
        for number in range(10):
            DotenvSink(path=sink.path, variable=f"{sink.variable}{number}").write(Secret(f"s{number}"), None)
    """

    for process in [run(script, path, name) for name in "ABC"]:
        finished(process)

    assert dotenv_values(path) == {f"{name}{number}": f"s{number}" for name in "ABC" for number in range(10)}


def test_no_error_of_a_sink_holds_the_secret(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SinkError) as failed:
        DotenvSink(path=tmp_path / "file" / "app.env", variable="A").write(SECRET, None)

    assert SECRET.reveal() not in f"{failed.value!r} {failed.value.hint} {failed.value.__cause__!r}"
