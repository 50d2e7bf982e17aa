"""One environment of a manifest becomes what is desired of it: scopes, sinks and ids spelt out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from reconciler.core.addresses import is_clear_text, presentable
from reconciler.core.declared import DeclaredKey
from reconciler.core.delivery import at, bad_variable, filled
from reconciler.core.desired import Connection, Desired, DesiredKey, SinkSpec, Subject
from reconciler.core.globs import first_match
from reconciler.core.granting import Granted, Granting
from reconciler.core.ids import Realm, key_id, slug
from reconciler.core.manifest import Environment, Manifest
from reconciler.core.meetings import variable_problem
from reconciler.core.pairing import ignored_problem, owned_here
from reconciler.core.protecting import protected
from reconciler.core.quoting import quoted
from reconciler.core.risks import show_sink
from reconciler.core.rotation_check import short_overlaps
from reconciler.core.scopes import MAX_SCOPES, Catalogue, Vocabulary
from reconciler.core.wording import describe
from reconciler.errors import ManifestError, Position, Problem


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
    nothing = desires_nothing(manifest, connection)
    vocabulary = Vocabulary(catalogue=catalogue, extra=declared.extra_scopes, server=server_scopes)
    granting = Granting(manifest.document, manifest.scope_sets, vocabulary)
    problems: dict[Problem, None] = {}
    keys: list[DesiredKey] = []
    folder = str(manifest.path.parent)
    for key in declared.keys:
        grants = granting.grants(key.scopes)
        sinks = tuple(_sink(nothing.realm, key, sink, folder) for sink in key.sinks)
        problems |= dict.fromkeys(_scope_problems(manifest, granting, key, grants))
        problems |= dict.fromkeys(_sink_problems(manifest, key, sinks))
        keys.append(_desired(nothing.realm, key, grants, sinks, _lost(nothing.realm, granting, key, sinks, folder)))
    problems |= dict.fromkeys(_id_problems(manifest, declared, nothing, keys))
    if problems:
        raise ManifestError(problems)
    return replace(
        nothing,
        keys=tuple(sorted(keys, key=lambda key: key.address)),
        absent=frozenset(declared.absent),
        absent_at={gone: _absent_at(manifest, nothing, index) for index, gone in enumerate(declared.absent)},
        warnings=(
            *_clear_text(connection),
            *_insecure_sinks(keys),
            *_extra_scopes(declared, catalogue, connection),
            *granting.deprecations(key.scopes for key in declared.keys),
            *short_overlaps(declared.keys),
            *_never_rotated(nothing, keys),
            *_scattered(keys),
        ),
    )


def _never_rotated(nothing: Desired, keys: Iterable[DesiredKey]) -> Iterator[str]:
    """A warning of each key under rotation that `protect` names: it is refused once the key is due."""
    for address in protected(nothing, (key.address for key in keys if key.rotation is not None)):
        yield f"{address} is under rotation, and `protect` names it: once it is due, each plan is refused"


def _scattered(keys: Iterable[DesiredKey]) -> Iterator[str]:
    """A warning of keys under rotation whose place has the id in it, which is another one each time."""
    places = [(key, sink) for key in keys if key.rotation is not None for sink in key.sinks if at(sink, "") is not sink]
    if places:
        key, sink = places[0]
        more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        yield (
            f"{key.address} is under rotation, and {show_sink(sink)}{more} has {{id}} in it: each generation goes to "
            "another place, and whoever reads the one before is left with a key that ends"
        )


def desires_nothing(manifest: Manifest, connection: Connection) -> Desired:
    """The environment with its rules and without its keys: what is desired where everything owned is to go."""
    declared = manifest.by_name[connection.environment]
    realm = Realm(owner=manifest.owner, environment=connection.environment, project=connection.project)
    former = declared.renamed_from
    return Desired(
        realm=realm,
        connection=connection,
        keys=(),
        names=_names(declared),
        former=replace(realm, environment=former) if former else None,
        allow_empty=declared.allow_empty,
        prune=declared.prune,
        prune_grace=declared.prune_grace,
        ignore=declared.ignore,
        protect=declared.protect,
        escrow=declared.escrow,
    )


def _names(declared: Environment) -> dict[str, str]:
    """The name of each declared key by its slug, and by the slug that it had before a rename."""
    former = {slug(key.renamed_from): key.name for key in declared.keys if key.renamed_from}
    return former | {key.slug: key.name for key in declared.keys}


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
                return f"{{{placeholder}}}"  # the id shows when the key is made

    subject = Subject(environment=realm.environment, project=realm.project, name=key.name, address=_address(realm, key))
    return filled(sink, value_of, folder, subject)


def _address(realm: Realm, key: DeclaredKey) -> str:
    return f"{realm.environment}/{key.name}"


def _desired(
    realm: Realm, key: DeclaredKey, grants: Granted, sinks: tuple[SinkSpec, ...], lost: tuple[str, ...]
) -> DesiredKey:
    return DesiredKey(
        address=_address(realm, key),
        slug=key.slug,
        name=key.title,
        description=key.description,
        scopes=grants.scopes,
        expiry=key.expiry,
        sinks=sinks,
        adopts=key.adopts,
        former_slug=slug(key.renamed_from) if key.renamed_from else None,
        rotation=key.rotation,
        allow_sensitive=key.allow_sensitive,
        from_globs=grants.from_globs,
        lost=lost,
        position=key.position,
    )


def _lost(
    realm: Realm, granting: Granting, key: DeclaredKey, sinks: tuple[SinkSpec, ...], folder: str
) -> tuple[str, ...]:
    """What lists of lower layers held, and the lists that replaced them do not: scopes, then sinks."""
    beneath = {scope for lists in key.replaced_scopes for scope in granting.grants(lists).scopes}
    lost = sorted(beneath - granting.grants(key.scopes).scopes) if beneath else ()
    before = dict.fromkeys(_sink(realm, key, sink, folder) for sink in key.replaced_sinks)
    return (*lost, *(show_sink(sink) for sink in before if sink not in sinks))


def _scope_problems(manifest: Manifest, granting: Granting, key: DeclaredKey, grants: Granted) -> Iterator[Problem]:
    document = manifest.document
    if grants.faults:
        for entry, place in granting.entries(key.scopes):
            if fault := grants.faults.get(entry):
                yield Problem(position=document.position(place), message=fault.message, hint=fault.hint)
    if len(grants.scopes) > MAX_SCOPES:
        message = f"{describe(key.scopes_at)} come to {len(grants.scopes)}; Appwrite takes {MAX_SCOPES}"
        yield Problem(position=document.position(key.scopes_at), message=message, hint="make two keys of it")


def _sink_problems(manifest: Manifest, key: DeclaredKey, sinks: tuple[SinkSpec, ...]) -> Iterator[Problem]:
    for index, sink in enumerate(sinks):
        if (variable := bad_variable(at(sink, key.adopts or key.slug))) is not None:
            yield variable_problem(manifest.document, (*key.deliver_at, index), variable)


def _id_problems(
    manifest: Manifest, declared: Environment, nothing: Desired, keys: list[DesiredKey]
) -> Iterator[Problem]:
    """Ids that the manifest names and that mean two things at once: a key of its own and another one's, or none."""
    for key in keys:
        key_id_ = key.adopts or key_id(nothing.realm, key.slug)
        if nothing.ignore and first_match(nothing.ignore, key_id_) is not None:
            yield ignored_problem(key, key_id_)
        if key.adopts and owned_here(nothing, key.adopts) is not None:
            yield Problem(
                position=key.position,
                message=f"{key.address} adopts {quoted(key.adopts)}, which carries this manifest's own mark",
                hint="leave `id` out; `renamed_from` keeps a key under another name",
            )
    wanted = {nothing.names[key.slug]: key.address for key in keys if not key.adopts}
    for index, gone in enumerate(declared.absent):
        position = _absent_at(manifest, nothing, index)
        found = owned_here(nothing, gone)
        address = wanted.get(nothing.names.get(found[1].slug, "")) if found else None
        if address is not None:
            message, other = f"{quoted(gone)} is to be absent, and {address} is declared", "leave out one of the two"
            yield Problem(position=position, message=message, hint=other)
        elif (glob := first_match(nothing.ignore, gone)) is not None:
            message = f"{quoted(gone)} is to be absent, and `ignore` hides it by {quoted(glob)}"
            yield Problem(position=position, message=message, hint="make the glob narrower, or leave the id out")


