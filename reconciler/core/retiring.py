"""Ending a key by its expiry: it works on until then, the server ends it even if no run ever comes again, and writing
name and expiry once more takes it back.

The name says so, so that whoever looks at the Appwrite Console knows, and so that a later run does not begin anew.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconciler.core.keys import KeyState, LiveKey
from reconciler.core.names import marked

SUFFIX = " (retiring)"


def is_marked(key: LiveKey) -> bool:
    """Whether a run has set the key's end, whatever has become of that."""
    return key.name.endswith(SUFFIX)


def is_retiring(key: LiveKey) -> bool:
    """Whether a run has set the key's end, and it has one; a person may have moved it since."""
    return is_marked(key) and key.expire is not None


def retired(state: KeyState, end: datetime) -> KeyState:
    """The state of a key that ends then: never later than it would have ended anyway."""
    ends = end if state.expire is None else min(end, state.expire)
    return replace(state, name=marked(state.name, SUFFIX), expire=ends)
