"""A Kubernetes API server on a socket, as far as Secrets go.

Where its rules come from:
- Server-side apply: kubernetes.io/docs/reference/using-api/server-side-apply, and the README of
  sigs.k8s.io/structured-merge-diff. An apply that changes what another manager owns is a conflict, unless forced; one
  of the same value shares the ownership; what a manager applied before and leaves out now goes, unless somebody else
  owns it too; every other write takes what it changes. An entry of `managedFields` stands for manager and operation.
- The words of a conflict: `NewConflictError` of k8s.io/apimachinery, util/managedfields/internal/conflict.go. Other
  words: errors.NewForbidden, NewNotFound, NewInvalid of k8s.io/apimachinery.
- A patch that makes an object needs the verb `create` too. `dryRun=All` does all but keep it. What changes nothing
  leaves the resourceVersion. Names, sizes and `immutable`: ValidateSecret and ValidateSecretUpdate of
  k8s.io/kubernetes/pkg/apis/core/validation.

kubectl is a witness for it, in tests/unit/sinks/test_kubernetes_witness.py. What it does not do: watch, list, other
kinds, protobuf, `stringData`.
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tests.repository import ROOT
from tests.support.http_service import Calls, Reply, Request, serving

Path = tuple[str, ...]
Fields = dict[Path, Any]
Object = dict[str, Any]

_DNS = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DATA_KEY = re.compile(r"(?!\.\.|\.\Z)[-._a-zA-Z0-9]{1,253}")
_QUALIFIED = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_MOST = 1024 * 1024


class Refused(Exception):
    """An answer that is a Status of failure."""

    def __init__(self, code: int, reason: str, message: str, causes: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.causes = code, reason, message, causes

    @property
    def reply(self) -> Reply:
        details = {"details": {"causes": self.causes}} if self.causes else {}
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": self.code}
        return Reply(status=self.code, body=body | {"reason": self.reason, "message": self.message} | details)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user and what they may do: verbs on secrets, in namespaces."""

    name: str
    verbs: frozenset[str] = frozenset({"get", "create", "patch"})
    namespaces: frozenset[str] = frozenset({"shop", "default"})


