"""Which live key a declared one is, where it has more than one name: an id that it adopts, or a former name."""

from __future__ import annotations

from reconciler.core.desired import Desired, DesiredKey
from reconciler.core.keys import Live, LiveKey
from reconciler.core.pairing import Pairing, has_taken_over, is_older_leftover, pair
from reconciler.core.probation import is_on_probation


def rotatable(desired: Desired, live: Live) -> frozenset[str]:
    """The addresses of declared keys that are live, so that a next generation can be asked for."""
    pairing = pair(desired, live.keys)
    undeclared = dict(pairing.newest)
    return frozenset(key.address for key in desired.keys if match_of(key, pairing, undeclared)[0] is not None)


def addresses(desired: Desired, live: Live) -> frozenset[str]:
    """Every address that a plan may speak of, whatever the selection."""
    pairing = pair(desired, live.keys)
    declared = (key.address for key in desired.keys)
    absent = (address_of_absent(desired, key) for key in pairing.absent)
    return frozenset((*declared, *map(desired.address, pairing.newest), *absent))


def address_of_absent(desired: Desired, key: LiveKey) -> str:
    """`absent` names a key by its id, whatever that says."""
    return f"{desired.realm.environment}/{key.id}"


def match_of(
    key: DesiredKey, pairing: Pairing, undeclared: dict[str, LiveKey]
) -> tuple[LiveKey | None, LiveKey | None]:
    """The live key of a declared one, and the one of its other name where a rename has two; neither is undeclared
    then.
    """
    generated = undeclared.pop(key.slug, None)
    if key.adopts:
        adopted = pairing.adopted.get(key.adopts)
        return (generated, adopted) if has_taken_over(key, generated, adopted) else (adopted, None)
    former = undeclared.pop(key.former_slug, None) if key.former_slug else None
    if generated is None or former is None or is_older_leftover(generated, former):
        return former or generated, generated if former else None
    return generated, former


def other_key(key: DesiredKey, match: LiveKey | None, pairing: Pairing) -> list[str]:
    """A warning where a key that adopts another one has one of its own as well: it stays as it is, or it has followed
    the adopted one by rotation.
    """
    generated = pairing.newest.get(key.slug) if key.adopts else None
    if generated is None:
        return []
    if generated is match:
        if is_on_probation(generated):
            return []
        gone = "which is gone" if key.adopts not in pairing.adopted else "which ends, and is deleted then"
        return [f"{key.address}: {generated.id} has taken the place of {key.adopts}, {gone}: leave `id` out after that"]
    other = f"{key.address} adopts {key.adopts}, and {generated.id} is its key too"
    return [f"{other}: leave `id` out, or name the one that is to go under `absent`"]
