"""How keys stand, as a screen and for programs."""

import json
import re

import pytest
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion

from reconciler.core.planner import plan_environment
from reconciler.core.status import EnvironmentStatus, status
from reconciler.formats.status import status_json, status_text
from tests.support import screens
from tests.support.builders import NOW, desired, live, live_key, owned_id, wanted
from tests.support.screens import DAY


@pytest.fixture
def statuses() -> tuple[EnvironmentStatus, ...]:
    long_name = "Tenant.With-A-Name_That-Fills-All-Of-The-Sixty-Four-Characters-00"
    wish = desired(wanted(), wanted("new"), wanted(long_name))
    keys = live(live_key(title="Other", accessed=NOW - DAY), live_key(long_name))
    return (
        status(*screens.rotation()),
        status(wish, keys, plan_environment(wish, keys, {})),
        status(desired(), live(), plan_environment(desired(), live(), {})),
    )


def test_keys_on_a_terminal(statuses: tuple[EnvironmentStatus, ...], snapshot: SnapshotAssertion) -> None:
    assert status_text(statuses) == snapshot


def test_the_table_fits_a_terminal(statuses: tuple[EnvironmentStatus, ...]) -> None:
    assert max(cell_len(line) for line in status_text(statuses).split("\n")) <= 80


def test_keys_for_programs(statuses: tuple[EnvironmentStatus, ...], snapshot: SnapshotAssertion) -> None:
    assert status_json(statuses) == snapshot


def test_colour_changes_no_word(statuses: tuple[EnvironmentStatus, ...]) -> None:
    colored = status_text(statuses, color=True)
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == status_text(statuses)


def test_each_live_key_of_the_manifest_is_told_once(statuses: tuple[EnvironmentStatus, ...]) -> None:
    shown = json.loads(status_json(statuses))["environments"][0]["keys"]
    wish, keys, _ = screens.rotation()

    assert sorted(key["id"] for key in shown) == sorted(key.id for key in keys.keys)
    assert {key["address"] for key in shown} == {key.address for key in wish.keys}


def test_a_key_that_is_not_live_is_told_as_such(statuses: tuple[EnvironmentStatus, ...]) -> None:
    (new,) = (key for key in statuses[1].keys if key.key_id == owned_id("new"))

    assert (new.created, new.pending, new.why) == (None, "create", "declared, and not live")
