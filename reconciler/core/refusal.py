"""What a guard says where it refuses a plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why apply does not start; `where` is an environment or an address, `hint` what to do.

    One `of_credential` is about whose plan this is: with another credential the same plan may be applied.
    """

    guard: str
    where: str
    message: str
    hint: str
    of_credential: bool = False
