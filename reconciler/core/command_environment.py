"""The environment of a command of the user's: no credential that manages keys, and an ephemeral key where it is run
with one.

What manages keys is every variable that the manifest names as a credential, in any of its environments, the variables
that are read where it names none, and every other variable that repeats one of their values, or the credential in use
wherever that was read. Names follow Appwrite's own tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.core.addresses import EMULATOR
from reconciler.core.desired import Connection
from reconciler.core.manifest import Manifest
from reconciler.core.secret import Secret
from reconciler.errors import UsageError

_KEY = "APPWRITE_API_KEY"
_BY_DEFAULT = frozenset({_KEY, "APPWRITE_ORGANIZATION_API_KEY"})
_SHORTEST_CREDENTIAL = 16
"""What is shorter is no credential, and might well be a part of something else."""


def credential_variables(manifests: Iterable[Manifest]) -> frozenset[str]:
    """The names of all variables that may hold what manages the keys of these manifests."""
    environments = (each for manifest in manifests for each in manifest.by_name.values())
    written = (each.credential for each in environments if each.credential is not None)
    return _BY_DEFAULT.union(spec.where for spec in written if spec.source == "env")


def check_reachable(connection: Connection) -> None:
    """Raise UsageError for the built-in emulator, which answers this program only."""
    if connection.endpoint == EMULATOR:
        raise UsageError(
            f"{connection.environment}: the built-in emulator has no address that a command could call",
            hint="start `reconciler emulator` in another terminal and write its address as `endpoint:`",
        )


def without_credentials(
    inherited: Mapping[str, str], credentials: Iterable[str], in_use: Iterable[Secret] = ()
) -> dict[str, str]:
    """The variables without what manages keys: `credentials` are the names of those that may hold it, `in_use` is
    what this run manages keys with.
    """
    names = frozenset(credentials)
    written = [inherited.get(name, "").strip() for name in names] + [secret.reveal() for secret in in_use]
    values = [value for value in written if len(value) >= _SHORTEST_CREDENTIAL]
    return {
        name: value
        for name, value in inherited.items()
        if name not in names and not any(secret in value for secret in values)
    }


def command_environment(
    inherited: Mapping[str, str],
    credentials: Iterable[str],
    connection: Connection,
    key: Secret,
    in_use: Secret | None = None,
) -> dict[str, str]:
    """The variables of a command with an ephemeral key; see `without_credentials`."""
    return {
        **without_credentials(inherited, credentials, [in_use] if in_use else []),
        "APPWRITE_ENDPOINT": connection.endpoint,
        "APPWRITE_PROJECT_ID": connection.project,
        _KEY: key.reveal(),
    }
