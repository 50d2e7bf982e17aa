"""The vault sink: one field of a secret in the key/value engine, version 2, of Vault or OpenBao.

Other fields are kept. Where the secret may be read, the new version is written by check-and-set over the one that was
read, and all is done again where somebody else was faster; where it may not, by PATCH, which the server merges. Only a
value that is text is ever replaced. The note stands in the secret's custom metadata, where the policy lets it be
patched, so that a plan can compare even without the right to read secrets. A version that was deleted or destroyed
counts as empty.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.addresses import same_server
from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Holding, Note, parse_note
from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.edge.sinks.certainty import before_a_write, nobody_knows
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.edge.sinks.vault_server import Server, Settings, open_server, settings
from reconciler.edge.sinks.vault_version import NO_VERSION, Version, version_of, written
from reconciler.errors import SinkError, SinkUnavailable

_ROUNDS = 10
_OK = frozenset({200, 204})
_CONFLICT = "did not match the current version"
_MERGE = {"Content-Type": "application/merge-patch+json"}
_NO_ROOM = frozenset({400, 403, 404, 405})
"""What the server says where a note may not be kept, does not fit, or where nothing may be patched yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSink:
    """One field of one secret; the `SecretSink` port."""

    server: Server
    mount: str
    secret: str
    field: str

    def preflight(self) -> None:
        """Raise SinkError where the engine is another, the credential is not valid, or may not write here."""
        self._require_version_2()
        version = self._read()
        rights = self._rights()
        if version is not None:
            version.text(self.field)
        if rights is None or "root" in rights:
            return
        wanted = "patch" if version is None else "update" if version.number else "create"
        if wanted not in rights and not (wanted == "update" and "patch" in rights):
            raise SinkError(
                f"the credential may not {wanted} {self._data}",
                hint=f'its policy needs: path "{self._data}" {{ capabilities = ["create", "read", "update"] }}',
            )

    def look(self) -> Holding:
        """The field, and the note in the metadata; the note alone where only that may be read."""
        version = self._read()
        if version is None:
            return self._glimpse()
        value = version.text(self.field)
        if value is None:
            return EMPTY
        note = parse_note(version.notes.get(self._note_key, ""))
        return Holding(occupied=True, secret=value, note=note, written=version.written)

    def write(self, secret: Secret, note: Note | None) -> None:
        """Set the field, then the note."""
        self._set(secret, note)

    def remove(self) -> None:
        """Take the field away, and the version with it where it was the only one; and the note."""
        self._set(None, None)

    @property
    def _data(self) -> str:
        return f"{self.mount}/data/{self.secret}"

    @property
    def _metadata(self) -> str:
        return f"{self.mount}/metadata/{self.secret}"

    @property
    def _note_key(self) -> str:
        return f"reconciler_{self.field}"

    def _require_version_2(self) -> None:
        mount = self.server.read(f"sys/internal/ui/mounts/{self.mount}").body or {}
        match mount.get("data"):
            case {"type": "kv", "options": {"version": "2"}} | None:
                return
            case _:
                raise SinkError(
                    f"what is mounted at {quoted(self.mount)} is not the key/value engine, version 2",
                    hint="name another `mount`; `vault secrets list -detailed` shows them",
                )

    def _rights(self) -> frozenset[str] | None:
        """What the credential may do with the secret, None where it may not even ask that."""
        asked = {"paths": [self._data]}
        answer = self.server.call("POST", "sys/capabilities-self", known=frozenset({200, 403}), json=asked)
        return None if answer.status == 403 else frozenset(answer.body["data"][self._data])

    def _read(self) -> Version | None:
        """The newest version, None where it may not be read."""
        answer = self.server.read(self._data, known=frozenset({200, 403, 404}))
        match answer.status, answer.body:
            case 403, _:
                return None
            case _, {"data": {"data": _, "metadata": {"version": int()}}}:
                return version_of(answer.body["data"])
            case 404, _:
                return NO_VERSION
            case _:
                raise SinkUnavailable(f"{self.server.name} answered with something that is no secret of this engine")

    def _glimpse(self) -> Holding:
        """What the metadata tells."""
        answer = self.server.read(self._metadata, known=frozenset({200, 403, 404}))
        match answer.status, answer.body:
            case 404, _:
                return EMPTY
            case 200, {"data": {"current_version": newest, "versions": versions, "custom_metadata": notes}}:
                version = versions.get(str(newest), {})
                note = parse_note((notes or {}).get(self._note_key, ""))
                if version.get("destroyed") or version.get("deletion_time"):
                    return EMPTY
                if note is not None:
                    return Holding(occupied=True, note=note, written=written(version))
            case _:
                pass
        raise SinkUnavailable(f"the credential may not read {self._data}", hint=self.server.service.hint)

    def _set(self, secret: Secret | None, note: Note | None) -> None:
        """Make this the field's value, None for no field, however often somebody else is faster."""
        with self.server.turns.of(self._data):
            with before_a_write():
                version = self._read()
            for _ in range(_ROUNDS):
                if self._patched(secret) if version is None else self._replaced(version, secret):
                    self._keep(note)
                    return
                time.sleep(random.uniform(0, 0.1))  # noqa: S311 - jitter is no secret
                version = self._read()
        raise SinkError(
            f"others keep writing {self._data}, faster than this run can", hint="try again when they have done"
        )

    def _replaced(self, version: Version, secret: Secret | None) -> bool:
        """Write the next version after the one that was read; False where there is another by now."""
        if version.text(self.field) == secret:
            return True
        fields = {name: value for name, value in version.fields.items() if name != self.field}
        if secret is not None:
            fields[self.field] = secret
        elif not fields and self._deleted(version.number):
            return False  # which is seen when it is read again
        status = self._checked_and_set(version.number, fields, _OK | {403})
        return self._patched(secret) if status == 403 else status in _OK

    def _patched(self, secret: Secret | None) -> bool:
        """Let the server merge the field into the newest version, or make the first one."""
        answer = self.server.call(
            "PATCH", self._data, known=_OK | {404}, json={"data": {self.field: secret}}, headers=_MERGE
        )
        if answer.status in _OK or secret is None:
            return True
        deleted = (answer.body or {}).get("data") or {}
        return self._checked_and_set(deleted.get("version", 0), {self.field: secret}, _OK) in _OK

    def _checked_and_set(self, after: int, fields: Mapping[str, Any], known: frozenset[int]) -> int:
        """The status of writing the next version; 400 where that is not `after` any more."""
        body = {"options": {"cas": after}, "data": fields}
        try:
            return self.server.call("POST", self._data, known=known, json=body).status
        except SinkError as error:
            if _CONFLICT in error.message:
                return 400
            raise

    def _deleted(self, number: int) -> bool:
        body = {"versions": [number]}
        answer = self.server.call("POST", f"{self.mount}/delete/{self.secret}", known=_OK | {403}, json=body)
        return answer.status in _OK

    def _keep(self, note: Note | None) -> None:
        """Keep a note beside the secret, where there is room for it and the policy allows it."""
        notes = {self._note_key: None if note is None else str(note)}
        body = {"custom_metadata": notes}
        with nobody_knows():
            self.server.call("PATCH", self._metadata, known=_OK | _NO_ROOM, json=body, headers=_MERGE)


