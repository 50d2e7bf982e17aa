"""The status of keys as a screen: a table that fits the width; what is longer goes on below, and what has no room for a
table stands line by line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from reconciler.core.ids import base36
from reconciler.core.quoting import clean
from reconciler.core.status import EnvironmentStatus, KeyStatus, Stage
from reconciler.formats.text import Screen

_COLUMNS = (("gen", 4), ("age", 5), ("rotates", 10), ("ends", 10), ("last used", 10))
_BESIDE_NAME = 2 + sum(2 + width for _, width in _COLUMNS)
_NAME = 28
"""Columns of the names, where there is room, and more only where names need it."""

_BELOW = " " * 6
_HOUR = timedelta(hours=1)
_IN_DAYS = 2


def status_text(statuses: Iterable[EnvironmentStatus], *, width: int = 80, color: bool = False) -> str:
    """A table for each environment, and how many keys there are to look after."""
    screen = Screen(width=width, color=color)
    statuses = tuple(statuses)
    blocks = ["\n".join(_environment(each, screen)) for each in statuses]
    return "\n\n".join((*blocks, screen.wrap(status_summary(statuses)))) + "\n"


def status_summary(statuses: Iterable[EnvironmentStatus]) -> str:
    """The status in one line."""
    statuses = tuple(statuses)
    keys = [key for each in statuses for key in each.keys]
    if not keys:
        return "No keys."
    warnings = sum(len(each.warnings) + sum(len(key.warnings) for key in each.keys) for each in statuses)
    counts = (
        (sum(key.stage is not Stage.NOT_LIVE for key in keys), "live key", "live keys"),
        (sum(bool(key.pending) for key in keys), "to be changed by apply", "to be changed by apply"),
        (warnings, "warning", "warnings"),
    )
    return f"{', '.join(f'{count} {one if count == 1 else more}' for count, one, more in counts)}."


def title(status: EnvironmentStatus) -> str:
    """What an environment is headed with."""
    return clean(f"{status.environment}: project {status.project} at {status.endpoint}")


def name_of(key: KeyStatus) -> str:
    """A key without the environment that it stands under."""
    return clean(key.address.partition("/")[2])


def generation_of(key: KeyStatus) -> str:
    """Its generation in a few letters."""
    return f"g{base36(key.generation)}" if key.generation else "–"


def sink_lines(key: KeyStatus) -> Iterator[tuple[str, bool | None]]:
    """Each sink with what it holds, in words and as it is known."""
    for sink in key.sinks:
        holds = {True: "holds it", False: "lacks it", None: "not compared"}[sink.holds]
        yield clean(f"{sink.sink}: {holds}"), sink.holds


def why_of(key: KeyStatus) -> str:
    """What is to be done about a key, or why it is left; empty where there is nothing to say."""
    return clean(f"{key.pending}: {key.why}" if key.pending else key.why)


def key_warnings(key: KeyStatus, screen: Screen, hinted: set[str], *, first: str, named: bool = False) -> Iterator[str]:
    """The warnings of a key, and below each its hint, unless that stands below another one already."""
    for each in key.warnings:
        told = f"{key.key_id}: {each.message}" if named else each.message
        yield screen.paint(screen.wrap(clean(told), first=first), "warning")
        if each.hint not in hinted:
            yield screen.paint(screen.wrap(each.hint, first=f"{' ' * len(first)}hint: "), "dim")
            hinted.add(each.hint)


def _environment(status: EnvironmentStatus, screen: Screen) -> Iterator[str]:
    yield screen.paint(screen.wrap(title(status), indent=2), "title")
    if not status.keys:
        yield "  no keys"
        return
    longest = max(len(name_of(key)) for key in status.keys)
    names = min(max(_NAME, longest), screen.width - _BESIDE_NAME)
    if not screen.is_narrow:
        heads = "".join(f"  {head:>{width}}" if width < 10 else f"  {head:{width}}" for head, width in _COLUMNS)
        yield screen.paint(f"  {'key':{names}}{heads}".rstrip(), "dim")
    before, hinted = "", set[str]()
    for key in status.keys:
        named = key.address != before
        yield from _narrow(key, status.now, screen) if screen.is_narrow else _row(key, status.now, names, named=named)
        yield from _below(key, screen, hinted)
        before = key.address
    for warning in status.warnings:
        yield screen.paint(screen.wrap(clean(warning), first="  warning: "), "warning")


def _row(key: KeyStatus, now: datetime, names: int, *, named: bool) -> Iterator[str]:
    name = name_of(key) if named else ""
    if len(name) > names:
        yield f"  {name}"
        name = ""
    dates = "  ".join(f"{day(each):10}" for each in (key.rotates, key.expire, key.accessed))
    yield f"  {name:{names}}  {generation_of(key):>4}  {age_of(key, now):>5}  {dates}".rstrip()


def _narrow(key: KeyStatus, now: datetime, screen: Screen) -> Iterator[str]:
    """A key where there is no room for columns beside each other."""
    generation = f", {generation_of(key)}" if key.generation else ""
    old = f", {age_of(key, now)} old" if key.created else ""
    yield screen.wrap(f"  {name_of(key)}{generation}{old}", indent=4)
    for word, instant in (("rotates", key.rotates), ("ends", key.expire), ("last used", key.accessed)):
        if instant is not None:
            yield f"{_BELOW}{word:10}{day(instant)}"


def _below(key: KeyStatus, screen: Screen, hinted: set[str]) -> Iterator[str]:
    """What of a key goes into no column."""
    yield from key_warnings(key, screen, hinted, first=f"{_BELOW}! ")
    if why := why_of(key):
        yield screen.paint(screen.wrap(why, first=_BELOW), key.pending or "dim")
    if key.sdks:
        yield screen.paint(screen.wrap(clean(f"SDKs so far: {', '.join(key.sdks)}"), first=_BELOW), "dim")
    for line, holds in sink_lines(key):
        yield screen.paint(screen.wrap(line, first=_BELOW), "warning" if holds is False else "dim")


def age_of(key: KeyStatus, now: datetime) -> str:
    """How old a key is, in days, or in hours where that is less than two."""
    if key.created is None:
        return "–"
    old = now - key.created
    return f"{old.days}d" if old.days >= _IN_DAYS else f"{old // _HOUR}h"


def day(instant: datetime | None) -> str:
    """The day of an instant; a dash for none."""
    return "–" if instant is None else f"{instant:%Y-%m-%d}"
