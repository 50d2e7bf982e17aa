"""Time as columns: in which one an instant falls, and what is written above them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

_DAY = timedelta(days=1)
_HOURS = (1, 3, 6, 12)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 3, 6, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """From `start` to `end`, in so many columns."""

    start: datetime
    end: datetime
    columns: int

    def column(self, instant: datetime) -> int:
        """The column of an instant; below 0 and from `columns` on where it lies outside."""
        share = (instant - self.start) / (self.end - self.start)
        return round(share * (self.columns - 1)) if -2 < share < 2 else (-1 if share < 0 else self.columns)

    def labels(self, now: datetime) -> Iterator[str]:
        """Two lines: where now is, and dates, each from its column on."""
        column = self.column(now)
        yield _placed({column: f"now, {now:%Y-%m-%d %H:%M}Z"}, self.columns) or _placed({column: "now"}, self.columns)
        yield _placed(self._dates(), self.columns)

    def _dates(self) -> dict[int, str]:
        for form, ticks in self._scales():
            columns = {self.column(tick): f"{tick:{form}}" for tick in ticks if self.start <= tick <= self.end}
            gap = len(f"{self.start:{form}}") + 3
            if len(columns) * gap <= self.columns:
                return columns
        return {}

    def _scales(self) -> Iterator[tuple[str, list[datetime]]]:
        """Dates that people count by, from close ones to far ones."""
        day = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        span = (self.end - day) // _DAY + 1
        if span <= 4:
            for hours in _HOURS:
                yield "%H:%M", [day + timedelta(hours=hour) for hour in range(0, 24 * span, hours)]
        for days in _DAYS:
            if span // days <= self.columns:
                yield "%m-%d", [day + timedelta(days=each) for each in range(0, span, days)]
        months = [
            (day.year + month // 12, month % 12 + 1) for month in range(day.month - 1, day.month + span // 28 + 1)
        ]
        for step in _MONTHS:
            yield "%Y-%m", [day.replace(year=y, month=m, day=1) for y, m in months if (m - 1) % step == 0]


def _placed(texts: dict[int, str], columns: int) -> str:
    """Texts from their columns on, or up to them where the line would be too long; one without room is left out."""
    line = ""
    for column, text in sorted(texts.items()):
        begin = column if column + len(text) <= columns else column - len(text) + 1
        if begin >= len(line) + (2 if line else 0):
            line = line.ljust(begin) + text
    return line
