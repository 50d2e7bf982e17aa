"""What a guard says where it refuses a plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why apply does not start; `where` is an environment or an address, `hint` what to do."""

    guard: str
    where: str
    message: str
    hint: str
