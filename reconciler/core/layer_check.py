"""What the schema cannot say about a key as one layer writes it, before layers are put over each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unicodedata import category

from reconciler.core import probation, recipients, retiring
from reconciler.core.document import Document, Path
from reconciler.core.expiry import parse_expiry
from reconciler.core.quoting import one_of, quoted
from reconciler.core.rotation_check import span_problems
from reconciler.core.scopes import Fault
from reconciler.core.suggest import did_you_mean
from reconciler.core.templates import PLACEHOLDERS, unknown_placeholders
from reconciler.core.wording import describe
from reconciler.errors import Problem

_SUFFIXES = {
    probation.SUFFIX: "keys whose secret is not delivered yet",
    retiring.SUFFIX: "keys that are to end",
}

Judge = Callable[[str], Fault | None]
"""Says why a scope or glob grants nothing, None where it grants something or nobody can tell yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCheck:
    """Checks what layers write; what is `broken`, the schema refused already, and it is passed over here."""

    document: Document
    broken: Collection[Path]
    sets: Mapping[str, Any]
    judge: Judge

    def key(self, path: Path, key: dict[str, Any]) -> Iterator[Problem]:
        """Every problem of one written key."""
        if path == ("defaults",):
            yield from self._defaults(key)
        for field, check in (("name", self._name), ("expire", self._expire)):
            if key.get(field) and (*path, field) not in self.broken:
                yield from check((*path, field), key[field])
        if isinstance(key.get("rotation"), dict) and (*path, "rotation") not in self.broken:
            yield from span_problems(self.document, (*path, "rotation"), key["rotation"])
        yield from self.scopes((*path, "scopes"), key.get("scopes"))
        sinks = key.get("deliver")
        for index, sink in enumerate(sinks if isinstance(sinks, list) else ()):
            if (*path, "deliver", index) not in self.broken:
                yield from self._sink((*path, "deliver", index), sink)

    def scopes(self, path: Path, entries: Any) -> Iterator[Problem]:
        """Every problem of a list of scopes."""
        if isinstance(entries, list) and path not in self.broken:
            yield from self._relative(path, [entry for entry in entries if isinstance(entry, str)])
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            fault = self._fault(entry) if isinstance(entry, str) else None
            if fault is not None and (*path, index) not in self.broken:
                position = self.document.position((*path, index))
                yield Problem(position=position, message=fault.message, hint=fault.hint)

    def _relative(self, path: Path, entries: list[str]) -> Iterator[Problem]:
        """A list is relative as a whole or not at all, and does not take back what it adds."""
        signed = [entry for entry in entries if entry[:1] in {"+", "-"}]
        if signed and len(signed) < len(entries):
            yield Problem(
                position=self.document.value_position(path),
                message=f"{describe(path)} has entries with and without + or -",
                hint="begin each entry with + or - to change what lower layers grant, or none to replace it",
            )
        for entry in signed:
            if entry[0] == "-" and f"+{entry[1:]}" in signed:
                yield Problem(
                    position=self.document.value_position(path),
                    message=f"{describe(path)} both adds and takes away {quoted(entry[1:])}",
                    hint="leave out one of the two",
                )

    def _defaults(self, key: dict[str, Any]) -> Iterator[Problem]:
        for field in ("id", "renamed_from"):
            if key.get(field) is not None:
                yield Problem(
                    position=self.document.position(("defaults", field)),
                    message=f"defaults have {quoted(field)}, which belongs to one key",
                    hint="write it in that key",
                )

    def _fault(self, written: str) -> Fault | None:
        entry = written[written[:1] in {"+", "-"} :]
        if not entry.startswith("@"):
            return None if written.startswith("-") else self.judge(entry)  # taking away is judged by what is there
        if entry[1:] in self.sets:
            return None
        hint = did_you_mean(entry, [f"@{name}" for name in self.sets]) or "declare it under scope_sets"
        return Fault(message=f"there is no scope set {quoted(entry)}", hint=hint)

    def _name(self, path: Path, name: str) -> Iterator[Problem]:
        if not name.isprintable() and any(category(character) == "Cc" for character in name):
            yield Problem(
                position=self.document.value_position(path),
                message=f"{describe(path)} holds a control character: {quoted(name)}",
                hint="write a name that fits on one line of any list",
            )
        for suffix, meaning in _SUFFIXES.items():
            if name.endswith(suffix):
                yield Problem(
                    position=self.document.value_position(path),
                    message=f'{describe(path)} ends in "{suffix}"',
                    hint=f"that is how reconciler itself marks {meaning}",
                )

    def _expire(self, path: Path, text: str) -> Iterator[Problem]:
        try:
            parse_expiry(text)
        except ValueError as error:
            message = f"{describe(path)}: {error}"
            yield Problem(position=self.document.value_position(path), message=message)

    def _sink(self, path: Path, sink: dict[str, dict[str, Any]]) -> Iterator[Problem]:
        for kind, options in sink.items():
            for option, value in options.items():
                place = (*path, kind, option)
                for unknown in [name for text in _texts(value) for name in unknown_placeholders(text)]:
                    yield Problem(
                        position=self.document.value_position(place),
                        message=f"{describe(place)}: {quoted(f'{{{unknown}}}')} is no placeholder",
                        hint=did_you_mean(unknown, PLACEHOLDERS) or f"there are {one_of(PLACEHOLDERS)}",
                    )
                if (kind, option) == ("age", "recipients"):
                    yield from self._recipients(place, _texts(value))

    def _recipients(self, path: Path, written: list[str]) -> Iterator[Problem]:
        for index, recipient in enumerate(written):
            if complaint := recipients.complaint(recipient):
                place = (*path, index)
                message = f"{describe(place)} {complaint[0]}"
                yield Problem(position=self.document.value_position(place), message=message, hint=complaint[1])


def _texts(value: Any) -> list[str]:
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
