"""Under GitHub Actions its runner is told to mask each secret that this program holds, before anything could show it.

On stderr, which the runner reads as it reads stdout, so that a result stays a result. Each secret is told once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from reconciler.cli import console

if TYPE_CHECKING:
    from reconciler.core.secret import Secret
    from reconciler.ports import Mask


def masking() -> Mask:
    """The mask of a run."""
    from reconciler.ports import unmasked

    return _Masking() if os.environ.get("GITHUB_ACTIONS") == "true" else unmasked


class _Masking:
    """The `Mask` port over the runner; good for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: set[Secret] = set()

    def __call__(self, secrets: Iterable[Secret]) -> None:
        """Tell the runner of those that it does not know yet."""
        from reconciler.formats.annotations import mask_commands

        with self._lock:
            new = [secret for secret in dict.fromkeys(secrets) if secret not in self._told]
            self._told.update(new)
            commands = mask_commands(new)
            if commands:
                console.note(commands.removesuffix("\n"))
