"""How messages repeat what somebody wrote: short, on one line, and never a secret pasted into the wrong place."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.secret import REDACTED
from reconciler.core.secret_forms import looks_secret

_MAX = 60


def quoted(value: object) -> str:
    """The text in quotes, its end cut off where it is long; `(secret)` where it looks like one."""
    text = str(value)
    if looks_secret(text):
        return REDACTED
    return f'"{clean(text[:_MAX])}…"' if len(text) > _MAX else f'"{clean(text)}"'


def clean(text: str) -> str:
    """The text on one line, with every control character written out: a key's name may hold any of them."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def redacted(text: str) -> str:
    """The text itself; `(secret)` where it looks like one."""
    return REDACTED if looks_secret(text) else text


def one_of(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`, in the order given."""
    *most, last = map(quoted, words)
    return f"{', '.join(most)} or {last}" if most else last
