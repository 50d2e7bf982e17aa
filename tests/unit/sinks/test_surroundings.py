"""What sinks share: made once or failed once, whoever asks, and closed at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkError, SinkUnavailable


def test_what_cannot_be_made_is_tried_once_and_told_to_everybody() -> None:
    surroundings = Surroundings({})
    tried: list[str] = []

    def failing() -> object:
        tried.append("once")
        threading.Event().wait(0.05)
        raise SinkUnavailable("no credential", hint="get one")

    def told(_: int) -> tuple[str, str]:
        with pytest.raises(SinkUnavailable) as caught:
            surroundings.shared("vault", failing)
        return caught.value.message, caught.value.hint

    with ThreadPoolExecutor(10) as threads:
        assert set(threads.map(told, range(20))) == {("no credential", "get one")}

    assert tried == ["once"]
    with pytest.raises(SinkError, match="another"):
        surroundings.shared("github", lambda: (_ for _ in ()).throw(SinkError("another")))


def test_what_takes_long_to_make_holds_up_nobody_who_wants_something_else() -> None:
    surroundings = Surroundings({})
    begun, goes_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert goes_on.wait(10)
        return "slow"

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(surroundings.shared, "a", slow)
        assert begun.wait(10)
        other = threads.submit(surroundings.shared, "b", lambda: "quick")
        try:
            assert other.result(5) == "quick"
        finally:
            goes_on.set()
        assert first.result(5) == "slow"


def test_one_may_be_made_of_others_and_all_are_closed() -> None:
    surroundings = Surroundings({})
    closed: list[str] = []

    @contextmanager
    def opened(name: str) -> Iterator[str]:
        yield name
        closed.append(name)

    with ThreadPoolExecutor(1) as threads:
        nested = threads.submit(
            surroundings.shared, "client", lambda: (surroundings.shared("login", lambda: opened("login")), "client")[1]
        )
        assert nested.result(5) == "client"
    surroundings.close()

    assert closed == ["login"]
