"""What sinks share for the time of one run: the environment's variables, one client for each server, and somebody to
tell what commands say.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar

from reconciler.core.command_environment import credential_variables, without_credentials
from reconciler.core.variables import Variables

_T = TypeVar("_T")

Tell = Callable[[str], None]
"""Gets a line for whoever watches the run; called from any thread."""


def tell_nobody(_line: str) -> None:
    """What a command says is not shown."""


class Surroundings:
    """The variables that sinks may read, and the clients that they have opened; good for any thread.

    `command_variables` is the environment of commands, which holds nothing that manages keys.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        *,
        command_variables: Mapping[str, str] | None = None,
        tell: Tell = tell_nobody,
    ) -> None:
        self.variables = variables
        if command_variables is None:
            command_variables = without_credentials(variables, credential_variables(()))
        self.command_variables = Variables(command_variables)
        self.tell = tell
        self._lock = threading.Lock()
        self._shared: dict[Hashable, Any] = {}
        self._stack = ExitStack()

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
