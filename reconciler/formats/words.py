"""The words that every format shares: one verb and one symbol for each kind of change, its fields, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from reconciler.core import escrowed
from reconciler.core.delivery import at
from reconciler.core.desired import After
from reconciler.core.diff import MembersChange, ValueChange, diff, show_expire
from reconciler.core.outcome import Outcome, Result, Status
from reconciler.core.plan import (
    Create,
    Delete,
    Deliver,
    Entry,
    EnvironmentPlan,
    Plan,
    Retire,
    Unchanged,
    Update,
    action,
)
from reconciler.core.refusal import Refusal
from reconciler.core.risks import show_sink
from reconciler.core.times import show_duration, show_instant

ACTIONS = ("create", "rotate", "deliver", "update", "retire", "delete")
SYMBOLS = {"create": "+", "rotate": "*", "deliver": ">", "update": "~", "retire": "x", "delete": "-", "none": "="}
_FEW = 3
"""Sinks that are named before the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a change: set to `after` or to `members`, replaced (`before` is not empty), or with members that
    come and go.
    """

    name: str
    after: str = ""
    before: str = ""
    members: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def fields(entry: Entry) -> tuple[Field, ...]:
    """What an entry sets or changes: name, scopes, expire, then its sinks."""
    match entry:
        case Create():
            return (*_created(entry), *_sinks(entry))
        case Deliver():
            return (*_changed(entry), *_sinks(entry))
        case Update() | Retire():
            return _changed(entry)
        case Delete(before=before):
            return (Field(name="name", after=before.name),)
        case Unchanged():
            return ()
        case _:
            assert_never(entry)


def _created(change: Create) -> tuple[Field, ...]:
    expire = show_expire(change.after.expire)
    if isinstance(change.expiry, After):
        expire = f"{show_duration(change.expiry.span)} after creation"
    return (
        Field(name="name", after=change.after.name),
        Field(name="scopes", after="" if change.after.scopes else "none", members=tuple(sorted(change.after.scopes))),
        Field(name="expire", after=expire),
    )


def _changed(change: Update | Deliver | Retire) -> tuple[Field, ...]:
    return tuple(_field(found) for found in diff(change.before, change.after))


def _field(change: ValueChange | MembersChange) -> Field:
    match change:
        case ValueChange():
            return Field(name=change.field, after=change.after, before=change.before)
        case MembersChange():
            return Field(name=change.field, added=change.added, removed=change.removed)
        case _:
            assert_never(change)


def _sinks(change: Create | Deliver) -> tuple[Field, ...]:
    return tuple(Field(name="deliver", after=show_sink(at(sink, change.key_id))) for sink in change.sinks)


def unseen(environment: EnvironmentPlan, *, verbose: bool = True) -> tuple[str, ...]:
    """A line for each reason why sinks cannot be compared; unless `verbose` it names a few of them, and none of those
    that never show their value.
    """
    by_reason: dict[str, list[str]] = {}
    for each in sorted(environment.unseen, key=lambda each: each.why):
        by_reason.setdefault(each.why, []).append(f"{each.sink} ({each.address})")
    return tuple(_unseen(why, sinks, verbose=verbose) for why, sinks in by_reason.items())


def _unseen(why: str, sinks: list[str], *, verbose: bool) -> str:
    if why:
        few = sinks if verbose or len(sinks) <= _FEW + 1 else [*sinks[:_FEW], f"{len(sinks) - _FEW:,} more"]
        return f"not compared: {', '.join(few)}: {why}"
    if verbose:
        return f"not compared, for they show their value to nobody: {', '.join(sinks)}"
    if len(sinks) == 1:
        return "1 sink not compared: it shows its value to nobody"
    return f"{len(sinks)} sinks not compared: they show their value to nobody"


def from_globs(entry: Entry) -> tuple[str, ...]:
    """Scopes that the change adds and only a glob asked for, so that no upgrade widens a key unseen."""
    return () if isinstance(entry, Retire | Delete | Unchanged) else tuple(sorted(entry.from_globs))


def by_glob(entry: Entry) -> str:
    """The same in words: a new key's scopes stand above already, and are not listed twice."""
    added = from_globs(entry)
    if isinstance(entry, Create) and len(added) > 1 and frozenset(added) == entry.after.scopes:
        return "all of them"
    return ", ".join(added)


def because(entry: Entry) -> str:
    """Why this is in the plan, with what is special to this key."""
    detail = detail_of(entry)
    return f"{entry.reason} ({detail})" if detail else str(entry.reason)


