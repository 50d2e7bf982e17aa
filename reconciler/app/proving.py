"""Proof that a leaked secret is worth nothing any more: the server refuses it.

That a key is deleted does not prove it, because a server before 2.0 may go on with an old cache. The secret is known
where the server shows it, or where a sink that can be read was known to hold it; elsewhere nobody can try it, and the
report says so.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.app.trial import is_refused
from reconciler.core.delivery import at
from reconciler.core.desired import Desired
from reconciler.core.holding import Held, is_held
from reconciler.core.keys import Live
from reconciler.core.outcome import Result, Status
from reconciler.core.plan import Delete, EnvironmentPlan
from reconciler.core.secret import Secret
from reconciler.errors import ReconcilerError
from reconciler.ports import Clock, KeyStore

_REFUSED = "the old secret is refused (401)"
_UNKNOWN = "unproven: this server shows the old secret to nobody, and no sink was known to hold it"
_ACCEPTED = "deleted, and the server still accepts the old secret"
_ACCEPTED_HINT = (
    "its cache is old: change something in the project, such as the name of a key in the Console, and try it again"
)


def secrets_of_leaked(plan: EnvironmentPlan, live: Live, desired: Desired, held: Held) -> dict[str, Secret]:
    """The secrets of the keys that have leaked, by id, as far as anybody shows them."""
    leaked = {change.key_id for change in plan.changes if isinstance(change, Delete) and change.leaked}
    if not leaked:
        return {}
    sinks = {key.address: key.sinks for key in desired.keys}
    addresses = {change.key_id: change.address for change in plan.changes}
    found = {}
    for key in live.keys:
        if key.id in leaked:
            places = (at(sink, key.id) for sink in sinks.get(addresses[key.id], ()))
            seen = (held[place] for place in places if place in held)
            shown = (each.secret for each in seen if each.secret is not None and is_held(each, key))
            if secret := key.secret or next(shown, None):
                found[key.id] = secret
    return found


async def proven(result: Result, secret: Secret | None, store: KeyStore, clock: Clock) -> Result:
    """The result of deleting a leaked key, with what trying its secret has shown."""
    key_id = result.change.key_id
    if secret is None:
        return replace(result, message=f"{key_id}: {_UNKNOWN}")
    try:
        refused = await is_refused(store, clock, secret)
    except ReconcilerError as error:
        return replace(result, message=f"{key_id}: unproven: {error.message}", hint=error.hint)
    if refused:
        return replace(result, message=f"{key_id}: {_REFUSED}")
    return replace(result, status=Status.FAILED, message=f"{key_id}: {_ACCEPTED}", hint=_ACCEPTED_HINT)
