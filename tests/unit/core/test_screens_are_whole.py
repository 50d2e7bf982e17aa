"""The plans that screens are tested with leave out nothing that a plan can hold."""

from typing import get_args

from reconciler.core.plan import Change, Reason, Risk
from tests.support import screens


def test_screens_show_every_action_reason_and_mark() -> None:
    plan = screens.whole()
    entries = [entry for each in plan.environments for entry in (*each.changes, *each.unchanged)]

    assert {type(change) for change in plan.changes} == set(get_args(Change))
    assert {entry.reason for entry in entries} == set(Reason)
    assert {mark.risk for change in plan.changes for mark in change.marks} == set(Risk)


def test_screens_show_every_guard_and_everything_that_stands_beside_the_changes() -> None:
    everything = screens.everything()

    assert {refusal.guard for refusal in screens.refusals()} == {
        "empty", "deletes", "sensitive", "in-use", "protect", "own-credential", "limit",
        "may-not-create", "may-not-write", "beyond-credential", "foreign-value", "overlap",
    }  # fmt: skip
    assert everything.ignored
    assert everything.unmanaged
    assert everything.protected == ("staging/narrowed", "staging/protected")
    assert any(getattr(change, "lost", ()) for change in everything.changes)
    assert any(getattr(change, "from_globs", ()) for change in everything.changes)
    assert any("protects nothing" in warning for warning in everything.warnings)
    assert any("is its key too" in warning for warning in everything.warnings)