@dataclass(slots=True, kw_only=True)
class Cluster:
    """The cluster's state. `users` by what they say behind `Authorization`; `admit` may raise Refused, as a webhook."""

    users: dict[str, User] = field(default_factory=lambda: {"Bearer token-of-ci": User(name="ci")})
    namespaces: set[str] = field(default_factory=lambda: {"shop", "default"})
    secrets: dict[tuple[str, str], Object] = field(default_factory=dict)
    admit: Callable[[Object, bool], None] = lambda _secret, _dry_run: None
    calls: Calls = field(default_factory=Calls)
    address: str = ""
    _version: int = 100

    # --- for tests: what others do ---

    def update(self, name: str, data: Mapping[str, str | None], *, manager: str = "kubectl-edit", **more: Any) -> None:
        """Another client writes keys of a Secret by PUT, takes what it changes, and removes those that are None."""
        live = self.secrets.get(("shop", name)) or _fresh("shop", name)
        wanted = copy.deepcopy(live)
        wanted.update(more)
        kept = dict(live.get("data", {})) | {key: _coded(text) for key, text in data.items() if text is not None}
        wanted["data"] = {key: text for key, text in kept.items() if data.get(key, "") is not None}
        self._write(_updated(live, wanted, manager), "shop", name)

    def value(self, name: str, key: str) -> str | None:
        """What a pod would find."""
        coded = self.secrets.get(("shop", name), {}).get("data", {}).get(key)
        return None if coded is None else base64.b64decode(coded).decode()

    def annotations(self, name: str) -> dict[str, str]:
        """The annotations of a Secret."""
        found: dict[str, str] = self.secrets[("shop", name)]["metadata"].get("annotations", {})
        return found

    def managers(self, name: str) -> dict[str, set[str]]:
        """Which fields each manager owns."""
        entries = self.secrets[("shop", name)]["metadata"]["managedFields"]
        return {each["manager"]: {".".join(path) for path in _paths_of(each["fieldsV1"])} for each in entries}

    # --- the API ---

    def answer(self, request: Request) -> Reply:
        """The answer to a call."""
        try:
            return self._answer(request)
        except Refused as refused:
            return refused.reply

    def _answer(self, request: Request) -> Reply:
        if "namespaces" not in request.parts:
            return _discovery(request.parts)
        user = self.users.get(request.headers.get("authorization", ""))
        if user is None:
            raise Refused(401, "Unauthorized", "Unauthorized")
        match request.parts:
            case ("api", "v1", "namespaces", namespace) if namespace in self.namespaces:
                return Reply(status=200, body={"kind": "Namespace", "metadata": {"name": namespace}})
            case ("api", "v1", "namespaces", namespace, "secrets", name):
                return self._secret(request, user, namespace, name)
            case _:
                raise Refused(404, "NotFound", "the server could not find the requested resource")

    def _secret(self, request: Request, user: User, namespace: str, name: str) -> Reply:
        match request.method:
            case "GET":
                _allow(user, "get", namespace, name)
                return Reply(status=200, body=self._live(namespace, name))
            case "PATCH" if request.headers.get("content-type") == "application/apply-patch+yaml":
                _allow(user, "patch", namespace, name)
                return self._applied(request, user, namespace, name)
            case _:
                raise Refused(
                    405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
                )

    def _live(self, namespace: str, name: str) -> Object:
        live = self.secrets.get((namespace, name))
        if live is None:
            raise Refused(404, "NotFound", f'secrets "{name}" not found')
        return live

    def _applied(self, request: Request, user: User, namespace: str, name: str) -> Reply:
        applied, query = request.body, request.query
        dry_run = query.get("dryRun") == "All"
        _judge_request(applied, query, name)
        live = self.secrets.get((namespace, name))
        _judge_identity(applied["metadata"], live, name)
        if live is None:
            _allow(user, "create", namespace, name)
            if namespace not in self.namespaces:
                raise Refused(404, "NotFound", f'namespaces "{namespace}" not found')
        base = live or _fresh(namespace, name)
        after = _apply(base, applied, query["fieldManager"], force=query.get("force") == "true")
        _judge_object(base if live else None, after)
        self.admit(after, dry_run)
        if not dry_run:
            after = self._write(after, namespace, name)
        return Reply(status=200 if live else 201, body=after)

    def _write(self, after: Object, namespace: str, name: str) -> Object:
        live = self.secrets.get((namespace, name))
        if live is not None and _timeless(live) == _timeless(after):
            return live
        self._version += 1
        after["metadata"]["resourceVersion"] = str(self._version)
        self.secrets[(namespace, name)] = after
        return after


CERTIFICATE = ROOT / "tests" / "support" / "self_signed.pem"


@contextmanager
def a_cluster(tls: ssl.SSLContext | None = None) -> Iterator[Cluster]:
    """A cluster on a socket for as long as the context is open."""
    cluster = Cluster()
    if tls is None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CERTIFICATE)
    with serving(cluster.answer, cluster.calls, tls) as cluster.address:
        yield cluster


