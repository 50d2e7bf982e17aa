"""Files that are whole or not there: written beside their place, flushed to the disk, and only then put into it.

Whoever puts a draft into its place renames it, over what is there, or links it, where nothing may be there yet. What
goes wrong before that takes the draft with it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.core.secret import Secret


def _as_made(_descriptor: int) -> None:
    """Rights and owner stay as they are."""


@contextmanager
def drafted(draft: Path, content: Secret, *, mode: int, claim: Callable[[int], None] = _as_made) -> Iterator[None]:
    """A new file that holds the content for good, for the block to put into its place; gone where the block fails.

    The text is UTF-8; bytes that are none are lone surrogates in it. It is wrapped, whatever it is, because
    frames hold it.

    `mode` is what the umask takes from, and `claim` is given the descriptor before anything is written. Raises OSError.
    """
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123
            claim(descriptor)
            file.write(content.reveal().encode(errors="surrogateescape"))
            file.flush()
            os.fsync(descriptor)
        yield
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def flush_names(folder: Path) -> None:
    """So that a new name survives a power cut; a folder that cannot be opened, or not be flushed because its file
    system knows no such thing, is no reason to fail.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
