"""Plans as files: saved ones, random ones, and what a forger makes of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from reconciler.core.desired import After, At, Never, SinkSpec
from reconciler.core.globs import EVERYTHING, Selection
from reconciler.core.guards import Allowances, Refusal
from reconciler.core.keys import KeyState
from reconciler.core.plan import (
    Create,
    Delete,
    Deliver,
    EnvironmentPlan,
    Mark,
    Plan,
    Reason,
    Retire,
    Risk,
    Unchanged,
    Unmanaged,
    Update,
)
from reconciler.core.planner import plan_environment
from reconciler.core.saved import ManifestDigest, SavedPlan
from reconciler.formats.plan_file import dumps, loads
from tests.support import screens
from tests.support.builders import NOW, desired, live, live_key, wanted

VERSION = "1.2.3"
MANIFEST = ManifestDigest(file="keys.yaml", owner="shop", sha256="0" * 64)


def saved(plan: Plan, refusals: Iterable[Refusal] = ()) -> SavedPlan:
    """A plan as `plan --out` would save it."""
    return SavedPlan(
        reconciler=VERSION,
        manifests=(MANIFEST,),
        selection=EVERYTHING,
        allow=Allowances(),
        plan=plan,
        refusals=tuple(refusals),
    )


def plan_json(plan: Plan, refusals: Iterable[Refusal]) -> str:
    """A plan as `plan --format json` prints it."""
    return dumps(saved(plan, refusals))


def load(text: str) -> SavedPlan:
    """What a file with this text holds."""
    return loads(text.encode(), name="plan.json", reconciler=VERSION)


def sealed(document: dict[str, Any]) -> str:
    """A document with a right digest, worked out as a forger would: without the product's help."""
    rest = {name: value for name, value in document.items() if name != "digest"}
    digest = hashlib.sha256((json.dumps(rest, indent=2) + "\n").encode()).hexdigest()
    return json.dumps({**rest, "digest": f"sha256:{digest}"}, indent=2) + "\n"


def pruned() -> EnvironmentPlan:
    """Keys that are no longer declared, where they are let end: one begins to, one does, and one is over."""
    undeclared = (
        live_key("going", accessed=NOW),
        live_key("ending", title="CI (retiring)", expire=NOW + timedelta(days=3)),
        live_key("over", title="CI (retiring)", expire=NOW - timedelta(days=3)),
        live_key("ignored"),
        live_key(id="By-Hand"),
    )
    wish = replace(
        desired(replace(wanted(), description="What for", lost=("users.write",))),
        prune="expire",
        absent=frozenset({"By-Hand"}),
        ignore=("ignored.*",),
        protect=("c*",),
    )
    return plan_environment(wish, live(*undeclared, version="2.6.0"), {})


def reported() -> EnvironmentPlan:
    """A key that is no longer declared, and left."""
    return plan_environment(replace(desired(), prune="report", allow_empty=True), live(live_key()), {})


def every_kind() -> SavedPlan:
    """A plan with every action, every reason and every mark."""
    environments = (
        screens.everything(),
        pruned(),
        reported(),
        screens.denied()[1],
        screens.sinks()[1],
        screens.rotating(),
        screens.asked_for(),
        screens.compromised(),
        screens.destroyed(),
    )
    named = (replace(plan, environment=f"{plan.environment}-{number}") for number, plan in enumerate(environments))
    return saved(Plan(environments=tuple(named)), screens.refusals())


