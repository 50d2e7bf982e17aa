"""The order in which an environment's changes are made."""

from reconciler.core.holding import EMPTY
from reconciler.core.keys import MAX_KEYS
from reconciler.core.plan import Create, Delete, Deliver, Update
from reconciler.core.planner import plan_environment
from reconciler.core.stages import stages
from tests.support.builders import NOW, SINK, desired, live, live_key, wanted

DECLARED = desired(wanted("new"), wanted("lacking", sinks=(SINK,)), wanted("stale", title="New"))
FOUND = (live_key("lacking"), live_key("stale"), live_key("old"), live_key("expired", expire=NOW))


def kinds(*strangers: int) -> list[tuple[set[type], str]]:
    others = [live_key(id=f"stranger-{number}") for number in range(*strangers)]
    plan = plan_environment(DECLARED, live(*FOUND, *others), {SINK: EMPTY})
    return [({type(change) for change in stage.changes}, stage.needs) for stage in stages(plan)]


def test_what_is_made_comes_before_what_is_changed_and_that_before_what_is_deleted() -> None:
    assert kinds(0) == [({Create, Deliver}, "nothing"), ({Update}, "nothing"), ({Delete}, "all")]


def test_where_the_thousand_keys_would_not_do_own_expired_keys_go_first() -> None:
    free = MAX_KEYS - len(FOUND)

    assert kinds(free - 1)[0] == ({Create, Deliver}, "nothing")
    assert kinds(free)[0] == ({Delete}, "nothing")
    assert kinds(free)[-1] == ({Delete}, "all")


def test_only_the_expired_ones_go_first() -> None:
    others = [live_key(id=f"stranger-{number}") for number in range(MAX_KEYS)]
    first, *_, last = stages(plan_environment(DECLARED, live(*FOUND, *others), {}))

    assert [change.address for change in first.changes] == ["staging/expired"]
    assert [change.address for change in last.changes] == ["staging/old"]


def test_a_plan_without_changes_has_no_stages() -> None:
    assert stages(plan_environment(desired(wanted()), live(live_key()), {})) == ()
