"""Several manifests beside each other: one owner each, and environments that may have the same names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.core.manifest import Manifest
from reconciler.core.quoting import one_of, quoted
from reconciler.core.suggest import did_you_mean
from reconciler.errors import ManifestError, Problem, UsageError, raise_together

Chosen = tuple[Manifest, str]
"""A manifest, and the name of one of its environments."""


def check_owners(manifests: Iterable[Manifest]) -> None:
    """Raise ManifestError where two files have one owner: each would delete what only the other declares."""
    first: dict[str, Manifest] = {}
    problems = []
    for manifest in manifests:
        other = first.setdefault(manifest.owner, manifest)
        if other is not manifest:
            place = other.document.value_position(("owner",))
            problems.append(
                Problem(
                    position=manifest.document.value_position(("owner",)),
                    message=f"the owner {quoted(manifest.owner)} is that of {place} too",
                    hint="give each file an owner of its own: two with one would delete each other's keys",
                )
            )
    if problems:
        raise ManifestError(problems)


def chosen(manifests: Sequence[Manifest], names: Iterable[str]) -> tuple[Chosen, ...]:
    """Each named environment in every manifest that has it, or all environments where none is named.

    In the order in which they are named, then in that of the manifests. Raises UsageError for a name that no manifest
    has.
    """
    wanted = tuple(dict.fromkeys(names))
    if not wanted:
        return tuple((manifest, name) for manifest in manifests for name in manifest.environments)
    raise_together([_unknown(manifests, name) for name in wanted if not _having(manifests, name)])
    return tuple((manifest, name) for name in wanted for manifest in _having(manifests, name))


def _having(manifests: Sequence[Manifest], name: str) -> list[Manifest]:
    return [manifest for manifest in manifests if name in manifest.by_name]


def _unknown(manifests: Sequence[Manifest], name: str) -> UsageError:
    known = tuple(dict.fromkeys(name for manifest in manifests for name in manifest.environments))
    if len(manifests) == 1:
        message, what = f"{manifests[0].path} has no environment {quoted(name)}", "it has"
    else:
        message, what = f"none of the {len(manifests)} manifests has an environment {quoted(name)}", "they have"
    hint = did_you_mean(name, known) or f"{what} {one_of(known)}"
    return UsageError(message, hint="write one name after each -e" if "," in name else hint)
