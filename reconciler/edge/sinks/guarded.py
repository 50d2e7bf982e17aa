"""Sinks that raise nothing but our errors, of whatever kind they are.

What else a sink raises is told by its class alone: its text may hold the secret. Nobody knows then what the sink did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from reconciler.core.holding import Holding, Note
from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.errors import ReconcilerError, SinkUnavailable
from reconciler.ports import SecretSink, Undoing

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Lets no foreign error of a kind through; `hint` says who can mend it."""

    kind: str
    hint: str

    def kept(self, do: Callable[[], _T]) -> _T:
        """What that returns. Raises SinkUnavailable where it raises something that is no error of ours."""
        try:
            return do()
        except ReconcilerError:
            raise
        except Exception as error:  # noqa: BLE001 - somebody else's code
            raise SinkUnavailable(
                f"the sink {quoted(self.kind)} failed: {type(error).__name__}", hint=self.hint
            ) from None

    def sink(self, open_: Callable[[], SecretSink]) -> SecretSink:
        """The sink that is opened, guarded; `Undoing` if it is."""
        sink = self.kept(open_)
        return _UndoingSink(self, sink, sink.undo) if isinstance(sink, Undoing) else _Sink(self, sink)


@dataclass(frozen=True, slots=True)
class _Sink:
    """The `SecretSink` port over another."""

    guard: Guard
    sink: SecretSink

    def preflight(self) -> None:
        self.guard.kept(self.sink.preflight)

    def look(self) -> Holding:
        return self.guard.kept(self.sink.look)

    def write(self, secret: Secret, note: Note | None) -> None:
        self.guard.kept(lambda: self.sink.write(secret, note))

    def remove(self) -> None:
        self.guard.kept(self.sink.remove)


@dataclass(frozen=True, slots=True)
class _UndoingSink(_Sink):
    """The same, over one that can put back what it replaced."""

    put_back: Callable[[], None]

    def undo(self) -> None:
        self.guard.kept(self.put_back)
