"""One environment of a manifest becomes what is desired of it: variables expanded, scopes and sinks spelt out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.core.addresses import COMPLAINTS, clean_endpoint, is_clear_text, presentable
from reconciler.core.composition import DeclaredKey, variable_problem
from reconciler.core.delivery import bad_variable, filled
from reconciler.core.desired import Connection, Desired, DesiredKey, SinkSpec
from reconciler.core.document import Path
from reconciler.core.ids import Realm, key_id
from reconciler.core.manifest import Environment, Manifest
from reconciler.core.quoting import one_of, quoted
from reconciler.core.scopes import MAX_SCOPES, Catalogue, Grants, Vocabulary
from reconciler.core.suggest import did_you_mean
from reconciler.core.variables import expand, mentions, unset
from reconciler.core.wording import describe
from reconciler.errors import ManifestError, Problem, UsageError


def connection(manifest: Manifest, environment: str, variables: Mapping[str, str]) -> Connection:
    """Where an environment lives, once its variables are known.

    Raises UsageError for an environment that the manifest does not have, and ManifestError for variables that are not
    set or that make no address.
    """
    declared = _environment(manifest, environment)
    problems: list[Problem] = []
    values: dict[str, str] = {}
    for field, text in _expandable(declared):
        values[field] = expand(text, variables)
        problems += _address_problems(manifest, environment, field, text, variables)
    if problems:
        raise ManifestError(problems)
    return Connection(
        environment=environment,
        endpoint=clean_endpoint(values["endpoint"]),
        project=values["project"],
        organization=values.get("organization"),
        credential=declared.credential,
        position=declared.position,
    )


def unset_variables(manifest: Manifest, environment: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that the environment needs and nobody has set; raises UsageError for an unknown environment."""
    fields = _expandable(_environment(manifest, environment))
    return tuple(dict.fromkeys(name for _, text in fields for name in unset(text, variables)))


def resolve(
    manifest: Manifest,
    connection: Connection,
    *,
    catalogue: Catalogue,
    server_scopes: frozenset[str] | None,
) -> Desired:
    """Everything that the environment wants; raises ManifestError for scopes that do not exist there.

    `server_scopes` is the server's own list, None where it was not asked or does not say: the catalogue judges then.
    """
    declared = manifest.by_name[connection.environment]
    realm = Realm(owner=manifest.owner, environment=connection.environment, project=connection.project)
    lists = _ScopeLists(manifest, Vocabulary(catalogue=catalogue, server=server_scopes))
    problems: dict[Problem, None] = {}
    keys: list[DesiredKey] = []
    folder = str(manifest.path.parent)
    for key in declared.keys:
        grants = lists.grants(key)
        sinks = tuple(_sink(realm, key, sink, folder) for sink in key.sinks)
        problems |= dict.fromkeys(_key_problems(manifest, lists, key, grants, sinks))
        keys.append(_desired(realm, key, grants, sinks))
    if problems:
        raise ManifestError(problems)
    return Desired(
        realm=realm,
        connection=connection,
        keys=tuple(sorted(keys, key=lambda key: key.address)),
        allow_empty=declared.allow_empty,
        warnings=(*_clear_text(connection), *lists.deprecations(declared.keys)),
    )


def _environment(manifest: Manifest, name: str) -> Environment:
    if name not in manifest.by_name:
        hint = did_you_mean(name, manifest.environments) or f"it has {one_of(manifest.environments)}"
        if "," in name:
            hint = "write one name after each -e"
        raise UsageError(f"{manifest.path} has no environment {quoted(name)}", hint=hint)
    return manifest.by_name[name]


def _expandable(declared: Environment) -> Iterator[tuple[str, str]]:
    yield "endpoint", declared.endpoint
    yield "project", declared.project
    if declared.organization is not None:
        yield "organization", declared.organization


def _address_problems(
    manifest: Manifest, environment: str, field: str, text: str, variables: Mapping[str, str]
) -> Iterator[Problem]:
    path: Path = ("environments", environment, field)
    missing = unset(text, variables)
    position = manifest.document.value_position(path)
    for name in missing:
        message = f"{describe(path)} needs the variable {name}, which is not set"
        yield Problem(
            position=position,
            message=message,
            hint=f"set it, write ${{{name}:-default}}, or choose environments with -e",
        )
    if not missing and (complaint := COMPLAINTS[field](expand(text, variables))):
        message, hint = complaint
        if mentions(text):
            hint = f"it comes from {text}"
            if field == "endpoint":
                shown = presentable(expand(text, variables))
                hint += f", here {quoted(shown)}" if shown else ""
                hint += "; an endpoint is such as https://fra.cloud.appwrite.io/v1"
        yield Problem(position=position, message=f"{describe(path)} {message}", hint=hint)


