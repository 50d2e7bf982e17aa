"""Taking plain data apart strictly: each field there, of its type, and no field left over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from reconciler.core.desired import OptionValue
from reconciler.core.quoting import quoted
from reconciler.core.times import parse_instant

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


class Malformed(Exception):
    """What is wrong in a document, and at which path."""


class Fields:
    """One object of a document at a path such as `environments[0].changes[2]`; each field is taken once.

    Every method raises Malformed where the field is missing or of another type.
    """

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise Malformed(f"{path or 'the document'} is not an object")
        self._left: dict[str, Any] = dict(value)
        self._path = path

    def text(self, name: str) -> str:
        """A text."""
        return self._typed(name, str, "a text")

    def number(self, name: str) -> int:
        """A whole number from 0 up."""
        value = self._typed(name, int, "a number")
        if isinstance(value, bool) or value < 0:
            raise Malformed(f"{self._at(name)} is not a number from 0 up")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        return self._typed(name, bool, "true or false")

    def optional(self, name: str) -> str | None:
        """A text or null."""
        value = self._taken(name)
        if value is None or isinstance(value, str):
            return value
        raise Malformed(f"{self._at(name)} is neither a text nor null")

    def instant(self, name: str) -> datetime:
        """A time."""
        return self.parsed(name, parse_instant, self.text(name))

    def optional_instant(self, name: str) -> datetime | None:
        """A time or null."""
        text = self.optional(name)
        return None if text is None else self.parsed(name, parse_instant, text)

    def parsed(self, name: str, parse: Callable[[str], _T], text: str) -> _T:
        """What a field's text means; whatever `parse` raises as ValueError is Malformed."""
        try:
            return parse(text)
        except (ValueError, OverflowError):
            raise Malformed(f"{self._at(name)} cannot be read") from None

    def member(self, name: str, of: type[_E]) -> _E:
        """The member of an enumeration that a code names."""
        text = self.text(name)
        for member in of:
            if member.name.lower() == text:
                return member
        raise Malformed(f"{self._at(name)} is none that this version knows")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        items = self._typed(name, list, "a list")
        if not all(isinstance(item, str) for item in items):
            raise Malformed(f"{self._at(name)} holds more than texts")
        return tuple(items)

    def options(self, name: str) -> tuple[tuple[str, OptionValue], ...]:
        """An object whose fields are texts, flags or lists of texts, whatever their names."""
        value = self._typed(name, dict, "an object")
        return tuple((option, self._option(name, each)) for option, each in value.items())

    def _option(self, name: str, value: object) -> OptionValue:
        if isinstance(value, list) and all(isinstance(text, str) for text in value):
            return tuple(value)
        if isinstance(value, str | bool):
            return value
        raise Malformed(f"{self._at(name)} holds more than texts, flags and lists of texts")

    def one(self, name: str, read: Callable[[Fields], _T]) -> _T:
        """What `read` makes of an object; nothing of it may be left over."""
        return read_whole(self._taken(name), self._at(name), read)

    def each(self, name: str, read: Callable[[Fields], _T]) -> tuple[_T, ...]:
        """What `read` makes of each object of a list; nothing of any may be left over."""
        items = self._typed(name, list, "a list")
        return tuple(read_whole(item, f"{self._at(name)}[{index}]", read) for index, item in enumerate(items))

    def drop(self, name: str) -> None:
        """Pass over a field that says nothing new."""
        self._taken(name)

    def close(self) -> None:
        """Raise Malformed where a field is left over."""
        for name in self._left:
            raise Malformed(
                f"{self._path or 'the document'} has a field {quoted(name)}, which this version does not know"
            )

    def _typed(self, name: str, of: type[_T], what: str) -> _T:
        value = self._taken(name)
        if not isinstance(value, of):
            raise Malformed(f"{self._at(name)} is not {what}")
        return value

    def _taken(self, name: str) -> Any:
        if name not in self._left:
            raise Malformed(f"{self._at(name)} is missing")
        return self._left.pop(name)

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def read_whole(value: object, path: str, read: Callable[[Fields], _T]) -> _T:
    """What `read` makes of an object, of which nothing may be left over; raises Malformed."""
    fields = Fields(value, path)
    made = read(fields)
    fields.close()
    return made
