"""How keys stand: as a screen, as a picture, as Markdown and for programs."""

import json
import re

import pytest
from jsonschema import Draft202012Validator
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion

from reconciler.core.holding import EMPTY, Held
from reconciler.core.planner import plan_environment
from reconciler.core.status import EnvironmentStatus, Stage, status
from reconciler.formats.status import status_summary, status_text
from reconciler.formats.status_data import status_json
from reconciler.formats.status_markdown import MOST_IN_CHART, status_markdown
from reconciler.formats.timeline import SIGNS, timeline_text
from tests.repository import ROOT
from tests.support import screens
from tests.support.builders import NOW, desired, live, live_key, owned_id, undelivered, wanted
from tests.support.screens import DAY, HOSTILE, rotated

WIDTHS = [40, 80, 120]


def looked(*wishes: object, keys: tuple[object, ...] = (), held: Held | None = None) -> EnvironmentStatus:
    wish, world = desired(*wishes), live(*keys)  # type: ignore[arg-type]
    held = held or {}
    return status(wish, world, plan_environment(wish, world, held), held)


@pytest.fixture
def statuses() -> tuple[EnvironmentStatus, ...]:
    long_name = "Tenant.With-A-Name_That-Fills-All-Of-The-Sixty-Four-Characters-00"
    used = live_key(title="Other", accessed=NOW - DAY, sdks=("python", "node"))
    left = undelivered("left", age=2 * DAY)
    keys = (used, live_key(long_name), left, live_key("ends", age=80 * DAY, expire=NOW + 9 * DAY))
    wishes = (wanted(), wanted("new"), wanted(long_name), rotated("left"), screens.ending_with("ends", NOW + 9 * DAY))
    held = {rotated("left").sinks[0]: EMPTY}
    return (status(*screens.rotation(), held={}), looked(*wishes, keys=keys, held=held), looked())


@pytest.mark.parametrize("width", WIDTHS)
def test_keys_on_a_terminal(statuses: tuple[EnvironmentStatus, ...], width: int, snapshot: SnapshotAssertion) -> None:
    assert status_text(statuses, width=width) == snapshot


@pytest.mark.parametrize("width", WIDTHS)
def test_keys_as_a_picture(statuses: tuple[EnvironmentStatus, ...], width: int, snapshot: SnapshotAssertion) -> None:
    assert timeline_text(statuses, width=width) == snapshot


def test_a_picture_in_ascii(statuses: tuple[EnvironmentStatus, ...], snapshot: SnapshotAssertion) -> None:
    drawn = timeline_text(statuses, signs=False)

    assert drawn.isascii()
    assert drawn == snapshot


def test_a_stream_is_asked_for_every_sign_of_the_picture(statuses: tuple[EnvironmentStatus, ...]) -> None:
    assert {each for each in timeline_text(statuses) if not each.isascii()} <= set(SIGNS)


def test_keys_in_a_merge_request(statuses: tuple[EnvironmentStatus, ...], snapshot: SnapshotAssertion) -> None:
    assert status_markdown(statuses) == snapshot


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("screen", [status_text, timeline_text])
def test_it_fits_the_terminal_but_for_a_name_that_cannot(
    statuses: tuple[EnvironmentStatus, ...], width: int, screen: type[str]
) -> None:
    lines = screen(statuses, width=width).split("\n")  # type: ignore[call-overload]

    assert [line for line in lines if cell_len(line) > width and " " in line.strip()] == []


def test_keys_for_programs(statuses: tuple[EnvironmentStatus, ...], snapshot: SnapshotAssertion) -> None:
    told = status_json(statuses)
    schema = json.loads((ROOT / "schemas" / "status.schema.json").read_text("utf-8"))

    Draft202012Validator(schema).validate(json.loads(told))
    assert told == snapshot


@pytest.mark.parametrize("screen", [status_text, timeline_text])
def test_colour_changes_no_word(statuses: tuple[EnvironmentStatus, ...], screen: type[str]) -> None:
    colored = screen(statuses, color=True)  # type: ignore[call-overload]
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == screen(statuses)


def test_each_live_key_of_the_manifest_is_told_once(statuses: tuple[EnvironmentStatus, ...]) -> None:
    shown = json.loads(status_json(statuses))["environments"][0]["keys"]
    wish, keys, _ = screens.rotation()

    assert sorted(key["id"] for key in shown) == sorted(key.id for key in keys.keys)
    assert {key["address"] for key in shown} == {key.address for key in wish.keys}


def test_a_key_that_is_not_live_is_told_as_such(statuses: tuple[EnvironmentStatus, ...]) -> None:
    (new,) = (key for key in statuses[1].keys if key.key_id == owned_id("new"))

    assert (new.created, new.stage, new.pending, new.why) == (None, Stage.NOT_LIVE, "create", "declared, and not live")


def test_programs_are_told_at_a_glance_whether_there_is_a_warning(statuses: tuple[EnvironmentStatus, ...]) -> None:
    well = looked(wanted(), keys=(live_key(),))

    assert json.loads(status_json(statuses))["well"] is False
    assert json.loads(status_json([well]))["well"] is True
    assert status_summary([well]) == "1 live key, 0 to be changed by apply, 0 warnings."


def test_a_generation_that_no_run_has_committed_has_no_date(statuses: tuple[EnvironmentStatus, ...]) -> None:
    (left,) = (key for key in statuses[1].keys if key.key_id == owned_id("left"))

    assert (left.stage, left.rotates) == (Stage.UNDELIVERED, None)


def test_what_a_server_says_is_no_markup_and_no_part_of_the_chart() -> None:
    hostile = looked(wanted(adopts="a|b:c;d"), keys=(live_key(id="a|b:c;d", sdks=(HOSTILE,)),))
    told = status_markdown([hostile])
    (row,) = (line for line in told.split("\n") if line.startswith("| `ci`"))

    assert len(re.findall(r"(?<!\\)\|", row)) == 10
    assert "\x1b" not in told
    assert "\n## heading" not in told


def test_a_chart_is_left_out_where_nobody_could_read_it() -> None:
    names = [f"k{number}" for number in range(MOST_IN_CHART + 1)]
    few, many = (looked(*map(wanted, some), keys=tuple(map(live_key, some))) for some in (names[1:], names))

    assert "```mermaid" in status_markdown([few])
    assert "```mermaid" not in status_markdown([many])
