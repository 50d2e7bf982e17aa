"""Guards for what the credential in use may not do: told with the plan, instead of by the server in mid-apply.

Who plans need not be who applies, so a plan only tells of it, and apply refuses. One refusal for all changes that lack
the same right, since one credential mends them all.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.plan import Change, EnvironmentPlan, Risk
from reconciler.core.refusal import Refusal

_OTHER_CREDENTIAL = (
    "an organization key with keys.read and keys.write (Cloud; `organization: ID` in the environment), or the console "
    "session of an owner, developer or admin (`--login EMAIL` at a terminal)"
)


def check_credential(plan: EnvironmentPlan) -> Iterator[Refusal]:
    """What this credential is known not to be allowed."""
    yield from _creations(plan)
    yield from _writes(plan)
    yield from _beyond(plan)


def _creations(plan: EnvironmentPlan) -> Iterator[Refusal]:
    denied = _marked(plan, Risk.MAY_NOT_CREATE)
    if not denied:
        return
    first, credential = denied[0]
    one = f"{first.address} with the id {first.key_id}"
    each = one if len(denied) == 1 else "each of them with the id that the plan gives it"
    yield Refusal(
        guard="may-not-create",
        of_credential=True,
        where=plan.environment,
        message=f"{_count(denied, 'created')}, and {credential} may not create keys on this server: "
        "since Appwrite 2.0, and on Cloud, no key of a project may",
        hint=f"give {_OTHER_CREDENTIAL}; or make {each} in the Console, which makes it this manifest's own; "
        "or leave it out for now with --exclude",
    )


def _writes(plan: EnvironmentPlan) -> Iterator[Refusal]:
    denied = _marked(plan, Risk.MAY_NOT_WRITE)
    if denied:
        yield Refusal(
            guard="may-not-write",
            of_credential=True,
            where=plan.environment,
            message=f"{_count(denied, 'changed')}, and {denied[0][1]} lacks the scope keys.write",
            hint="apply with a credential that has keys.write; or whoever manages the project adds that scope",
        )


def _beyond(plan: EnvironmentPlan) -> Iterator[Refusal]:
    for change, detail in _marked(plan, Risk.BEYOND_CREDENTIAL):
        yield Refusal(
            guard="beyond-credential",
            of_credential=True,
            where=change.address,
            message=f"this key would get more than the credential in use has to give: {detail}",
            hint=f"declare less (an earlier `expire`, fewer scopes), or give a credential that holds as much, such as "
            f"{_OTHER_CREDENTIAL}",
        )


def _marked(plan: EnvironmentPlan, risk: Risk) -> list[tuple[Change, str]]:
    return [(change, mark.detail) for change in plan.changes for mark in change.marks if mark.risk is risk]


def _count(denied: list[tuple[Change, str]], verb: str) -> str:
    first = denied[0][0].address
    return f"{first} would be {verb}" if len(denied) == 1 else f"{first} and {len(denied) - 1} more would be {verb}"
