"""The doctor's look at sinks: what is late, what raises, and what a plan is told of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import pytest

from reconciler.app.sink_looks import SinkLooks, held
from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Held, Holding
from reconciler.errors import ReconcilerError, SinkError, SinkUnavailable, UsageError
from reconciler.ports import SecretSink
from tests.support.builders import OTHER_SINK, SINK, desired, live, wanted

pytestmark = pytest.mark.anyio
COMMAND = SinkSpec(kind="exec", options=(("command", ("./push",)),))


@dataclass
class FakeSinks:
    """Sinks whose preflight raises, or waits for ever where its answer is an event."""

    answers: dict[SinkSpec, ReconcilerError | threading.Event] = field(default_factory=dict)
    observing: ReconcilerError | threading.Event | None = None
    observed: tuple[SinkSpec, ...] = ()
    unreadable: frozenset[SinkSpec] = frozenset()
    opened: list[SinkSpec] = field(default_factory=list)

    def open(self, spec: SinkSpec) -> SecretSink:
        self.opened.append(spec)
        return cast("SecretSink", FakeSink(self.answers.get(spec)))

    def place(self, spec: SinkSpec) -> SinkSpec:
        return spec

    def observe(self, specs: Iterable[SinkSpec]) -> Held:
        self.observed = tuple(specs)
        _answer(self.observing)
        return {spec: EMPTY for spec in self.observed if spec not in self.unreadable}


@dataclass
class FakeSink:
    """The part of a `SecretSink` that a doctor needs."""

    answer: ReconcilerError | threading.Event | None

    def preflight(self) -> None:
        _answer(self.answer)


def _answer(answer: ReconcilerError | threading.Event | None) -> None:
    if isinstance(answer, threading.Event):
        assert answer.wait(10)
    elif answer is not None:
        raise answer


WISH = desired(wanted("a", sinks=(SINK,)), wanted("b", sinks=(OTHER_SINK,)))


def looks(sinks: FakeSinks, *, no_exec: bool = False) -> SinkLooks:
    return SinkLooks(sinks=sinks, patience=0.05, no_exec=no_exec)


async def test_a_sink_that_does_not_answer_is_told_beside_the_others() -> None:
    silence = threading.Event()
    sinks = FakeSinks({SINK: silence})
    try:
        (late, well), trouble = await looks(sinks).at(WISH, live())
    finally:
        silence.set()

    assert (str(late.error), late.held) == ("nothing was heard of it within 0.05 s", None)
    assert (well.error, well.held, trouble) == (None, EMPTY, None)
    assert sinks.observed == (OTHER_SINK,)


async def test_a_look_that_takes_too_long_leaves_what_is_held_unknown() -> None:
    silence = threading.Event()
    try:
        seen, trouble = await looks(FakeSinks(observing=silence)).at(WISH, live())
    finally:
        silence.set()

    assert {each.held and each.held.why for each in seen} == {"nothing was heard of it within 0.05 s"}
    assert ([each.error for each in seen], trouble) == ([None, None], None)


async def test_what_keeps_a_plan_from_looking_is_told_as_what_keeps_it_from_planning() -> None:
    error = UsageError("two names of one file")

    _, trouble = await looks(FakeSinks(observing=error)).at(WISH, live())

    assert trouble is error


async def test_what_may_not_be_written_is_compared_and_what_is_away_is_not_asked_again() -> None:
    sinks = FakeSinks({SINK: SinkUnavailable("down"), OTHER_SINK: SinkError("may not write")})

    seen, _ = await looks(sinks).at(WISH, live())

    assert sinks.observed == (OTHER_SINK,)
    assert held(seen) == {SINK: Holding(occupied=None, why="down"), OTHER_SINK: EMPTY}


async def test_a_sink_that_can_neither_be_written_nor_read_is_left_out_of_what_is_held() -> None:
    sinks = FakeSinks({SINK: SinkError("no folder")}, unreadable=frozenset({SINK}))

    seen, _ = await looks(sinks).at(WISH, live())

    assert held(seen) == {OTHER_SINK: EMPTY}


async def test_with_no_exec_a_command_is_not_so_much_as_looked_for() -> None:
    sinks = FakeSinks()

    (command,), _ = await looks(sinks, no_exec=True).at(desired(wanted("a", sinks=(COMMAND,))), live())

    assert (sinks.opened, command.error and command.error.exit_code) == ([], 4)
