"""Servers and processes that several modules start, each for itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest

from reconciler.api import wiring
from tests.support.processes import Server, Zygote, a_server, a_zygote

_NUMBERS = count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with a_server() as running:
        yield running


@pytest.fixture(scope="module")
def hiding_server() -> Iterator[Server]:
    """A server that shows a secret in the answer to the creation, and never again."""
    with a_server(hides=True) as running:
        yield running


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with a_zygote() as ready:
        yield ready


@pytest.fixture
def place() -> str:
    """A name of the test's own, in a service that several share."""
    return f"t{next(_NUMBERS)}"


@pytest.fixture
def hiding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in server shows a secret once."""
    monkeypatch.setattr(wiring, "open_emulator", partial(wiring.open_emulator, profile="2.6.2"))
