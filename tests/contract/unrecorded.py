"""What happened between the recorded calls, as far as the recorded answers tell.

A recording leaves out steps: keys made in bulk, keys deleted to tidy up. What follows from the answers, and from
nothing that the emulator says:

- a key that is shown, or called with success, and that no recorded call made: it was made before, at the time
  that it shows, or before its group;
- a key that a complete list does not show, and that no recorded call deleted: it was deleted before the list;
- a key that is shown with another name, other scopes or another end than it was shown with last: it was changed
  in between, since the answer to a recorded change would have shown it;
- a key that is shown as used, with the SDKs that used it, and that no recorded call used: it was used before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.contract.recorded import Call, Entry

_ITEM = re.compile(r"/v1/(?:project|projects/[^/?]+)/+keys/([^/?]+)/?(?:\?|$)")
_LIST = re.compile(r"/v1/(?:project|projects/[^/?]+)/+keys/?(?:\?|$)")
_ALIAS = re.compile(r"/v1/projects/([^/?]+)/")
_KEY = re.compile(r"<KEY:([^>]+)>")
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A key that was made off the record, before entry `entry` of group `group`."""

    group: int
    entry: int
    project: str
    key_id: str
    name: str
    scopes: Sequence[str]
    expire: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A key that was changed off the record, before entry `entry` of group `group`."""

    group: int
    entry: int
    project: str
    key_id: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A key that was used off the record, before entry `entry` of group `group`."""

    group: int
    entry: int
    project: str
    key_id: str
    sdks: Sequence[str]


Step = Made | Changed | Used


def project_of(call: Call) -> str:
    """The project that a call is made to."""
    if alias := _ALIAS.match(call.path):
        return alias[1]
    headers = {name.lower(): value for name, value in (call.headers or {}).items()}
    return headers.get("x-appwrite-project", "proja")


def is_list(call: Call) -> bool:
    """Whether a call lists keys, in whatever part."""
    return call.method == "GET" and _LIST.match(call.path) is not None


def is_whole_list(call: Call) -> bool:
    """Whether a call asks for every key of its project."""
    return is_list(call) and "?" not in call.path


def counts_all(call: Call) -> bool:
    """Whether the total of a list counts every key of its project."""
    asked = call.path.lower()
    filtered = re.search(r"equal|than|null|starts|ends|contains|between|search|total=", asked)
    return is_list(call) and filtered is None


def shown_keys(entry: Entry) -> Iterator[dict[str, Any]]:
    """Every key that the answers to an entry show."""
    for reply in entry.replies:
        try:
            body = json.loads(reply.body) if reply.status in _SUCCESS else None
        except ValueError:
            continue
        for key in body.get("keys", [body]) if isinstance(body, dict) else ():
            if isinstance(key, dict) and {"$id", "scopes", "secret", "$createdAt"} <= key.keys():
                yield key


def made(groups: Sequence[Sequence[Entry]]) -> list[Made]:
    """The keys that were made off the record, in the order of their making."""
    known = _recorded_ids(groups)
    found: list[Made] = []
    for number, group in enumerate(groups):
        for index, entry in enumerate(group):
            if entry.call is None:
                continue
            for key in shown_keys(entry):
                if _id(key["$id"]) not in known and not _irregular(key):
                    known.add(_id(key["$id"]))
                    found.append(_of(key, entry.call, groups, number, index))
            item = _ITEM.match(entry.call.path)
            if item and _succeeded(entry) and _id(item[1]) not in known and entry.call.method != "POST":
                known.add(_id(item[1]))
                found.append(_named(item[1], entry.call, number))
    return sorted(found, key=lambda key: (key.group, key.entry, key.at.timestamp() if key.at else 0))


def changed(groups: Sequence[Sequence[Entry]]) -> list[Changed]:
    """The keys that were changed off the record."""
    last: dict[str, dict[str, Any]] = {}
    found: list[Changed] = []
    for number, group in enumerate(groups):
        for index, entry in enumerate(group):
            if entry.call is None:
                continue
            for key in shown_keys(entry):
                now = {"name": key["name"], "scopes": key["scopes"], "expire": key["expire"] or None}
                before = last.setdefault(_id(key["$id"]), now)
                if before != now and entry.call.method == "GET":
                    project = project_of(entry.call)
                    found.append(Changed(group=number, entry=index, project=project, key_id=key["$id"], fields=now))
                last[_id(key["$id"])] = now
    return found


def used(groups: Sequence[Sequence[Entry]]) -> list[Used]:
    """The keys that were used off the record."""
    known: set[str] = set()
    found: list[Used] = []
    for number, group in enumerate(groups):
        for index, entry in enumerate(group):
            if entry.call is None:
                continue
            known |= {_id(name) for value in (entry.call.headers or {}).values() for name in _KEY.findall(value)}
            for key in shown_keys(entry):
                if key.get("accessedAt") and _id(key["$id"]) not in known:
                    known.add(_id(key["$id"]))
                    project, sdks = project_of(entry.call), key.get("sdks", [])
                    found.append(Used(group=number, entry=index, project=project, key_id=key["$id"], sdks=sdks))
    return found


def deleted_on_record(groups: Sequence[Sequence[Entry]]) -> set[str]:
    """The ids that recorded calls deleted."""
    gone: set[str] = set()
    for group in groups:
        for entry in group:
            if entry.call and entry.call.method == "DELETE" and _succeeded(entry):
                item = _ITEM.match(entry.call.path)
                gone |= {_id(item[1])} if item else set()
    return gone


def _recorded_ids(groups: Sequence[Sequence[Entry]]) -> set[str]:
    """The ids that recorded calls made."""
    return {
        _id(key["$id"])
        for group in groups
        for entry in group
        if entry.call is not None and entry.call.method == "POST"
        for key in shown_keys(entry)
    }


def _of(key: dict[str, Any], call: Call, groups: Sequence[Sequence[Entry]], group: int, index: int) -> Made:
    at = datetime.fromisoformat(key["$createdAt"])
    where = _place(groups, at, (group, index))
    return Made(
        group=where[0],
        entry=where[1],
        project=project_of(call),
        key_id=key["$id"],
        name=key["name"],
        scopes=key["scopes"],
        expire=key["expire"],
        at=at,
    )


def _named(key_id: str, call: Call, group: int) -> Made:
    return Made(
        group=group, entry=0, project=project_of(call), key_id=key_id, name=key_id, scopes=[], expire="", at=None
    )


def _place(groups: Sequence[Sequence[Entry]], at: datetime, latest: tuple[int, int]) -> tuple[int, int]:
    """Before the first entry that was answered after a moment, and no later than `latest`."""
    for number, group in enumerate(groups[: latest[0] + 1]):
        for index, entry in enumerate(group):
            seen = entry.replies[0].at if entry.replies else None
            if (number, index) >= latest or (seen is not None and seen > at):
                return number, index
    return latest


def _succeeded(entry: Entry) -> bool:
    return any(reply.status in _SUCCESS for reply in entry.replies)


def _irregular(key: dict[str, Any]) -> bool:
    """Whether a key is an ephemeral one, which nobody can list."""
    return "T" not in key["$createdAt"]


def _id(key_id: str) -> str:
    return key_id.lower()
