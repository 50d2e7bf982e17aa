"""How much of a long row of cases is tried: all of them with `make test WHOLE=1`, else every fifth, from another one on
in each row, so that rows side by side try each case between them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

STRIDE = 1 if os.environ.get("WHOLE") else 5


def share(cases: Sequence[T], first: int = 0) -> Sequence[T]:
    """The cases of a row that are tried; `first` tells rows apart."""
    return cases[first % STRIDE :: STRIDE]
