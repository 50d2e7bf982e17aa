"""The doctor's checks of the credential: what it is, what it may do, and for how long."""

from __future__ import annotations

from reconciler.core.checkup import Check, failed, fine, unknown, warning
from reconciler.core.credential import KINDS, CredentialInUse
from reconciler.core.early_warnings import SOON
from reconciler.core.observed import Observed
from reconciler.core.plan import EnvironmentPlan
from reconciler.core.quoting import quoted
from reconciler.core.times import show_instant
from reconciler.errors import ReconcilerError

NOT_LISTED = "the keys could not be listed"
_PROBES = "--write-probes asks, by two calls that write nothing"


def known(seen: Observed) -> Check:
    """Whether there is one, and of which kind."""
    match seen.credential:
        case None:
            return fine("credential", "none is needed")
        case ReconcilerError(message=message, hint=hint):
            return failed("credential", message, hint)
        case CredentialInUse() as credential:
            return fine("credential", str(credential).removeprefix("the "))


def reads(seen: Observed) -> Check:
    """Whether it may list keys."""
    if seen.live is None:
        return unknown("keys.read", "nothing was asked")
    if isinstance(seen.live, ReconcilerError):
        return failed("keys.read", seen.live.message, seen.live.hint)
    return fine("keys.read", "the keys can be listed")


def writes(seen: Observed) -> Check:
    """Whether it may change keys."""
    lacking = failed if seen.changes else warning
    hint = "whoever manages the project adds keys.write to it, or hands out another credential"
    match seen.writes:
        case True:
            return fine("keys.write", "it may write keys: the server said so")
        case False:
            return lacking("keys.write", "it may not write keys: the server said so", hint)
        case ReconcilerError(message=message, hint=its_hint):
            return unknown("keys.write", message, its_hint)
        case None:
            pass
    if seen.scopes is None:
        return unknown("keys.write", "not asked", _PROBES) if seen.seen else unknown("keys.write", NOT_LISTED)
    if "keys.write" in seen.scopes:
        return fine("keys.write", "it holds that scope")
    return lacking("keys.write", "it lacks that scope", hint)


def creates(seen: Observed) -> Check:
    """Whether it may create keys; a failure only where some are to be created."""
    match seen.creates:
        case True:
            return fine("may create", "it may create keys: the server said so")
        case False:
            return _denied(seen, "it may not create keys: the server said so")
        case ReconcilerError(message=message, hint=hint):
            return unknown("may create", message, hint)
        case None:
            pass
    credential = seen.in_use
    if credential is None or isinstance(seen.facts, ReconcilerError):
        return unknown("may create", "nothing was asked")
    if not credential.is_of_project:
        return fine("may create", f"{_a(KINDS[credential.kind])} may create keys where it may write them")
    if seen.facts.project_keys_create is False:
        return _denied(seen, f"no {KINDS[credential.kind]} may create keys on this server")
    if seen.facts.project_keys_create:
        return fine("may create", f"{_a(KINDS[credential.kind])} may create keys on this server")
    return unknown("may create", "it depends on the server, which does not say", _PROBES)


def _denied(seen: Observed, message: str) -> Check:
    hint = "give an organization key (Cloud) or a console session where keys are to be created"
    if seen.to_create:
        return failed("may create", f"{message}, and {keys_are(len(seen.to_create))} to be created", hint)
    if isinstance(seen.plan, EnvironmentPlan):
        message += "; none is to be created now"
    return warning("may create", message, hint)


def own_key(seen: Observed) -> Check:
    """Which key of the project it is."""
    credential, live = seen.in_use, seen.seen
    if credential is None:
        return _without("own key", seen)
    if not credential.is_of_project:
        return fine("own key", f"{_a(KINDS[credential.kind])} is no key of the project")
    if live is None:
        return unknown("own key", NOT_LISTED)
    if credential.kind == "ephemeral_key":
        return fine("own key", "an ephemeral key is in no list")
    if seen.own is not None:
        return fine("own key", f"{seen.own.id} ({quoted(seen.own.name)}), which no apply ends or narrows")
    hint = "write its id into the manifest: `credential: {env: NAME, id: ID}`"
    if not live.own:
        return warning("own key", "none of the keys that are listed is known to be it", hint)
    count = f"any of {len(live.own)}" if len(live.own) > 1 else "the one"
    told = f"the server does not show which key it is: {count} with keys.write may be it, and is spared"
    return warning("own key", told, hint)


def ends(seen: Observed) -> Check:
    """When it ends; `SOON` is time for a warning."""
    credential = seen.in_use
    if credential is None:
        return _without("credential ends", seen)
    end = credential.ends(seen.own.expire if seen.own else None)
    if end is None and seen.own is not None:
        return fine("credential ends", "never")
    if end is None:
        hint = "`credential: {env: NAME, expires: TIME}` may say it"
        return unknown("credential ends", "neither the server nor the manifest says", hint)
    now = seen.seen.now if seen.seen else seen.here
    if now is not None and end <= now:
        return failed("credential ends", f"it ended at {show_instant(end)}", "hand out another one")
    if now is not None and end - now <= SOON and credential.kind != "ephemeral_key":
        told = f"at {show_instant(end)}, within {SOON.days} days"
        return warning("credential ends", told, "hand out the next one")
    return fine("credential ends", f"at {show_instant(end)}")


def _without(name: str, seen: Observed) -> Check:
    return unknown(name, "there is no credential") if seen.credential else fine(name, "no credential is needed")


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def keys_are(count: int) -> str:
    """`1 key is`, `2 keys are`."""
    return "1 key is" if count == 1 else f"{count:,} keys are"
