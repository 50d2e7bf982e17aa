"""What a doctor finds: one check after the other, each with a verdict, a sentence and what to do.

The rules:
- A check judges what was observed, and nothing that was only concluded from another check: what could not be observed
  is not known, never fine.
- Failed is what makes an apply of this environment impossible. What only makes it poorer, or will make it impossible
  later, is a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `message` completes its name; `hint` says what to do, empty where nothing is to be done. `sinks` are
    all of those that it is about, where it is about sinks.
    """

    name: str
    verdict: Verdict
    message: str
    hint: str = ""
    sinks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentCheckup:
    """The checks of one environment, in the order in which they build on each other."""

    environment: str
    endpoint: str
    project: str
    checks: tuple[Check, ...]

    @property
    def works(self) -> bool:
        """Whether nothing that was found stands in the way of apply."""
        return all(check.verdict is not Verdict.FAILED for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """Every environment that was looked at."""

    environments: tuple[EnvironmentCheckup, ...]

    @property
    def works(self) -> bool:
        """Whether nothing stands in the way of apply in any of them."""
        return all(environment.works for environment in self.environments)


def fine(name: str, message: str) -> Check:
    """A check that came out well."""
    return Check(name=name, verdict=Verdict.OK, message=message)


def warning(name: str, message: str, hint: str = "") -> Check:
    """A check that came out less well."""
    return Check(name=name, verdict=Verdict.WARNING, message=message, hint=hint)


def failed(name: str, message: str, hint: str = "") -> Check:
    """A check that came out so that apply cannot work."""
    return Check(name=name, verdict=Verdict.FAILED, message=message, hint=hint)


def unknown(name: str, message: str, hint: str = "") -> Check:
    """A check that could not be made."""
    return Check(name=name, verdict=Verdict.UNKNOWN, message=message, hint=hint)
