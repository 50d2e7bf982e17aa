"""A plan's file: what it holds comes back as it was, and nothing but what was written is ever read."""

from __future__ import annotations

import copy
import dataclasses
import json
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from reconciler.core.plan import Change, Plan, Reason, Risk
from reconciler.core.saved import SavedPlan, refuse_refused
from reconciler.core.secret import Secret
from reconciler.errors import GuardError
from reconciler.formats.plan_file import dumps, loads, looks_saved
from tests.support import screens
from tests.support.saving import (
    VERSION,
    every_field,
    every_kind,
    fields_of_each_kind,
    load,
    saved,
    saved_plans,
    sealed,
)

WHOLE = every_kind()
TEXT = dumps(WHOLE)
SMALL = dumps(saved(Plan(environments=(screens.unchanged(),))))


def refusal(text: str | bytes) -> str:
    """Why a file is refused."""
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(GuardError) as refused:
        loads(content, name="plan.json", reconciler=VERSION)
    assert refused.value.exit_code == 4
    assert "plan.json" in refused.value.message
    assert refused.value.hint
    return refused.value.message


# --- there and back ---


@settings(max_examples=100)
@given(plan=saved_plans)
def test_a_plan_that_is_saved_and_loaded_is_the_same_plan(plan: SavedPlan) -> None:
    text = dumps(plan)

    assert text.isascii()
    assert load(text) == plan
    assert dumps(load(text)) == text
    assert looks_saved(text.encode()[:256])


def test_a_plan_with_every_action_reason_and_mark_comes_back_whole() -> None:
    changes = WHOLE.plan.changes
    unchanged = [entry for environment in WHOLE.plan.environments for entry in environment.unchanged]

    assert {type(change) for change in changes} == set(typing.get_args(Change))
    assert {entry.reason for entry in (*changes, *unchanged)} == set(Reason)
    assert {mark.risk for change in changes for mark in change.marks} == set(Risk)
    assert load(TEXT) == WHOLE


def test_equal_plans_are_equal_bytes() -> None:
    assert dumps(every_kind()) == TEXT


def test_the_digest_is_that_of_the_document_without_it() -> None:
    assert sealed(json.loads(TEXT)) == TEXT


# --- no secret, by construction ---


def types_within(kind: Any, seen: set[Any]) -> Iterator[Any]:
    """Every type that a value of a type may hold, however deep."""
    if kind in seen:
        return
    seen.add(kind)
    yield kind
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        for hint in typing.get_type_hints(kind).values():
            yield from types_within(hint, seen)
    for argument in typing.get_args(kind):
        yield from types_within(argument, seen)


def test_no_value_that_a_saved_plan_is_made_of_can_hold_a_secret() -> None:
    plain = {str, int, bool, type(None), Ellipsis}
    found = set(types_within(SavedPlan, set()))
    leaves = {kind for kind in found if not typing.get_args(kind) and not dataclasses.is_dataclass(kind)}

    assert Secret not in found
    assert {kind.__name__ for kind in leaves - plain} == {"datetime", "timedelta", "Reason", "Risk"}
    assert not any(isinstance(kind, types.FunctionType) for kind in found)


# --- refused ---


def test_every_single_bit_that_is_flipped_is_found() -> None:
    content = SMALL.encode()
    for position in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[position] ^= 1 << bit
            refusal(bytes(changed))


@pytest.mark.slow
@pytest.mark.parametrize(("plan", "step"), [(every_field(), 1), (WHOLE, 37)], ids=["each field", "large"])
def test_every_byte_of_a_plan_with_each_field_and_many_of_a_large_one_are_found_when_changed(
    plan: SavedPlan, step: int
) -> None:
    content = dumps(plan).encode()
    for position in range(0, len(content), step):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        refusal(bytes(changed))


@pytest.mark.parametrize(
    "changed",
    [
        SMALL[:-1],
        SMALL + "\n",
        " " + SMALL,
        SMALL.replace("\n", "\r\n"),
        "\ufeff" + SMALL,
        json.dumps(json.loads(SMALL)),
        SMALL.replace('"owner": "shop"', '"owner": "\\u0073hop"', 1),
        SMALL.replace('"version": 1', '"version": 1.0', 1),
        SMALL.replace('"version": 1', '"version": 1,\n  "version": 1', 1),
        SMALL.replace("[]", "[ ]", 1),
    ],
)
def test_the_same_document_written_in_another_way_is_refused(changed: str) -> None:
    assert changed != SMALL
    refusal(changed)


