"""A checkup as text, JSON and Markdown. Without colour, and in a terminal of ASCII only, it reads the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from reconciler.core.checkup import Check, Checkup, EnvironmentCheckup, Verdict
from reconciler.core.outcome import Status
from reconciler.core.quoting import clean
from reconciler.formats.text import Screen

_SIGNS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.OK: ("✓", "ok"),
    Verdict.WARNING: ("!", "warn"),
    Verdict.FAILED: ("✗", "FAIL"),
    Verdict.UNKNOWN: ("–", "?"),
}
"""Each verdict's sign, and the word for it in ASCII."""

SIGNS = "".join(sign for sign, _ in _SIGNS.values())
"""What a stream must be able to write to be given signs."""

_STYLES: Mapping[Verdict, str] = {
    Verdict.OK: Status.APPLIED,
    Verdict.WARNING: "warning",
    Verdict.FAILED: Status.FAILED,
    Verdict.UNKNOWN: "dim",
}
_NAMES = 15
_NARROW_MARGIN = 6
"""Where there is no room for a column of names, what was found goes on below them."""


def checkup_text(checkup: Checkup, *, width: int = 80, color: bool = False, signs: bool = True) -> str:
    """A checklist for each environment; without `signs` in words of ASCII."""
    screen = Screen(width=width, color=color)
    blocks = ["\n".join(_environment(each, screen, signs=signs)) for each in checkup.environments]
    return "\n\n".join((*blocks, screen.wrap(summary(checkup)))) + "\n"


def checkup_json(checkup: Checkup) -> str:
    """The checkup as one JSON object."""
    environments = [
        {
            "environment": each.environment,
            "endpoint": each.endpoint,
            "project": each.project,
            "works": each.works,
            "checks": [
                {
                    "check": check.name,
                    "verdict": str(check.verdict),
                    "message": check.message,
                    "hint": check.hint,
                    **({"sinks": check.sinks} if check.sinks else {}),
                }
                for check in each.checks
            ],
        }
        for each in checkup.environments
    ]
    return json.dumps({"version": 1, "works": checkup.works, "environments": environments}, indent=2) + "\n"


def checkup_markdown(checkup: Checkup) -> str:
    """A table for each environment."""
    lines = [f"**{summary(checkup)}**"]
    for each in checkup.environments:
        lines += ["", f"### {_cell(_title(each))}", "", "| | check | finding |", "|---|---|---|"]
        for check in each.checks:
            sign, finding = _SIGNS[check.verdict][0], check.message + (f" – {check.hint}" if check.hint else "")
            lines.append(f"| {sign} | {check.name} | {_cell(finding)} |")
    return "\n".join(lines) + "\n"


def summary(checkup: Checkup) -> str:
    """The checkup in one line."""
    broken = [clean(each.environment) for each in checkup.environments if not each.works]
    counted = Counter(check.verdict for each in checkup.environments for check in each.checks)
    rest = ", ".join(
        f"{counted[verdict]} {word if counted[verdict] == 1 else more}"
        for verdict, word, more in (
            (Verdict.FAILED, "failed", "failed"),
            (Verdict.WARNING, "warning", "warnings"),
            (Verdict.UNKNOWN, "not known", "not known"),
        )
        if counted[verdict]
    )
    told = f" ({rest})" if rest else ""
    if broken:
        return f"Apply could not work in {', '.join(broken)}{told}."
    return f"Nothing that was found stands in the way of apply{told}."


def _title(environment: EnvironmentCheckup) -> str:
    where = f": project {environment.project} at {environment.endpoint}" if environment.endpoint else ""
    return clean(f"{environment.environment}{where}")


def _environment(environment: EnvironmentCheckup, screen: Screen, *, signs: bool) -> Iterator[str]:
    yield screen.paint(screen.wrap(_title(environment), indent=2), "title")
    for check in environment.checks:
        yield from _check(check, screen, signs=signs)


def _check(check: Check, screen: Screen, *, signs: bool) -> Iterator[str]:
    sign, word = _SIGNS[check.verdict]
    mark = sign if signs else word.ljust(4)
    name = f"{check.name}:" if screen.is_narrow else check.name.ljust(_NAMES)
    first = f"  {mark} {name} "
    margin = _NARROW_MARGIN if screen.is_narrow else len(first)
    told = screen.wrap(clean(check.message), first=first, indent=margin)
    yield told.replace(mark, screen.paint(mark, _STYLES[check.verdict]), 1)
    if check.hint:
        yield screen.paint(screen.wrap(clean(check.hint), first=f"{' ' * margin}hint: "), "dim")


def _cell(text: str) -> str:
    """Text that ends no cell and is no markup: a server may have said it."""
    plain = "".join(f"\\{each}" if each in "\\`*_[]<>|#" else each for each in clean(text))
    return plain.replace("\n", " ")
