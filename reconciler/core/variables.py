"""`${VAR}` and `${VAR:-default}` in endpoint, project and organization.

A variable that is set and empty counts as unset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")


class Variables(Mapping[str, str]):
    """Variables, of which some are credentials: whoever prints them all, such as a traceback, sees none."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{len(self)} variables"


def unset(text: str, variables: Mapping[str, str]) -> list[str]:
    """The variables that a text needs and nobody has set, in order."""
    return [name for name, default in _VARIABLE.findall(text) if not variables.get(name) and not default]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """The text with every variable replaced by its value, else its default, else nothing (see `unset`)."""
    return _VARIABLE.sub(lambda match: variables.get(match[1]) or match[2] or "", text)


def is_malformed(text: str) -> bool:
    """Whether something that begins like a variable is not one."""
    return "${" in _VARIABLE.sub("", text)


def mentions(text: str) -> bool:
    """Whether the text's value depends on variables."""
    return "${" in text
