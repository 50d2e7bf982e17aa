"""The report of an apply and the problems of a manifest as JSON, one object each.

`schemas/report.schema.json` describes the report. A plan's JSON is its file: see `plan_file`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.core.outcome import Outcome, Result
from reconciler.core.plan import action
from reconciler.errors import Problem
from reconciler.formats.codes import code, dump
from reconciler.formats.words import outcome_counts

VERSION = 1


def outcome_json(outcome: Outcome) -> str:
    """The report as one JSON object."""
    return dump(
        {
            "version": VERSION,
            "complete": outcome.complete,
            "warnings": list(outcome.warnings),
            "environments": [
                {
                    "environment": environment.environment,
                    "owner": environment.owner,
                    "results": [_result(result) for result in environment.results],
                    "warnings": list(environment.warnings),
                }
                for environment in outcome.environments
            ],
            "summary": {code(status): count for status, count in outcome_counts(outcome).items()},
        }
    )


def problems_json(problems: Iterable[Problem], warnings: Iterable[str] = ()) -> str:
    """The problems of a manifest as one JSON object; its form is schemas/problems.schema.json."""
    problems = tuple(problems)
    return dump(
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


def _result(result: Result) -> dict[str, Any]:
    return {
        "action": action(result.change),
        "address": result.change.address,
        "id": result.change.key_id,
        "reason": code(result.change.reason),
        "status": code(result.status),
        "message": result.message,
        "hint": result.hint,
        "escrow": result.escrow,
    }
