"""Whether an answer is the recorded one: to the byte, but for what differs by nature.

By form only: `$createdAt`, `$updatedAt` and `accessedAt`, ids the server chose, secrets, and the HTML of
error pages. Times and chosen ids must still agree among themselves: where two recorded values of a
field were equal the replayed ones must be, and where they differed too, so that a PUT that moves
`$updatedAt` when the server did not is a mismatch.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from tests.contract.recorded import Reply

_TIME = re.compile(r'("(?:\$createdAt|\$updatedAt|accessedAt)":)"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00)"')
_SECRET = re.compile(r'"standard_(?:<hex:256>|[0-9a-f]{256})"')
_CHOSEN_ID = re.compile(r'"\$id":"([0-9a-f]{20})"')
_ID = re.compile(r'\{"\$id":"([^"]+)"')
_PAGE = "<!DOCTYPE html>"
_ERROR_OF_PAGE = "general_route_not_found"


@dataclass(slots=True)
class Matcher:
    """Compares replies with recorded ones, remembering which value stood for which."""

    _seen: dict[tuple[str, str], str] = field(default_factory=dict)
    _back: dict[tuple[str, str], str] = field(default_factory=dict)

    def difference(self, recorded: Reply, replayed: Reply) -> str | None:
        """What differs, in one line; None where the replies match."""
        if recorded.status != replayed.status:
            return f"status {replayed.status} for {recorded.status}: {replayed.body[:200]}"
        if recorded.type is not None and recorded.type != replayed.type:
            return f"content type {replayed.type} for {recorded.type}"
        if recorded.body.startswith(_PAGE):
            same = replayed.body.startswith(_PAGE) and _ERROR_OF_PAGE in replayed.body
            return None if same else f"page {replayed.body[:200]}"
        if masked(recorded.body) != masked(replayed.body):
            return _where(masked(recorded.body), masked(replayed.body))
        return self._unlike(recorded.body, replayed.body)

    def _unlike(self, recorded: str, replayed: str) -> str | None:
        """The first pair of values that breaks the correspondence so far."""
        for (name, was), (_, now) in zip(_variables(recorded), _variables(replayed), strict=True):
            if self._seen.setdefault((name, was), now) != now:
                return f"{name}: {now}, but {was} stood for {self._seen[name, was]} before"
            if self._back.setdefault((name, now), was) != was:
                return f"{name}: {now} again, where the recording moves on to {was}"
        return None


def masked(body: str) -> str:
    """The body with everything blanked that is compared by form."""
    body = _TIME.sub(r'\1"<time>"', body)
    body = _SECRET.sub('"<secret>"', body)
    return _CHOSEN_ID.sub('"$id":"<chosen>"', body)


def _variables(body: str) -> list[tuple[str, str]]:
    """The times and chosen ids of a body in order, named by key and field.

    A key is known by its place in the body, for its id may be one that the server chose.
    """
    found: list[tuple[str, str]] = []
    for part in re.split(r'(?=\{"\$id":)', body):
        if identity := _ID.match(part):
            chosen = _CHOSEN_ID.search(part)
            name = "<chosen>" if chosen else identity[1].lower()
            found += [("chosen id", chosen[1])] if chosen else []
            found += [(f"{name} {label.strip(':')}", time) for label, time in _TIME.findall(part)]
    return found


def _where(recorded: str, replayed: str) -> str:
    """The first field that differs, or the first character where the bodies are no like objects."""
    try:
        was, now = json.loads(recorded), json.loads(replayed)
    except ValueError:
        return _text_difference(recorded, replayed)
    if isinstance(was, dict) and isinstance(now, dict) and list(was) == list(now):
        for name, value in was.items():
            if now[name] != value:
                inner = _text_difference(json.dumps(value), json.dumps(now[name]))
                return f"{name}: {inner}"
    return _text_difference(recorded, replayed)


def _text_difference(recorded: str, replayed: str) -> str:
    pairs = zip(recorded, replayed, strict=False)
    shorter = min(len(recorded), len(replayed))
    at = next((index for index, (was, now) in enumerate(pairs) if was != now), shorter)
    start = max(0, at - 40)
    return f"…{replayed[start : at + 80]}… for …{recorded[start : at + 80]}…"
