"""What sinks share for the time of one run: the environment's variables, one client for each server, and whom they tell
of secrets and of what commands say.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reconciler.core.command_environment import credential_variables, without_credentials
from reconciler.core.secret import Secret
from reconciler.core.variables import Variables
from reconciler.errors import SinkError
from reconciler.ports import Mask, unmasked

_T = TypeVar("_T")

Tell = Callable[[str], None]
"""Gets a line for whoever watches the run; called from any thread, and must not raise."""


def tell_nobody(_line: str) -> None:
    """What a command says is not shown."""


@dataclass(slots=True, eq=False)
class _Shared:
    """What is made once, or has failed once; whoever asks meanwhile waits for that."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    made: Any = None
    is_made: bool = False
    failed: SinkError | None = None


class Surroundings:
    """The variables that sinks may read, and the clients that they have opened; good for any thread.

    `command_variables` is the environment of commands, which holds nothing that manages keys.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        mask: Mask = unmasked,
        *,
        command_variables: Mapping[str, str] | None = None,
        tell: Tell = tell_nobody,
    ) -> None:
        self.variables = variables
        self._mask = mask
        if command_variables is None:
            command_variables = without_credentials(variables, credential_variables(()))
        self.command_variables = Variables(command_variables)
        self.tell = tell
        self._lock = threading.Lock()
        self._shared: dict[Hashable, _Shared] = {}
        self._stack = ExitStack()

    def secret(self, *names: str) -> Secret | None:
        """The credential in the first of these variables that holds one."""
        for name in names:
            if self.variables.get(name):
                secret = Secret(self.variables[name])
                self._mask((secret,))
                return secret
        return None

    def mask(self, *secrets: Secret) -> None:
        """Tell of secrets that came into being here."""
        self._mask(secrets)

    def shared(self, what: Hashable, make: Callable[[], _T]) -> _T:
        """The one object of that name, made where it is not there yet; closed with the run where it can be. What could
        not be made is not tried again: the SinkError that told why is raised to all who ask for it. One may be made of
        others.
        """
        with self._lock:
            one = self._shared.setdefault(what, _Shared())
        with one.lock:
            if one.failed is not None:
                raise one.failed
            if not one.is_made:
                try:
                    one.made = make()
                except SinkError as error:
                    one.failed = error
                    raise
                one.is_made = True
                if isinstance(one.made, AbstractContextManager):
                    self._stack.enter_context(one.made)
            shared: _T = one.made
            return shared

    def close(self) -> None:
        """Close what was opened."""
        self._stack.close()
