"""What sinks share for the time of one run: the environment's variables, one client for each server, and whom they tell
of secrets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar

from reconciler.core.secret import Secret
from reconciler.ports import Mask, unmasked

_T = TypeVar("_T")


class Surroundings:
    """The variables that sinks may read, and the clients that they have opened; good for any thread."""

    def __init__(self, variables: Mapping[str, str], mask: Mask = unmasked) -> None:
        self.variables = variables
        self._mask = mask
        self._lock = threading.Lock()
        self._shared: dict[Hashable, Any] = {}
        self._stack = ExitStack()

    def secret(self, *names: str) -> Secret | None:
        """The credential in the first of these variables that holds one."""
        for name in names:
            if self.variables.get(name):
                secret = Secret(self.variables[name])
                self._mask((secret,))
                return secret
        return None

    def shared(self, what: Hashable, make: Callable[[], _T]) -> _T:
        """The one object of that name, made where it is not there yet; closed with the run where it can be."""
        with self._lock:
            if what not in self._shared:
                made = make()
                if isinstance(made, AbstractContextManager):
                    self._stack.enter_context(made)
                self._shared[what] = made
            shared: _T = self._shared[what]
            return shared

    def close(self) -> None:
        """Close what was opened."""
        self._stack.close()
