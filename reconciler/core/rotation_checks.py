"""The doctor's checks of what time does to keys: whether what is due is rotated, and whether one ends soon."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.core.checkup import Check, fine, unknown, warning
from reconciler.core.credential_checks import NOT_LISTED, keys_are
from reconciler.core.desired import Desired
from reconciler.core.early_warnings import Sign
from reconciler.core.observed import Observed
from reconciler.core.plan import EnvironmentPlan
from reconciler.core.status import KeyStatus, status
from reconciler.core.times import show_instant

_OF_A_PIPELINE = frozenset({Sign.OVERDUE, Sign.NOT_ENDED, Sign.NOT_DELIVERED})


def rotation(seen: Observed) -> Check:
    """Whether runs come and do what is due."""
    keys = _keys(seen)
    if keys is None:
        return unknown("rotation", NOT_LISTED if seen.seen is None else "the manifest could not be resolved")
    if found := _warned(keys, _OF_A_PIPELINE):
        return warning("rotation", *found)
    rotating = [key.rotates for key in keys if key.rotates is not None]
    if not rotating:
        return fine("rotation", "no delivered key is under rotation")
    when = show_instant(min(rotating).replace(microsecond=0))
    return fine("rotation", f"{keys_are(len(rotating))} under rotation; the next date is {when}")


def keys_end(seen: Observed) -> Check:
    """Whether a key ends soon that nothing takes the place of."""
    keys = _keys(seen)
    if keys is None:
        return unknown("keys end", NOT_LISTED if seen.seen is None else "the manifest could not be resolved")
    if found := _warned(keys, {Sign.ENDS_SOON}):
        return warning("keys end", *found)
    return fine("keys end", "none ends soon with nothing in its place")


def _keys(seen: Observed) -> tuple[KeyStatus, ...] | None:
    if seen.seen is None or not isinstance(seen.desired, Desired) or not isinstance(seen.plan, EnvironmentPlan):
        return None
    return status(seen.desired, seen.seen, seen.plan, held={}).keys


def _warned(keys: Collection[KeyStatus], signs: Collection[Sign]) -> tuple[str, str] | None:
    """The first warning of these, how many keys more have one, and what to do."""
    warned = [(key, each) for key in keys for each in key.warnings if each.sign in signs]
    if not warned:
        return None
    key, first = warned[0]
    rest = len({each.key_id for each, _ in warned}) - 1
    more = f"; and {rest} more" if rest else ""
    return f"{key.key_id}: {first.message}{more}", first.hint