def _absent_at(manifest: Manifest, nothing: Desired, index: int) -> Position:
    return manifest.document.position(("environments", nothing.realm.environment, "absent", index))


def _extra_scopes(declared: Environment, catalogue: Catalogue, connection: Connection) -> Iterator[str]:
    """`extra_scopes` are never admitted silently, and one that is known by now is not needed any more."""
    for scope in sorted(declared.extra_scopes):
        if scope in catalogue.known:
            yield f"{connection.position}: {quoted(scope)} is in the catalogue by now: leave it out of extra_scopes"
        else:
            yield f"{connection.position}: scope {quoted(scope)} is not in the catalogue; extra_scopes admits it"


def _clear_text(connection: Connection) -> Iterator[str]:
    if is_clear_text(connection.endpoint):
        yield f"{connection.position}: the endpoint is not https: the credential and secrets travel in clear text"


def _insecure_sinks(keys: Iterable[DesiredKey]) -> Iterator[str]:
    """A warning for each server that is talked to in the open because a sink says that it may be."""
    first: dict[str, DesiredKey] = {}
    for key in keys:
        for sink in key.sinks:
            address = presentable(sink.option("address", ""))
            if sink.flag("insecure") and is_clear_text(address):
                first.setdefault(address, key)
    for address, key in first.items():
        yield f"{key.position}: {address} is not https: what is delivered there travels in clear text"
