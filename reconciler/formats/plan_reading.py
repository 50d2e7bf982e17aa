"""The plain data of a plan's file becomes a plan again, or is refused: no field may be missing, unknown or of another
type, and no key or environment may be there twice.
"""

from __future__ import annotations

from typing import Any

from reconciler.core.desired import SinkSpec
from reconciler.core.expiry import parse_expiry
from reconciler.core.globs import Selection
from reconciler.core.guards import Allowances, Refusal
from reconciler.core.keys import KeyState
from reconciler.core.plan import (
    Change,
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
    Unseen,
    Update,
)
from reconciler.core.quoting import quoted
from reconciler.core.saved import ManifestDigest, SavedPlan
from reconciler.formats.fields import Fields, Malformed, read_whole


def read(document: Any) -> SavedPlan:
    """The plan that a document without its digest is; raises Malformed."""
    return read_whole(document, "", _saved)


def _saved(fields: Fields) -> SavedPlan:
    fields.drop("version")
    fields.drop("summary")
    saved = SavedPlan(
        reconciler=fields.text("reconciler"),
        manifests=fields.each("manifests", _manifest),
        selection=fields.one("selection", _selection),
        allow=fields.one("allowances", _allowances),
        plan=Plan(environments=fields.each("environments", _environment)),
        refusals=fields.each("refusals", _refusal),
    )
    places = [(each.owner, each.environment) for each in saved.plan.environments]
    if len(set(places)) < len(places):
        raise Malformed("environments holds one of them twice")
    owners = [each.owner for each in saved.manifests]
    if len(set(owners)) < len(owners):
        raise Malformed("manifests holds one owner twice")
    return saved


def _manifest(fields: Fields) -> ManifestDigest:
    return ManifestDigest(file=fields.text("file"), owner=fields.text("owner"), sha256=fields.text("sha256"))


def _selection(fields: Fields) -> Selection:
    return Selection(targets=fields.texts("targets"), excludes=fields.texts("excludes"))


def _allowances(fields: Fields) -> Allowances:
    return Allowances(deletes=fields.number("deletes"), in_use=fields.flag("in_use"))


def _refusal(fields: Fields) -> Refusal:
    return Refusal(
        guard=fields.text("guard"),
        where=fields.text("where"),
        message=fields.text("message"),
        hint=fields.text("hint"),
        of_credential=fields.flag("of_credential"),
    )


def _environment(fields: Fields) -> EnvironmentPlan:
    declared, owned, live = fields.one("counts", _counts)
    plan = EnvironmentPlan(
        environment=fields.text("environment"),
        owner=fields.text("owner"),
        endpoint=fields.text("endpoint"),
        project=fields.text("project"),
        now=fields.instant("now"),
        live=fields.text("live"),
        changes=fields.each("changes", _change),
        unchanged=fields.each("unchanged", _unchanged),
        unmanaged=fields.each("unmanaged", _unmanaged),
        ignored=fields.each("ignored", _unmanaged),
        protected=fields.texts("protected"),
        declared_count=declared,
        owned_count=owned,
        live_count=live,
        unseen=fields.each("unseen", _unseen),
        warnings=fields.texts("warnings"),
    )
    ids = [entry.key_id for entry in (*plan.changes, *plan.unchanged)]
    if len(set(ids)) < len(ids):
        raise Malformed(f"the environment {quoted(plan.environment)} speaks of one key twice")
    return plan


def _counts(fields: Fields) -> tuple[int, int, int]:
    return fields.number("declared"), fields.number("owned"), fields.number("live")


def _change(fields: Fields) -> Change:
    action = fields.text("action")
    common: dict[str, Any] = {
        "address": fields.text("address"),
        "key_id": fields.text("id"),
        "reason": fields.member("reason", Reason),
        "marks": fields.each("marks", _mark),
    }
    match action:
        case "create":
            return Create(**_creation(fields), **common)
        case "rotate":
            follows, detail = fields.text("follows"), fields.text("detail")
            return Create(follows=follows, detail=detail, **_creation(fields), **common)
        case "deliver":
            return Deliver(**_states(fields), **_sinks(fields), **_origin(fields), **common)
        case "update":
            return Update(**_states(fields), **_origin(fields), **common)
        case "retire":
            return Retire(**_states(fields), detail=fields.text("detail"), **common)
        case "delete":
            expired, leaked = fields.flag("expired"), fields.flag("leaked")
            return Delete(before=fields.one("before", _state), expired=expired, leaked=leaked, **common)
        case _:
            raise Malformed("a change has an action that this version does not know")


def _creation(fields: Fields) -> dict[str, Any]:
    return {
        "after": fields.one("after", _state),
        "expiry": fields.parsed("expiry", parse_expiry, fields.text("expiry")),
        "leftover": fields.optional("leftover"),
        **_sinks(fields),
        **_origin(fields),
    }


def _states(fields: Fields) -> dict[str, Any]:
    return {"before": fields.one("before", _state), "after": fields.one("after", _state)}


def _sinks(fields: Fields) -> dict[str, Any]:
    return {"sinks": fields.each("deliver", _sink)}


def _origin(fields: Fields) -> dict[str, Any]:
    return {"from_globs": frozenset(fields.texts("from_globs")), "lost": fields.texts("lost")}


def _mark(fields: Fields) -> Mark:
    return Mark(risk=fields.member("risk", Risk), detail=fields.text("detail"))


def _sink(fields: Fields) -> SinkSpec:
    return SinkSpec(kind=fields.text("kind"), options=fields.options("options"))


def _state(fields: Fields) -> KeyState:
    return KeyState(
        name=fields.text("name"),
        scopes=frozenset(fields.texts("scopes")),
        expire=fields.optional_instant("expire"),
        description=fields.text("description"),
    )


def _unchanged(fields: Fields) -> Unchanged:
    return Unchanged(
        address=fields.text("address"),
        key_id=fields.text("id"),
        reason=fields.member("reason", Reason),
        detail=fields.text("detail"),
        state=fields.one("state", _state),
    )


def _unmanaged(fields: Fields) -> Unmanaged:
    return Unmanaged(id=fields.text("id"), name=fields.text("name"))


def _unseen(fields: Fields) -> Unseen:
    return Unseen(address=fields.text("address"), sink=fields.text("sink"), why=fields.text("why"))
