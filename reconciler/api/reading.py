"""Manifests from files, and judging them without a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from reconciler.api.wiring import each
from reconciler.core.connecting import connection, unset_variables
from reconciler.core.desired import At, Desired
from reconciler.core.manifest import Manifest, parse
from reconciler.core.manifests import Chosen, check_owners, chosen
from reconciler.core.quoting import quoted
from reconciler.core.resolve import resolve
from reconciler.core.scopes import Catalogue
from reconciler.core.sharing import shared
from reconciler.core.times import show_instant
from reconciler.core.variables import Variables
from reconciler.edge import documents
from reconciler.edge.clock import here
from reconciler.edge.resources import schema, shipped_catalogue
from reconciler.errors import ManifestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One environment that `validate` judged; `addressed` tells whether endpoint and project were judged too."""

    manifest: PurePath
    environment: str
    keys: int
    addressed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What `validate` found in manifests that are valid: every environment, and what is worth a warning."""

    environments: tuple[Checked, ...]
    warnings: tuple[str, ...]


def read_manifest(path: Path) -> Manifest:
    """A manifest from its file. Whether its scopes exist is left to whoever knows: a server, or `validate`."""
    return parse(documents.read(path), schema("manifest"))


def read_manifests(paths: Iterable[Path]) -> tuple[Manifest, ...]:
    """The manifests of files and directories, each with an owner of its own; raises what is wrong with any of them."""
    return _read(paths, None)


def validate(paths: Iterable[Path], environments: Iterable[str], variables: Mapping[str, str]) -> Validation:
    """Judge manifests without a server; raises ManifestError with every problem.

    Where no environment is named, all are judged, and a `${VAR}` that is not set is only a warning.
    """
    catalogue = shipped_catalogue()
    manifests = _read(paths, catalogue)
    judging = _Judging(catalogue=catalogue, variables=Variables(variables), strict=bool(environments))
    wanted = each(judging.desired, chosen(manifests, environments))
    if problems := tuple(shared(desired for desired in wanted if desired is not None)):
        raise ManifestError(problems)
    return Validation(environments=tuple(judging.checked), warnings=tuple(judging.warnings))


def _read(paths: Iterable[Path], catalogue: Catalogue | None) -> tuple[Manifest, ...]:
    manifests = each(lambda path: parse(documents.read(path), schema("manifest"), catalogue), documents.find(paths))
    check_owners(manifests)
    return manifests


class _Judging:
    """Judges environments one by one; where not `strict`, an address whose variables are not set is passed over."""

    def __init__(self, *, catalogue: Catalogue, variables: Mapping[str, str], strict: bool) -> None:
        self.checked: list[Checked] = []
        self.warnings: list[str] = []
        self._catalogue = catalogue
        self._variables = variables
        self._strict = strict

    def desired(self, choice: Chosen) -> Desired | None:
        """What an environment wants, None where its address is passed over; raises ManifestError."""
        manifest, name = choice
        missing = () if self._strict else unset_variables(manifest, name, self._variables)
        desired = None
        if missing:
            self.warnings.append(f"{name}: endpoint and project are not checked: not set: {', '.join(missing)}")
        else:
            found = connection(manifest, name, self._variables)
            desired = resolve(manifest, found, catalogue=self._catalogue, server_scopes=None)
            self.warnings += [f"{name}: {warning}" for warning in desired.warnings]
        keys = manifest.by_name[name].keys
        self.checked.append(
            Checked(manifest=manifest.path, environment=name, keys=len(keys), addressed=desired is not None)
        )
        self.warnings += _past(manifest, name)
        return desired


def _past(manifest: Manifest, environment: str) -> Iterator[str]:
    now = here()
    for key in manifest.by_name[environment].keys:
        if isinstance(key.expiry, At) and key.expiry.instant <= now:
            when = show_instant(key.expiry.instant)
            yield f"{environment}: {key.position}: expire of {quoted(key.name)} is in the past: {when}"
