"""What secrets look like, Appwrite's, the identities of age and the credentials of services that secrets are delivered
to: the one place that says so.

Two degrees of one knowledge. `looks_secret` is what text is refused and withheld by, so it names only what nobody
writes on purpose: a kind with a run of letters and digits behind it, or a very long rest, the bare hexadecimal of old
keys, the beginning of a session or a JWT, an identity of age, or a service's own beginning and the rest that belongs to
it. `MAY_BE_SECRET` is what an excerpt covers, sign by sign: there a secret may be broken or cut, and covering a word
too much costs nothing.

The manifest's schema repeats `LOOKS_SECRET` under `noSecret`, for editors; a test holds the two together.
"""

from __future__ import annotations

import re

KINDS = ("standard", "organization", "account", "ephemeral", "dynamic")
"""What stands before the first `_` of a secret; `dynamic` is what `ephemeral` was called before."""

_KIND = f"(?:{'|'.join(KINDS)})_"

_OF_SERVICES = (
    ("gh[oprsu]_", "[A-Za-z0-9]{30,}"),  # GitHub
    ("github_pat_", "[A-Za-z0-9]{20,}"),
    ("gl(?:cbt|dt|oas|pat|ptt|rt|soat)-", "(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{20,}"),  # GitLab
    (r"hv[brs]\.", "(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{24,}"),  # Vault, whose older tokens begin with less
    ("A[KS]IA", "[A-Z2-7]{16}(?![A-Za-z0-9])"),  # AWS, the id: nothing tells its secret from other text
)
"""Beginning and rest; capital letters, where names could begin so too."""

LOOKS_SECRET = (
    rf"{_KIND}(?:(?=[A-Za-z]*[0-9])[A-Za-z0-9]{{16,}}|[A-Za-z0-9._-]{{48,}})"
    r"|[0-9a-fA-F]{64,}|eyJ[A-Za-z0-9_.+/=-]{16,}|AGE-SECRET-KEY-[0-9A-Z-]{16,}"
    rf"|(?:^|[^A-Za-z0-9_])(?:{'|'.join(f'{beginning}{rest}' for beginning, rest in _OF_SERVICES)})"
)
"""Read alike by Python and by ECMA, whose regular expressions are those of JSON Schema."""

MAY_BE_SECRET = (
    rf"""{_KIND}[^\s"',\[\]{{}}]{{4,}}|eyJ[\w.+/=-]{{6,}}|AGE-SECRET-KEY-\S+|\b[0-9a-fA-F]{{32,}}\b"""
    rf"|\b(?:{'|'.join(beginning for beginning, _ in _OF_SERVICES)})[\w.-]{{8,}}"
)

_LOOKS_SECRET = re.compile(LOOKS_SECRET)


def looks_secret(text: str) -> bool:
    """Whether what looks like a secret stands anywhere in a text."""
    return _LOOKS_SECRET.search(text) is not None
