"""The placeholders of sink fields: `{environment}`, `{project}`, `{name}` (of the key in the manifest) and `{id}`."""

from __future__ import annotations

import re
from collections.abc import Callable

PLACEHOLDERS = ("environment", "project", "name", "id")

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def has_placeholder(value: object) -> bool:
    """Whether the value of a field may hold a placeholder; nearly none does, and ten thousand keys ask."""
    match value:
        case str():
            return "{" in value
        case tuple():
            return any("{" in text for text in value)
        case _:
            return False


def unknown_placeholders(template: str) -> list[str]:
    """The names between braces that mean nothing, in order."""
    if "{" not in template:
        return []
    return [name for name in _PLACEHOLDER.findall(template) if name not in PLACEHOLDERS]


def fill(template: str, value_of: Callable[[str], str]) -> str:
    """The text with each placeholder replaced, unknown ones kept; a value is asked for only where one stands."""
    if "{" not in template:
        return template
    return _PLACEHOLDER.sub(lambda match: value_of(match[1]) if match[1] in PLACEHOLDERS else match[0], template)
