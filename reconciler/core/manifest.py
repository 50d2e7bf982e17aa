"""A document becomes a manifest, or every problem in it is reported at once.

The schema judges form, this package the rest. What the schema refuses is left out of the later checks, so that one
mistake is one problem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import PurePath
from typing import Any, Literal

from reconciler.core.addresses import COMPLAINTS
from reconciler.core.composition import check_default_nulls, check_nulls, compose
from reconciler.core.declared import DeclaredKey
from reconciler.core.desired import DEFAULT_GRACE, At, CredentialSpec, Prune
from reconciler.core.document import Document, Path, mapping
from reconciler.core.environment_check import check_environments
from reconciler.core.expiry import parse_expiry
from reconciler.core.layer_check import Judge, LayerCheck
from reconciler.core.schema_check import violations
from reconciler.core.scopes import Catalogue, Fault, Vocabulary
from reconciler.core.times import parse_duration
from reconciler.core.variables import is_malformed, mentions
from reconciler.core.wording import describe, violation_problems
from reconciler.errors import ManifestError, Position, Problem

_REPEATED = frozenset({"#/$defs/key", "#/$defs/keyName"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment as written, its keys composed; `endpoint`, `project` and `organization` may hold `${VAR}`."""

    endpoint: str
    project: str
    organization: str | None
    credential: CredentialSpec | None
    allow_empty: bool
    prune: Prune
    prune_grace: timedelta
    absent: tuple[str, ...]
    ignore: tuple[str, ...]
    protect: tuple[str, ...]
    extra_scopes: frozenset[str]
    renamed_from: str | None
    escrow: str
    keys: tuple[DeclaredKey, ...]
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest without problems; only the names of scopes are still to be judged, by the server's own list."""

    document: Document
    owner: str
    scope_sets: Mapping[str, tuple[str, ...]]
    by_name: Mapping[str, Environment]

    @property
    def path(self) -> PurePath:
        """The file, as the user named it."""
        return self.document.path

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of the environments, in the order of the file."""
        return tuple(self.by_name)


def parse(document: Document, schema: Mapping[str, Any], catalogue: Catalogue | None = None) -> Manifest:
    """The manifest that a document is; raises ManifestError with every problem.

    With a catalogue, scopes that it does not know are problems too: for validation without a server. Without one
    they are left to `resolve`, where the server's own list may know more.
    """
    problems = list(document.problems)
    broken: set[Path] = set()
    for error in violations(schema, document.data, _REPEATED):
        problems += violation_problems(document, error)
        broken |= {error.path[:length] for length in range(len(error.path) + 1)}
        broken |= {(*error.path, name) for name in error.unknown_fields}
    manifest, more = _assemble(document, broken, _judge(catalogue, _extra_scopes(document)))
    problems += more
    if problems or manifest is None:
        raise ManifestError(dict.fromkeys(problems))
    return manifest


def _extra_scopes(document: Document) -> frozenset[str]:
    """What any environment admits: shared layers are judged before it is known which environments use them."""
    environments = mapping(mapping(document.data).get("environments")).values()
    written = (mapping(fields).get("extra_scopes") for fields in environments)
    return frozenset(scope for each in written if isinstance(each, list) for scope in each if isinstance(scope, str))


def _judge(catalogue: Catalogue | None, extra: frozenset[str]) -> Judge:
    if catalogue is None:
        return lambda _entry: None
    vocabulary = Vocabulary(catalogue=catalogue, extra=extra)

    @cache
    def judge(entry: str) -> Fault | None:
        granted = vocabulary.judge(entry)
        return granted if isinstance(granted, Fault) else None

    return judge


def _assemble(document: Document, broken: Collection[Path], judge: Judge) -> tuple[Manifest | None, list[Problem]]:
    data = mapping(document.data)
    written = mapping(data.get("environments"))
    problems: list[Problem] = []
    layer = LayerCheck(document=document, broken=broken, sets=mapping(data.get("scope_sets")), judge=judge)
    for name, entries in layer.sets.items():
        problems += layer.scopes(("scope_sets", name), entries)
    for path, key in _layers(data):
        problems += layer.key(path, key)
    problems += check_default_nulls(document)
    problems += check_nulls(document, ("keys",), {}, broken)
    problems += check_environments(document, broken)
    environments: dict[str, Environment] = {}
    positions = dict(document.names(("environments",)))
    for name, fields in written.items():
        composition = compose(document, name, broken)
        problems += composition.problems
        problems += _check_addresses(document, name, mapping(fields), broken)
        if not broken:
            environments[name] = _environment(fields, composition.keys, positions[name])
    if broken:
        return None, problems
    sets = {name: tuple(entries) for name, entries in data.get("scope_sets", {}).items()}
    manifest = Manifest(document=document, owner=data["owner"], scope_sets=sets, by_name=environments)
    return manifest, problems


def _environment(fields: Mapping[str, Any], keys: tuple[DeclaredKey, ...], position: Position) -> Environment:
    return Environment(
        endpoint=fields["endpoint"],
        project=fields["project"],
        organization=fields.get("organization"),
        credential=_credential(fields["credential"]) if "credential" in fields else None,
        allow_empty=fields.get("allow_empty", False),
        prune=fields.get("prune", "delete"),
        prune_grace=parse_duration(fields["prune_grace"]) if "prune_grace" in fields else DEFAULT_GRACE,
        absent=tuple(fields.get("absent", ())),
        ignore=tuple(fields.get("ignore", ())),
        protect=tuple(fields.get("protect", ())),
        extra_scopes=frozenset(fields.get("extra_scopes", ())),
        renamed_from=fields.get("renamed_from"),
        escrow=fields.get("escrow", "").removeprefix("age:"),
        keys=keys,
        position=position,
    )


def _credential(fields: Mapping[str, Any]) -> CredentialSpec:
    source: Literal["env", "file", "command"] = "env" if "env" in fields else "file" if "file" in fields else "command"
    return CredentialSpec(
        source=source,
        where="" if source == "command" else fields[source],
        argv=tuple(fields.get("command", ())),
        id=fields.get("id"),
        ends=_instant(fields["expires"]) if "expires" in fields else None,
    )


def _instant(text: str) -> datetime | None:
    """The instant; None for one that is no time of the calendar, which is a problem already."""
    try:
        expiry = parse_expiry(text)
    except ValueError:
        return None
    return expiry.instant if isinstance(expiry, At) else None


def _layers(data: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every key as each layer writes it, `defaults` among them."""
    if isinstance(data.get("defaults"), dict):
        yield ("defaults",), data["defaults"]
    layers: list[tuple[Path, Any]] = [(("keys",), data.get("keys"))]
    for name, fields in mapping(data.get("environments")).items():
        layers.append((("environments", name, "keys"), mapping(fields).get("keys")))
    for layer, keys in layers:
        for name, key in mapping(keys).items():
            if isinstance(key, dict):
                yield (*layer, name), key


def _check_addresses(
    document: Document, environment: str, fields: Mapping[str, Any], broken: Collection[Path]
) -> Iterator[Problem]:
    """What can be said of endpoint, project and organization before variables are known."""
    for field, complaint_of in COMPLAINTS.items():
        path: Path = ("environments", environment, field)
        if field not in fields or path in broken:
            continue
        if is_malformed(fields[field]):
            message, hint = "has a variable that is not closed or not a name", "write ${VAR} or ${VAR:-default}"
        elif not mentions(fields[field]) and (complaint := complaint_of(fields[field])):
            message, hint = complaint
        else:
            continue
        yield Problem(position=document.value_position(path), message=f"{describe(path)} {message}", hint=hint)
