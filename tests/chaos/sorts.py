"""The kinds of sinks that the chaos knows, by name; each opens what it needs, and is closed with the arena."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.chaos.kinds import Age, Dotenv, Exec, File, Kind

Sort = Callable[[], AbstractContextManager[Kind]]


@contextmanager
def _dotenv() -> Iterator[Kind]:
    yield Dotenv()


@contextmanager
def _file() -> Iterator[Kind]:
    yield File()


@contextmanager
def _age() -> Iterator[Kind]:
    yield Age()


@contextmanager
def _exec() -> Iterator[Kind]:
    yield Exec()


SORTS: dict[str, Sort] = {"dotenv": _dotenv, "exec": _exec}
