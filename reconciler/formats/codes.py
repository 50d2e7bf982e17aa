"""Names by which programs know reasons, risks and statuses: they stay when the sentences for people change.

JSON is written here too, in ASCII only, so that no terminal's encoding and no lone surrogate in a key's name can
spoil it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


def code(member: StrEnum) -> str:
    """The name of a reason, risk or status in JSON, such as `fields_differ`."""
    return member.name.lower()


def dump(value: Mapping[str, Any]) -> str:
    """One JSON object, its fields in the order given."""
    return json.dumps(value, indent=2) + "\n"
