"""What a sink holds, as far as it can be seen, and whether that is a key's secret.

Beside a secret stands a note, where the sink has a place for one: the key's id and creation, and a fingerprint by
which the secret is known again although the server never shows it a second time. What cannot be told is `UNKNOWN`, and
nothing is done about it: a plan says what is known.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from reconciler.core.desired import SinkSpec
from reconciler.core.keys import LiveKey
from reconciler.core.secret import Secret
from reconciler.core.times import format_instant, parse_instant

_NOTE = re.compile(
    r"key=(?P<key>[A-Za-z0-9][A-Za-z0-9._-]{0,35}) created=(?P<created>\S+) fingerprint=(?P<fingerprint>[0-9a-f]{32})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is kept beside a secret: whose it is, and how to know it again without showing it."""

    key_id: str
    created: datetime
    fingerprint: str

    def __str__(self) -> str:
        """One line of ASCII, which `parse_note` reads back."""
        return f"key={self.key_id} created={format_instant(self.created)} fingerprint={self.fingerprint}"


def note_of(key: LiveKey, secret: Secret) -> Note:
    """The note of a key's secret."""
    return Note(key_id=key.id, created=key.created, fingerprint=fingerprint(key.id, secret))


def parse_note(text: str) -> Note | None:
    """The note in a text, whatever stands around it; None where there is none. Its key is an id as Appwrite allows one,
    and nothing else that somebody wrote there: a message may show it.
    """
    match = _NOTE.search(text)
    if match is None:
        return None
    try:
        created = parse_instant(match["created"])
    except ValueError:
        return None
    return Note(key_id=match["key"], created=created, fingerprint=match["fingerprint"])


def without_note(text: str) -> str:
    """What stands around the note in a text."""
    return (text if parse_note(text) is None else _NOTE.sub("", text, count=1)).strip()


def fingerprint(key_id: str, secret: Secret) -> str:
    """128 bits of SHA-256 over the key's id, which is the salt, and the secret, whose own 1,024 random bits nobody
    finds by guessing.
    """
    return hashlib.sha256(f"{key_id}\0{secret.reveal()}".encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What can be seen of a sink.

    `occupied` tells whether a value is there, None where nobody can see that. `secret` is None where there is no value
    or the sink shows none, `written` when the value was last written, where the sink tells. `outdated` says that it
    must be written anew whatever it holds, as where it is encrypted for others than it should be. `why` says what kept
    a sink from being looked at that usually can be.
    """

    occupied: bool | None
    secret: Secret | None = None
    note: Note | None = None
    written: datetime | None = None
    outdated: bool = False
    why: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether a value is there that is nobody's: one without a character, as in a file that was emptied."""
        return self.secret is not None and not self.secret.reveal()


EMPTY = Holding(occupied=False)
"""No value is there."""

UNSEEN = Holding(occupied=None)
"""The sink is never looked into."""


def holding(secret: Secret | None, note: Note | None = None) -> Holding:
    """What a sink holds that shows its value, None for no value."""
    return EMPTY if secret is None else Holding(occupied=True, secret=secret, note=note)


Held = Mapping[SinkSpec, Holding]
"""What each sink holds; those that cannot be read although they should be are left out."""


class Match(Enum):
    """Whether a sink holds a key's secret."""

    HOLDS = auto()
    LACKS = auto()
    UNKNOWN = auto()


def match(held: Holding, key: LiveKey) -> Match:
    """Whether a sink holds the secret of a live key, by the best that can be seen: the secret itself, its fingerprint,
    the id beside it, the time at which it was written.
    """
    found = _match(held, key)
    if not held.outdated or found is Match.LACKS:
        return found
    # A server that hides the secret lets nobody write it anew, and a key that works is not made again for that.
    return Match.LACKS if key.secret is not None else Match.UNKNOWN


def is_held(held: Holding, key: LiveKey) -> bool:
    """Whether a sink is known to hold the secret of a live key, though it may have to be written anew."""
    return _match(held, key) is Match.HOLDS


def _match(held: Holding, key: LiveKey) -> Match:
    if held.occupied is None:
        return Match.UNKNOWN
    if not held.occupied or held.is_blank:
        return Match.LACKS
    if held.secret is not None and key.secret is not None:
        return _known(held.secret == key.secret)
    if held.note is not None and not _is_outlived(held.note, held.secret, key):
        seen = held.secret or key.secret
        same = seen is None or fingerprint(held.note.key_id, seen) == held.note.fingerprint
        return _known(same and held.note.key_id == key.id)
    if held.written is not None and held.written < key.created:
        return Match.LACKS
    return Match.UNKNOWN


def _is_outlived(note: Note, beside: Secret | None, key: LiveKey) -> bool:
    """Whether a note is of another key and of another value than the one that it stands beside, which was then written
    by somebody who could not write the note: it tells nothing.
    """
    return note.key_id != key.id and beside is not None and fingerprint(note.key_id, beside) != note.fingerprint


def _known(same: bool) -> Match:
    return Match.HOLDS if same else Match.LACKS


def is_same(held: Holding, secret: Secret, note: Note) -> bool:
    """Whether a sink is known to hold this very secret, so that it need not be written again."""
    if held.outdated:
        return False
    if held.secret is not None:
        return held.secret == secret
    return held.note is not None and held.note == note
