"""The status of keys as one JSON object; times in RFC 3339, null for none. Its form is schemas/status.schema.json."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from reconciler.core.status import EnvironmentStatus, KeyStatus
from reconciler.core.times import format_instant
from reconciler.formats.codes import code, dump

VERSION = 1


def status_json(statuses: Iterable[EnvironmentStatus]) -> str:
    """The status as one JSON object."""
    statuses = tuple(statuses)
    return dump(
        {
            "version": VERSION,
            "well": not any(each.is_warned for each in statuses),
            "environments": [_environment(each) for each in statuses],
        }
    )


def _environment(status: EnvironmentStatus) -> dict[str, Any]:
    return {
        "environment": status.environment,
        "owner": status.owner,
        "endpoint": status.endpoint,
        "project": status.project,
        "now": format_instant(status.now),
        "keys": [_key(key) for key in status.keys],
        "warnings": list(status.warnings),
    }


def _key(key: KeyStatus) -> dict[str, Any]:
    return {
        "address": key.address,
        "id": key.key_id,
        "stage": code(key.stage),
        "generation": key.generation,
        "created": _instant(key.created),
        "rotates": _instant(key.rotates),
        "superseded": _instant(key.superseded),
        "expire": _instant(key.expire),
        "last_used": _instant(key.accessed),
        "sdks": list(key.sdks),
        "sinks": [{"sink": sink.sink, "holds": sink.holds} for sink in key.sinks],
        "pending": key.pending or None,
        "why": key.why,
        "warnings": [{"sign": code(each.sign), "message": each.message, "hint": each.hint} for each in key.warnings],
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
