"""The plan as a pure function of (desired, live, what the sinks hold): same inputs, same plan, in whatever
order they come.

Every live key is paired with what is declared before anything is left out, so that a key outside of the selection is
never taken for one that is no longer declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler.core import denials
from reconciler.core.changes import (
    create,
    is_lost,
    is_past,
    is_secret_lost,
    is_unfinished,
    left_behind,
    reconcile,
    unseen,
    unseen_of_new,
)
from reconciler.core.delivery import at
from reconciler.core.desired import At, Desired, DesiredKey, Never, SinkSpec
from reconciler.core.drafting import Draft, end_of_unfinished, next_generation
from reconciler.core.fingerprint import fingerprint
from reconciler.core.forcing import force
from reconciler.core.holding import Held
from reconciler.core.ids import MAX_GENERATION, key_id, next_id, owned
from reconciler.core.keys import MAX_KEYS, Live, LiveKey
from reconciler.core.matching import address_of_absent, match_of, other_key
from reconciler.core.pairing import Pairing, pair, pairing_problems
from reconciler.core.plan import (
    Create,
    Entry,
    EnvironmentPlan,
    Reason,
    Unchanged,
    Unmanaged,
    Update,
)
from reconciler.core.protecting import protected, unused_protection
from reconciler.core.pruning import delete, pruned
from reconciler.core.risks import show_sink
from reconciler.core.rotation import Due, due
from reconciler.core.superseding import keeps_more, still_used, superseded
from reconciler.core.times import show_instant
from reconciler.errors import ManifestError

_NEAR_LIMIT = MAX_KEYS * 9 // 10


def plan_environment(desired: Desired, live: Live, held: Held) -> EnvironmentPlan:
    """What makes the live keys of one environment as declared. `held` leaves out sinks that cannot be read: they are to
    be written again, so that apply says what is wrong with them. Raises ManifestError where what is declared cannot be,
    as the live keys are.
    """
    pairing = pair(desired, live.keys)
    if problems := tuple(pairing_problems(desired, pairing)):
        raise ManifestError(problems)
    draft = Draft(
        desired=desired,
        live=live,
        ids=frozenset(key.id for key in live.keys),
        warnings=list(desired.warnings),
    )
    undeclared = dict(pairing.newest)
    for key in _kept_by_server(draft):
        match, other = match_of(key, pairing, undeclared)
        if not desired.selection.admits(key.address):
            continue
        slugs = {key.slug, key.former_slug or key.slug}
        older = [each for slug in sorted(slugs) for each in pairing.superseded.get(slug, ())]
        older = [other, *older] if other else older
        if desired.forced is None:
            draft.warnings += other_key(key, match, pairing)
            entry = _plan_key(key, match, draft, held)
            _plan_older(key, match, older, draft, entry)
        elif match is None:
            draft.warnings.append(f"{key.address} is not live, and is not rotated: apply makes it")
        else:
            force(draft, desired.forced, key, match, older, held)
    if draft.problems:
        raise ManifestError(tuple(draft.problems))
    if desired.forced is None:
        _plan_undeclared(undeclared, pairing, draft)
    return _finished(draft, pairing)


def _plan_undeclared(undeclared: Mapping[str, LiveKey], pairing: Pairing, draft: Draft) -> None:
    """What becomes of keys that are owned and not declared, and of those that `absent` names."""
    desired, live = draft.desired, draft.live
    draft.add(pruned(desired, desired.address(slug), key, live) for slug, key in undeclared.items())
    for slug in undeclared:
        before = pairing.superseded.get(slug, ())
        draft.add(pruned(desired, desired.address(slug), key, live) for key in before)
    draft.add(delete(address_of_absent(desired, key), key, live, Reason.ABSENT) for key in pairing.absent)


def sinks_to_look_at(desired: Desired, live: Live) -> Iterator[SinkSpec]:
    """Every sink that the plan may ask about: one with `{id}` in it for each id that its key has or may get."""
    ids: dict[str, list[str]] | None = None
    for key in desired.keys:
        for sink in key.sinks:
            if at(sink, "") is sink:
                yield sink
                continue
            ids = _ids_by_slug(desired, live) if ids is None else ids
            mine = [*ids.get(key.slug, ()), *ids.get(key.former_slug or key.slug, ())]
            first = key_id(desired.realm, key.slug)
            known = (first,) if not key.adopts else (key.adopts, first) if key.rotation else (key.adopts,)
            yield from dict.fromkeys(at(sink, each) for each in (*known, *mine))


def _ids_by_slug(desired: Desired, live: Live) -> dict[str, list[str]]:
    """The ids of owned keys, each with the one that would come next, where there is one."""
    ids: dict[str, list[str]] = {}
    for key in live.keys:
        for realm in (desired.realm, desired.former):
            if realm is not None and (mine := owned(realm, key.id)):
                after = (next_id(key.id),) if mine.generation < MAX_GENERATION else ()
                ids.setdefault(mine.slug, []).extend((key.id, *after))
    return ids


def plan_destroy(desired: Desired, live: Live) -> EnvironmentPlan:
    """What deletes every owned key of one environment, declared or not."""
    pairing = pair(desired, live.keys)
    draft = Draft(desired=desired, live=live)
    for slug, newest in pairing.newest.items():
        keys = (newest, *pairing.superseded.get(slug, ()))
        draft.add(delete(desired.address(slug), key, live, Reason.DESTROY) for key in keys)
    return _finished(draft, pairing)


def _plan_key(key: DesiredKey, match: LiveKey | None, draft: Draft, held: Held) -> Entry | None:
    """What is done about a declared key and its live one; returns what is said of the key itself, if anything is."""
    desired, live = draft.desired, draft.live
    if is_past(key, live.now) and (match is None or is_unfinished(key, match)):
        draft.warnings.append(f"{key.address} is not created: its expire is in the past")
        draft.add([delete(key.address, match, live, Reason.ABANDONED)] if match else [])
        return None
    entry: Entry
    if match is not None and is_lost(key, match, live.now):
        draft.add([end_of_unfinished(draft, key, match, held)])
        entry = create(desired, key, live, held, leftover=match.id)
    elif match is not None and (why := _why_follow(key, match, draft, held)):
        entry = _follow(key, match, draft, held, why)
    elif match is not None:
        entry = reconcile(desired, key, match, live, held)
        draft.unseen += unseen(key, match, entry, held)
    else:
        entry = create(desired, key, live, held)
    if isinstance(entry, Create):
        draft.unseen += unseen_of_new(entry, held)
    draft.add([entry])
    draft.warnings += _warnings(key, match, entry, draft)
    if match is not None and isinstance(entry, Unchanged | Update):
        draft.warnings += _left_behind(key, match, held)
    return entry


def _left_behind(key: DesiredKey, match: LiveKey, held: Held) -> list[str]:
    """A warning of each file to which the secret of a live key never came."""
    return [
        f"{key.address}: {show_sink(at(sink, match.id))} holds an earlier key's secret: an old copy was put back, or a "
        f"run that does not share this file has delivered {match.id}, which this server never shows again. Deliver to "
        f"a place that all runs share; --target {key.address} makes another key here"
        for sink in left_behind(key, match, held)
    ]


def _why_follow(key: DesiredKey, match: LiveKey, draft: Draft, held: Held) -> Due | None:
    """Why another generation is to take the place of a key that was committed."""
    now, insists = draft.live.now, draft.desired.selection.insists
    if is_unfinished(key, match):
        return None
    if (why := due(key, match, now)) or not is_secret_lost(key, match, now, held, insists=insists):
        return why
    return Due(reason=Reason.SECRET_LOST, detail="")


def _follow(key: DesiredKey, match: LiveKey, draft: Draft, held: Held, why: Due) -> Entry:
    """The next generation, and an end for this one once that is committed; the last one keeps the end that it has."""
    made = next_generation(draft, key, match, held, why)
    if made is None:
        draft.warnings.append(
            f"{key.address} needs a new key, and {match.id} is the last generation that its id has room for: rename "
            "the key, with `renamed_from`"
        )
        kept = replace(key, rotation=None, expiry=At(match.expire) if match.expire else Never())
        entry = reconcile(draft.desired, kept, match, draft.live, held)
        draft.unseen += unseen(key, match, entry, held)
        return entry
    end = superseded(key, match, draft.live, made.key_id, draft.live.now)
    draft.add([end])
    draft.warnings += keeps_more(key, match, end)
    return made


def _plan_older(
    key: DesiredKey, match: LiveKey | None, older: Iterable[LiveKey], draft: Draft, newest: Entry | None
) -> None:
    """What becomes of the keys that the one of this name has superseded; `newest` is what is said of that one."""
    for each in older:
        if match is not None:
            by = newest.key_id if isinstance(newest, Create) and newest.leftover else match.id
            entry = superseded(key, each, draft.live, by, match.created)
            draft.add([entry])
            draft.warnings += [*still_used(key.address, each, match), *keeps_more(key, each, entry)]


def _warnings(key: DesiredKey, match: LiveKey | None, entry: Entry, draft: Draft) -> list[str]:
    expire = match.expire if match and isinstance(entry, Unchanged) else None
    if expire is not None and expire <= draft.live.now:
        return [f"{key.address} expired at {show_instant(expire)} and is left so"]
    if isinstance(entry, Create) and not key.sinks and draft.live.hides_secrets:
        return [f"{key.address} has no sink, and this server never shows a secret again: declare deliver"]
    return []


def _kept_by_server(draft: Draft) -> list[DesiredKey]:
    """The declared keys by address; without their descriptions, and with a warning, where the server keeps none."""
    keys = sorted(draft.desired.keys, key=lambda key: key.address)
    live = draft.live
    if live.facts.keeps_descriptions or any(key.description is not None for key in live.keys):
        return keys
    described = [key.address for key in keys if key.description and draft.desired.selection.admits(key.address)]
    if not described:
        return keys
    more = f" and {len(described) - 1} more" if len(described) > 1 else ""
    draft.warnings.append(
        f"this server keeps no descriptions (Appwrite does from 2.6 on): left out of {described[0]}{more}"
    )
    return [replace(key, description="") for key in keys]


def _finished(draft: Draft, pairing: Pairing) -> EnvironmentPlan:
    desired, live = draft.desired, draft.live
    if len(live.keys) >= _NEAR_LIMIT:
        draft.warnings.append(f"the project has {len(live.keys)} keys; only its first {MAX_KEYS} can be used")
    draft.warnings += unused_protection(desired, pairing.newest, (key.id for key in pairing.absent))
    addresses = {entry.address for entry in (*draft.changes, *draft.unchanged)}
    draft.warnings += denials.warnings(live)
    return EnvironmentPlan(
        environment=desired.connection.environment,
        owner=desired.realm.owner,
        endpoint=desired.connection.endpoint,
        project=desired.connection.project,
        now=live.now,
        live=fingerprint(pairing.managed),
        changes=tuple(sorted(draft.changes, key=lambda change: (change.address, change.key_id))),
        unchanged=tuple(sorted(draft.unchanged, key=lambda entry: (entry.address, entry.key_id))),
        unmanaged=tuple(Unmanaged(id=key.id, name=key.name) for key in pairing.unmanaged),
        ignored=tuple(Unmanaged(id=key.id, name=key.name) for key in pairing.ignored),
        protected=protected(desired, addresses),
        declared_count=len(desired.keys),
        owned_count=len(pairing.newest) + sum(map(len, pairing.superseded.values())),
        live_count=len(live.keys),
        unseen=tuple(draft.unseen),
        warnings=tuple(draft.warnings),
    )
