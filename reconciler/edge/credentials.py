"""The credential of an environment: read from a variable, a file or a command, its kind told from its first letters.

The rules:
- No message holds any part of a credential, also where one was pasted in the place of a name; each names where it
  came from, so that its owner can be found.
- A frame that raises holds a credential only as a Secret, so that no traceback shows one.
- What cannot work is refused here, before any call: an unknown prefix, an account key, a JWT, a character
  that no header carries, a file that others on the machine can read.
- Appwrite takes the text before the first `_` as the key's type, and a key without `_` as a project key made
  before prefixes existed. A console session is the value of the cookie `a_session_console`: base64 of JSON.
- An ephemeral key says of itself what it may do and until when. That is believed for messages and guards alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.addresses import EMULATOR, Complaint
from reconciler.core.credential import ORGANIZATION_VARIABLE, PROJECT_VARIABLE, CredentialInUse, CredentialKind
from reconciler.core.desired import Connection, CredentialSpec
from reconciler.core.quoting import redacted
from reconciler.core.secret import Secret
from reconciler.edge.credential_command import output_of
from reconciler.edge.ephemeral import claims_of
from reconciler.edge.regular import open_regular
from reconciler.errors import CredentialError
from reconciler.ports import Mask, unmasked

SESSION_COOKIE = "a_session_console"
_MAX_FILE = 64 * 1024
_PREFIXES: Mapping[str, CredentialKind] = {
    "standard": "project_key",
    "ephemeral": "ephemeral_key",
    "dynamic": "ephemeral_key",
    "organization": "organization_key",
}
_WHAT_WOULD_DO = (
    "give a project key (standard_…), an ephemeral key (ephemeral_…), an organization key (organization_…) or a "
    "console session"
)
_STRANGE_CHARACTER = (
    "holds a character that no credential has: a space, a line break, or one outside ASCII",
    "copy it again, alone and on one line",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a run shows to the server.

    `source` says in words where it was read; a session's secret is the bare value of its cookie.
    """

    kind: CredentialKind
    secret: Secret
    source: str = "this run's configuration"

    def in_use(self, spec: CredentialSpec | None = None) -> CredentialInUse:
        """What plans and guards may know of it; `spec` says what the manifest does."""
        scopes, end = claims_of(self.secret) if self.kind == "ephemeral_key" else (None, None)
        return CredentialInUse(
            kind=self.kind,
            source=self.source,
            id=spec.id if spec else None,
            declared_end=spec.ends if spec else None,
            end=end,
            scopes=scopes,
        )


def load(connection: Connection, variables: Mapping[str, str], base: Path, mask: Mask = unmasked) -> Credential | None:
    """The credential of an environment; None only for the built-in emulator, which needs none.

    Without `credential:` it is read from APPWRITE_ORGANIZATION_API_KEY where the environment has an
    organization, else from APPWRITE_API_KEY. Relative files start at `base`, the manifest's folder; `~/` and
    `~user/` are home folders. A command is run there, and blocks for its time. Raises CredentialError.
    """
    spec = connection.credential
    if spec is None:
        if connection.endpoint == EMULATOR:
            return None
        variable = ORGANIZATION_VARIABLE if connection.organization else PROJECT_VARIABLE
        spec = CredentialSpec(source="env", where=variable)
    if spec.source == "command":
        written = output_of(connection.environment, spec.argv, base)
        return _credential(connection, written, f"the output of {redacted(spec.argv[0])}", mask)
    if spec.source == "file":
        path = base / _expanded(connection, spec.where)
        return _credential(connection, _from_file(connection, path), f"the file {redacted(str(path))}", mask)
    if spec.where not in variables:
        raise _no_variable(connection, redacted(spec.where))
    written = Secret(variables[spec.where])
    return _credential(connection, written, f"the environment variable {spec.where}", mask)


def _no_variable(connection: Connection, name: str) -> CredentialError:
    other = PROJECT_VARIABLE if name == ORGANIZATION_VARIABLE else ORGANIZATION_VARIABLE
    return CredentialError(
        f"{connection.environment}: there is no credential: the environment variable {name} is not set",
        hint=f"set {name}, or name another place under environments.{connection.environment}: "
        f"`credential: {{env: {other}}}` or `credential: {{file: PATH}}`",
    )


def _expanded(connection: Connection, where: str) -> Path:
    try:
        return Path(where).expanduser()
    except RuntimeError as error:
        raise CredentialError(
            f"{connection.environment}: the credential file {redacted(where)} is in no known user's home",
            hint="write the whole path, or ./~… for a folder of that name",
        ) from error


def _from_file(connection: Connection, path: Path) -> Secret:
    shown = redacted(str(path))
    where = f"{connection.environment}: the credential file {shown}"
    try:
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            # Latin-1 never fails, and what is not ASCII is refused with the other characters that no header carries.
            content = Secret(file.read(_MAX_FILE + 1).decode("latin-1"))
    except OSError as error:
        raise CredentialError(
            f"{where} cannot be read: {error.strerror}",
            hint="put the credential there, readable by you alone, or correct `credential: {file: …}`",
        ) from error
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialError(
            f"{where} is open to others on this machine (mode {stat.S_IMODE(status.st_mode):04o})",
            hint=f"chmod 600 {shown}",
        )
    if len(content.reveal()) > _MAX_FILE:
        raise CredentialError(f"{where} is too large to be one", hint="it holds the credential and nothing else")
    return content


def _credential(connection: Connection, written: Secret, source: str, mask: Mask) -> Credential:
    mask((written,))  # also what is refused below
    where = f"{connection.environment}: the credential in {source}"
    kind, secret, complaint = _judged(written.reveal().rstrip("\r\n"))
    if complaint is not None:
        raise CredentialError(f"{where} {complaint[0]}", hint=complaint[1])
    if kind == "organization_key" and not connection.organization:
        raise CredentialError(
            f"{where} is an organization key, and the environment names no organization",
            hint=f"add `organization: ID` under environments.{connection.environment}, or give a project key",
        )
    mask((secret,))  # a session may have been a part of what was written
    return Credential(kind=kind, secret=secret, source=source)


def _judged(text: str) -> tuple[CredentialKind, Secret, Complaint | None]:
    """What a credential is, or why it is none."""
    if not text:
        return "project_key", Secret(""), ("is empty", _WHAT_WOULD_DO)
    session = _session(text)
    if any(not "!" <= character <= "~" for character in session or text):
        return "project_key", Secret(""), _STRANGE_CHARACTER
    if session:
        return "session", Secret(session), None
    prefix, underscore, _ = text.partition("_")
    kind = _PREFIXES.get(prefix, "project_key") if underscore else "project_key"
    return kind, Secret(text), _complaint(text, prefix if underscore else "standard")


def _session(text: str) -> str | None:
    """The value of the console's session cookie, alone or out of a Cookie header; None for keys."""
    for part in text.removeprefix("Cookie:").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and name == SESSION_COOKIE and value:
            return value
    return text if text.startswith("eyJ") and "." not in text else None


def _complaint(text: str, prefix: str) -> Complaint | None:
    if text.startswith("eyJ"):
        return (
            "is a JWT, which newer servers do not let manage keys",
            f"{_WHAT_WOULD_DO}: the value of the cookie {SESSION_COOKIE}, not a token made from it",
        )
    if prefix == "account":
        return "is an account key, which Appwrite never lets manage the keys of a project", _WHAT_WOULD_DO
    return None if prefix in _PREFIXES else ("begins like no kind of credential that is known", _WHAT_WOULD_DO)
