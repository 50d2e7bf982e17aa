"""A secret is a type: it redacts itself wherever Python turns a value into text.

`reveal()` is the only way to the text, so that every place where a secret leaves can be found by its name.
"""

from __future__ import annotations

from typing import NoReturn

REDACTED = "(secret)"


class Secret:
    """The text of a credential or of a key's secret.

    Shows as `(secret)` in repr, str, format and tracebacks; refuses to be pickled or copied into JSON.
    Two secrets are equal when their texts are, compared in constant time.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for an HTTP header or a sink, never for a message."""
        return self._text

    def __repr__(self) -> str:
        return REDACTED

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(REDACTED, spec)

    def __eq__(self, other: object) -> bool:
        from hmac import compare_digest

        return isinstance(other, Secret) and compare_digest(self._bytes(), other._bytes())

    def _bytes(self) -> bytes:
        return self._text.encode(errors="surrogatepass")  # what a file held may be no valid text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")
