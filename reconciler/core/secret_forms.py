"""What secrets look like, Appwrite's and the identities of age: the one place that says so.

Two degrees of one knowledge. `looks_secret` is what text is refused and withheld by, so it names only what nobody
writes on purpose: a kind with a run of letters and digits behind it, or a very long rest, the bare hexadecimal of old
keys, the beginning of a session or a JWT, or an identity of age. `MAY_BE_SECRET` is what an excerpt covers, sign by
sign: there a secret may be broken or cut, and covering a word too much costs nothing.

The manifest's schema repeats `LOOKS_SECRET` under `noSecret`, for editors; a test holds the two together.
"""

from __future__ import annotations

import re

KINDS = ("standard", "organization", "account", "ephemeral", "dynamic")
"""What stands before the first `_` of a secret; `dynamic` is what `ephemeral` was called before."""

_KIND = f"(?:{'|'.join(KINDS)})_"

LOOKS_SECRET = (
    rf"{_KIND}(?:(?=[A-Za-z]*[0-9])[A-Za-z0-9]{{16,}}|[A-Za-z0-9._-]{{48,}})"
    r"|[0-9a-fA-F]{64,}|eyJ[A-Za-z0-9_.+/=-]{16,}|AGE-SECRET-KEY-[0-9A-Z-]{16,}"
)
"""Read alike by Python and by ECMA, whose regular expressions are those of JSON Schema."""

MAY_BE_SECRET = rf"""{_KIND}[^\s"',\[\]{{}}]{{4,}}|eyJ[\w.+/=-]{{6,}}|AGE-SECRET-KEY-\S+|\b[0-9a-fA-F]{{32,}}\b"""

_LOOKS_SECRET = re.compile(LOOKS_SECRET)


def looks_secret(text: str) -> bool:
    """Whether what looks like a secret stands anywhere in a text."""
    return _LOOKS_SECRET.search(text) is not None