def fields_of_each_kind(document: Any) -> list[tuple[Any, ...]]:
    """The way to one field of each name in each kind of object, sinks' own options left out."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        if isinstance(value, dict) and path[-1:] != ("options",):
            for name, each in value.items():
                kind = tuple(step for step in (*path, name) if isinstance(step, str))
                found.setdefault((value.get("action"), *kind), (*path, name))
                walk(each, (*path, name))
        elif isinstance(value, list):
            for index, each in enumerate(value):
                walk(each, (*path, index))

    walk(document, ())
    return list(found.values())


def every_field() -> SavedPlan:
    """A plan with every field of every kind of object that `every_kind` has, and as little besides as that takes."""
    whole = every_kind()
    fields = len(fields_of_each_kind(json.loads(dumps(whole))))
    kept = list(whole.plan.environments)

    def shorter(place: int, *instead: EnvironmentPlan) -> None:
        environments = [*kept[:place], *instead, *kept[place + 1 :]]
        plan = replace(whole, plan=Plan(environments=tuple(environments)))
        if len(fields_of_each_kind(json.loads(dumps(plan)))) == fields:
            kept[:] = environments

    for place in reversed(range(len(kept))):
        shorter(place)
    for place in range(len(kept)):
        for list_of in ("changes", "unchanged", "unmanaged", "ignored", "warnings"):
            for each in getattr(kept[place], list_of):
                rest = tuple(entry for entry in getattr(kept[place], list_of) if entry != each)
                fewer: dict[str, Any] = {list_of: rest}
                shorter(place, replace(kept[place], **fewer))
    return replace(whole, plan=Plan(environments=tuple(kept)))


# --- random plans ---


def _is_json(text: str) -> bool:
    """Whether JSON can tell the text from another: two halves of a pair side by side become one character there."""
    return not re.search("[\ud800-\udbff][\udc00-\udfff]", text)


texts = st.text(st.characters(exclude_categories=()), max_size=12).filter(_is_json) | st.sampled_from(
    ["\ud800", "\udfff\ud83d", '"\\/\b\f\n\r\t\x00\x7f', "\u2028", "\u202e", "<b>", "null", "", "😀"]
)
ids = st.text("abcdefghijklmnopqrstuvwxyz.0123456789", min_size=1, max_size=12)
instants = st.datetimes(datetime(1970, 1, 2), datetime(9998, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda instant: instant.replace(microsecond=instant.microsecond // 1000 * 1000)
)
units = st.sampled_from([timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)])
spans = st.builds(lambda unit, number: unit * number, units, st.integers(1, 5000))
expiries = st.just(Never()) | st.builds(At, instants) | st.builds(After, spans)
scopes = st.frozensets(texts, max_size=3)
states = st.builds(KeyState, name=texts, scopes=scopes, expire=st.none() | instants, description=texts)
marks = st.lists(st.builds(Mark, risk=st.sampled_from(Risk), detail=texts), max_size=2).map(tuple)
options = st.dictionaries(texts, texts, max_size=3).map(lambda each: tuple(each.items()))
sinks = st.lists(st.builds(SinkSpec, kind=texts, options=options), max_size=2).map(tuple)
some_texts = st.lists(texts, max_size=2).map(tuple)
_common: dict[str, Any] = {"address": texts, "key_id": ids, "reason": st.sampled_from(Reason), "marks": marks}
_origin: dict[str, Any] = {
    "from_globs": st.frozensets(texts, max_size=2),
    "lost": st.lists(texts, max_size=2).map(tuple),
}
_creation: dict[str, Any] = {"after": states, "expiry": expiries, "sinks": sinks, "leftover": st.none() | ids}
changes = st.one_of(
    st.builds(Create, **_creation, **_common, **_origin),
    st.builds(Create, follows=ids, detail=texts, **_creation, **_common, **_origin),
    st.builds(Deliver, before=states, after=states, sinks=sinks, **_common, **_origin),
    st.builds(Update, before=states, after=states, **_common, **_origin),
    st.builds(Retire, before=states, after=states, detail=texts, **_common),
    st.builds(Delete, before=states, expired=st.booleans(), **_common),
)
unchanged = st.builds(Unchanged, address=texts, key_id=ids, state=states, reason=st.sampled_from(Reason), detail=texts)
unmanaged = st.lists(st.builds(Unmanaged, id=texts, name=texts), max_size=2).map(tuple)
counts = st.integers(0, 10**9)


@st.composite
def environments(draw: st.DrawFn) -> EnvironmentPlan:
    """One environment's plan, each key in it once."""
    entries = draw(st.lists(changes | unchanged, max_size=5, unique_by=lambda entry: entry.key_id))
    return EnvironmentPlan(
        environment=draw(texts),
        owner=draw(texts),
        endpoint=draw(texts),
        project=draw(texts),
        now=draw(instants),
        live=draw(texts),
        changes=tuple(entry for entry in entries if not isinstance(entry, Unchanged)),
        unchanged=tuple(entry for entry in entries if isinstance(entry, Unchanged)),
        unmanaged=draw(unmanaged),
        ignored=draw(unmanaged),
        protected=draw(some_texts),
        declared_count=draw(counts),
        owned_count=draw(counts),
        live_count=draw(counts),
        warnings=draw(some_texts),
    )


saved_plans = st.builds(
    SavedPlan,
    reconciler=st.just(VERSION),
    manifests=st.lists(
        st.builds(ManifestDigest, file=texts, owner=texts, sha256=texts), max_size=2, unique_by=lambda each: each.owner
    ).map(tuple),
    selection=st.builds(Selection, targets=some_texts, excludes=some_texts),
    allow=st.builds(Allowances, deletes=counts, in_use=st.booleans()),
    plan=st.builds(
        Plan,
        environments=st.lists(environments(), max_size=3, unique_by=lambda each: (each.owner, each.environment)).map(
            tuple
        ),
    ),
    refusals=st.lists(
        st.builds(Refusal, guard=texts, where=texts, message=texts, hint=texts, of_credential=st.booleans()), max_size=2
    ).map(tuple),
)
