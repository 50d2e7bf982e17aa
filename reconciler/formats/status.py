"""The status of keys as text and JSON. A table that fits 80 columns; what is longer goes on below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from reconciler.core.quoting import clean
from reconciler.core.status import EnvironmentStatus, KeyStatus
from reconciler.core.times import format_instant
from reconciler.formats.codes import dump
from reconciler.formats.text import Screen

_NAME = 28
_HEAD = f"  {'key':{_NAME}}  {'gen':>4}  {'age':>5}  {'rotates':10}  {'ends':10}  {'last used':10}"
_BELOW = " " * 6


def status_text(statuses: Iterable[EnvironmentStatus], *, width: int = 80, color: bool = False) -> str:
    """A table for each environment."""
    screen = Screen(width=width, color=color)
    blocks = ["\n".join(_environment(each, screen)) for each in statuses]
    return "\n\n".join(blocks or ["No keys."]) + "\n"


def _environment(status: EnvironmentStatus, screen: Screen) -> Iterator[str]:
    title = f"{status.environment}: project {status.project} at {status.endpoint}"
    yield screen.paint(screen.wrap(clean(title), indent=2), "title")
    if not status.keys:
        yield "  no keys"
        return
    yield screen.paint(_HEAD.rstrip(), "dim")
    before = ""
    for key in status.keys:
        yield from _key(key, status.now, screen, named=key.address != before)
        before = key.address
    for warning in status.warnings:
        yield screen.paint(screen.wrap(clean(warning), first="  warning: "), "warning")


def _key(key: KeyStatus, now: datetime, screen: Screen, *, named: bool) -> Iterator[str]:
    name = clean(key.address.partition("/")[2]) if named else ""
    if len(name) > _NAME:
        yield f"  {name}"
        name = ""
    generation = f"g{key.generation}" if key.generation else "–"
    age = f"{(now - key.created).days}d" if key.created else "–"
    dates = "  ".join(f"{_day(each):10}" for each in (key.rotates, key.expire, key.accessed))
    yield f"  {name:{_NAME}}  {generation:>4}  {age:>5}  {dates}".rstrip()
    if key.why:
        told = f"{key.pending}: {key.why}" if key.pending else key.why
        yield screen.paint(screen.wrap(clean(told), first=_BELOW), key.pending or "dim")
    for sink in key.sinks:
        holds = {True: "holds it", False: "lacks it", None: "not compared"}[sink.holds]
        style = "warning" if sink.holds is False else "dim"
        yield screen.paint(screen.wrap(clean(f"{sink.sink}: {holds}"), first=_BELOW), style)


def _day(instant: datetime | None) -> str:
    return "–" if instant is None else f"{instant:%Y-%m-%d}"


def status_json(statuses: Iterable[EnvironmentStatus]) -> str:
    """The same as one JSON object; times in RFC 3339, null for none."""
    return dump({"version": 1, "environments": [_data(each) for each in statuses]})


def _data(status: EnvironmentStatus) -> dict[str, object]:
    return {
        "environment": status.environment,
        "owner": status.owner,
        "endpoint": status.endpoint,
        "project": status.project,
        "now": format_instant(status.now),
        "keys": [_key_data(key) for key in status.keys],
        "warnings": list(status.warnings),
    }


def _key_data(key: KeyStatus) -> dict[str, object]:
    return {
        "address": key.address,
        "id": key.key_id,
        "generation": key.generation,
        "created": _instant(key.created),
        "rotates": _instant(key.rotates),
        "expire": _instant(key.expire),
        "last_used": _instant(key.accessed),
        "sinks": [{"sink": sink.sink, "holds": sink.holds} for sink in key.sinks],
        "pending": key.pending or None,
        "why": key.why,
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
