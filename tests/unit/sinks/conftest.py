"""What the tests of sinks share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.delivered import RUNS


@pytest.fixture(autouse=True)
def every_run_ends() -> Iterator[None]:
    yield
    RUNS.close()
