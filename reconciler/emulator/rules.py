"""Which calls go wrong, and how: the values that `reconciler.emulator.faults` acts on.

They come from Python or from JSON. Reading JSON refuses what it does not know, by name and place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, get_args, get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Waits before the call is delivered."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answers in the application's place, which never sees the call.

    `body` is `typed` (the API's error), `untyped` (the same without `type`), `html` (a proxy's page) or
    `empty`; `retry_after` is the header's text.
    """

    status: int
    body: Literal["typed", "untyped", "html", "empty"] = "typed"
    retry_after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DropBefore:
    """The connection breaks before the application sees the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropAfter:
    """The application does the call, and its answer is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """The answer is lost at once, and the application does the call `seconds` later."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Double:
    """The application does the call twice; the client gets one of the two answers."""

    returns: Literal["first", "second"] = "second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtaken:
    """Another client's DELETE of the same key comes first, and the call, a PUT, is answered with 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleCache:
    """For so long after the call the project's keys authenticate as before it, or until its next change."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenSecrets:
    """Answers show a secret as an empty text, or not at all; only that to a creation shows it."""

    form: Literal["empty", "absent"] = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The server's clock is off by so much."""

    seconds: float
    direction: Literal["ahead", "behind"] = "ahead"


Condition = Latency | StaleCache | HiddenSecrets | Clock
Incident = Answer | DropBefore | DropAfter | Late | Double | Overtaken
Fault = Condition | Incident

_FAULTS: dict[str, type[Fault]] = {
    "latency": Latency,
    "answer": Answer,
    "drop_before": DropBefore,
    "drop_after": DropAfter,
    "late": Late,
    "double": Double,
    "overtaken": Overtaken,
    "stale_cache": StaleCache,
    "hidden_secrets": HiddenSecrets,
    "clock": Clock,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which calls, and what befalls them.

    Attributes:
        fault: what happens.
        method: the HTTP method; None for all.
        path: a regular expression searched for in the path as sent.
        nth: which of the matching calls, from 1; None for all.
    """

    fault: Fault
    method: str | None = None
    path: str = ""
    nth: int | None = None

    def matches(self, method: str, path: str) -> bool:
        """Whether a call is one that this rule counts."""
        return self.method in (None, method) and re.search(self.path, path) is not None


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Rules from JSON: a list of objects, or one object.

    `{"fault": "late", "seconds": 0.5, "method": "POST", "path": "/keys$", "nth": 1}`: `fault` is one of
    latency, answer, drop_before, drop_after, late, double, overtaken, stale_cache, hidden_secrets, clock; the other
    members are those of `Rule` and of the fault.

    Raises:
        ValueError: the text is no JSON, or a member is missing, unknown or of the wrong kind.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from error
    entries = value if isinstance(value, list) else [value]
    return tuple(_rule(f"fault {number}", entry) for number, entry in enumerate(entries, start=1))


def _rule(where: str, entry: object) -> Rule:
    if not isinstance(entry, dict) or entry.get("fault") not in _FAULTS:
        known = ", ".join(_FAULTS)
        raise ValueError(f"{where}: expected an object whose fault is one of {known}: {json.dumps(entry)}")
    name = entry["fault"]
    kind = _FAULTS[name]
    own = {field.name for field in fields(kind)}
    general = {"method", "path", "nth"}
    for member in entry.keys() - own - general - {"fault"}:
        known = ", ".join(sorted(own | general))
        raise ValueError(f"{where}: {name} takes no {member!r}; it takes {known}")
    fault = kind(**_members(where, kind, {name: entry[name] for name in entry.keys() & own}))
    rule = Rule(fault=fault, **_members(where, Rule, {name: entry[name] for name in entry.keys() & general}))
    try:
        re.compile(rule.path)
    except re.error as error:
        raise ValueError(f"{where}: path is no regular expression: {error}") from error
    return rule


def _members(where: str, kind: type, given: Mapping[str, object]) -> dict[str, Any]:
    """The members of a dataclass from JSON, each of its annotated kind."""
    hints = get_type_hints(kind)
    for name, value in given.items():
        if not _is(value, hints[name]):
            raise ValueError(f"{where}: {name} cannot be {json.dumps(value)}")
    for field in fields(kind):
        if field.name not in given and field.name != "fault" and field.default is MISSING:
            raise ValueError(f"{where}: {field.name} is missing")
    return dict(given)


def _is(value: object, hint: Any) -> bool:
    """Whether a JSON value fits an annotation: literals, or types; counts begin at 1, durations at 0."""
    options = get_args(hint)
    if options and all(isinstance(option, str) for option in options):
        return value in options
    kinds = options or (hint,)
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, (int, float)):
        return (float in kinds and value >= 0) or (int in kinds and isinstance(value, int) and value > 0)
    return isinstance(value, kinds)
