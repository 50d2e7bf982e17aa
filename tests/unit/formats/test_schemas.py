"""The published schemas of plan and report say exactly what the program writes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from reconciler.core.outcome import Outcome, Status
from reconciler.core.plan import Reason, Risk
from reconciler.core.saved import SavedPlan
from reconciler.formats.data import outcome_json
from reconciler.formats.plan_file import dumps
from tests.repository import ROOT
from tests.support import screens
from tests.support.saving import every_field, every_kind, fields_of_each_kind, saved_plans


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    return loaded


PLAN, REPORT = Draft202012Validator(schema("plan")), Draft202012Validator(schema("report"))
PLAN_DOCUMENT = json.loads(dumps(every_kind()))
REPORTS: list[Outcome] = [screens.outcome(), screens.success(), screens.success(*every_kind().plan.changes)]
REPORT_DOCUMENT = json.loads(outcome_json(REPORTS[0]))
CASES = [(PLAN, json.loads(dumps(every_field()))), (REPORT, REPORT_DOCUMENT)]


@pytest.mark.parametrize("name", ["plan", "report", "status"])
def test_a_schema_is_one_closed_and_described(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    objects = [part for part in parts(schema(name)) if part.get("type") == "object"]

    assert len(objects) > 3
    for part in objects:
        if "properties" in part:
            assert part["additionalProperties"] is False
            assert sorted(part["required"]) == sorted(part["properties"])
            assert part["description"]
            for field in part["properties"].values():
                assert field.get("description") or "$ref" in field or "title" in field, field
        else:
            assert "string" in part["additionalProperties"]["type"]  # a sink's options


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object within a document."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(each)


def codes(part: dict[str, Any]) -> dict[str, str]:
    return {each["const"]: each["description"] for each in part["oneOf"]}


def test_the_codes_are_those_of_the_program_and_say_what_the_screens_say() -> None:
    plan, report = schema("plan")["$defs"], schema("report")["$defs"]["result"]["properties"]
    reasons = {reason.name.lower(): str(reason) for reason in Reason}

    assert codes(plan["reason"]) == reasons
    assert codes(report["reason"]) == reasons
    assert codes(plan["marks"]["items"]["properties"]["risk"]) == {risk.name.lower(): str(risk) for risk in Risk}
    assert codes(report["status"]).keys() == {status.name.lower() for status in Status}


def test_a_plan_with_everything_in_it_fits() -> None:
    assert [error.message for error in PLAN.iter_errors(PLAN_DOCUMENT)] == []


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_fits(report: Outcome) -> None:
    assert [error.message for error in REPORT.iter_errors(json.loads(outcome_json(report)))] == []


@cache
def part_of_the_plan(action: str) -> Draft202012Validator:
    """The schema of one kind of change."""
    return Draft202012Validator({"$ref": f"#/$defs/{action}", "$defs": schema("plan")["$defs"]})


@given(plan=saved_plans)
def test_changes_of_any_content_fit(plan: SavedPlan) -> None:
    environments = json.loads(dumps(plan))["environments"]
    for entry in (entry for environment in environments for entry in environment["changes"]):
        assert [error.message for error in part_of_the_plan(entry["action"]).iter_errors(entry)] == []


@pytest.mark.parametrize(("validator", "document"), CASES, ids=["plan", "report"])
def test_no_field_may_be_missing_unknown_or_of_another_type(validator: Draft202012Validator, document: Any) -> None:
    assert validator.is_valid(document)
    mutations = 0
    for path in fields_of_each_kind(document):
        for mutate in (_remove, _add, _retype):
            changed = copy.deepcopy(document)
            mutate(changed, path)
            assert not validator.is_valid(changed), (mutate.__name__, path)
            mutations += 1
    assert mutations > 40


FIRST = [change["action"] for change in PLAN_DOCUMENT["environments"][0]["changes"]].index("create")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("digest",), "sha256:0"),
        (("digest",), ""),
        (("environments",), []),
        (("environments", 0, "now"), "2026-11-23"),
        (("environments", 0, "now"), "2026-11-23T12:00:00Z"),
        (("environments", 0, "changes", FIRST, "action"), "rotate"),
        (("environments", 0, "changes", FIRST, "action"), "delete"),
        (("environments", 0, "changes", FIRST, "reason"), "declared, and not live"),
        (("environments", 0, "changes", FIRST, "expiry"), "soon"),
        (("environments", 0, "changes", FIRST, "after", "scopes"), ["a", "a"]),
        (("environments", 0, "counts", "live"), -1),
        (("allowances", "deletes"), -1),
    ],
)
def test_a_plan_with_a_value_that_none_has_does_not_fit(path: tuple[Any, ...], value: Any) -> None:
    changed = copy.deepcopy(PLAN_DOCUMENT)
    around(changed, path)[path[-1]] = value

    assert list(PLAN.iter_errors(changed))


def around(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        document = document[step]
    return document


def _remove(document: Any, path: tuple[Any, ...]) -> None:
    del around(document, path)[path[-1]]


def _add(document: Any, path: tuple[Any, ...]) -> None:
    around(document, path)["more"] = 1


def _retype(document: Any, path: tuple[Any, ...]) -> None:
    around(document, path)[path[-1]] = 1.5
