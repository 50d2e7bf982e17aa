"""What each route does once caller and project are known: the five key calls and the two open ones.

A PUT replaces name, scopes and expire; one that changes nothing leaves `$updatedAt`. Whether anything
changes is judged on what was sent, so the same instant in another form is a change.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.emulator import dates, errors, params, queries
from reconciler.emulator.auth import Caller
from reconciler.emulator.listing import listing
from reconciler.emulator.profile import Server
from reconciler.emulator.store import Key, Project, Store, Taken, new_secret
from reconciler.emulator.wire import Answer, Request, dump_json

_MOST_COUNTED = 5000
_CREATED = 201


def create(request: Request, caller: Caller, project: Project, store: Store, server: Server, now: datetime) -> Answer:
    """Validate, then judge the credential, then insert: 400 before 403 before 409."""
    key_id = params.new_id(request.params)
    fields = params.key_fields(request.params, server, now)
    if caller.by_project_key and not server.keys_create_keys:
        raise errors.creation_denied()
    key = new_key(project.id, key_id, fields, now)
    try:
        store.add(key)
    except Taken as error:
        raise errors.key_exists() from error
    return Answer(_CREATED, render(key).encode())


def new_key(project_id: str, key_id: str, fields: params.KeyFields, now: datetime) -> Key:
    """A key as it is at its creation; `unique()` and, by PHP's idea of emptiness, `0` get a random id."""
    moment = dates.render(now)
    return Key(
        id=_random_id(now) if key_id in ("unique()", "0") else key_id,
        project=project_id,
        name=fields.name,
        expire=fields.expire,
        scopes=fields.scopes,
        secret=new_secret("standard"),
        accessed_at=None,
        sdks="[]",
        created_at=moment,
        updated_at=moment,
        sequence=0,
    )


def list_keys(request: Request, project: Project, store: Store) -> Answer:
    """A page of keys; the total counts what the filters let through, to 5,000, whatever the page."""
    asked = queries.read(request.params.get("queries", []))
    plan = listing(asked, project.id, lambda key_id: store.key(project.id, key_id))
    with_total = params.wants_total(request.params)
    keys = store.select(plan.where + plan.page, plan.order, [*plan.values, *plan.page_values])
    if plan.backwards:
        keys.reverse()
    total = store.count(plan.where, plan.values, _MOST_COUNTED) if with_total else 0
    return Answer(200, f'{{"total":{total},"keys":[{",".join(map(render, keys))}]}}'.encode())


def get(key_id: str, project: Project, store: Store) -> Answer:
    """One key, its secret included."""
    key = store.key(project.id, params.path_id(key_id))
    if key is None:
        raise errors.key_not_found()
    return Answer(200, render(key).encode())


def update(request: Request, key_id: str, project: Project, store: Store, server: Server, now: datetime) -> Answer:
    """Replace name, scopes and expire."""
    params.path_id(key_id)
    fields = params.key_fields(request.params, server, now)
    with store.editing(project.id, key_id) as before:
        if before is None:
            raise errors.key_not_found()
        after = _replaced(before, fields, now)
        store.change(after)
    return Answer(200, render(after).encode())


def _replaced(key: Key, fields: params.KeyFields, now: datetime) -> Key:
    if (fields.name, fields.scopes, fields.expire_as_sent) == (key.name, key.scopes, key.expire):
        return key
    return replace(key, name=fields.name, scopes=fields.scopes, expire=fields.expire, updated_at=dates.render(now))


def delete(key_id: str, project: Project, store: Store) -> Answer:
    """204 with no body, once."""
    if not store.delete(project.id, params.path_id(key_id)):
        raise errors.key_not_found()
    return Answer(204, b"", b"text/html")


def version(server: Server) -> Answer:
    """The release that the server says it is."""
    return Answer(200, dump_json({"version": server.version}).encode())


def scopes(server: Server) -> Answer:
    """Every scope that a project key may hold here."""
    shown = [
        {
            "$id": scope.id,
            "description": scope.description,
            "category": scope.category,
            "deprecated": scope.deprecated,
        }
        for scope in server.scopes
    ]
    return Answer(200, dump_json({"total": len(shown), "scopes": shown}).encode())


def render(key: Key) -> str:
    """A key as the server shows it, secret included. Lists and dates are stored as they go out."""
    return (
        f'{{"$id":"{key.id}","$createdAt":"{key.created_at}","$updatedAt":"{key.updated_at}",'
        f'"name":{dump_json(key.name)},"expire":"{key.expire or ""}","scopes":{key.scopes},'
        f'"secret":{json.dumps(key.secret)},"accessedAt":"{key.accessed_at or ""}","sdks":{key.sdks}}}'
    )


def _random_id(now: datetime) -> str:
    """20 hex characters: seconds and microseconds, then seven random ones."""
    moment = now.astimezone(UTC)
    return f"{int(moment.timestamp()):08x}{moment.microsecond:05x}{secrets.token_hex(4)[:7]}"
