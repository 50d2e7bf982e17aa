"""What became of each change of a plan; the report in every format is a rendering of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.plan import Change


class Status(StrEnum):
    """How a change ended."""

    APPLIED = "applied"
    ALREADY_SO = "already so"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    NOT_ATTEMPTED = "not attempted"


DONE = frozenset({Status.APPLIED, Status.ALREADY_SO})
"""After these the key is as the plan would have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One change and how it ended: `message` says why, or what is left to do; `hint` who must do it.

    `escrow` is the file that keeps the secret of a key that lives on without it; empty where there is none.
    """

    change: Change
    status: Status
    message: str = ""
    hint: str = ""
    escrow: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentOutcome:
    """The results of one environment, in the order of its plan."""

    environment: str
    owner: str
    results: tuple[Result, ...] = field(repr=False)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The report of an apply."""

    environments: tuple[EnvironmentOutcome, ...]
    warnings: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every change was applied, or needed no doing."""
        return all(result.status in DONE for environment in self.environments for result in environment.results)
