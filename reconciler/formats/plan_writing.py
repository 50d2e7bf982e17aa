"""A plan as plain data for its file: every value that it holds, in the form that `plan_reading` reads back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

from reconciler.core.desired import SinkSpec, show_expiry
from reconciler.core.keys import KeyState
from reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Deliver,
    EnvironmentPlan,
    Retire,
    Unchanged,
    Unmanaged,
    Update,
    action,
)
from reconciler.core.saved import SavedPlan
from reconciler.core.times import format_instant
from reconciler.formats.codes import code
from reconciler.formats.words import counts

VERSION = 1


def written(saved: SavedPlan) -> dict[str, Any]:
    """The document, without its digest."""
    return {
        "version": VERSION,
        "reconciler": saved.reconciler,
        "manifests": [{"file": each.file, "owner": each.owner, "sha256": each.sha256} for each in saved.manifests],
        "selection": {"targets": list(saved.selection.targets), "excludes": list(saved.selection.excludes)},
        "allowances": {"deletes": saved.allow.deletes, "in_use": saved.allow.in_use},
        "environments": [_environment(environment) for environment in saved.plan.environments],
        "refusals": [
            {
                "guard": each.guard,
                "where": each.where,
                "message": each.message,
                "hint": each.hint,
                "of_credential": each.of_credential,
            }
            for each in saved.refusals
        ],
        "summary": counts(saved.plan),
    }


def _environment(plan: EnvironmentPlan) -> dict[str, Any]:
    return {
        "environment": plan.environment,
        "owner": plan.owner,
        "endpoint": plan.endpoint,
        "project": plan.project,
        "now": format_instant(plan.now),
        "live": plan.live,
        "changes": [_change(change) for change in plan.changes],
        "unchanged": [_unchanged(entry) for entry in plan.unchanged],
        "unmanaged": [_unmanaged(key) for key in plan.unmanaged],
        "ignored": [_unmanaged(key) for key in plan.ignored],
        "protected": list(plan.protected),
        "counts": {"declared": plan.declared_count, "owned": plan.owned_count, "live": plan.live_count},
        "unseen": [{"address": each.address, "sink": each.sink, "why": each.why} for each in plan.unseen],
        "warnings": list(plan.warnings),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "action": action(change),
        "address": change.address,
        "id": change.key_id,
        "reason": code(change.reason),
        "marks": [{"risk": code(mark.risk), "detail": mark.detail} for mark in change.marks],
        **_deed(change),
    }


def _deed(change: Change) -> dict[str, Any]:
    match change:
        case Create(after=after, expiry=expiry, sinks=sinks):
            deed = {"after": _state(after), "expiry": show_expiry(expiry), "deliver": [_sink(sink) for sink in sinks]}
            follows = {} if change.follows is None else {"follows": change.follows, "detail": change.detail}
            return {**deed, **_origin(change), "leftover": change.leftover, **follows}
        case Deliver(before=before, after=after, sinks=sinks):
            states = {"before": _state(before), "after": _state(after)}
            return {**states, "deliver": [_sink(sink) for sink in sinks], **_origin(change)}
        case Update(before=before, after=after):
            return {"before": _state(before), "after": _state(after), **_origin(change)}
        case Retire(before=before, after=after, detail=detail):
            return {"before": _state(before), "after": _state(after), "detail": detail}
        case Delete(before=before, expired=expired, leaked=leaked):
            return {"before": _state(before), "expired": expired, "leaked": leaked}
        case _:
            assert_never(change)


def _origin(change: Create | Deliver | Update) -> dict[str, Any]:
    return {"from_globs": sorted(change.from_globs), "lost": list(change.lost)}


def _unchanged(entry: Unchanged) -> dict[str, Any]:
    return {
        "address": entry.address,
        "id": entry.key_id,
        "reason": code(entry.reason),
        "detail": entry.detail,
        "state": _state(entry.state),
    }


def _unmanaged(key: Unmanaged) -> dict[str, Any]:
    return {"id": key.id, "name": key.name}


def _state(state: KeyState) -> dict[str, Any]:
    return {
        "name": state.name,
        "scopes": sorted(state.scopes),
        "expire": _instant(state.expire),
        "description": state.description,
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _sink(sink: SinkSpec) -> dict[str, Any]:
    return {
        "kind": sink.kind,
        "options": {name: list(value) if isinstance(value, tuple) else value for name, value in sink.options},
    }
