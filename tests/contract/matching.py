"""Whether an answer is the recorded one: to the byte, but for what differs by nature.

By form only: times that the server chose, ids that it chose, secrets and tokens, the e-mail address of who is
logged in, the words that describe a scope (the emulator has its own), and the HTML of error pages. An expiry
that the client chose is exact. Times and chosen ids must still agree among themselves: where two recorded values
of a field were equal the replayed ones must be, and where they differed too, so that a PUT that moves
`$updatedAt` when the server did not is a mismatch.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.contract.recorded import Clipped, Reply

_TIME = re.compile(r'("(?:\$createdAt|\$updatedAt|accessedAt)":)"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00)"')
_CHOSEN_ID = re.compile(r'"\$id":"([0-9a-f]{20})"')
_ID = re.compile(r'\{"\$id":"([^"]+)"')
_TOKEN = r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+"
_PLACEHOLDER = r"<(?:[A-Z][A-Z0-9_-]*|[a-z0-9]+:\d+|jwt|JWT)(?::[^<>\"]*)?>"
_SECRET = re.compile(
    rf'"(?:(?P<kind>standard_|organization_|account_)(?:<hex:256>|[0-9a-f]{{256}})'
    rf"|(?P<brief>ephemeral_|dynamic_|)(?:(?P<token>{_TOKEN})|{_PLACEHOLDER})"
    rf'|(?P<spoilt>ephemeral_|dynamic_)[^"<]*<[^"]*)"'
)
_FORMS = (
    (re.compile(r'(\{"\$id":"[\w.]+","description":)"(?:[^"\\]|\\.)+"(?=,"category")'), r'\1"<words>"'),
    (
        re.compile(r'("(?:consoleAccessedAt|registration|passwordUpdate|pingedAt)":)"\d{4}-\d\d-\d\dT[^"]+"'),
        r'\1"<time>"',
    ),
    (re.compile(r'("(?:at|\$createdAt|\$updatedAt)":)"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"'), r'\1"<bare time>"'),
    (re.compile(r'("expire":)"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"'), r'\1"<fine time>"'),
    (re.compile(r'("(?:email|providerUid)":)"[^"@]+@[^"]+"'), r'\1"<e-mail>"'),
    (re.compile(r'"[0-9a-f]{20}"'), '"<chosen>"'),
    (re.compile(r"(?<![\w.@])(?!app\.)[\w.+-]+@[\w.-]+(?= \(role: )"), "<e-mail>"),
)
_PAGE = "<!DOCTYPE html>"
_ERROR_OF_PAGE = "general_route_not_found"
_CUT = 400


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
        if recorded.clipped is not None:
            return _clipped_difference(recorded.clipped, masked(replayed.body))
        if recorded.body.startswith(_PAGE):
            same = replayed.body.startswith(_PAGE) and _ERROR_OF_PAGE in replayed.body
            return None if same else f"page {replayed.body[:200]}"
        if masked(recorded.body) != masked(replayed.body):
            return _where(masked(recorded.body), masked(replayed.body))
        return _token_difference(recorded.body, replayed.body) or self._unlike(recorded.body, replayed.body)

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
    body = _SECRET.sub(lambda found: f'"<{found["kind"] or found["brief"] or found["spoilt"] or "token"}>"', body)
    for form, blank in _FORMS:
        body = form.sub(blank, body)
    return body


def values_of_the_server(recorded: str, replayed: str) -> Iterable[tuple[str, str]]:
    """Ids and tokens that the recorded server chose, each with what stands for it now."""
    pattern = re.compile(rf'"((?:[a-z]+_)?{_TOKEN}|[0-9a-f]{{20}})"')
    was, now = pattern.findall(recorded), pattern.findall(replayed)
    return zip(was, now, strict=True) if len(was) == len(now) else ()


def _token_difference(recorded: str, replayed: str) -> str | None:
    """What tokens say must be the same, but for their time and who they stand for."""
    for was, now in zip(_SECRET.finditer(recorded), _SECRET.finditer(replayed), strict=True):
        if was["token"] and now["token"]:
            said, says = (_payload(found["token"]) for found in (was, now))
            if said != says:
                return f"a token that says {says} for {said}"
    return None


def _payload(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    try:
        said = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {"": part}
    return {name: value for name, value in said.items() if name not in {"exp", "userId", "sessionId"}}


def _clipped_difference(recorded: Clipped, replayed: str) -> str | None:
    """A body of which only both ends were kept; what may have been cut through is left out."""
    head, tail = masked(recorded.head), masked(recorded.tail)
    head, tail = head[: max(0, len(head) - _CUT)], tail[_CUT:]
    if not replayed.startswith(head):
        return _text_difference(head, replayed)
    return None if replayed.endswith(tail) else f"ends in …{replayed[-80:]} for …{tail[-80:]}"


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
