"""A figure: what was measured, what it may be, and whether it is."""

from __future__ import annotations

from dataclasses import dataclass

UNITS = {"s": "{:.2f} s", "ms": "{:.1f} ms", "MB": "{:.0f} MB", "×": "{:.2f}×"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table; `detail` says what a ratio was made from."""

    name: str
    measured: float
    target: float
    unit: str
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the target is met; a figure that is no number is short."""
        return self.measured <= self.target

    def line(self) -> str:
        """Name, measured, target, verdict."""
        measured, target = (UNITS[self.unit].format(value) for value in (self.measured, self.target))
        detail = f"  ({self.detail})" if self.detail else ""
        return f"{self.name:<52} {measured:>9}  ≤ {target:<9} {'ok' if self.ok else 'short'}{detail}"
