"""Risk marks: what a change grants, takes or cuts short, told from its two states."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.core.desired import OptionValue, SinkSpec
from reconciler.core.keys import KeyState, LiveKey
from reconciler.core.places import SETTINGS
from reconciler.core.plan import Mark, Risk
from reconciler.core.probation import is_on_probation
from reconciler.core.scopes import MARKED, SENSITIVE

IN_USE = timedelta(days=7)
_OWN_TRIAL = timedelta(minutes=1)


def of_scopes(gained: frozenset[str]) -> tuple[Mark, ...]:
    """Marks for scopes that a key did not have before."""
    return tuple(
        Mark(risk=risk, detail=", ".join(sorted(gained & which)))
        for risk, which in ((Risk.GAINS_WRITE, MARKED), (Risk.GAINS_KEYS, SENSITIVE))
        if gained & which
    )


def of_expiry(before: KeyState, after: KeyState, now: datetime) -> tuple[Mark, ...]:
    """Marks for a life that becomes longer, endless or over."""
    if before.expire == after.expire:
        return ()
    if after.expire is None:
        return (Mark(risk=Risk.EXPIRY_REMOVED),)
    if after.expire <= now and (before.expire is None or before.expire > now):
        return (Mark(risk=Risk.EXPIRES_NOW),)
    longer = before.expire is not None and after.expire > before.expire
    return (Mark(risk=Risk.LONGER_LIFE),) if longer else ()


def is_shortened(before: KeyState, after: KeyState) -> bool:
    """Whether a life becomes shorter."""
    return after.expire is not None and (before.expire is None or after.expire < before.expire)


def of_use(key: LiveKey, now: datetime, own: frozenset[str]) -> tuple[Mark, ...]:
    """Marks for taking something from a key that somebody uses, or that this run itself may be using.

    Apply uses each new key once. Nobody can tell that use from another on the key's first day, because Appwrite moves
    `accessedAt` once in 24 hours; so it counts, but for a key that was never committed.
    """
    marks = []
    if key.id in own and not key.has_ended(now):  # an expired key is nobody's credential
        marks.append(Mark(risk=Risk.OWN_CREDENTIAL))
    if key.accessed is not None and now - key.accessed <= IN_USE:
        maybe_tried = key.accessed - key.created <= _OWN_TRIAL
        if not (maybe_tried and is_on_probation(key)):
            doubt = ", perhaps by the trial of apply alone" if maybe_tried else ""
            marks.append(Mark(risk=Risk.IN_USE, detail=f"accessed {key.accessed:%Y-%m-%d}{doubt}"))
    return tuple(marks)


def of_sink(sink: SinkSpec, whose: str, *, foreign: bool, why: str = "") -> Mark:
    """The mark of a sink that holds a value now: that of key `whose`, where that is known, and `why` it cannot stay."""
    risk = Risk.FOREIGN_VALUE if foreign else Risk.REPLACES_VALUE
    detail = f"{show_sink(sink)}, of key {whose}" if whose else show_sink(sink)
    return Mark(risk=risk, detail=f"{detail}: {why}" if why else detail)


def show_sink(sink: SinkSpec) -> str:
    """A sink in one line: its kind and where it is."""
    texts = (text for name, value in sink.options if name not in SETTINGS for text in _texts(value))
    return " ".join((sink.kind, *texts))


def _texts(value: OptionValue) -> tuple[str, ...]:
    match value:
        case str():
            return (value,)
        case tuple():
            return value
        case _:
            return ()
