"""A manifest as read, before anybody judges it: plain data, and where each piece of it stands in the file.

Text stays text unless it is plainly something else (the edge decides), a blank value is `BLANK`, never None: only a
literal null removes. Positions live beside the data, packed, because a manifest may hold hundreds of thousands of
values and nearly none is ever asked where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from typing import Any

from reconciler.errors import Position, Problem, Source

Path = tuple[str | int, ...]
"""The way to a value: names of fields and indices of items from the root, `()` being the whole document."""

COLUMN_BITS = 32
"""A packed place is the line shifted by these bits, and the column, both counted from 0."""

_COLUMN_MASK = (1 << COLUMN_BITS) - 1


class Blank(Enum):
    """The type of BLANK."""

    BLANK = "blank"


BLANK = Blank.BLANK
"""What stands for a value that the author left out; the reader has reported it already."""


def unpack(place: int, file: str, source: Source | None = None) -> Position:
    """The position that a packed place in a file stands for."""
    line, column = (place >> COLUMN_BITS) + 1, (place & _COLUMN_MASK) + 1
    return Position(file=file, line=line, column=column, source=source)


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is a mapping, else an empty one: somebody else reports what is wrong with it."""
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Document:
    """One YAML document. `data` is never changed after it was read.

    `path` is the file as the user named it, `digest` the SHA-256 of its bytes in hexadecimal. `problems` are those of
    the YAML itself that reading could go on after. `marks` holds, per container of `data` (by `id`, since `data` keeps
    them alive), one packed place per item of a list and two per entry of a mapping: of the name and of the value.
    `source` is the text that all positions carry.
    """

    path: PurePath
    data: Any
    digest: str = ""
    problems: tuple[Problem, ...] = ()
    marks: Mapping[int, Sequence[int]] = field(default_factory=dict, repr=False)
    source: Source | None = field(default=None, repr=False)
    _orders: dict[int, dict[str, int]] = field(default_factory=dict, init=False, repr=False)

    def position(self, path: Path) -> Position:
        """Where a field's name or a list's item stands; of what is absent, where its nearest parent does."""
        return self._find(path, of_value=False)

    def value_position(self, path: Path) -> Position:
        """Where a value stands; of what is absent, where its nearest parent's name does."""
        return self._find(path, of_value=True)

    def names(self, path: Path) -> Iterator[tuple[str, Position]]:
        """Every field of the mapping at a path with the position of its name; nothing where there is no mapping."""
        value = self.data
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, dict):
            marks = self.marks.get(id(value), ())
            for index, name in enumerate(value):
                yield name, self._unpack(marks[2 * index] if marks else 0)

    def _find(self, path: Path, *, of_value: bool) -> Position:
        value, place = self.data, 0
        for depth, step in enumerate(path):
            index = self._index(value, step)
            marks = self.marks.get(id(value), ())
            if index is None or not marks:
                break
            last = of_value and depth == len(path) - 1
            place = marks[2 * index + last] if isinstance(value, dict) else marks[index]
            value = value[step]
        return self._unpack(place)

    def _unpack(self, place: int) -> Position:
        return unpack(place, str(self.path), self.source)

    def _index(self, container: Any, step: str | int) -> int | None:
        if isinstance(container, list) and isinstance(step, int):
            return step if step < len(container) else None
        if not isinstance(container, dict):
            return None
        order = self._orders.get(id(container))
        if order is None:  # kept, since ten thousand problems may lie in one mapping
            order = self._orders[id(container)] = {name: index for index, name in enumerate(container)}
        return order.get(str(step))