def parent(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        document = document[step]
    return document


FIELDS = fields_of_each_kind(json.loads(TEXT))


@pytest.mark.parametrize("path", FIELDS, ids=lambda path: ".".join(map(str, path)))
def test_a_removed_field_is_refused_with_a_fitting_digest_or_without(path: tuple[Any, ...]) -> None:
    document = json.loads(TEXT)
    del parent(document, path)[path[-1]]

    refusal(json.dumps(document, indent=2) + "\n")
    message = refusal(json.dumps(document, indent=2) + "\n" if path == ("digest",) else sealed(document))

    if path[0] not in {"version", "summary", "digest"} and path not in {("reconciler",), ("environments",)}:
        assert f"{path[-1]} is missing" in message


@pytest.mark.parametrize("path", FIELDS, ids=lambda path: ".".join(map(str, path)))
def test_a_field_of_another_type_is_refused(path: tuple[Any, ...]) -> None:
    for wrong in (None, 7, -1, 1.5, True, [], {}, [7], {"x": 7}):
        document = json.loads(TEXT)
        around = parent(document, path)
        was, around[path[-1]] = around[path[-1]], wrong
        if type(wrong) is type(was) or path == ("digest",):
            continue
        if wrong is None and path[-1] in {"expire", "leftover"}:  # another plan, and a well-formed one
            assert load(sealed(document)) != WHOLE
            continue
        refusal(sealed(document))


@pytest.mark.parametrize("path", sorted({path[:-1] for path in FIELDS}, key=str), ids=str)
def test_an_unknown_field_is_refused(path: tuple[Any, ...]) -> None:
    document = json.loads(TEXT)
    parent(document, (*path, "more"))["more"] = "x"

    message = refusal(sealed(document))

    assert ('a field "more", which this version does not know' in message) is (path != ("summary",))


def forged(**fields: Any) -> str:
    return sealed({**json.loads(SMALL), **fields})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "plan.json is no saved plan, or a damaged one: line 1, column 1: Expecting value"),
        ("version: 1\nowner: shop\n", "or a damaged one: line 1, column 1: Expecting value"),
        (b"\x50\x4b\x03\x04\xff\xfe", "or a damaged one: byte 5 is not ASCII"),
        (SMALL[: len(SMALL) // 2], "or a damaged one: line "),
        ("[" * 100_000, "or a damaged one: it holds what no JSON may hold"),
        ('{"version": NaN}', "or a damaged one: it holds what no JSON may hold"),
        ('{"version": ' + "9" * 5000 + "}", "or a damaged one: it holds what no JSON may hold"),
        (
            '{"format_version": "1.2", "terraform_version": "1.9.0", "planned_values": {}}',
            "is no saved plan of reconciler",
        ),
        ('{"name": "app", "version": "1.0.0"}', "is no saved plan of reconciler"),
        ("[]", "is no saved plan of reconciler"),
        ("7", "is no saved plan of reconciler"),
        ('{"version": 1, "version": 1}', 'has the field "version" twice'),
        (forged(version=2), 'is a plan in format version "2", and this reconciler reads version 1'),
        (forged(reconciler="9.9.9"), 'was made by reconciler "9.9.9", and this is 1.2.3'),
        (SMALL.replace(VERSION, "1.2.4"), "was changed after it was written: its digest does not fit"),
        (sealed({"version": 1, "reconciler": VERSION, "environments": []}), "is no plan that reconciler wrote: "),
        (forged(environments=json.loads(SMALL)["environments"] * 2), "environments holds one of them twice"),
        (forged(manifests=json.loads(SMALL)["manifests"] * 2), "manifests holds one owner twice"),
        (forged(summary={}), "is not written as reconciler writes it"),
    ],
)
def test_a_file_that_is_no_plan_of_this_version_is_refused_with_the_reason(content: str | bytes, message: str) -> None:
    assert message in refusal(content)


def test_a_plan_that_speaks_of_a_key_twice_is_refused() -> None:
    document = json.loads(TEXT)
    changes = document["environments"][0]["changes"]
    changes.append(copy.deepcopy(changes[0]))

    assert 'the environment "staging-0" speaks of one key twice' in refusal(sealed(document))


def test_without_its_digest_a_plan_is_refused() -> None:
    document = json.loads(SMALL)
    del document["digest"]

    assert "has no digest" in refusal(json.dumps(document, indent=2) + "\n")


def test_a_plan_that_a_guard_refused_is_not_applied_later() -> None:
    with pytest.raises(GuardError, match=r"the plan was refused when it was made \(.*in-use.*\)"):
        refuse_refused(WHOLE)
    refuse_refused(load(SMALL))
