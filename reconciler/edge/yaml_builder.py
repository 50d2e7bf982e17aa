"""Turns libyaml's events into plain data and packed positions, without recursion.

Bounds: aliases may add a million values, and nesting may go 50 deep; both far beyond any manifest, and far below what
hurts. A name that stands twice in one mapping keeps its first value. Own fields of a mapping win over those that `<<`
merges in, and earlier merges over later ones.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from reconciler.core.document import BLANK, COLUMN_BITS, unpack
from reconciler.core.quoting import quoted
from reconciler.errors import Problem, Source

MAX_DEPTH = 50
MAX_ALIASED = 1_000_000

_TYPED: Final[dict[str, bool | None]] = {"null": None, "~": None, "true": True, "false": False}
_MAPPINGS = frozenset({"keys", "scope_sets"})
"""Fields that may be empty, and are nowhere null."""
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_NUMERIC_STARTS = frozenset("-0123456789")
_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"


class Unreadable(Exception):
    """A problem after which the rest of the document means nothing."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet; `name` is the field that waits for its value."""

    container: Any
    anchor: str | None
    place: int
    before: int
    marks: array[int] = field(default_factory=lambda: array("Q"))
    name: str | None = None
    name_place: int = 0
    dropping: bool = False
    merged: list[Any] | None = None


class Builder:
    """Takes events with `consume`; afterwards `root`, `marks` and `problems` are what the document says."""

    def __init__(self, file: str, source: Source) -> None:
        self.root: Any = None
        self.documents = 0
        self.problems: list[Problem] = []
        self.marks: dict[int, array[int]] = {}
        self._file, self._source = file, source
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._texts: dict[str, str] = {}
        self._values = 0
        self._aliased = 0
        self._takers: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }

    def consume(self, events: Iterable[yaml.Event]) -> None:
        """Take every event of a stream; raises Unreadable, and whatever the stream raises."""
        takers = self._takers
        for event in events:
            take = takers.get(type(event))
            if take is not None:  # else the end of the document, or either end of the stream
                take(event)

    def _document(self, event: yaml.Event) -> None:
        self.documents += 1
        if self.documents > 1:
            hint = "write one manifest per file, and name each with -f"
            raise Unreadable(self._problem(_place(event), "the file holds more than one document", hint))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        top = self._open[-1] if self._open else None
        place = _place(event)
        text = self._texts.setdefault(event.value, event.value)
        if top is not None and top.name is None and isinstance(top.container, dict):
            self._name(top, text, place)
            return
        value = self._typed(event, text, place)
        self._values += 1
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._put(value, place)

    def _typed(self, event: yaml.ScalarEvent, text: str, place: int) -> Any:
        if not event.implicit[0]:
            if event.tag not in {None, "!", f"{_TAG}str"}:
                self._unknown_tag(event.tag, place)
            return text
        if text in _TYPED:
            return _TYPED[text]
        if not text:
            self._blank(place)
            return BLANK
        if text[0] in _NUMERIC_STARTS:
            if _INTEGER.fullmatch(text):
                return int(text)
            if _DECIMAL.fullmatch(text):
                return float(text)
        return text

    def _blank(self, place: int) -> None:
        top = self._open[-1] if self._open else None
        if top is None or top.name is None:
            self._report(place, "a blank value", "write the value, or leave the entry out")
        else:
            hint = "write a value, or null where it is to remove a shared key or field"
            if top.name in _MAPPINGS:
                hint = f"write `{top.name}: {{}}` for none"
            elif top.name.startswith("//"):
                hint = "begin a comment with #"
            elif len(self._open) == 1:
                hint = "write a value"
            self._report(top.name_place, f"a blank value for {quoted(top.name)}", hint)

    def _name(self, top: _Open, name: str, place: int) -> None:
        top.name, top.name_place = name, place
        top.dropping = name in top.container or (name == _MERGE and top.merged is not None)
        if top.dropping:
            self._report(place, f"{quoted(name)} stands here twice", _keep_one(top, name))

    def _put(self, value: Any, place: int) -> None:
        if not self._open:
            self.root = value
            return
        top = self._open[-1]
        if isinstance(top.container, list):
            top.container.append(value)
            top.marks.append(place)
            return
        name, top.name = top.name, None
        if name is None:
            message = "a name must be text, not a mapping, a list or an alias"
            raise Unreadable(self._problem(place, message, "put text that begins with {, [ or * in quotes"))
        if top.dropping:
            return
        if name == _MERGE:
            top.merged = self._to_merge(value, place)
            return
        top.container[name] = value
        top.marks.append(top.name_place)
        top.marks.append(place)

    def _to_merge(self, value: Any, place: int) -> list[Any]:
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            self._report(place, "<< merges mappings only", "write << : *anchor, or << : [*one, *two]")
            return []
        return sources

    def _start(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        place = _place(event)
        if len(self._open) >= MAX_DEPTH:
            raise Unreadable(self._problem(place, f"nested more than {MAX_DEPTH} deep"))
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in {None, "!", f"{_TAG}map" if is_mapping else f"{_TAG}seq"}:
            self._unknown_tag(event.tag, place)
        container: Any = {} if is_mapping else []
        self._values += 1
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)  # an alias to it from inside would never end
        self._open.append(_Open(container, event.anchor, place, self._values))

    def _end(self, _event: yaml.Event) -> None:
        done = self._open.pop()
        self.marks[id(done.container)] = done.marks
        for source in done.merged or ():
            places = self.marks[id(source)]
            for index, (name, value) in enumerate(source.items()):
                if name not in done.container:
                    done.container[name] = value
                    done.marks.extend(places[2 * index : 2 * index + 2])
        if done.anchor is not None:
            self._anchors[done.anchor] = (done.container, self._values - done.before + 1)
        self._put(done.container, done.place)

    def _alias(self, event: yaml.AliasEvent) -> None:
        place = _place(event)
        if event.anchor not in self._anchors:
            message = f"there is no anchor for the alias {quoted(f'*{event.anchor}')}"
            hint = f"put it in quotes where it is a glob, or define {quoted(f'&{event.anchor}')} before this line"
            self._report(place, message, hint)
            self._put(BLANK, place)
            return
        value, size = self._anchors[event.anchor]
        self._values += size
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            message = f"aliases expand to more than {MAX_ALIASED:,} values"
            raise Unreadable(self._problem(place, message, "an alias of aliases of aliases multiplies: write it out"))
        self._put(value, place)

    def _unknown_tag(self, tag: str | None, place: int) -> None:
        short = (tag or "").replace(_TAG, "!!")
        self._report(place, f"the tag {quoted(short)} means nothing here", "leave the tag out")

    def _report(self, place: int, message: str, hint: str = "") -> None:
        self.problems.append(self._problem(place, message, hint))

    def _problem(self, place: int, message: str, hint: str = "") -> Problem:
        return Problem(position=unpack(place, self._file, self._source), message=message, hint=hint)


def _keep_one(top: _Open, name: str) -> str:
    if name == _MERGE:
        return "write one for both: <<: [*one, *two]"
    first = top.marks[2 * list(top.container).index(name)] >> COLUMN_BITS
    return f"the first is in line {first + 1}: keep one of the two, or rename one"


def _place(event: yaml.Event) -> int:
    mark: Any = event.start_mark  # events that a parser made always have one
    place: int = mark.line << COLUMN_BITS | mark.column
    return place