def _sink(realm: Realm, key: DeclaredKey, sink: SinkSpec, folder: str) -> SinkSpec:
    def value_of(placeholder: str) -> str:
        match placeholder:
            case "environment":
                return realm.environment
            case "project":
                return realm.project
            case "name":
                return key.name
            case _:
                return key_id(realm, key.slug)

    return filled(sink, value_of, folder)


def _desired(realm: Realm, key: DeclaredKey, grants: Grants, sinks: tuple[SinkSpec, ...]) -> DesiredKey:
    return DesiredKey(
        address=f"{realm.environment}/{key.name}",
        slug=key.slug,
        name=key.title,
        scopes=grants.scopes,
        expiry=key.expiry,
        sinks=sinks,
        allow_sensitive=key.allow_sensitive,
        from_globs=grants.from_globs,
        position=key.position,
    )


def _key_problems(
    manifest: Manifest, lists: _ScopeLists, key: DeclaredKey, grants: Grants, sinks: tuple[SinkSpec, ...]
) -> Iterator[Problem]:
    document = manifest.document
    if grants.faults:
        for entry, place in lists.entries(key):
            if fault := grants.faults.get(entry):
                yield Problem(position=document.position(place), message=fault.message, hint=fault.hint)
    if len(grants.scopes) > MAX_SCOPES:
        message = f"{describe(key.scopes_at)} come to {len(grants.scopes)}; Appwrite takes {MAX_SCOPES}"
        yield Problem(position=document.position(key.scopes_at), message=message, hint="make two keys of it")
    for index, sink in enumerate(sinks):
        if (variable := bad_variable(sink)) is not None:
            yield variable_problem(document, (*key.deliver_at, index), variable)


def _clear_text(connection: Connection) -> Iterator[str]:
    if is_clear_text(connection.endpoint):
        yield f"{connection.position}: the endpoint is not https: the credential and secrets travel in clear text"


class _ScopeLists:
    """The scope lists of one environment; equal lists are worked out once."""

    def __init__(self, manifest: Manifest, vocabulary: Vocabulary) -> None:
        self._manifest = manifest
        self._vocabulary = vocabulary
        self._grants: dict[tuple[str, ...], Grants] = {}

    def grants(self, key: DeclaredKey) -> Grants:
        """What a key's list comes to."""
        if key.scopes not in self._grants:
            self._grants[key.scopes] = self._vocabulary.grants(self._spelt_out(key.scopes))
        return self._grants[key.scopes]

    def _spelt_out(self, entries: tuple[str, ...]) -> Iterator[str]:
        for entry in entries:
            if entry.startswith("@"):
                yield from self._manifest.scope_sets[entry[1:]]
            else:
                yield entry

    def entries(self, key: DeclaredKey) -> Iterator[tuple[str, Path]]:
        """Names and globs with their places; a set's members stand where the set is declared."""
        for index, entry in enumerate(key.scopes):
            if entry.startswith("@"):
                for position, member in enumerate(self._manifest.scope_sets[entry[1:]]):
                    yield member, ("scope_sets", entry[1:], position)
            else:
                yield entry, (*key.scopes_at, index)

    def deprecations(self, keys: tuple[DeclaredKey, ...]) -> Iterator[str]:
        """A line per deprecated scope that somebody names, with its first place and its successor."""
        successors = self._vocabulary.catalogue.deprecated
        deprecated = {scopes for scopes, grants in self._grants.items() if grants.scopes & successors.keys()}
        places: dict[str, Path] = {}
        for key in keys:
            if key.scopes in deprecated:
                for entry, place in self.entries(key):
                    if entry in successors:
                        places.setdefault(entry, place)
        for scope, place in sorted(places.items()):
            successor = successors[scope]
            advice = f'; write "{successor}"' if successor else ""
            yield f'{self._manifest.document.position(place)}: scope "{scope}" is deprecated{advice}'
