"""What the schema cannot say about a key as one layer writes it, before layers are put over each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from reconciler.core.document import Document, Path
from reconciler.core.expiry import parse_expiry
from reconciler.core.scopes import Fault
from reconciler.core.suggest import did_you_mean, one_of
from reconciler.core.templates import PLACEHOLDERS, unknown_placeholders
from reconciler.core.wording import describe
from reconciler.errors import Problem

UNDELIVERED = " (undelivered)"
"""What ends the name of a key on probation; no declared name may."""

Judge = Callable[[str], Fault | None]
"""Says why a scope or glob grants nothing, None where it grants something or nobody can tell yet."""


def check_key(
    document: Document, path: Path, key: dict[str, Any], sets: Collection[str], judge: Judge
) -> Iterator[Problem]:
    """Every problem of one written key that the schema has nothing against."""
    name = key.get("name")
    if name and name.endswith(UNDELIVERED):
        yield Problem(
            position=document.value_position((*path, "name")),
            message=f'{describe((*path, "name"))} ends in "{UNDELIVERED}"',
            hint="reconciler itself marks keys so whose secret is not delivered yet",
        )
    if key.get("expire"):
        yield from _check_expire(document, (*path, "expire"), key["expire"])
    for index, entry in enumerate(key.get("scopes") or ()):
        yield from check_scope(document, (*path, "scopes", index), entry, sets, judge)
    for index, sink in enumerate(key.get("deliver") or ()):
        yield from _check_sink(document, (*path, "deliver", index), sink)


def check_scope(document: Document, path: Path, entry: str, sets: Collection[str], judge: Judge) -> Iterator[Problem]:
    """The problem of one entry of a scope list, if it has one."""
    fault: Fault | None
    if entry.startswith("@"):
        if entry[1:] in sets:
            return
        hint = did_you_mean(entry, [f"@{name}" for name in sets]) or "declare it under scope_sets"
        fault = Fault(message=f'there is no scope set "{entry}"', hint=hint)
    else:
        fault = judge(entry)
    if fault is not None:
        yield Problem(position=document.position(path), message=fault.message, hint=fault.hint)


def _check_expire(document: Document, path: Path, text: str) -> Iterator[Problem]:
    try:
        parse_expiry(text)
    except ValueError as error:
        message = f"{describe(path)}: {error}"
        yield Problem(position=document.value_position(path), message=message)


def _check_sink(document: Document, path: Path, sink: dict[str, dict[str, str]]) -> Iterator[Problem]:
    for kind, options in sink.items():
        for option, text in options.items():
            if "{" not in text:
                continue
            for unknown in unknown_placeholders(text):
                place = (*path, kind, option)
                yield Problem(
                    position=document.value_position(place),
                    message=f'{describe(place)}: "{{{unknown}}}" is no placeholder',
                    hint=did_you_mean(unknown, PLACEHOLDERS) or f"there are {one_of(PLACEHOLDERS)}",
                )
