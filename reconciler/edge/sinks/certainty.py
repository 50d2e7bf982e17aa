"""Whether a no is certain: SinkError says that nothing was written, SinkUnavailable that nobody knows.

While something is only read, a refusal means that nothing can be known. Before a write, not knowing means a clear no.
After it the value is there, and whatever goes wrong leaves that to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.errors import SinkError, SinkUnavailable


@contextmanager
def nobody_knows() -> Iterator[None]:
    """Reads, or follows on a write: every SinkError becomes SinkUnavailable."""
    try:
        yield
    except SinkUnavailable:
        raise
    except SinkError as error:
        raise SinkUnavailable(error.message, hint=error.hint) from error


@contextmanager
def before_a_write() -> Iterator[None]:
    """Reads what a write begins from: every SinkUnavailable becomes SinkError."""
    try:
        yield
    except SinkUnavailable as error:
        raise SinkError(error.message, hint=error.hint) from error
