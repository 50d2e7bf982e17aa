"""Why a saved change can no longer be kept, in words: what its key was to be like, and what it is like now.

What a plan's file says of names, ids and sinks may come from anybody: it is shown on one line, without control
characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from reconciler.core.desired import SinkSpec, show_expiry
from reconciler.core.diff import MembersChange, ValueChange, diff
from reconciler.core.keys import KeyState
from reconciler.core.plan import Change, Create, Delete, Deliver, Entry, Unchanged, action, replaced
from reconciler.core.quoting import clean, quoted
from reconciler.core.risks import show_sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A change that the plan promised and that cannot be made any more: `message` says what differs."""

    address: str
    key_id: str
    message: str

    def __str__(self) -> str:
        return clean(f"{self.address} ({self.key_id}): {self.message}")


def why(change: Change, entry: Entry | None, live: KeyState | None) -> Stale:
    """Why a change is stale; `entry` is what a fresh plan does instead, `live` the key as it is."""
    return Stale(address=change.address, key_id=change.key_id, message=_message(change, entry, live))


def _message(change: Change, entry: Entry | None, live: KeyState | None) -> str:
    if isinstance(change, Create):
        if live is not None and (found := differences(change.after, live)):
            return f"it was to be made, and is live already, with {found}"
    elif live is None:
        return "the key is gone"
    elif live != change.before:
        return f"the key changed: {differences(change.before, live)}"
    if entry is None:
        return f"nothing in the manifest asks for this key to be {_done_to(change)}"
    if isinstance(entry, Unchanged):
        return f"a plan made now leaves it as it is: {entry.reason}"
    found = _deeds_differ(change, entry)
    return f"a plan made now would {action(entry)} it{': ' + found if found else ''}"


def _deeds_differ(change: Change, entry: Change) -> str:
    parts = []
    if not isinstance(change, Delete) and not isinstance(entry, Delete):
        parts.append(differences(change.after, entry.after))
    if isinstance(change, Create) and isinstance(entry, Create) and change.expiry != entry.expiry:
        parts.append(f"expire declared as {show_expiry(entry.expiry)}, not {show_expiry(change.expiry)}")
    if isinstance(change, Create | Deliver) and isinstance(entry, Create | Deliver):
        parts += _sinks(change.sinks, entry.sinks)
        parts += sorted(map(str, replaced(entry) - replaced(change)))
    if entry.key_id != change.key_id:
        parts.append(f"key {entry.key_id}")
    if entry.address != change.address:
        parts.append(f"address {entry.address}")
    return "; ".join(part for part in parts if part)


def _sinks(planned: tuple[SinkSpec, ...], now: tuple[SinkSpec, ...]) -> Iterator[str]:
    yield from (f"not delivered to {show_sink(sink)}" for sink in planned if sink not in now)
    yield from (f"delivered to {show_sink(sink)}" for sink in now if sink not in planned)


def differences(planned: KeyState, now: KeyState) -> str:
    """The fields in which a key is not as planned, in words; empty where there are none."""
    return "; ".join(_difference(change) for change in diff(planned, now))


def _difference(change: ValueChange | MembersChange) -> str:
    match change:
        case ValueChange(field="expire"):
            return f"expire {change.after}, not {change.before}"
        case ValueChange():
            return f"{change.field} {quoted(change.after)}, not {quoted(change.before)}"
        case MembersChange(added=added, removed=removed):
            both = (("with", added), ("without", removed))
            said = " and ".join(f"{word} {', '.join(map(_plain, names))}" for word, names in both if names)
            return f"{change.field} {said}"
        case _:
            assert_never(change)


def _plain(scope: str) -> str:
    return quoted(scope)[1:-1]


def _done_to(change: Change) -> str:
    return {"retire": "retired"}.get(verb := action(change), f"{verb.removesuffix('e')}ed")
