"""What the credential in use may not do, told before anything is tried.

- Only what is known denies: where the server may decide either way, it is asked.
- A server that is hardened lets no key give more than it holds, neither scopes nor life. Elsewhere only an end that the
  manifest declares (`credential: {expires}`) binds, and only where an expiry is set.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from reconciler.core.credential import CredentialInUse
from reconciler.core.keys import KeyState, Live, LiveKey
from reconciler.core.plan import Change, Create, Delete, Deliver, Mark, Retire, Risk, Update
from reconciler.core.times import show_instant

_WRITE = "keys.write"


def denied(change: Change, live: Live) -> tuple[Mark, ...]:
    """A mark for each reason why this change is not for this credential."""
    credential = live.credential
    if credential is None:
        return ()
    match change:
        case Create(after=after):
            return (*_creation(live, credential), *_writing(live, credential), *_beyond(live, credential, None, after))
        case Deliver(before=before, after=after) if before == after:
            return ()
        case (
            Update(before=before, after=after)
            | Deliver(before=before, after=after)
            | Retire(before=before, after=after)
        ):
            return (*_writing(live, credential), *_beyond(live, credential, before, after))
        case Delete():
            return tuple(_writing(live, credential))
        case _:
            assert_never(change)


def warnings(live: Live) -> Iterator[str]:
    """What the manifest says of the credential, and the server does not."""
    credential = live.credential
    if credential is None or credential.id is None:
        return
    if not credential.is_of_project:
        yield f"credential.id says nothing: {credential} is no key of this project"
    elif credential.id.lower() not in {each.lower() for each in live.own}:
        yield f"credential.id names {credential.id}, which is no key of this project; it counts as not given"
    elif len(live.own) > 1:
        yield f"credential.id names {credential.id}, and {credential} is another key of this project; both are spared"


def _creation(live: Live, credential: CredentialInUse) -> Iterator[Mark]:
    if credential.is_of_project and live.facts.project_keys_create is False:
        yield Mark(risk=Risk.MAY_NOT_CREATE, detail=str(credential))


def _writing(live: Live, credential: CredentialInUse) -> Iterator[Mark]:
    held = _scopes(live, credential)
    if held is not None and _WRITE not in held:
        yield Mark(risk=Risk.MAY_NOT_WRITE, detail=str(credential))


def _beyond(live: Live, credential: CredentialInUse, before: KeyState | None, after: KeyState) -> Iterator[Mark]:
    sets_expiry = before is None or before.expire != after.expire
    ends = [credential.declared_end if sets_expiry or live.facts.is_hardened else None]
    if live.facts.is_hardened and credential.is_of_project:
        own = own_key(live, credential)
        ends += [credential.end, own.expire if own else None]
        held = _scopes(live, credential)
        if held is not None and not after.scopes <= held:
            more = ", ".join(sorted(after.scopes - held))
            yield Mark(risk=Risk.BEYOND_CREDENTIAL, detail=f"{more}: {credential} does not hold that")
    end = min((each for each in ends if each is not None), default=None)
    if end is not None and _outlives(after.expire, end):
        yield Mark(risk=Risk.BEYOND_CREDENTIAL, detail=f"{credential} ends at {show_instant(end)}")


def _outlives(expire: datetime | None, end: datetime) -> bool:
    return expire is None or expire > end


def _scopes(live: Live, credential: CredentialInUse) -> frozenset[str] | None:
    """What the credential is known to hold; None where it is not known."""
    if credential.scopes is not None:
        return credential.scopes
    own = own_key(live, credential)
    return frozenset(own.scopes) if own and credential.kind == "project_key" else None


def own_key(live: Live, credential: CredentialInUse) -> LiveKey | None:
    """The live key that the credential is, or was made by; None where more than one may be it."""
    if len(live.own) != 1:
        return None
    (own,) = (key for key in live.keys if key.id in live.own)
    named = credential.id is not None and credential.id.lower() == own.id.lower()
    return own if named or own.secret is not None else None
