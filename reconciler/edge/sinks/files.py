"""Files that hold secrets: replaced whole, mode 0600, never half written, one writer at a time.

The new content is written beside the file, flushed to the disk and renamed over it; the file stays its owner's, also
where root writes it. Writers of one folder take turns by a lock on the folder itself, which leaves nothing behind. A
killed writer leaves its drafts, which the next one in that folder removes. A file that holds a secret in plain text and
was opened to others since is to be written anew.

A folder in which everybody may write is refused, sticky or not: there anybody puts another file, or a folder, in the
place of the secret. One that everybody may read is not, for a checkout and /etc are such: its files are not readable.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.core.secret import Secret
from reconciler.edge.regular import open_regular
from reconciler.edge.whole_files import drafted, flush_names
from reconciler.errors import SinkError

_MODE = 0o600
_OTHERS = 0o077
_FOLDER_MODE = 0o700
_DRAFTS = (".reconciler-draft", ".reconciler-draft-2")
"""Enough for a folder, whose writers take turns, and for a file with another one beside it."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns an OSError into a SinkError that names the path."""
    try:
        yield
    except OSError as error:
        raise SinkError(
            f"{path}: {error.strerror or type(error).__name__}",
            hint="see who owns it, and whether the disk is full",
        ) from error


def check_writable(path: Path) -> None:
    """Raise SinkError where `replace` could not work; makes nothing."""
    with translated(path):
        if path.is_symlink():
            raise SinkError(f"{path} is a symbolic link", hint="name the file itself")
        if path.exists() and not path.is_file():
            raise SinkError(f"{path} is not a file", hint="name a file")
        if path.parent.is_dir():
            _refuse_open(path.parent, path.parent.stat())
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir():
            raise SinkError(f"{folder} is not a folder", hint="name another path, or remove that file")
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise SinkError(
                f"{folder} may not be read and written to", hint="give this user the right to, or name another path"
            )


def _refuse_open(folder: Path, status: os.stat_result) -> None:
    if status.st_mode & stat.S_IWOTH:
        raise SinkError(f"everybody may write in {folder}", hint=f"chmod o-w {folder}, or name another path")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Makes the path's folder where it is missing, and holds it against every other writer."""
    with translated(path):
        _make(path.absolute().parent)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _refuse_open(path.parent, os.fstat(folder))
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
            flush_names(path.absolute().parent)
        finally:
            os.close(folder)


def _make(folder: Path) -> None:
    """Make a folder and those above it that are missing; mkdir itself would open the latter to everybody."""
    for each in reversed((folder, *folder.parents)):
        if not each.exists():
            each.mkdir(mode=_FOLDER_MODE, exist_ok=True)


def read(path: Path) -> bytes | None:
    """The content, None where there is no such file."""
    with translated(path):
        try:
            with open_regular(path) as file:
                return file.read()
        except FileNotFoundError:
            return None


def exposed(path: Path) -> str:
    """In words, that others than its owner may read or write a file; empty where they may not, or there is none."""
    with translated(path):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            return ""
    return f"its file is open to others than its owner, by mode {mode:04o}" if mode & _OTHERS else ""


def replace(path: Path, content: Secret) -> None:
    """Put new content in place of the old, all or nothing; call it while the path is `locked`.

    The text is UTF-8; bytes that are none are lone surrogates in it.
    """
    with translated(path), _draft(path, content) as draft:
        draft.replace(path)


def replace_with(path: Path, content: Secret, beside: Path, note: Secret) -> None:
    """Put new content in place and then the note in the same folder; where the disk has no room for both, neither."""
    with translated(path), _draft(path, content) as draft, _draft(beside, note, _DRAFTS[1]) as second:
        draft.replace(path)
        second.replace(beside)


def remove(path: Path) -> None:
    """Leave no file at the path; call it while the path is `locked`."""
    with translated(path):
        path.unlink(missing_ok=True)


def create(path: Path, content: Secret) -> None:
    """Make a file where none is, all or nothing; call it while the path is `locked`."""
    with translated(path), _draft(path, content) as draft:
        os.link(draft, path)  # fails where there is something by now
        draft.unlink()


@contextmanager
def _draft(path: Path, content: Secret, name: str = _DRAFTS[0]) -> Iterator[Path]:
    """A file beside the path that holds the new content for good; gone where the block fails."""
    draft = path.with_name(name)
    for left in _DRAFTS[_DRAFTS.index(name) :]:
        path.with_name(left).unlink(missing_ok=True)

    def claim(descriptor: int) -> None:
        os.fchmod(descriptor, _MODE)
        _give_to_owner_of(path, descriptor)

    with drafted(draft, content, mode=_MODE, claim=claim):
        yield draft


def _give_to_owner_of(path: Path, descriptor: int) -> None:
    with suppress(OSError):  # there is no such file, or only root may
        before = path.lstat()
        os.fchown(descriptor, before.st_uid, before.st_gid)
