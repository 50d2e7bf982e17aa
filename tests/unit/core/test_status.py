"""How keys stand: what their sinks hold, which comes first, and what counts as a warning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.holding import EMPTY, UNSEEN, Held, Holding, holding, note_of
from reconciler.core.ids import key_id
from reconciler.core.keys import LiveKey
from reconciler.core.planner import plan_environment
from reconciler.core.secret import Secret
from reconciler.core.status import EnvironmentStatus, status
from tests.support.builders import NOW, REALM, SINK, desired, live, live_key, wanted
from tests.support.screens import DAY, rotated

SECRET = Secret("standard_" + "5" * 40)
LATEST = live_key(generation=2, age=DAY, secret=None)
EARLIER = note_of(live_key(age=9 * DAY), SECRET)


def looked(*keys: LiveKey, held: Held, **fields: object) -> EnvironmentStatus:
    wish, world = desired(wanted(sinks=(SINK,)), **fields), live(*keys)  # type: ignore[arg-type]
    return status(wish, world, plan_environment(wish, world, held), held)


@pytest.mark.parametrize(
    ("seen", "holds"),
    [
        (holding(SECRET, note_of(LATEST, SECRET)), True),
        (replace(holding(SECRET, note_of(LATEST, SECRET)), outdated=True), True),
        (holding(SECRET, EARLIER), False),
        (EMPTY, False),
        (holding(SECRET), None),
        (UNSEEN, None),
        (None, None),
    ],
    ids=["it", "it, exposed", "an earlier one", "nothing", "somebody's", "not seen", "not to be read"],
)
def test_a_sink_holds_the_secret_or_lacks_it_or_nobody_can_tell(seen: Holding | None, holds: bool | None) -> None:
    told = looked(LATEST, held={} if seen is None else {SINK: seen})

    assert [sink.holds for key in told.keys for sink in key.sinks] == [holds]


def test_a_key_that_is_due_is_compared_as_well() -> None:
    wish, world = desired(rotated("ci")), live(live_key(age=91 * DAY, secret=SECRET))
    (sink,) = wish.keys[0].sinks
    held = {sink: holding(SECRET)}

    (key,) = status(wish, world, plan_environment(wish, world, held), held).keys

    assert (key.pending, [each.holds for each in key.sinks]) == ("rotate", [True])


def test_of_a_renamed_environment_the_newest_comes_first_whatever_its_number() -> None:
    former = replace(REALM, environment="was")
    old = live_key(id=key_id(former, "ci", 5), age=90 * DAY)

    told = looked(old, live_key(age=DAY), held={SINK: UNSEEN}, former=former)

    assert [(key.generation, key.created) for key in told.keys] == [(1, NOW - DAY), (5, NOW - 90 * DAY)]


def test_what_the_manifest_is_warned_of_is_told_and_leaves_it_well() -> None:
    told = looked(LATEST, held={SINK: UNSEEN}, warnings=("an overlap is short",))

    assert (told.warnings, told.is_warned) == (("an overlap is short",), False)
    assert looked(LATEST, held={SINK: holding(SECRET, EARLIER)}, warnings=("an overlap is short",)).is_warned
