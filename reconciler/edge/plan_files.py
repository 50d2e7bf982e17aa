"""The file of a saved plan: written whole or not at all, and never over anything but another plan.

It is no secret: it gets the rights that the user's other files get.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

from reconciler.core.secret import Secret
from reconciler.edge.regular import open_regular
from reconciler.edge.whole_files import drafted, flush_names
from reconciler.errors import GuardError, UsageError

MAX_BYTES = 256 * 1024 * 1024
"""A plan that makes 10,000 keys has some 10 MB; what is beyond this is no plan."""

_HEAD = 256
_MODE = 0o666
_ELSEWHERE = "name another file"


def read(path: Path) -> bytes:
    """The file's bytes; raises UsageError where it cannot be read, GuardError where it is too large for a plan."""
    try:
        with open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"the plan {path} cannot be read: {error.strerror or error}", hint="`reconciler plan --out FILE` makes one"
        ) from None
    if len(content) > MAX_BYTES:
        raise GuardError(f"{path} is no saved plan: it is larger than {MAX_BYTES // 1024 // 1024} MB")
    return content


def check_writable(path: Path, is_plan: Callable[[bytes], bool]) -> None:
    """Raise UsageError where a plan must not be written, or cannot be; `is_plan` tells one by its first bytes."""
    if path.is_symlink():
        raise UsageError(f"{path} is a symbolic link, and a plan is never written through one", hint=_ELSEWHERE)
    if not path.parent.is_dir():
        raise UsageError(f"there is no directory {path.parent} to write a plan to", hint="make it first")
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"a plan cannot be written to {path}: {error.strerror or error}", hint=_ELSEWHERE) from None
    if head and not is_plan(head):
        raise UsageError(f"{path} is something else than a plan, and is left as it is", hint=_ELSEWHERE)


def write(path: Path, text: str, is_plan: Callable[[bytes], bool]) -> None:
    """Put a plan in place, all or nothing; raises UsageError."""
    check_writable(path, is_plan)
    draft = path.with_name(f".reconciler-plan-{token_hex(4)}")
    try:
        with drafted(draft, Secret(text), mode=_MODE):
            draft.replace(path)
    except OSError as error:
        raise UsageError(f"a plan cannot be written to {path}: {error.strerror or error}", hint=_ELSEWHERE) from None
    flush_names(path.absolute().parent)
