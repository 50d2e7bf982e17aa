"""The doctor's checks, each a pure function of what was observed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from reconciler.core import credential_checks, rotation_checks
from reconciler.core.addresses import EMULATOR, is_clear_text
from reconciler.core.checkup import Check, EnvironmentCheckup, failed, fine, unknown, warning
from reconciler.core.credential_checks import NOT_LISTED, keys_are
from reconciler.core.desired import Desired
from reconciler.core.keys import MAX_KEYS
from reconciler.core.observed import Observed
from reconciler.core.plan import Delete, EnvironmentPlan
from reconciler.core.sink_checks import sink_checks
from reconciler.errors import ManifestError, ReconcilerError, Unreachable, Untrusted

SKEW = timedelta(seconds=30)
"""Of two clocks that nobody would call the same. A Date header has whole seconds, and an answer takes its time."""

FULL = 900
"""Keys of a project from which on it is time to tidy up."""

_Judge = Callable[[Observed], Check]


def checkup(seen: Observed) -> EnvironmentCheckup:
    """Every check of one environment."""
    return EnvironmentCheckup(
        environment=seen.environment,
        endpoint=seen.endpoint,
        project=seen.project,
        checks=(
            *(judge(seen) for judge in _JUDGES),
            *_escrow(seen),
            *sink_checks(seen.sinks, seen.changes if isinstance(seen.plan, EnvironmentPlan) else None),
        ),
    )


def _reachable(seen: Observed) -> Check:
    match seen.facts:
        case Unreachable(message=message, hint=hint):
            return failed("reachable", message, hint)
        case Untrusted():
            return fine("reachable", f"something answers at {seen.endpoint}")
        case ReconcilerError(message=message, hint=hint):
            return failed("reachable", message, hint)
        case _:
            return fine("reachable", "built in" if seen.endpoint == EMULATOR else f"{seen.endpoint} answers")


def _tls(seen: Observed) -> Check:
    if seen.endpoint == EMULATOR:
        return fine("tls", "not needed: no network is crossed")
    if isinstance(seen.facts, Untrusted):
        return failed("tls", seen.facts.message, seen.facts.hint)
    if is_clear_text(seen.endpoint):
        return warning(
            "tls",
            "credentials and secrets cross the network unencrypted",
            "give the server a certificate, and write https",
        )
    if seen.endpoint.startswith("http:"):
        return fine("tls", "not needed: it is this machine")
    if isinstance(seen.facts, ReconcilerError):
        return unknown("tls", "no connection was made")
    return fine("tls", "the certificate is trusted")


def _version(seen: Observed) -> Check:
    if isinstance(seen.facts, ReconcilerError):
        return unknown("version", "the server did not say")
    if seen.facts.version is None:
        return warning("version", "the server does not say which it is", "correct `endpoint:`, or ask whoever runs it")
    if not seen.facts.has_key_routes:
        return failed("version", f"Appwrite {seen.facts.version} has no routes for keys", "upgrade to 1.9.5 or newer")
    return fine("version", f"Appwrite {seen.facts.version}")


def _clock(seen: Observed) -> Check:
    if seen.seen is None or seen.here is None:
        return unknown("clock", "the server's time was not seen")
    skew = seen.here - seen.seen.now
    seconds = round(abs(skew.total_seconds()))
    if abs(skew) <= SKEW:
        return fine("clock", "this machine and the server agree")
    way = "ahead of" if skew > timedelta(0) else "behind"
    return warning(
        "clock",
        f"this machine is {seconds:,} s {way} the server",
        "set both by NTP; expiries are judged by the server's clock, certificates by this machine's",
    )


def _used(seen: Observed) -> Check:
    if seen.seen is None:
        return unknown("keys used", NOT_LISTED)
    count, new = len(seen.seen.keys), len(seen.to_create)
    gone = sum(isinstance(change, Delete) for change in seen.changes)
    message = f"{count:,} of {MAX_KEYS:,}"
    hint = "delete keys that nobody uses; expired ones count too"
    if new and count + new - gone > MAX_KEYS:
        return failed("keys used", f"{message}, and {keys_are(new)} to be created: the newest would not work", hint)
    if count >= FULL:
        return warning("keys used", message, hint)
    return fine("keys used", message)


def _secrets(seen: Observed) -> Check:
    live = seen.seen
    if live is None:
        return unknown("secrets", NOT_LISTED)
    if live.hides_secrets:
        return warning(
            "secrets",
            "the server shows a secret once, when its key is made: nobody sees a sink that holds another one",
            "see to it that every key has a sink; a lost secret is mended by a new key",
        )
    if not live.keys:
        return unknown("secrets", "the project has no key yet to look at")
    return fine("secrets", "the server shows them, so that sinks are compared and mended")


def _ids(seen: Observed) -> Check:
    if not isinstance(seen.desired, Desired) or seen.seen is None:
        return unknown("ids", NOT_LISTED if seen.seen is None else "the manifest could not be resolved")
    if seen.elsewhere is None:
        return unknown("ids", "no other project of this server was looked at, and none shows its ids to this one")
    here = {key.id.lower() for key in seen.seen.keys}
    wanted = {*(change.key_id for change in seen.to_create), *(key.adopts for key in seen.desired.keys if key.adopts)}
    taken = sorted(each for each in wanted if each.lower() in seen.elsewhere.keys() - here)
    if taken:
        told = ", ".join(f"{key_id} in {seen.elsewhere[key_id.lower()]}" for key_id in taken)
        return failed(
            "ids",
            f"ids are unique on a whole server, and another project has: {told}",
            "rename the key or correct its `id`; or change the manifest's owner",
        )
    return fine("ids", "none is taken in the other projects of this server that were looked at")


def _manifest(seen: Observed) -> Check:
    for part in (seen.desired, seen.plan):
        if isinstance(part, ManifestError):
            told = "; ".join(f"{problem.position}: {problem.message}" for problem in part.problems)
            return failed("manifest", told, next((each.hint for each in part.problems if each.hint), "correct it"))
        if isinstance(part, ReconcilerError):
            return failed("manifest", part.message, part.hint)
    if not isinstance(seen.desired, Desired) or seen.plan is None:
        return unknown("manifest", "what it means for this server was not worked out")
    count = len(seen.changes)
    todo = f"{count} {'change' if count == 1 else 'changes'} to apply" if count else "nothing to apply"
    return fine("manifest", f"the server knows all that it declares; {todo}")


def _escrow(seen: Observed) -> Iterator[Check]:
    """Checks of an escrow, where there is one that tells anything."""
    if seen.escrow is not None:
        yield failed("escrow", seen.escrow.message, seen.escrow.hint)
    if seen.escrowed:
        files = ", ".join(sorted(seen.escrowed.values()))
        yield warning(
            "escrow",
            f"secrets that did not arrive: {files}",
            "age -d -i IDENTITY FILE shows one; apply removes it once its key is delivered, or gone",
        )


_JUDGES: tuple[_Judge, ...] = (
    _reachable,
    _tls,
    _version,
    _clock,
    credential_checks.known,
    credential_checks.reads,
    credential_checks.writes,
    credential_checks.creates,
    credential_checks.own_key,
    _used,
    credential_checks.ends,
    rotation_checks.rotation,
    rotation_checks.keys_end,
    _secrets,
    _ids,
    _manifest,
)
