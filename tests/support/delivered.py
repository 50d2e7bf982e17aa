"""What the tests of sinks deliver, and the runs that they begin."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

from reconciler.core.holding import Note, fingerprint
from reconciler.core.secret import Secret

FIELD = "APPWRITE_API_KEY"
SECRET = Secret("standard_" + "0123456789abcdef" * 16)
OTHER = Secret("standard_" + "fedcba9876543210" * 16)
KEY_ID = "ci.gho66k2d.g1"
CREATED = datetime(2030, 1, 1, 12, tzinfo=UTC)
NOTE = Note(key_id=KEY_ID, created=CREATED, fingerprint=fingerprint(KEY_ID, SECRET))

RUNS = ExitStack()
"""What is entered here ends with the test."""
