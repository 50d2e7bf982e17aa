"""What each key call does once caller and project are known, and the open calls.

A PUT replaces name, scopes, expire and, where there is one, the description; one that changes nothing
leaves `$updatedAt`. Whether anything changes is judged on what was sent, so the same instant in another
form is a change.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.emulator import dates, errors, grants, params, queries
from reconciler.emulator.call import Call, Caller
from reconciler.emulator.ids import random_id
from reconciler.emulator.listing import listing
from reconciler.emulator.profile import Scope, Server
from reconciler.emulator.store import Key, Project, Taken, new_secret
from reconciler.emulator.wire import Answer, dump_json

_MOST_COUNTED = 5000
_CREATED = 201


def create(call: Call, caller: Caller, project: Project) -> Answer:
    """Validate, then judge the credential, then insert: 400 before 403 before 409."""
    key_id = params.new_id(call.request.params)
    fields = params.key_fields(call.request.params, call.server, call.now)
    if caller.grant is not None and not call.server.keys_create_keys:
        raise errors.creation_denied()
    grants.check(caller, call.server, fields.scopes, fields.expire)
    key = new_key(project.id, key_id, fields, call.now)
    try:
        call.store.add(key)
    except Taken as error:
        raise errors.key_exists() from error
    if project.first_key is None:
        moment = call.now.astimezone(UTC)
        shown = moment.replace(tzinfo=None).isoformat(" ", "milliseconds")
        call.store.first_key_made(project, dates.render(moment), shown)
    return Answer(_CREATED, render(key, call.server, created=True).encode())


def new_key(project_id: str, key_id: str, fields: params.KeyFields, now: datetime) -> Key:
    """A key as it is at its creation; `unique()` and, by PHP's idea of emptiness, `0` get a random id."""
    moment = dates.render(now)
    return Key(
        id=random_id(now) if key_id in ("unique()", "0") else key_id,
        project=project_id,
        name=fields.name,
        expire=fields.expire,
        scopes=fields.scopes,
        secret=new_secret("standard"),
        accessed_at=None,
        sdks="[]",
        created_at=moment,
        updated_at=moment,
        description=fields.description,
        sequence=0,
    )


def list_keys(call: Call, project: Project) -> Answer:
    """A page of keys; the total counts what the filters let through, to 5,000, whatever the page."""
    asked = queries.read(call.request.params.get("queries", []))
    plan = listing(asked, project.id, lambda key_id: call.store.key(project.id, key_id))
    with_total = params.wants_total(call.request.params)
    keys = call.store.select(plan.where + plan.page, plan.order, [*plan.values, *plan.page_values])
    if plan.backwards:
        keys.reverse()
    total = call.store.count(plan.where, plan.values, _MOST_COUNTED) if with_total else 0
    shown = ",".join(render(key, call.server) for key in keys)
    return Answer(200, f'{{"total":{total},"keys":[{shown}]}}'.encode())


def get(call: Call, project: Project) -> Answer:
    """One key."""
    key = call.store.key(project.id, params.path_id(call.route.key_id))
    if key is None:
        raise errors.key_not_found()
    return Answer(200, render(key, call.server).encode())


def update(call: Call, caller: Caller, project: Project) -> Answer:
    """Replace all that can be changed."""
    params.path_id(call.route.key_id)
    fields = params.key_fields(call.request.params, call.server, call.now)
    with call.store.editing(project.id, call.route.key_id) as before:
        if before is None:
            raise errors.key_not_found()
        grants.check(caller, call.server, fields.scopes, fields.expire)
        after = _replaced(before, fields, call.now)
        call.store.change(after)
    return Answer(200, render(after, call.server).encode())


def _replaced(key: Key, fields: params.KeyFields, now: datetime) -> Key:
    sent = (fields.name, fields.scopes, fields.expire_as_sent, fields.description)
    if sent == (key.name, key.scopes, key.expire, key.description):
        return key
    return replace(
        key,
        name=fields.name,
        scopes=fields.scopes,
        expire=fields.expire,
        description=fields.description,
        updated_at=dates.render(now),
    )


def delete(call: Call, project: Project) -> Answer:
    """204 with no body, once."""
    if not call.store.delete(project.id, params.path_id(call.route.key_id)):
        raise errors.key_not_found()
    return Answer(204, b"", b"text/html")


def version(server: Server) -> Answer:
    """The release that the server says it is."""
    return Answer(200, dump_json({"version": server.version}).encode())


def scopes(server: Server) -> Answer:
    """Every scope that a project key may hold here."""
    return _scopes(server.scopes)


def organization_scopes(server: Server) -> Answer:
    """Every scope that a key of an organization may hold here."""
    return _scopes(server.organization_scopes)


def _scopes(known: Sequence[Scope]) -> Answer:
    shown = [
        {
            "$id": scope.id,
            "description": scope.description,
            "category": scope.category,
            "deprecated": scope.deprecated,
        }
        for scope in known
    ]
    return Answer(200, dump_json({"total": len(shown), "scopes": shown}).encode())


def render(key: Key, server: Server, *, created: bool = False) -> str:
    """A key as the server shows it. Lists and dates are stored as they go out.

    Hardened servers show the secret at the creation only; that it is empty afterwards is assumed.
    """
    description = f'"description":{dump_json(key.description)},' if server.describes_keys else ""
    secret = "" if server.hardened and not created else key.secret
    return (
        f'{{"$id":"{key.id}","$createdAt":"{key.created_at}","$updatedAt":"{key.updated_at}",'
        f'"name":{dump_json(key.name)},{description}"expire":"{key.expire or ""}","scopes":{key.scopes},'
        f'"secret":{json.dumps(secret)},"accessedAt":"{key.accessed_at or ""}","sdks":{key.sdks}}}'
    )
