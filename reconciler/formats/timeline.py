"""The status of keys as a picture of lines: each live key over the time that it has, as wide as the screen.

The rules:
- The picture ends with the last date of the keys, at most a year ahead, and begins with their creation, but goes no
  further back than ahead: what comes is more worth a column. A line that goes on beyond an edge has an arrow there.
- A character stands for a span of time. Where two things happen in one, the end is shown before the date of the next
  rotation, that before the creation, and all before the line that says now.
- Colour only repeats what the characters say, and where a terminal has ASCII only, they are others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from reconciler.core.quoting import clean
from reconciler.core.status import EnvironmentStatus, KeyStatus, Stage
from reconciler.formats.status import generation_of, key_warnings, name_of, status_summary, title
from reconciler.formats.text import Screen
from reconciler.formats.time_axis import Axis

_DAY = timedelta(days=1)
_MONTH = 30 * _DAY
_FURTHEST = 366 * _DAY
_GENERATION = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sign:
    """What a character stands for; `plain` is the one in ASCII, `style` its colour."""

    char: str
    plain: str
    style: str
    meaning: str


_MADE = _Sign(char="├", plain="[", style="create", meaning="made")
_WORKED = _Sign(char="━", plain="=", style="create", meaning="has worked")
_WORKS = _Sign(char="─", plain="-", style="create", meaning="works")
_ROTATES = _Sign(char="◆", plain="R", style="deliver", meaning="rotates from here")
_AFTER = _Sign(char="┄", plain=".", style="dim", meaning="works on if no run rotates it")
_PROBATION = _Sign(char="┈", plain=":", style="warning", meaning="not delivered")
_RETIRING = _Sign(char="▒", plain="~", style="retire", meaning="overlap: another took its place")
_OVER = _Sign(char=" ", plain=" ", style="dim", meaning="")
_END = _Sign(char="✕", plain="X", style="delete", meaning="ends")
_EARLIER = _Sign(char="◂", plain="<", style="dim", meaning="goes on")
_LATER = _Sign(char="▸", plain=">", style="dim", meaning="goes on")
_NOW = _Sign(char="│", plain="|", style="title", meaning="now")
_BLANK = _Sign(char=" ", plain=" ", style="dim", meaning="")
_LEGEND = (_MADE, _WORKED, _WORKS, _ROTATES, _AFTER, _PROBATION, _RETIRING, _END, _LATER)
_WARNED = "!"

SIGNS = "".join(sign.char for sign in (*_LEGEND, _EARLIER, _NOW, _OVER)) + "–"
"""What a stream must be able to write to be given the picture's own characters."""


def timeline_text(
    statuses: Iterable[EnvironmentStatus], *, width: int = 80, color: bool = False, signs: bool = True
) -> str:
    """A picture for each environment, what is to be feared for its keys, and what the characters mean; without `signs`
    in ASCII.
    """
    screen = Screen(width=width, color=color)
    statuses = tuple(statuses)
    pictures = [_Picture(each, screen, signs=signs) for each in statuses]
    blocks = ["\n".join(picture.lines()) for picture in pictures]
    used = {sign for picture in pictures for sign in picture.used}
    legend = _legend([sign for sign in _LEGEND if sign in used], screen, signs=signs)
    return "\n\n".join((*blocks, *filter(None, [legend]), screen.wrap(status_summary(statuses)))) + "\n"


