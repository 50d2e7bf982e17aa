"""Ids that the server chooses."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def random_id(now: datetime) -> str:
    """20 hex characters: seconds and microseconds, then seven random ones."""
    moment = now.astimezone(UTC)
    return f"{int(moment.timestamp()):08x}{moment.microsecond:05x}{secrets.token_hex(4)[:7]}"
