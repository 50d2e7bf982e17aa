"""The recorded request and response pairs of genuine servers, as values.

A recording is a folder of groups, read in the order in which they were made: later ones build on what
the earlier ones left. Secrets stand as `<hex:256>`, credentials as `<SESSION>` and `<KEY:name>`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "recordings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as it was sent; `body` in bytes, credentials still placeholders."""

    method: str
    path: str
    headers: dict[str, str] | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response as it came. `type` and `at` are None where only status and body were kept."""

    status: int
    body: str
    type: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recorded step: a call with its reply, or with the replies to many copies sent at once."""

    label: str
    call: Call | None
    replies: tuple[Reply, ...]


def load(folder: Path) -> tuple[tuple[Entry, ...], ...]:
    """The groups of a recording, oldest first; labels are `group/label`."""
    groups = [
        tuple(_entry(path.stem, item) for item in json.loads(path.read_text(encoding="utf-8"))["items"])
        for path in sorted(folder.glob("*.json"))
    ]
    return tuple(sorted(groups, key=_begun))


def _begun(group: Sequence[Entry]) -> datetime:
    return next(reply.at for entry in group for reply in entry.replies if reply.at is not None)


def _entry(group: str, item: dict[str, Any]) -> Entry:
    replies = [item["response"]] if "response" in item else item.get("responses", [])
    return Entry(
        label=f"{group}/{item['label']}",
        call=_call(item["request"]) if "request" in item else None,
        replies=tuple(_reply(reply) for reply in replies),
    )


def _call(request: dict[str, Any]) -> Call:
    return Call(
        method=request["method"],
        path=request["path"],
        headers=request.get("headers"),
        body=_body(request.get("body")),
    )


def _reply(reply: dict[str, Any]) -> Reply:
    """A reply with all its headers, as recorders write it, or with the two that matter, as kept here."""
    headers = {name.lower(): value for name, value in reply.get("headers", [])}
    date = headers.get("date")
    at = reply.get("at") or (parsedate_to_datetime(date).isoformat() if date else None)
    return Reply(
        status=reply["status"],
        body=reply["body"] or "",
        type=reply.get("type", headers.get("content-type")),
        at=datetime.fromisoformat(at) if at else None,
    )


def _body(body: str | dict[str, Any] | None) -> bytes:
    """Long bodies were recorded by length, beginning and end, binary ones in hexadecimal."""
    if isinstance(body, dict):
        if "head_hex" in body:
            return bytes.fromhex(body["head_hex"])
        missing = body["text_len"] - len(body["head"]) - len(body["tail"])
        return str(body["head"] + "x" * missing + body["tail"]).encode()
    return (body or "").encode()
