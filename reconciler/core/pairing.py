"""Live keys sorted by what this manifest may do with them.

Only keys whose id carries the realm's mark are owned, and only those and the ones that the manifest names by id may
ever be touched; every other one is unmanaged: listed, never touched. Of several generations of one slug the newest is
the key; older ones are superseded, and so are those made under the environment's former name. Ignored keys are hidden
from everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.core.desired import Desired, DesiredKey
from reconciler.core.globs import first_match
from reconciler.core.ids import OwnedId, owned
from reconciler.core.keys import LiveKey
from reconciler.core.probation import is_on_probation
from reconciler.core.quoting import quoted
from reconciler.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """`newest` holds one owned key for each slug, `superseded` the others; `adopted` the keys that declared ones name,
    by id.
    """

    newest: dict[str, LiveKey]
    superseded: dict[str, tuple[LiveKey, ...]]
    adopted: dict[str, LiveKey]
    absent: tuple[LiveKey, ...]
    ignored: tuple[LiveKey, ...]
    unmanaged: tuple[LiveKey, ...]

    @property
    def managed(self) -> tuple[LiveKey, ...]:
        """Every key that the manifest may change or delete."""
        older = (key for keys in self.superseded.values() for key in keys)
        return (*self.newest.values(), *older, *self.adopted.values(), *self.absent)


def pair(desired: Desired, keys: Iterable[LiveKey]) -> Pairing:
    """Sort keys, whatever their order."""
    named = {key.adopts for key in desired.keys if key.adopts}
    adopted: dict[str, LiveKey] = {}
    generations: dict[str, list[tuple[tuple[bool, int], LiveKey]]] = {}
    absent: list[LiveKey] = []
    ignored: list[LiveKey] = []
    unmanaged: list[LiveKey] = []
    for key in keys:
        if key.id in named:
            adopted[key.id] = key
        elif key.id in desired.absent:
            absent.append(key)
        elif desired.ignore and first_match(desired.ignore, key.id) is not None:
            ignored.append(key)
        elif (mark := owned_here(desired, key.id)) is not None:
            current, found = mark
            generations.setdefault(found.slug, []).append(((current, found.generation), key))
        else:
            unmanaged.append(key)
    for each in generations.values():
        _newest_last(each)
    return Pairing(
        newest={slug: each[-1][1] for slug, each in generations.items()},
        superseded={slug: tuple(key for _, key in each[:-1]) for slug, each in generations.items() if len(each) > 1},
        adopted=adopted,
        absent=_by_id(absent),
        ignored=_by_id(ignored),
        unmanaged=_by_id(unmanaged),
    )


def _newest_last(generations: list[tuple[tuple[bool, int], LiveKey]]) -> None:
    """The order of a slug's keys, each with whether it bears the environment's present name, and its generation."""
    generations.sort(key=lambda each: each[0])
    (is_current, _), newest = generations[-1]
    former = [each for each in generations if not each[0][0]]
    if is_current and former and is_older_leftover(newest, former[-1][1]):
        generations.remove(former[-1])
        generations.append(former[-1])


def is_older_leftover(own: LiveKey, former: LiveKey) -> bool:
    """Whether a run that died has left a key of the new name, and one of the former name was made since and works:
    what works is the one to keep then. A newer one is its next generation.
    """
    return is_on_probation(own) and not is_on_probation(former) and own.created < former.created


def owned_here(desired: Desired, key_id: str) -> tuple[bool, OwnedId] | None:
    """What an owned key's id says, and whether it carries the environment's own name and not its former one."""
    if (found := owned(desired.realm, key_id)) is not None:
        return True, found
    if desired.former is not None and (found := owned(desired.former, key_id)) is not None:
        return False, found
    return None


def _by_id(keys: Iterable[LiveKey]) -> tuple[LiveKey, ...]:
    return tuple(sorted(keys, key=lambda key: key.id))


def pairing_problems(desired: Desired, pairing: Pairing) -> Iterator[Problem]:
    """What is declared and cannot be, as the live keys are: adopted and not there, or hidden by `ignore`. A key outside
    of the selection has no problem.
    """
    declared: dict[str, DesiredKey] = {}
    for key in filter(lambda key: desired.selection.admits(key.address), desired.keys):
        if not key.adopts:
            declared[key.slug] = key
        if key.former_slug:
            declared.setdefault(key.former_slug, key)
        if key.adopts and key.adopts not in pairing.adopted and not _is_rotated(key, pairing):
            yield Problem(
                position=key.position,
                message=f"{key.address} adopts the key {quoted(key.adopts)}, which project "
                f"{quoted(desired.realm.project)} does not have",
                hint="correct `id`, or leave it out to have the key made",
            )
        yield from _two_keys(desired, key, pairing)
    for live in pairing.ignored:
        mark = owned_here(desired, live.id)
        if mark is not None and mark[1].slug in declared:
            yield ignored_problem(declared[mark[1].slug], live.id)


def has_taken_over(key: DesiredKey, generated: LiveKey | None, adopted: LiveKey | None) -> bool:
    """Whether the key that another one names by its id was rotated: a later one of its own name is there."""
    if key.rotation is None or generated is None:
        return False
    return adopted is None or generated.created >= adopted.created


def _is_rotated(key: DesiredKey, pairing: Pairing) -> bool:
    return has_taken_over(key, pairing.newest.get(key.slug), None)


def _two_keys(desired: Desired, key: DesiredKey, pairing: Pairing) -> Iterator[Problem]:
    """A rename, of a key or an environment, onto a name that has a key of its own which is older: nobody can tell which
    is to stay. A newer one is the next generation, which has taken the new name.

    One that is on probation was made by a run that did not finish, and is no key that anybody uses.
    """
    if key.adopts:
        return
    own = pairing.newest.get(key.slug)
    former = pairing.newest.get(key.former_slug or "") or _of_former_realm(desired, key, pairing)
    if own is None or former is None or is_on_probation(own) or is_on_probation(former):
        return
    if own.created >= former.created:
        return
    yield Problem(
        position=key.position,
        message=f"{key.address} is renamed, and both {quoted(former.id)} and {quoted(own.id)} are live",
        hint="delete the one that is to go in an apply of its own, or leave renamed_from out",
    )


def _of_former_realm(desired: Desired, key: DesiredKey, pairing: Pairing) -> LiveKey | None:
    """A superseded key that works and was made under the environment's former name."""
    if desired.former is None:
        return None
    for each in reversed(pairing.superseded.get(key.slug, ())):
        if owned(desired.former, each.id) is not None and not is_on_probation(each):
            own = pairing.newest[key.slug]
            return each if owned(desired.realm, own.id) else None
    return None


def ignored_problem(key: DesiredKey, key_id: str) -> Problem:
    """A declared key whose live key the environment is to ignore."""
    return Problem(
        position=key.position,
        message=f"{key.address} is declared, and `ignore` hides its key {quoted(key_id)}",
        hint="make the glob narrower, or leave the key out here",
    )