def kubeconfig(server: str, **user: Any) -> str:
    """A kubeconfig of one context, as JSON, which is YAML; the user has a token unless told otherwise."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "production",
            "contexts": [{"name": "production", "context": {"cluster": "c", "user": "ci", "namespace": "shop"}}],
            "clusters": [
                {"name": "c", "cluster": {"server": server, "certificate-authority": str(CERTIFICATE)}},
            ],
            "users": [{"name": "ci", "user": user or {"token": "token-of-ci"}}],
        }
    )


# --- server-side apply ---


def _apply(live: Object, applied: Object, manager: str, *, force: bool) -> Object:
    wanted, before = _fields(applied), _fields(live)
    entries = [each for each in live["metadata"]["managedFields"] if not _is(each, manager, "Apply")]
    conflicts = [
        (each, path)
        for path, value in wanted.items()
        if before.get(path) != value
        for each in entries
        if path in _paths_of(each["fieldsV1"])
    ]
    if conflicts and not force:
        raise _conflict(conflicts)
    own = next((each for each in live["metadata"]["managedFields"] if _is(each, manager, "Apply")), None)
    lost = (_paths_of(own["fieldsV1"]) if own else set()) - wanted.keys()
    kept = {path for each in entries for path in _paths_of(each["fieldsV1"])}
    after = copy.deepcopy(live)
    for path in lost - kept:
        _remove(after, path)
    for path, value in wanted.items():
        _set(after, path, value)
    taken = {path for _, path in conflicts}
    entries = [_entry(each["manager"], each["operation"], _paths_of(each["fieldsV1"]) - taken) for each in entries]
    entries.append(_entry(manager, "Apply", set(wanted)))
    after["metadata"]["managedFields"] = [each for each in entries if each["fieldsV1"]]
    return after


def _updated(live: Object, wanted: Object, manager: str) -> Object:
    """What a write that is no apply makes of ownership: whoever changes a field has it."""
    before, after = _fields(live), _fields(wanted)
    changed = {path for path, value in after.items() if before.get(path) != value}
    entries = []
    own: set[Path] = set()
    for each in live["metadata"]["managedFields"]:
        paths = (_paths_of(each["fieldsV1"]) & after.keys()) - changed
        if _is(each, manager, "Update"):
            own = paths
        else:
            entries.append(_entry(each["manager"], each["operation"], paths))
    entries.append(_entry(manager, "Update", own | changed))
    wanted["metadata"]["managedFields"] = [each for each in entries if each["fieldsV1"]]
    return wanted


def _conflict(conflicts: list[tuple[Object, Path]]) -> Refused:
    told = [(_printed(each), _shown(path)) for each, path in conflicts]
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": path} for who, path in told
    ]
    if len(told) == 1:
        return Refused(
            409, "Conflict", f"Apply failed with 1 conflict: conflict with {told[0][0]}: {told[0][1]}", causes
        )
    by_manager: dict[str, list[str]] = {}
    for who, path in told:
        by_manager.setdefault(who, []).append(f"\n- {path}")
    lines = (f"conflicts with {who}:{''.join(paths)}" for who, paths in sorted(by_manager.items()))
    return Refused(409, "Conflict", f"Apply failed with {len(told)} conflicts: " + "\n".join(lines), causes)


def _printed(entry: Object) -> str:
    name = json.dumps(entry["manager"])
    return f"{name} using v1 at {entry['time']}" if entry["operation"] == "Update" else name


def _shown(path: Path) -> str:
    return "".join(f".{part}" for part in path)


def _is(entry: Object, manager: str, operation: str) -> bool:
    return (entry["manager"], entry["operation"]) == (manager, operation)


def _entry(manager: str, operation: str, paths: set[Path]) -> Object:
    fields: Object = {}
    for path in sorted(paths):
        node = fields
        for part in path:
            node = node.setdefault(f"f:{part}", {})
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }


def _paths_of(fields: Object, lead: Path = ()) -> set[Path]:
    """The leaves of a set of fields."""
    found: set[Path] = set()
    for name, below in fields.items():
        path = (*lead, name.removeprefix("f:"))
        found |= _paths_of(below, path) if below else {path}
    return found


def _fields(secret: Object) -> Fields:
    """What an object says that somebody may own."""
    found: Fields = {(name,): secret[name] for name in ("type", "immutable") if name in secret}
    found |= {("data", key): value for key, value in secret.get("data", {}).items()}
    for part in ("annotations", "labels"):
        found |= {("metadata", part, key): value for key, value in secret["metadata"].get(part, {}).items()}
    return found


def _set(secret: Object, path: Path, value: Any) -> None:
    for part in path[:-1]:
        secret = secret.setdefault(part, {})
    secret[path[-1]] = value


def _remove(secret: Object, path: Path) -> None:
    for part in path[:-1]:
        secret = secret.get(part, {})
    secret.pop(path[-1], None)


def _timeless(secret: Object) -> Object:
    shown = copy.deepcopy(secret)
    for each in shown["metadata"]["managedFields"]:
        each.pop("time")
    return shown


def _fresh(namespace: str, name: str) -> Object:
    metadata = {"name": name, "namespace": namespace, "uid": str(uuid4()), "managedFields": []}
    made = {"creationTimestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return {"kind": "Secret", "apiVersion": "v1", "metadata": metadata | made, "type": "Opaque"}


# --- what is refused ---


def _allow(user: User, verb: str, namespace: str, name: str) -> None:
    if verb not in user.verbs or namespace not in user.namespaces:
        raise Refused(
            403,
            "Forbidden",
            f'secrets "{name}" is forbidden: User "{user.name}" cannot {verb} resource "secrets" in API group "" '
            f'in the namespace "{namespace}"',
        )


def _judge_request(applied: Object, query: Mapping[str, str], name: str) -> None:
    manager = query.get("fieldManager", "")
    if not manager or len(manager) > 128 or not manager.isprintable():
        raise Refused(422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: fieldManager: {manager!r}')
    metadata = applied.get("metadata", {})
    if (applied.get("apiVersion"), applied.get("kind")) != ("v1", "Secret"):
        raise Refused(400, "BadRequest", "the object is of another kind than the URL")
    if metadata.get("name") != name:
        raise Refused(
            400,
            "BadRequest",
            f"the name of the object ({metadata.get('name')}) does not match the name on the URL ({name})",
        )
    if metadata.get("managedFields"):
        raise Refused(400, "BadRequest", "metadata.managedFields must be nil")
    if unknown := applied.keys() - {"apiVersion", "kind", "metadata", "data", "type", "immutable"}:
        raise Refused(500, "InternalError", f".{min(unknown)}: field not declared in schema")
    for coded in applied.get("data", {}).values():
        try:
            base64.b64decode(coded, validate=True)
        except binascii.Error:
            raise Refused(400, "BadRequest", "error decoding patch: illegal base64 data at input byte 0") from None


def _judge_identity(metadata: Object, live: Object | None, name: str) -> None:
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    if uid and live is None:
        message = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
    elif uid and live and uid != live["metadata"]["uid"]:
        message = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {live['metadata']['uid']}"
    elif version and live and version != live["metadata"]["resourceVersion"]:
        message = "the object has been modified; please apply your changes to the latest version and try again"
    else:
        return
    raise Refused(409, "Conflict", f'Operation cannot be fulfilled on secrets "{name}": {message}')


def _judge_object(before: Object | None, after: Object) -> None:
    problems = []
    if not _DNS.fullmatch(after["metadata"]["name"]):
        problems.append("metadata.name: Invalid value: a lowercase RFC 1123 subdomain must consist of lower case …")
    data = after.get("data", {})
    problems += [f"data[{key}]: Invalid value" for key in data if not _DATA_KEY.fullmatch(key)]
    if sum(len(base64.b64decode(coded)) for coded in data.values()) > _MOST:
        problems.append(f"data: Too long: may not be more than {_MOST} bytes")
    annotations = after["metadata"].get("annotations", {})
    problems += [
        f"metadata.annotations: Invalid value: {name!r}" for name in annotations if not _QUALIFIED.fullmatch(name)
    ]
    if before is not None and before.get("immutable"):
        if not after.get("immutable"):
            problems.append("immutable: Forbidden: field is immutable when `immutable` is set")
        if before.get("data", {}) != data:
            problems.append("data: Forbidden: field is immutable when `immutable` is set")
    if before is not None and before["type"] != after["type"]:
        problems.append(f'type: Invalid value: "{after["type"]}": field is immutable')
    if problems:
        told = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise Refused(422, "Invalid", f'Secret "{after["metadata"]["name"]}" is invalid: {told}')


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# --- what kubectl asks first ---


def _discovery(parts: Path) -> Reply:
    match parts:
        case ("api",):
            return Reply(status=200, body={"kind": "APIVersions", "versions": ["v1"]})
        case ("apis",):
            return Reply(status=200, body={"kind": "APIGroupList", "apiVersion": "v1", "groups": []})
        case ("api", "v1"):
            verbs = ["create", "get", "patch"]
            secrets = {
                "name": "secrets",
                "singularName": "secret",
                "namespaced": True,
                "kind": "Secret",
                "verbs": verbs,
            }
            return Reply(
                status=200,
                body={"kind": "APIResourceList", "groupVersion": "v1", "resources": [secrets]},
            )
        case _:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
