"""A key's file is new, whole and its owner's alone."""

import errno
import os
import stat
from pathlib import Path

import pytest

from reconciler.core.holding import EMPTY
from reconciler.core.secret import Secret
from reconciler.edge.key_file import KeyFile
from reconciler.errors import SinkError

SECRET = Secret("standard_5ec4e7")


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_it_is_for_its_owner_alone_whatever_the_mask(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "key"
    before = os.umask(mask)
    try:
        KeyFile(path).write(SECRET, None)
    finally:
        os.umask(before)

    assert path.read_text() == "standard_5ec4e7\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["file", "folder", "symlink", "dangling"])
def test_it_takes_no_others_place(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "key", tmp_path / "other"
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(other)
    if kind == "symlink":
        other.write_text("precious")

    file = KeyFile(path)
    with pytest.raises(SinkError, match="exists already"):
        file.preflight()
    with pytest.raises(SinkError, match="File exists"):
        file.write(SECRET, None)
    file.remove()

    assert os.path.lexists(path)
    assert not (path.is_file() and path.read_text() != "precious")
    assert {each.name for each in tmp_path.iterdir()} <= {"key", "other"}


def test_a_folder_that_is_missing_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=f"there is no folder {tmp_path / 'new'} to write key to") as refused:
        KeyFile(tmp_path / "new" / "key").preflight()

    assert refused.value.hint == f"mkdir -p {tmp_path / 'new'}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["precious, and two\nlines", "", "two words", "ключ", "x" * 5000])
def test_what_can_be_no_key_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)

    assert KeyFile(tmp_path / "key").look() == EMPTY


def test_what_another_wrote_is_read_and_never_removed(tmp_path: Path) -> None:
    KeyFile(tmp_path / "key").write(SECRET, None)
    file = KeyFile(tmp_path / "key")

    assert file.look().secret == SECRET
    file.remove()

    assert (tmp_path / "key").read_text() == "standard_5ec4e7\n"


def test_where_there_can_be_no_file_preflight_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SinkError, match="is not a folder"):
        KeyFile(tmp_path / "file" / "key").preflight()


def test_what_it_made_it_reads_and_removes(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "key")
    assert file.look().secret is None

    file.write(SECRET, None)
    assert file.look().secret == SECRET
    file.remove()

    assert list(tmp_path.iterdir()) == []
    file.remove()


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP])
def test_a_folder_that_knows_no_flushing_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    break_flushes_of_folders(monkeypatch, error)

    KeyFile(tmp_path / "key").write(SECRET, None)

    assert (tmp_path / "key").read_text() == "standard_5ec4e7\n"


def test_a_file_whose_name_could_not_be_flushed_is_removed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_flushes_of_folders(monkeypatch, errno.EIO)
    file = KeyFile(tmp_path / "key")
    with pytest.raises(SinkError, match="Input/output error"):
        file.write(SECRET, None)

    file.remove()

    assert list(tmp_path.iterdir()) == []


def break_flushes_of_folders(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    real = os.fsync

    def flush(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(error, os.strerror(error))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", flush)


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(SinkError, match="No space left"):
        KeyFile(tmp_path / "key").write(SECRET, None)

    assert list(tmp_path.iterdir()) == []
