"""The kubernetes sink: one key of the data of a Secret, by server-side apply.

- Each key of a Secret has a field manager of its own, because an apply takes away what its manager applied before and
  does not name any more. So several of our keys may share a Secret, and what others keep in it stays theirs.
- What another manager owns is refused, never forced. A dry run finds that out before a key is made, with all else that
  the cluster has to say: rights, quotas, admission, an immutable Secret.
- The note is an annotation of the Secret, named for the key. A Secret is made where it is missing, and never deleted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from reconciler.core.addresses import same_server
from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Holding, Note, holding, parse_note
from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.edge.sinks.cluster import Cluster, managers, mapping, message
from reconciler.edge.sinks.cover import Cover
from reconciler.edge.sinks.http import Answer
from reconciler.edge.sinks.kubeconfig import access, place_of
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkError, SinkUnavailable

PREFIX = "appwrite-reconciler"
_ANNOTATION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_SECRET = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_KEY = re.compile(r"(?!\.\.|\.\Z)[A-Za-z0-9._-]{1,253}")
_LONGEST_MANAGER = 128
_ATTEMPTS = 5
_APPLY = {"Content-Type": "application/apply-patch+yaml"}  # of which JSON is a part
_STANDS_IN = Secret("checked-before-a-key-is-made")


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSink:
    """One key of one Secret; the `SecretSink` port. An empty namespace or context is the one that is usual."""

    secret: str
    key: str
    namespace: str
    context: str
    surroundings: Surroundings = field(repr=False)

    def preflight(self) -> None:
        """Have the cluster judge an apply that it does not keep; raises SinkError."""
        answer = self._apply(self._body(_STANDS_IN), dry_run=True)
        if answer.status == 400 and "dry run" in message(answer.body):  # which one of its webhooks cannot
            self._read()
            return
        self._check(answer)

    def look(self) -> Holding:
        """The value of the key now, and its annotation."""
        found = self._read() or {}
        value = mapping(found.get("data")).get(self.key)
        if value is None:
            return EMPTY
        annotations = mapping(mapping(found.get("metadata")).get("annotations"))
        return holding(_decoded(value), parse_note(str(annotations.get(self._annotation, ""))))

    def write(self, secret: Secret, note: Note | None) -> None:
        """Apply the value and its note."""
        self._check(self._apply(self._body(secret, note), sent=secret), secret)

    def remove(self) -> None:
        """Apply nothing of what was applied before; the Secret stays, and all else that is in it."""
        found = self._read()
        if found is None:
            return
        body = self._body()
        body["metadata"]["uid"] = found["metadata"]["uid"]  # an apply would make a Secret that is gone meanwhile
        answer = self._apply(body)
        if not (answer.status == 409 and "uid" in message(answer.body)):
            self._check(answer)

    def _read(self) -> dict[str, Any] | None:
        answer = self._cluster.service.read(self._path)
        return mapping(answer.body) if answer.status == 200 else None

    def _apply(self, body: Mapping[str, Any], *, dry_run: bool = False, sent: Secret | None = None) -> Answer:
        """Apply, once more where the cluster gave up because others write the same Secret at this moment."""
        for _ in range(_ATTEMPTS):
            answer = self._cluster.service.call(
                "PATCH",
                self._path,
                known=frozenset({200, 201, 400, 404, 409, 422}),
                json=body,
                headers=_APPLY,
                params={"fieldManager": self._manager, "force": "false", **({"dryRun": "All"} if dry_run else {})},
                sent=sent,
            )
            if answer.status != 409 or "object has been modified" not in message(answer.body):
                return answer
        raise SinkUnavailable(f"Secret {self._namespace}/{self.secret} changes all the time", hint="try again later")

    def _body(self, secret: Secret | None = None, note: Note | None = None) -> dict[str, Any]:
        """The whole of what the key's manager wants of the Secret."""
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.secret}}
        if note is not None:
            body["metadata"]["annotations"] = {self._annotation: str(note)}
        if secret is not None:
            coded = base64.b64encode(secret.reveal().encode(errors="surrogateescape")).decode()
            body["data"] = {self.key: Secret(coded)}
        return body

    def _check(self, answer: Answer, sent: Secret = _STANDS_IN) -> None:
        """Raise SinkError unless an apply was accepted; a webhook may have repeated what was sent."""
        if answer.status in {200, 201}:
            return
        words = Cover(sent).over(message(answer.body))[:300]
        where = f"Secret {self._namespace}/{self.secret}"
        if owners := managers(answer.body):
            raise SinkError(
                f"{where}: {self.key} is managed by {owners}, and not taken from it",
                hint=f"deliver to another key or Secret; or hand it over: kubectl apply --server-side "
                f"--force-conflicts --field-manager={self._manager}",
            )
        if answer.status == 404:
            raise SinkError(f"{where}: {words or 'not found'}", hint="kubectl create namespace makes a namespace")
        if "immutable" in words:
            raise SinkError(f"{where} is immutable: {words}", hint="deliver to another Secret: this one stays as it is")
        raise SinkError(f"{where}: the cluster refuses it: {words or answer.status}", hint="mend what it names")

    @property
    def _cluster(self) -> Cluster:
        def opened() -> Cluster:
            return Cluster(access(self.context, self.surroundings))

        return self.surroundings.shared(("kubernetes", self.context), opened)

    @property
    def _namespace(self) -> str:
        return self.namespace or self._cluster.namespace

    @property
    def _path(self) -> str:
        for pattern, name, what in (
            (_NAMESPACE, self._namespace, "namespace"),
            (_SECRET, self.secret, "Secret"),
            (_KEY, self.key, "key of a Secret"),
        ):
            if not pattern.fullmatch(name):
                raise SinkError(f"{quoted(name)} cannot be the name of a {what}", hint=_NAMES[what])
        return f"/api/v1/namespaces/{quote(self._namespace)}/secrets/{quote(self.secret)}"

    @property
    def _annotation(self) -> str:
        """The name of the note's annotation: the key's, or one made from it where Kubernetes allows less for those."""
        name = self.key if _ANNOTATION.fullmatch(self.key) else f"key-{_digest(self.key)}"
        return f"{PREFIX}/{name}"

    @property
    def _manager(self) -> str:
        name = f"{PREFIX}/{self.key}"
        return name if len(name) <= _LONGEST_MANAGER else f"{PREFIX}/key-{_digest(self.key)}"


_NAMES = {
    "namespace": "lower case letters, digits and -, 63 at most",
    "Secret": "lower case letters, digits, - and ., 253 at most",
    "key of a Secret": "letters, digits, -, _ and ., 253 at most",
}


def place(spec: SinkSpec, surroundings: Surroundings) -> SinkSpec:
    """The sink with its cluster's address, whatever contexts name that, and its namespace."""
    context = spec.option("context", "")
    server, namespace = surroundings.shared(
        ("kubernetes place", context), lambda: place_of(context, surroundings.variables)
    )
    return spec.having(context=same_server(server), namespace=spec.option("namespace", "") or namespace)


def open_sink(spec: SinkSpec, surroundings: Surroundings) -> KubernetesSink:
    """The sink that an entry `kubernetes` of `deliver` names."""
    return KubernetesSink(
        secret=spec.option("secret"),
        key=spec.option("key"),
        namespace=spec.option("namespace", ""),
        context=spec.option("context", ""),
        surroundings=surroundings,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _decoded(value: object) -> Secret:
    try:
        return Secret(base64.b64decode(str(value), validate=True).decode(errors="surrogateescape"))
    except binascii.Error:
        return Secret(str(value))  # no API server lets that happen
