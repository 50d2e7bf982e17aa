"""The file sink: the whole file is the secret, with a note beside it."""

import errno
import os
import stat
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Match, is_same, match, note_of
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from reconciler.edge.sinks.file import FileSink
from reconciler.errors import SinkError
from tests.support.builders import SECRET, live_key

KEY = live_key()
NOTE = note_of(KEY, SECRET)
OTHER = live_key("other", secret=Secret("standard_07e4"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app" / "api-key"


@pytest.fixture
def sink(path: Path) -> FileSink:
    return FileSink(path=path)


@pytest.fixture
def beside(path: Path) -> Path:
    return path.with_name(".api-key.reconciler")


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_file_is_the_secret_and_nothing_else_and_the_owners_alone(sink: FileSink, path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        sink.write(SECRET, NOTE)
    finally:
        os.umask(before)

    assert path.read_text(encoding="ascii") == SECRET.reveal()
    assert [(each.name, mode(each)) for each in sorted(path.parent.iterdir())] == [
        (".api-key.reconciler", 0o600),
        ("api-key", 0o600),
    ]
    assert mode(path.parent) == 0o700


def test_the_note_beside_it_tells_the_key_and_not_the_secret(sink: FileSink, beside: Path) -> None:
    sink.write(SECRET, NOTE)

    assert sink.look().note == NOTE
    assert beside.read_text(encoding="ascii") == f"{NOTE}\n"
    assert SECRET.reveal() not in beside.read_text(encoding="ascii")


def test_a_file_that_is_not_there_holds_nothing(sink: FileSink, path: Path) -> None:
    assert sink.look() == EMPTY
    assert not path.parent.exists()


def test_what_was_written_is_the_same(sink: FileSink) -> None:
    sink.write(SECRET, NOTE)

    assert is_same(sink.look(), SECRET, NOTE)
    assert match(sink.look(), KEY) is Match.HOLDS
    assert match(sink.look(), replace(KEY, secret=None)) is Match.HOLDS


@pytest.mark.parametrize("content", [b"", b"standard_other", f"{SECRET.reveal()}\n".encode(), b"\xff\xfe"])
def test_any_other_byte_is_another_value_with_and_without_the_servers_help(
    sink: FileSink, path: Path, content: bytes
) -> None:
    sink.write(SECRET, NOTE)
    path.write_bytes(content)

    assert not is_same(sink.look(), SECRET, NOTE)
    assert match(sink.look(), KEY) is Match.LACKS
    assert match(sink.look(), replace(KEY, secret=None)) is Match.LACKS


def test_without_a_note_the_value_alone_counts(sink: FileSink, beside: Path) -> None:
    sink.write(SECRET, NOTE)
    beside.unlink()

    assert match(sink.look(), KEY) is Match.HOLDS
    assert match(sink.look(), replace(KEY, secret=None)) is Match.UNKNOWN


@pytest.mark.parametrize("text", [b"", b"\xff\x00", b"key=a created=yesterday fingerprint=" + b"0" * 32])
def test_a_note_that_nobody_can_read_is_none(sink: FileSink, beside: Path, text: bytes) -> None:
    sink.write(SECRET, NOTE)
    beside.write_bytes(text)

    assert sink.look().note is None


def test_a_value_without_a_note_leaves_none_of_another_value(sink: FileSink, beside: Path) -> None:
    sink.write(SECRET, NOTE)

    sink.write(Secret("as before"), None)

    assert not beside.exists()


def dies_after(renames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a process dies after so many renames."""
    left, rename = iter(range(renames)), Path.replace

    def or_die(draft: Path, path: Path) -> Path:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return rename(draft, path)

    monkeypatch.setattr(Path, "replace", or_die)


@pytest.mark.parametrize("renames", [0, 1])
def test_a_run_that_dies_between_file_and_note_leaves_a_note_that_does_not_fit(
    sink: FileSink, path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    assert OTHER.secret is not None
    sink.write(OTHER.secret, note_of(OTHER, OTHER.secret))
    dies_after(renames, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        sink.write(SECRET, NOTE)
    monkeypatch.undo()

    assert match(sink.look(), KEY) is (Match.HOLDS if renames else Match.LACKS)  # where the server shows the secret
    # Elsewhere an older note tells of the older secret, and nothing of one that it does not fit.
    assert match(sink.look(), replace(KEY, secret=None)) is (Match.UNKNOWN if renames else Match.LACKS)
    sink.write(SECRET, NOTE)
    assert match(sink.look(), replace(KEY, secret=None)) is Match.HOLDS
    assert {each.name for each in path.parent.iterdir()} == {"api-key", ".api-key.reconciler"}


def test_where_there_is_room_for_the_file_and_not_for_its_note_neither_is_written(
    sink: FileSink, path: Path, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.write(Secret("before"), NOTE)
    before = (path.read_bytes(), beside.read_bytes())
    flushed = iter([None])

    def full(_: int) -> None:
        if next(flushed, "no room") is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SinkError, match="No space left on device"):
            sink.write(SECRET, NOTE)

    assert (path.read_bytes(), beside.read_bytes()) == before
    assert len(list(path.parent.iterdir())) == 2


def test_removing_takes_file_and_note_and_nothing_else(sink: FileSink, path: Path) -> None:
    sink.write(SECRET, NOTE)
    (path.parent / "kept").touch()

    sink.remove()
    sink.remove()

    assert [each.name for each in path.parent.iterdir()] == ["kept"]


def test_preflight_leaves_no_trace(sink: FileSink, path: Path) -> None:
    sink.preflight()

    assert not path.parent.exists()


@pytest.mark.parametrize("name", ["api-key", ".api-key.reconciler"])
def test_a_symbolic_link_is_refused_in_the_place_of_the_file_and_of_its_note(
    sink: FileSink, path: Path, name: str
) -> None:
    path.parent.mkdir()
    (path.parent / name).symlink_to(path.parent / "elsewhere")

    with pytest.raises(SinkError, match="is a symbolic link"):
        sink.preflight()


@pytest.mark.parametrize("folder_mode", [0o777, 0o1777, 0o722])
def test_a_folder_in_which_everybody_may_write_is_refused(sink: FileSink, path: Path, folder_mode: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(folder_mode)

    for refused in (sink.preflight, lambda: sink.write(SECRET, NOTE)):
        with pytest.raises(SinkError, match="everybody may write in") as error:
            refused()
        assert error.value.hint == f"chmod o-w {path.parent}, or name another path"
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("folder_mode", [0o755, 0o775, 0o700])
def test_a_folder_that_others_may_only_read_will_do(sink: FileSink, path: Path, folder_mode: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(folder_mode)

    sink.preflight()
    sink.write(SECRET, NOTE)

    assert (mode(path), mode(path.parent)) == (0o600, folder_mode)


def test_a_missing_folder_is_made_the_owners_alone_wherever_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    sink = FileSink(path=tmp_path / "app" / "api-key")

    sink.preflight()
    sink.write(SECRET, NOTE)

    assert mode(tmp_path / "app") == 0o700


def test_a_name_whose_note_would_have_too_long_a_name_is_refused_before_anything_is_minted(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="File name too long"):
        FileSink(path=tmp_path / ("n" * 250)).preflight()


def test_a_folder_in_the_files_place_is_refused(sink: FileSink, path: Path) -> None:
    path.mkdir(parents=True)

    with pytest.raises(SinkError, match="is not a file"):
        sink.preflight()
    with pytest.raises(SinkError):
        sink.look()


def test_of_two_writers_one_is_last_and_its_note_is_beside_its_secret(sink: FileSink) -> None:
    pairs = [(Secret(f"standard_{number}"), live_key(f"k{number}")) for number in range(60)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: sink.write(pair[0], note_of(pair[1], pair[0])), pairs))

    held = sink.look()
    (winner,) = [key for secret, key in pairs if secret == held.secret]
    assert match(held, replace(winner, secret=None)) is Match.HOLDS


def test_no_error_holds_the_secret(sink: FileSink, path: Path) -> None:
    path.parent.touch()

    with pytest.raises(SinkError) as failed:
        sink.write(SECRET, NOTE)

    assert SECRET.reveal() not in "".join(traceback.format_exception(failed.value))


def test_an_entry_of_a_manifest_opens_it(path: Path) -> None:
    with InstalledSinks() as sinks:
        sinks.open(SinkSpec(kind="file", options=(("path", str(path)),))).write(SECRET, None)

    assert path.read_text("utf-8") == SECRET.reveal()
