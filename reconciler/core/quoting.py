"""How messages repeat what somebody wrote: short, on one line, and never a secret pasted into the wrong place."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.core.secret import REDACTED

_MAX = 60
_SECRET = re.compile(
    r"(standard|organization|account|ephemeral|dynamic)_[A-Za-z0-9._-]{12,}|[0-9a-f]{64,}|eyJ[A-Za-z0-9_.+/=-]{16,}"
    r"|AGE-SECRET-KEY-[0-9A-Z-]{16,}"
)
"""What Appwrite's credentials look like: a kind and a long rest, the bare hexadecimal of old keys, or a session. And
an identity of age.
"""


def quoted(value: object) -> str:
    """The text in quotes, its end cut off where it is long; `(secret)` where it looks like a credential."""
    text = str(value)
    if redacted(text) != text:
        return REDACTED
    return f'"{clean(text[:_MAX])}…"' if len(text) > _MAX else f'"{clean(text)}"'


def clean(text: str) -> str:
    """The text on one line, with every control character written out: a key's name may hold any of them."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def redacted(text: str) -> str:
    """The text itself; `(secret)` where it looks like a credential."""
    return REDACTED if _SECRET.search(text) else text


def one_of(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`, in the order given."""
    *most, last = map(quoted, words)
    return f"{', '.join(most)} or {last}" if most else last
