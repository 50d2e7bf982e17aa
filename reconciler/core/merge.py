"""JSON merge patch (RFC 7396): the one rule by which layers of a manifest are put over each other."""

from __future__ import annotations

from typing import Any


def merge(base: Any, patch: Any) -> Any:
    """`patch` over `base`: mappings merge, null removes, everything else (lists too) replaces. Neither is changed."""
    if not isinstance(patch, dict):
        return patch
    result = dict(base) if isinstance(base, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value) if isinstance(value, dict) else value
    return result
