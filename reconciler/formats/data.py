"""The plan and the report as JSON: the same values as the screens, in the project's own words, one object each.

Only ASCII is written, so that no terminal's encoding and no lone surrogate in a key's name can spoil it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from reconciler.core.guards import Refusal
from reconciler.core.outcome import Outcome, Result
from reconciler.core.plan import Entry, EnvironmentPlan, Plan
from reconciler.core.times import format_instant
from reconciler.errors import Problem
from reconciler.formats.words import Field, action, counts, fields, from_globs, outcome_counts

VERSION = 1


def plan_json(plan: Plan, refusals: Iterable[Refusal]) -> str:
    """The plan as one JSON object."""
    return _dump(
        {
            "version": VERSION,
            "environments": [_environment(environment) for environment in plan.environments],
            "refusals": [
                {"guard": each.guard, "where": each.where, "message": each.message, "hint": each.hint}
                for each in refusals
            ],
            "summary": counts(plan),
        }
    )


def outcome_json(outcome: Outcome) -> str:
    """The report as one JSON object."""
    return _dump(
        {
            "version": VERSION,
            "complete": outcome.complete,
            "warnings": list(outcome.warnings),
            "environments": [
                {
                    "environment": environment.environment,
                    "results": [_result(result) for result in environment.results],
                    "warnings": list(environment.warnings),
                }
                for environment in outcome.environments
            ],
            "summary": {str(status): count for status, count in outcome_counts(outcome).items()},
        }
    )


def problems_json(problems: Iterable[Problem], warnings: Iterable[str] = ()) -> str:
    """The problems of a manifest as one JSON object; its form is schemas/problems.schema.json."""
    problems = tuple(problems)
    return _dump(
        {
            "version": VERSION,
            "valid": not problems,
            "problems": [
                {
                    "file": problem.position.file,
                    "line": problem.position.line,
                    "column": problem.position.column,
                    "message": problem.message,
                    "hint": problem.hint,
                }
                for problem in problems
            ],
            "warnings": list(warnings),
        }
    )


def _environment(environment: EnvironmentPlan) -> dict[str, Any]:
    return {
        "environment": environment.environment,
        "endpoint": environment.endpoint,
        "project": environment.project,
        "now": format_instant(environment.now),
        "changes": [_change(change) for change in environment.changes],
        "unchanged": [{"address": each.address, "id": each.key_id} for each in environment.unchanged],
        "unmanaged": [{"id": key.id, "name": key.name} for key in environment.unmanaged],
        "warnings": list(environment.warnings),
    }


def _change(change: Entry) -> dict[str, Any]:
    return {
        "action": action(change),
        "address": change.address,
        "id": change.key_id,
        "fields": [_field(field) for field in fields(change)],
        "from_globs": list(from_globs(change)),
        "reason": str(change.reason),
        "marks": [{"risk": str(mark.risk), "detail": mark.detail} for mark in getattr(change, "marks", ())],
    }


def _field(field: Field) -> dict[str, Any]:
    if field.name == "scopes":
        return {"name": field.name, "added": list(field.added or field.members), "removed": list(field.removed)}
    before = {"before": field.before} if field.before else {}
    return {"name": field.name, **before, "after": field.after}


def _result(result: Result) -> dict[str, Any]:
    return {
        "action": action(result.change),
        "address": result.change.address,
        "id": result.change.key_id,
        "status": str(result.status),
        "message": result.message,
        "hint": result.hint,
    }


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
