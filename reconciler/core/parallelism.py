"""How many calls are in flight to one server."""

from __future__ import annotations

PARALLELISM = 10
"""Unless told otherwise: a genuine server gains nothing beyond."""