def place(spec: SinkSpec, surroundings: Surroundings) -> SinkSpec:
    """The sink with its server and namespace, whoever names them."""
    address, namespace = _server(spec, settings(surroundings.variables))
    return spec.having(address=same_server(address) or None, namespace=namespace or None)


def open_sink(spec: SinkSpec, surroundings: Surroundings) -> VaultSink:
    """The sink of a `vault:` entry."""
    given = settings(surroundings.variables)
    address, namespace = _server(spec, given)
    if not address:
        raise SinkUnavailable("VAULT_ADDR is not set", hint="set it to such as https://vault.example.com:8200")
    insecure = spec.flag("insecure")
    server = surroundings.shared(
        ("vault", address, namespace, insecure),
        lambda: open_server(address, namespace, given, surroundings, insecure=insecure),
    )
    return VaultSink(
        server=server,
        mount=_path("mount", spec.option("mount", "secret")),
        secret=_path("secret", spec.option("secret")),
        field=spec.option("field"),
    )


def _server(spec: SinkSpec, given: Settings) -> tuple[str, str]:
    """Address and namespace, as the sink says, else as the variables do; empty where nobody does."""
    address = spec.option("address", "") or given.address
    namespace = spec.option("namespace", "") or given.namespace
    return address.rstrip("/"), namespace.strip("/")


def _path(option: str, text: str) -> str:
    """A path without a slash at its ends. Segments of dots would lead elsewhere, empty ones nowhere."""
    parts = text.strip("/").split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise SinkError(f"{quoted(text)} is no path of a {option}", hint="leave out empty parts and those of dots")
    return "/".join(parts)
