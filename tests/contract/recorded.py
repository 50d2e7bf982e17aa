"""The recorded request and response pairs of genuine servers, as values.

A recording is a folder of groups, read in the order in which they were made: later ones build on what
the earlier ones left. Secrets stand as `<hex:256>`, credentials as `<SESSION>` and `<KEY:name>`. An entry
that is of no known shape is kept by its label, without a call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "recordings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as it was sent; `body` in bytes, credentials still placeholders."""

    method: str
    path: str
    headers: Mapping[str, str] | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipped:
    """A long body, of which both ends were kept."""

    head: str
    tail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response as it came. `type` and `at` are None where only status and body were kept."""

    status: int
    body: str
    type: str | None = None
    at: datetime | None = None
    clipped: Clipped | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recorded step: a call with its reply, or with the replies to many copies sent at once.

    `unread` says why an entry has no call or no replies.
    """

    label: str
    call: Call | None
    replies: tuple[Reply, ...]
    unread: str | None = None


def load(folder: Path) -> tuple[tuple[Entry, ...], ...]:
    """The groups of a recording, oldest first; labels are `group/label`."""
    groups = [_group(path) for path in sorted(folder.glob("*.json"))]
    times = [_begun(group) for group in groups]
    latest = datetime.min.replace(tzinfo=UTC)
    keys: list[tuple[datetime, int]] = []
    for index, time in enumerate(times):  # a group without a time stays behind the one before it
        latest = time or latest
        keys.append((latest, index))
    return tuple(groups[index] for _, index in sorted(keys))


def _group(path: Path) -> tuple[Entry, ...]:
    try:
        items = json.loads(path.read_text(encoding="utf-8"))["items"]
    except (ValueError, KeyError, TypeError) as error:
        return (Entry(label=path.stem, call=None, replies=(), unread=f"no recording: {error}"),)
    return tuple(_entry(path.stem, index, item) for index, item in enumerate(items))


def _begun(group: Sequence[Entry]) -> datetime | None:
    return next((reply.at for entry in group for reply in entry.replies if reply.at is not None), None)


def _entry(group: str, index: int, item: Any) -> Entry:
    label = f"{group}/{index}"
    try:
        label = f"{group}/{item['label']}"
        replies = [item["response"]] if "response" in item else item.get("responses", [])
        call = _call(item["request"]) if "request" in item else None
        answered = tuple(_reply(reply) for reply in replies)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Entry(label=label, call=None, replies=(), unread=f"unknown shape: {error!r}")
    unread = (
        "without its request" if call is None else None if answered else str(item.get("error", "without an answer"))
    )
    return Entry(label=label, call=call, replies=answered, unread=unread)


def _call(request: dict[str, Any]) -> Call:
    headers = request.get("headers")
    return Call(
        method=request["method"],
        path=request["path"],
        headers=None if headers is None else {str(name): str(value) for name, value in dict(headers).items()},
        body=_body(request.get("body")),
    )


def _reply(reply: dict[str, Any]) -> Reply:
    """A reply with all its headers, as recorders write it, or with the two that matter, as kept here."""
    headers = {name.lower(): value for name, value in dict(reply.get("headers", [])).items()}
    date = headers.get("date")
    at = reply.get("at") or (parsedate_to_datetime(date).isoformat() if date else None)
    body = reply.get("body") or ""
    return Reply(
        status=int(reply["status"]),
        body=body if isinstance(body, str) else "",
        type=reply.get("type", headers.get("content-type")),
        at=datetime.fromisoformat(at) if at else None,
        clipped=None if isinstance(body, str) else Clipped(head=body["head"], tail=body["tail"]),
    )


def _body(body: Any) -> bytes:
    """Long bodies were recorded by length, beginning and end, binary ones in hexadecimal."""
    if isinstance(body, dict) and "head_hex" in body:
        return bytes.fromhex(body["head_hex"])
    if isinstance(body, dict) and "text_len" in body:
        missing = body["text_len"] - len(body["head"]) - len(body["tail"])
        return str(body["head"] + "x" * missing + body["tail"]).encode()
    if isinstance(body, (dict, list)):
        return json.dumps(body).encode()
    return (body or "").encode()
