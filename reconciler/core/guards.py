"""Guards: what apply refuses to do, each with the one flag or field that allows it, or none.

They judge the finished plan and fail closed. A plan is printed whole even where a guard refuses it. What only the
credential in use may not do keeps nobody from planning, and apply from beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from reconciler.core.credential_guards import check_credential
from reconciler.core.desired import Desired
from reconciler.core.keys import MAX_KEYS
from reconciler.core.places import EXEC
from reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Deliver,
    EnvironmentPlan,
    Reason,
    Retire,
    Risk,
    Update,
    addresses_kept,
)
from reconciler.core.probation import is_on_probation
from reconciler.core.refusal import Refusal
from reconciler.core.risks import is_shortened, show_sink
from reconciler.core.scopes import SENSITIVE
from reconciler.core.times import show_instant

__all__ = ["Allowances", "Refusal", "check", "check_destroy", "check_exec", "check_limit"]

DELETES_FROM = 10
DELETES_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowances:
    """What the user allowed by flag: so many deletions in an environment, taking from keys in use."""

    deletes: int = 0
    in_use: bool = False


def check(desired: Desired, plan: EnvironmentPlan, allow: Allowances) -> tuple[Refusal, ...]:
    """Every guard over the plan of one environment."""
    return (
        *_empty(desired, plan),
        *_deletes(desired, plan, allow),
        *_sensitive(desired),
        *_in_use(plan, allow),
        *_overlap(plan, allow),
        *_foreign_values(plan),
        *check_destroy(plan),
    )


def check_destroy(plan: EnvironmentPlan) -> tuple[Refusal, ...]:
    """The guards that hold even where everything is meant to go."""
    return (*_protected(plan), *_own_credential(plan), *check_credential(plan))


def _own_credential(plan: EnvironmentPlan) -> Iterator[Refusal]:
    for change in plan.changes:
        if _has(change, Risk.OWN_CREDENTIAL):
            yield Refusal(
                guard="own-credential",
                of_credential=True,
                where=change.address,
                message="this key is, or may be, the credential of this very run; it is never cut short or deleted",
                hint="run with another credential, such as an organization key; where the server hides secrets, "
                "`credential: {id: ID}` says which key it is, and the others are free",
            )


def _protected(plan: EnvironmentPlan) -> Iterator[Refusal]:
    protected = frozenset(plan.protected)
    for change in plan.changes:
        if change.address in protected and (what := _takes(change)):
            yield Refusal(
                guard="protect",
                where=change.address,
                message=f"`protect` names this key, and it would {what}",
                hint="take the key out of `protect` first, in a commit of its own",
            )


def _takes(change: Change) -> str:
    """What a change takes from a key that is protected, in words; empty where it takes nothing.

    Nobody relies on a key that has expired, or that was never committed.
    """
    match change:
        case Create(follows=follows):
            return "be rotated" if follows else ""
        case Delete(before=before, expired=expired):
            return "" if expired or is_on_probation(before) else "be deleted"
        case Deliver(before=before) | Retire(before=before) if is_on_probation(before):
            return ""
        case (
            Update(before=before, after=after)
            | Deliver(before=before, after=after)
            | Retire(before=before, after=after)
        ):
            if removed := before.scopes - after.scopes:
                return f"lose {', '.join(sorted(removed))}"
            return "end earlier" if is_shortened(before, after) else ""
        case _:
            assert_never(change)


def check_exec(desired: Desired) -> Iterator[Refusal]:
    """The guard of a run that may run no command of the manifest: it holds for what is delivered already, too."""
    for key in desired.keys:
        for sink in key.sinks:
            if sink.kind == EXEC:
                yield Refusal(
                    guard="exec",
                    where=key.address,
                    message=f"a command delivers this key: {show_sink(sink)}",
                    hint="leave out --no-exec once somebody has read the command, or deliver the key in another way",
                )


def check_limit(plans: Iterable[EnvironmentPlan]) -> Iterator[Refusal]:
    """The limit of a project, which several environments may share."""
    projects: dict[tuple[str, str], list[EnvironmentPlan]] = {}
    for plan in plans:
        projects.setdefault((plan.endpoint, plan.project), []).append(plan)
    for sharing in projects.values():
        changes = [change for plan in sharing for change in plan.changes]
        creates = sum(isinstance(change, Create) for change in changes)
        expired = sum(isinstance(change, Delete) and change.expired for change in changes)
        most = max(plan.live_count for plan in sharing) - expired + creates
        if creates and most > MAX_KEYS:
            yield Refusal(
                guard="limit",
                where=", ".join(plan.environment for plan in sharing),
                message=f"the project would hold {most} keys, and only its first {MAX_KEYS} can be used",
                hint="delete keys first, in an apply of their own or by hand; expired keys count too",
            )


def _has(change: Change, risk: Risk) -> bool:
    return any(mark.risk is risk for mark in change.marks)


def _empty(desired: Desired, plan: EnvironmentPlan) -> Iterator[Refusal]:
    ending = _ending(desired, plan)
    if ending and not plan.declared_count and not desired.allow_empty:
        yield Refusal(
            guard="empty",
            where=plan.environment,
            message=f"the manifest declares no key here, and its keys would go, all {ending} of them",
            hint="write `allow_empty: true` in the environment if that is meant",
        )


def _deletes(desired: Desired, plan: EnvironmentPlan, allow: Allowances) -> Iterator[Refusal]:
    deletes = _ending(desired, plan)
    too_many = plan.owned_count >= DELETES_FROM and deletes > DELETES_SHARE * plan.owned_count
    if too_many and deletes > allow.deletes:
        yield Refusal(
            guard="deletes",
            where=plan.environment,
            message=f"{deletes} of this manifest's {plan.owned_count} keys would go, more than {DELETES_SHARE:.0%}",
            hint=f"pass --allow-deletes {deletes} if that is meant",
        )


def _ending(desired: Desired, plan: EnvironmentPlan) -> int:
    """How many owned keys the plan ends: an expired one has ended already, one on probation never began, an older
    generation makes room for the newer one of its name, and `absent` names what is meant.
    """
    kept = addresses_kept(plan)
    return sum(
        ((isinstance(change, Retire) and change.address not in kept) or _ends_a_name(change))
        and change.key_id not in desired.absent
        for change in plan.changes
    )


_MAKES_ROOM = frozenset(
    {
        Reason.SUPERSEDED,
        Reason.OUTNUMBERED,
        Reason.LEAKED,
        Reason.SECRET_LOST,
        Reason.LEFT_OVER,
        Reason.UNFINISHED,
    }
)
"""Why a key goes whose name lives on in another one."""


def _ends_a_name(change: Change) -> bool:
    if not isinstance(change, Delete) or change.expired:
        return False
    return change.reason not in _MAKES_ROOM and not is_on_probation(change.before)


def _sensitive(desired: Desired) -> Iterator[Refusal]:
    for key in desired.keys:
        missing = sorted((key.scopes & SENSITIVE) - key.allow_sensitive)
        if missing and desired.selection.admits(key.address):
            yield Refusal(
                guard="sensitive",
                where=key.address,
                message=f"by {', '.join(missing)} it would read or make other keys",
                hint=f"write `allow_sensitive: [{', '.join(missing)}]` in the key if that is meant",
            )


def _in_use(plan: EnvironmentPlan, allow: Allowances) -> Iterator[Refusal]:
    for change in plan.changes:
        for mark in change.marks:
            if mark.risk is Risk.IN_USE and _ends(change) and not _is_outnumbered(change) and not allow.in_use:
                yield Refusal(
                    guard="in-use",
                    where=change.address,
                    message=f"this key was used in the last 7 days ({mark.detail}), and would stop working",
                    hint="move its users to another key first, or pass --allow-in-use",
                )


def _overlap(plan: EnvironmentPlan, allow: Allowances) -> Iterator[Refusal]:
    """Whoever has not read the newer secret has the whole overlap for it, whether the key was used lately or not."""
    for change in plan.changes:
        if _is_outnumbered(change) and not allow.in_use:
            end = change.before.expire if isinstance(change, Delete) else None
            until = f"until {show_instant(end.replace(microsecond=0))}" if end else "still"
            yield Refusal(
                guard="overlap",
                where=change.address,
                message=f"{change.key_id} works {until} for whoever has not read the newer secret, and would go",
                hint="wait until then, leave out what rotated lately (--older-than), or pass --allow-in-use",
            )


def _is_outnumbered(change: Change) -> bool:
    return change.reason is Reason.OUTNUMBERED


def _foreign_values(plan: EnvironmentPlan) -> Iterator[Refusal]:
    for change in plan.changes:
        for mark in change.marks:
            if mark.risk is Risk.FOREIGN_VALUE:
                yield Refusal(
                    guard="foreign-value",
                    where=change.address,
                    message=f"a sink holds the secret of another manifest's or environment's key: {mark.detail}",
                    hint="deliver to another place, or remove that value first if nobody needs it",
                )


def _ends(change: Change) -> bool:
    """Whether a secret that works would stop working, and that is not the aim: an expired key stopped by itself, and a
    leaked one is to.
    """
    match change:
        case Delete(expired=expired, leaked=leaked):
            return not expired and not leaked
        case Create():
            return False
        case Update() | Deliver() | Retire():
            return _has(change, Risk.EXPIRES_NOW)
        case _:
            assert_never(change)
