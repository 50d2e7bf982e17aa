"""A saved plan: a commitment to do this and nothing else, fit to be shown to everybody.

It holds what was planned and what that was made from: which manifests, which part of them, and what was allowed by
flag. It holds no secret, because nothing that it is made of can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.core.desired import Connection
from reconciler.core.globs import Selection
from reconciler.core.guards import Allowances, Refusal
from reconciler.core.ids import Realm
from reconciler.core.plan import EnvironmentPlan, Plan
from reconciler.core.quoting import quoted
from reconciler.errors import GuardError

AGAIN = "see what changed, then plan again"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDigest:
    """A manifest as it was: the file as the user named it, its owner, and the SHA-256 of its bytes in hexadecimal."""

    file: str
    owner: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan and what it was made from; `reconciler` is the version of the program that made it."""

    reconciler: str
    manifests: tuple[ManifestDigest, ...]
    selection: Selection
    allow: Allowances
    plan: Plan
    refusals: tuple[Refusal, ...]


def refuse_refused(saved: SavedPlan) -> None:
    """Raise GuardError where a guard refused the plan when it was made."""
    guards = dict.fromkeys(refusal.guard for refusal in saved.refusals)
    if guards:
        raise GuardError(
            f"the plan was refused when it was made ({', '.join(guards)}); nothing was changed",
            hint="the plan says under `refusals` what is needed; then plan again",
        )


def refuse_other_manifests(saved: SavedPlan, read: Iterable[ManifestDigest]) -> None:
    """Raise GuardError unless the manifests that were read are those that the plan was made from, byte for byte."""
    found = {each.owner: each for each in read}
    wanted = {each.owner: each for each in saved.manifests}
    other = [*_other_manifests(wanted, found)]
    if other:
        raise GuardError(f"another manifest: {'; '.join(other)}; nothing was changed", hint=AGAIN)


def _other_manifests(wanted: dict[str, ManifestDigest], found: dict[str, ManifestDigest]) -> Iterator[str]:
    for owner, was in wanted.items():
        if owner not in found:
            yield f"the plan is of owner {quoted(owner)} ({was.file}), and that manifest was not read"
        elif found[owner].sha256 != was.sha256:
            yield f"{found[owner].file} changed since the plan was made"
    for owner, now in found.items():
        if owner not in wanted:
            yield f"{now.file} is of owner {quoted(owner)}, of which the plan does not speak"


def refuse_another_server(saved: EnvironmentPlan, realm: Realm, connection: Connection) -> None:
    """Raise GuardError unless the environment is connected to the server and project of the plan."""
    if (realm.owner, realm.environment) != (saved.owner, saved.environment):
        raise GuardError(
            f"another environment: the plan is of {saved.owner} {saved.environment}, "
            f"not of {realm.owner} {realm.environment}; nothing was changed",
            hint=AGAIN,
        )
    for field, planned, now in (
        ("endpoint", saved.endpoint, connection.endpoint),
        ("project", saved.project, connection.project),
    ):
        if planned != now:
            raise GuardError(
                f"another server: the plan is of {field} {quoted(planned)}, "
                f"and {saved.environment} is connected to {quoted(now)}; nothing was changed",
                hint="set the variables as they were when the plan was made, or plan again",
            )
