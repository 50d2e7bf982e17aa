"""The doctor's checks of sinks: what can be said of each without writing.

- Sinks of one kind of which the same is to be said are one check, however many they are: a service that is down is one
  finding. What a message names of the sink itself does not count as a difference.
- A sink that cannot be written makes an apply impossible where something is to be written there; else it will, later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reconciler.core.checkup import Check, Verdict
from reconciler.core.delivery import at
from reconciler.core.desired import SinkSpec
from reconciler.core.holding import Holding
from reconciler.core.places import EXEC
from reconciler.core.plan import Change, Create, Deliver
from reconciler.core.risks import show_sink
from reconciler.errors import GuardError, ReconcilerError

_ELSEWHERE = "deliver to another place, or remove that value first if nobody needs it"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSeen:
    """One sink as it was found.

    Attributes:
        error: why it cannot be written, as far as asking tells.
        held: what it holds, None where nobody looked or it cannot be read although it should be.
        foreign: whether the note in it is of a key that belongs to another manifest, environment or project.
    """

    sink: SinkSpec
    error: ReconcilerError | None = None
    held: Holding | None = None
    foreign: bool = False


def sink_checks(seen: Iterable[SinkSeen], changes: Iterable[Change] | None) -> Iterator[Check]:
    """One check for all sinks of which the same is to be said; `changes` is None where no plan could be made."""
    awaited = None if changes is None else _awaited(changes)
    alike: dict[tuple[str, ...], list[tuple[Check, SinkSpec]]] = {}
    for each in seen:
        check = _check(each, is_awaited=awaited is None or each.sink in awaited)
        said = _without(each.sink, f"{check.message}\n{check.hint}")
        alike.setdefault((check.name, check.verdict, said), []).append((check, each.sink))
    for group in alike.values():
        first, sink = group[0]
        places = tuple(show_sink(sink) for _, sink in group)
        more = f" and {len(group) - 1:,} more" if len(group) > 1 else ""
        yield replace(first, message=f"{_place(sink)}{more}: {first.message}", sinks=places)


def _awaited(changes: Iterable[Change]) -> frozenset[SinkSpec]:
    """The sinks that apply would write."""
    return frozenset(
        at(sink, change.key_id) for change in changes if isinstance(change, Create | Deliver) for sink in change.sinks
    )


def _check(seen: SinkSeen, *, is_awaited: bool) -> Check:
    verdict, message, hint = _judged(seen, is_awaited=is_awaited)
    return Check(name=seen.sink.kind, verdict=verdict, message=message, hint=hint)


def _judged(seen: SinkSeen, *, is_awaited: bool) -> tuple[Verdict, str, str]:
    error, held = seen.error, seen.held
    if error is not None:
        if is_awaited or isinstance(error, GuardError):
            return Verdict.FAILED, error.message, error.hint
        return Verdict.WARNING, f"{error.message}; nothing is to be written there now", error.hint
    if seen.sink.kind == EXEC:
        return Verdict.OK, "the program is there; what it does, only apply finds out", ""
    if held is None:
        return Verdict.WARNING, "it could be written, and what it holds cannot be read", "see what is there now"
    if held.note is not None and seen.foreign:
        told = f"it holds the secret of another manifest's or environment's key: {held.note.key_id}"
        return Verdict.FAILED, told, _ELSEWHERE
    if held.occupied and held.note is None and is_awaited:
        return Verdict.WARNING, "it holds a value, no note says whose, and apply replaces it", _ELSEWHERE
    if held.why:
        return Verdict.OK, f"can be written, as far as asking tells; not compared: {held.why}", ""
    return Verdict.OK, "can be written, as far as asking tells", ""


def _place(sink: SinkSpec) -> str:
    """Where a sink is; its kind is the check's name."""
    return show_sink(sink).removeprefix(f"{sink.kind} ")


def _without(sink: SinkSpec, text: str) -> str:
    """A text without what it repeats of the sink."""
    for value in sorted(_texts(sink), key=len, reverse=True):
        text = text.replace(value, "\0")
    return text


def _texts(sink: SinkSpec) -> Iterator[str]:
    for _, value in sink.options:
        match value:
            case tuple():
                yield from filter(None, value)
            case str() if value:
                yield value
            case _:
                pass
