"""A saved plan: a commitment to do this and nothing else, fit to be shown to everybody.

It holds what was planned and what that was made from: which manifests, which part of them, and what was allowed by
flag. It holds no secret, because nothing that it is made of can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.desired import Connection
from reconciler.core.globs import Selection
from reconciler.core.guards import Allowances, Refusal
from reconciler.core.plan import EnvironmentPlan, Plan
from reconciler.core.quoting import clean, quoted
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

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of the environments, each once."""
        return tuple(dict.fromkeys(each.environment for each in self.plan.environments))


def refuse_refused(saved: SavedPlan) -> None:
    """Raise GuardError where a guard refused the plan when it was made, whatever credential applies it."""
    guards = dict.fromkeys(refusal.guard for refusal in saved.refusals if not refusal.of_credential)
    if guards:
        raise GuardError(
            f"the plan was refused when it was made ({clean(', '.join(guards))}); nothing was changed",
            hint="the plan says under `refusals` what is needed; then plan again",
        )


def refuse_other_manifests(saved: SavedPlan, found: Mapping[str, str]) -> None:
    """Raise GuardError unless the files that were found are the manifests of the plan, byte for byte.

    `found` tells the SHA-256 of each file. A file may have another name than it had.
    """
    wanted = {each.sha256: each.file for each in saved.manifests}
    other = [f"{file} changed since the plan was made" for file, digest in found.items() if digest not in wanted]
    if not other:
        missing = [file for digest, file in wanted.items() if digest not in found.values()]
        other = [f"the plan was made from {clean(file)} too" for file in missing]
    if other:
        raise GuardError(f"another manifest: {'; '.join(other)}; nothing was changed", hint=AGAIN)


def refuse_another_server(saved: EnvironmentPlan, connection: Connection) -> None:
    """Raise GuardError unless an environment is connected to the server and project of the plan."""
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
