"""`${VAR}` and `${VAR:-default}` in endpoint, project and organization.

A variable that is set and empty counts as unset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")


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