def detail_of(entry: Entry) -> str:
    """What is special to this key in its reason; empty for nothing."""
    if isinstance(entry, Delete):
        ended = entry.before.expire if entry.expired else None
        return f"ended {show_instant(ended.replace(microsecond=0))}" if ended else ""
    return "" if isinstance(entry, Deliver | Update) else entry.detail


def lost(entry: Entry) -> tuple[str, ...]:
    """What a list of a lower layer held, and the list that replaced it does not."""
    return () if isinstance(entry, Retire | Delete | Unchanged) else entry.lost


def is_left(entry: Entry) -> bool:
    """Whether a key is left as it is although nothing declares it: worth a line even where nothing else is told."""
    return isinstance(entry, Unchanged) and not entry.is_declared


def counts(plan: Plan) -> dict[str, int]:
    """How many keys each action concerns, and how many none does."""
    counted = Counter(action(change) for change in plan.changes)
    return {
        **{name: counted[name] for name in ACTIONS},
        "unchanged": sum(len(environment.unchanged) for environment in plan.environments),
        "unmanaged": sum(len(environment.unmanaged) for environment in plan.environments),
        "ignored": sum(len(environment.ignored) for environment in plan.environments),
    }


def plan_summary(plan: Plan) -> str:
    """The plan in one line."""
    counted = counts(plan)
    left = f"{counted['unchanged']} unchanged, {counted['unmanaged']} unmanaged"
    if counted["ignored"]:
        left += f", {counted['ignored']} ignored"
    if not plan.changes:
        return f"No changes ({left})."
    what = ", ".join(f"{counted[name]} to {name}" for name in ACTIONS if counted[name])
    return f"Plan: {what}; {left}."


def outcome_counts(outcome: Outcome) -> dict[Status, int]:
    """How many changes ended in each way."""
    counted = Counter(result.status for environment in outcome.environments for result in environment.results)
    return {status: counted[status] for status in Status}


def opening(result: Result) -> str:
    """The command that opens the secret which an escrow keeps."""
    return escrowed.opening(result.escrow)


def outcome_summary(outcome: Outcome) -> str:
    """The report in one line."""
    counted = outcome_counts(outcome)
    total = sum(counted.values())
    if not total:
        return "Nothing to apply."
    applied, already = counted[Status.APPLIED], counted[Status.ALREADY_SO]
    if already == total:
        return (
            f"Nothing to do: all {total} changes were so already." if total > 1 else "Nothing to do: it was so already."
        )
    if applied == total:
        return f"Applied: all {total} changes." if total > 1 else "Applied: the one change."
    rest = ", ".join(f"{count} {status}" for status, count in counted.items() if count and status != Status.APPLIED)
    if outcome.complete:
        return f"Applied: {applied} of {total} changes, {rest}."
    return f"Incomplete: {applied} of {total} changes applied, {rest}. See above, then run it again."


def warnings(outcome: Outcome) -> tuple[str, ...]:
    """What an apply warns of, each with the environment that it is about."""
    own = (f"{each.environment}: {text}" for each in outcome.environments for text in each.warnings)
    return (*own, *outcome.warnings)


def titled(plan: Plan, left_out: Collection[EnvironmentPlan]) -> Iterator[tuple[str, EnvironmentPlan]]:
    """Each environment that is not left out with its name, and with its owner where the whole plan has several."""
    several = len({environment.owner for environment in plan.environments}) > 1
    for environment in plan.environments:
        if environment not in left_out:
            yield (
                f"{environment.environment} ({environment.owner})" if several else environment.environment,
                environment,
            )


def refused(refusals: Iterable[Refusal]) -> Iterator[tuple[str, list[Refusal]]]:
    """What is refused, and what only this credential may not do, each under its heading where there is any."""
    refusals = tuple(refusals)
    for heading, of_credential in (("Refused", False), ("Not with this credential", True)):
        if found := [refusal for refusal in refusals if refusal.of_credential is of_credential]:
            yield heading, found


def told(plan: Plan, left_out: Collection[EnvironmentPlan]) -> Plan:
    """The plan without environments of which nothing is to be told."""
    return Plan(environments=tuple(each for each in plan.environments if each not in left_out))


def place(environment: EnvironmentPlan) -> str:
    """Where an environment is."""
    return f"project {environment.project} at {environment.endpoint}"
