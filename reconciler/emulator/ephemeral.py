"""Ephemeral keys: a signed token and no more. Nothing is stored, so nothing can be listed or taken back.

The dates are irregular: PHP's microseconds and `Z` for the end, a space and no zone for the rest.
"""

from __future__ import annotations

import json
from datetime import UTC, timedelta

from reconciler.emulator import dates, grants, params, tokens
from reconciler.emulator.call import Call, Caller
from reconciler.emulator.ids import random_id
from reconciler.emulator.store import Project
from reconciler.emulator.wire import Answer, dump_json

_LIFETIMES = range(1, 3601)


def create(call: Call, caller: Caller, project: Project) -> Answer:
    """A key that lasts for the duration asked for."""
    scopes = params.key_scopes(call.request.params, call.server)
    seconds = params.seconds(call.request.params, _LIFETIMES)
    end = call.now.astimezone(UTC) + timedelta(seconds=seconds)
    grants.check(caller, call.server, scopes, dates.render(end))
    said: dict[str, object] = {"projectId": project.id, "scopes": json.loads(scopes)}
    if call.server.hardened and caller.grant is not None:
        said["keyId"] = caller.grant.key_id
    moment = call.now.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")
    shown = {
        "$id": random_id(call.now),
        "$createdAt": moment,
        "$updatedAt": moment,
        "name": "",
        **({"description": ""} if call.server.describes_keys else {}),
        "expire": f"{end.replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
        "scopes": json.loads(scopes),
        "secret": f"ephemeral_{tokens.encode(said, call.signing, call.now, seconds)}",
        "accessedAt": "",
        "sdks": [],
    }
    return Answer(201, dump_json(shown).encode())
