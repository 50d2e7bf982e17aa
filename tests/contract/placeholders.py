"""What a recording writes in place of credentials, and what stands for it in a replay.

- `<SESSION>` is the owner's session; `<SESSION:x>` that of somebody who owns nothing.
- `<KEY:name>` is the key of that id, or of that name; with `-bare`, `-nl`, `-up` at its end, a spoilt form of it.
  A name that no key has is an ephemeral key: the latest whose entry's label has the name as a word, or the one that
  was the latest when the name was first used.
- `<EMAIL>` and `<PASSWORD>` are the owner's.
- `<JWT>`, also with a name, is a token of the owner's session.
- What the recorded server chose and the recording shows, ids and tokens, is what was shown in its place now.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_WRITTEN = re.compile(r"<(SESSION|KEY|EMAIL|PASSWORD|JWT|EPHEMERAL|EPH|DYNAMIC)(\d*)(?:[:_-]([^<>]*))?>")
_UNKNOWN = re.compile(r"<[A-Z][A-Z0-9_]*(?:[:-][^<>]*)?>")
_SPOILT: dict[str, Callable[[str], str]] = {
    "-bare": lambda secret: secret.partition("_")[2],
    "-nl": lambda secret: f"{secret} ",
    "-sp": lambda secret: f"{secret} ",
    "-up": str.upper,
    "-low": str.lower,
    "-cut": lambda secret: secret[:-1],
    "-trunc": lambda secret: secret[:-1],
}


class Unknown(Exception):
    """A placeholder that says nothing here."""


@dataclass(kw_only=True)
class Placeholders:
    """The credentials of one replay.

    Attributes:
        session: the owner's session.
        outsider: makes a session of somebody who owns nothing.
        token: makes a JWT of a session.
        login: the owner's e-mail address and password.
    """

    session: str
    outsider: Callable[[], str]
    token: Callable[[str], str]
    login: tuple[str, str]
    _keys: dict[str, str] = field(default_factory=dict)
    _ephemeral: list[tuple[str, str]] = field(default_factory=list)
    _bound: dict[str, str] = field(default_factory=dict)
    _chosen: dict[str, str] = field(default_factory=dict)

    def keep_key(self, key_id: str, name: str, secret: str) -> None:
        """Remember a key that was made; the latest of an id counts, and before it of a name."""
        self._keys[key_id] = secret
        self._keys.setdefault(name, secret)

    def keep_ephemeral(self, label: str, secret: str) -> None:
        """Remember an ephemeral key by the entry that made it."""
        self._ephemeral.append((label.lower(), secret))

    def keep_chosen(self, recorded: str, replayed: str) -> None:
        """Remember what stands for a value of the recorded server."""
        self._chosen[recorded] = replayed

    def filled(self, text: str) -> str:
        """A text of the recording with what stands for its placeholders.

        Raises:
            Unknown: there is nothing to stand for one of them.
        """
        text = _WRITTEN.sub(self._value, text)
        for recorded, replayed in self._chosen.items():
            text = text.replace(recorded, replayed)
        return text

    def header(self, text: str) -> str:
        """A header, in which nothing else looks like a placeholder."""
        filled = self.filled(text)
        if strange := _UNKNOWN.search(filled):
            raise Unknown(strange[0])
        return filled

    def _value(self, found: re.Match[str]) -> str:
        kind, number, name = found[1], found[2], found[3] or ""
        match kind:
            case "SESSION" if not number and not name:
                return self.session
            case "SESSION":
                return self.outsider()
            case "EMAIL" | "PASSWORD":
                return self.login[kind == "PASSWORD"]
            case "JWT" if not self._has_ephemeral(name):
                return self.token(self.session)
            case _:
                return self._key(name, found[0])

    def _key(self, name: str, written: str) -> str:
        if name in self._keys:
            return self._keys[name]
        for suffix, spoil in _SPOILT.items():
            if name.endswith(suffix):
                return spoil(self._key(name.removesuffix(suffix), written))
        if not self._ephemeral:
            raise Unknown(written)
        labelled = [secret for label, secret in self._ephemeral if _names(label, name)]
        return labelled[-1] if labelled else self._bound.setdefault(name, self._ephemeral[-1][1])

    def _has_ephemeral(self, name: str) -> bool:
        return any(_names(label, name) for label, _ in self._ephemeral)


def _names(label: str, name: str) -> bool:
    """Whether a name is a word of a label."""
    return bool(name) and re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", label) is not None
