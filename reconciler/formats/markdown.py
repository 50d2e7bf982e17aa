"""The plan and the report as Markdown, for pull requests and job summaries.

Every text from a server or a manifest stands in a code span, fenced by more backticks than it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from reconciler.core.guards import Refusal
from reconciler.core.outcome import Outcome, Result, Status
from reconciler.core.plan import Change, EnvironmentPlan, Plan
from reconciler.core.quoting import clean
from reconciler.errors import Problem
from reconciler.formats.words import Field, action, by_glob, fields, outcome_summary, plan_summary, warnings


def plan_markdown(plan: Plan, refusals: Iterable[Refusal]) -> str:
    """The plan, a section for each environment with changes, warnings or unmanaged keys."""
    lines = [f"**{plan_summary(plan)}**", ""]
    refused = [f"- {_code(each.where)}: {each.message}; {each.hint}" for each in refusals]
    if refused:
        lines += ["### Refused", "", *refused, ""]
    for environment in plan.environments:
        if environment.changes or environment.warnings or environment.unmanaged:
            lines += [*_environment(environment), ""]
    return "\n".join(lines)


def outcome_markdown(outcome: Outcome) -> str:
    """The report: its summary, and what was not applied first."""
    lines = [f"**{outcome_summary(outcome)}**", ""]
    results = [result for environment in outcome.environments for result in environment.results]
    lines += [_result(result) for result in sorted(results, key=lambda result: result.status is Status.APPLIED)]
    lines += [f"- ⚠ {_code(warning)}" for warning in warnings(outcome)]
    return "\n".join(lines) + "\n"


def problems_markdown(problems: Iterable[Problem]) -> str:
    """The problems of a manifest as a list; a line that says so where there are none."""
    listed = "".join(
        f"- {_code(str(problem.position))}: {_code(problem.message)}"
        f"{f' — {_code(problem.hint)}' if problem.hint else ''}\n"
        for problem in problems
    )
    return listed or "The manifest is valid.\n"


def _environment(environment: EnvironmentPlan) -> Iterator[str]:
    yield f"### {_code(environment.environment)}"
    yield ""
    yield f"Project {_code(environment.project)} at {_code(environment.endpoint)}"
    yield ""
    for change in environment.changes:
        yield from _change(change)
    for warning in environment.warnings:
        yield f"- ⚠ {_code(warning)}"
    if environment.unmanaged:
        yield f"- unmanaged, left alone: {', '.join(_code(key.id) for key in environment.unmanaged)}"


def _change(change: Change) -> Iterator[str]:
    yield f"- **{action(change)}** {_code(change.address)} ({_code(change.key_id)}): {change.reason}"
    for field in fields(change):
        yield f"  - {field.name}: {_field(field)}"
    if added := by_glob(change):
        yield f"  - by glob: {_code(added)}"
    for mark in change.marks:
        yield f"  - ⚠ {mark.risk}{f' {_code(mark.detail)}' if mark.detail else ''}"


def _field(field: Field) -> str:
    if field.added or field.removed:
        changes = (("added", field.added), ("removed", field.removed))
        return "; ".join(f"{word} {_code(', '.join(members))}" for word, members in changes if members)
    after = _code(", ".join(field.members) or field.after)
    return f"{_code(field.before)} → {after}" if field.before else after


def _result(result: Result) -> str:
    rest = "; ".join(part for part in (result.message, result.hint) if part)
    told = f": {_code(rest)}" if rest else ""
    return f"- **{result.status}** {action(result.change)} {_code(result.change.address)}{told}"


def _code(text: str) -> str:
    shown = clean(text) or " "
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