class _Picture:
    """One environment; `used` fills with what its lines show."""

    def __init__(self, status: EnvironmentStatus, screen: Screen, *, signs: bool) -> None:
        self._status, self._screen, self._signs = status, screen, signs
        self.used: set[_Sign] = set()
        lengths = [len(name_of(key)) for key in status.keys]
        self._names = max((each for each in lengths if each <= screen.width // 4), default=0)
        left = 2 + self._names + 1 + _GENERATION + 2
        start, end = _span(status)
        self._axis = Axis(start=start, end=end, columns=screen.width - left)
        self._left = " " * left

    def lines(self) -> Iterator[str]:
        """The picture, line by line."""
        screen = self._screen
        yield screen.paint(screen.wrap(title(self._status), indent=2), "title")
        if not self._status.keys:
            yield "  no keys"
            return
        now = self._axis.column(self._status.now)
        for line in self._axis.labels(self._status.now):
            yield screen.paint(f"{self._left}{line}".rstrip(), "dim")
        before = ""
        for key in self._status.keys:
            yield from self._key(key, now, named=key.address != before)
            before = key.address
        hinted: set[str] = set()
        for key in self._status.keys:
            yield from key_warnings(key, screen, hinted, first="  ! ", named=True)
        for warning in self._status.warnings:
            yield screen.paint(screen.wrap(clean(warning), first="  ! "), "warning")

    def _key(self, key: KeyStatus, now: int, *, named: bool) -> Iterator[str]:
        name = name_of(key) if named else ""
        if len(name) > self._names:
            yield f"  {name}"
            name = ""
        generation = generation_of(key) if self._signs else generation_of(key).replace("–", "-")
        mark = self._screen.paint(_WARNED, "warning") if key.warnings else " "
        cells = _cells(key, self._axis, now)
        self.used.update(cells)
        yield f"  {name:{self._names}} {generation:>{_GENERATION}} {mark}{self._drawn(cells)}".rstrip()

    def _drawn(self, cells: Sequence[_Sign]) -> str:
        runs = groupby(cells, key=lambda sign: sign.style)
        drawn = ((style, "".join(sign.char if self._signs else sign.plain for sign in run)) for style, run in runs)
        return "".join(text if text.isspace() else self._screen.paint(text, style) for style, text in drawn)


def _span(status: EnvironmentStatus) -> tuple[datetime, datetime]:
    """From when to when: see above."""
    now, keys = status.now, status.keys
    dates = [each for key in keys for each in (key.rotates, key.expire) if each is not None]
    made = [key.created for key in keys if key.created is not None]
    ahead = min(max(_DAY, max(dates, default=now + _MONTH) - now), _FURTHEST)
    back = min(max(_DAY, now - min(made, default=now)), max(ahead, _MONTH))
    return now - back, now + ahead


def _cells(key: KeyStatus, axis: Axis, now: int) -> list[_Sign]:
    """The line of a key, a sign for each column."""
    cells = [_NOW if column == now else _BLANK for column in range(axis.columns)]
    if key.created is None:
        return cells
    first, last = axis.column(key.created), axis.columns - 1 if key.expire is None else axis.column(key.expire)
    for column in range(max(first, 0), min(last, axis.columns - 1) + 1):
        if column != now:
            cells[column] = _line(key, axis, column, now)
    marks = [(first, _MADE), *((axis.column(each), _ROTATES) for each in [key.rotates] if each)]
    for column, sign in (*marks, *([(last, _END)] if key.expire else [])):
        if 0 <= column < axis.columns:
            cells[column] = sign
    if first < 0:
        cells[0] = _EARLIER
    if key.expire is None or last >= axis.columns:
        cells[-1] = _LATER
    return cells


def _line(key: KeyStatus, axis: Axis, column: int, now: int) -> _Sign:
    """What a column between creation and end shows."""
    if key.stage is Stage.UNDELIVERED:
        return _PROBATION
    if key.superseded is not None and column >= axis.column(key.superseded):
        return _RETIRING
    if column < now:
        return _WORKED
    return _AFTER if key.rotates is not None and column > axis.column(key.rotates) else _WORKS


def _legend(used: Sequence[_Sign], screen: Screen, *, signs: bool) -> str:
    """What the characters mean; a meaning is not broken over two lines."""
    told = (f"{sign.char if signs else sign.plain} {sign.meaning} " for sign in used)
    whole = " ".join(each.replace(" ", "\N{NO-BREAK SPACE}") for each in told)
    return screen.paint(screen.wrap(whole, first="  ").replace("\N{NO-BREAK SPACE}", " "), "dim")
