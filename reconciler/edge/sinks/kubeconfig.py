"""How a cluster is reached: what a kubeconfig says, or the account of the pod that this runs in.

- The files that KUBECONFIG names, or ~/.kube/config, are one: of what several say, the first counts. A relative path
  is relative to the file that says it. Where there is no file, the pod's own account is taken.
- Users: a token, a file with one, a certificate, a name and password, or a command (`exec`). What `auth-provider` did
  is done by commands since Kubernetes 1.26.
- No message shows anything of a file but names, for the rest may be a credential.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.edge.sinks.cluster_tls import insecure, present, trusting
from reconciler.edge.sinks.exec_credential import ExecCredential, bearer
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkUnavailable

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_HINT = "KUBECONFIG names the file, as for kubectl; `context` one of its contexts"

Header = Callable[[], Secret | None]
"""What stands behind `Authorization` now; it may be renewed between two calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A cluster's address, and how this run proves who it is. `server_name` is what its certificate is for, where that
    is another name than the address has.
    """

    server: str
    namespace: str
    tls: ssl.SSLContext = field(repr=False)
    server_name: str
    proxy: str
    header: Header = field(repr=False)


def access(context: str, surroundings: Surroundings) -> Access:
    """The access that a context describes, the current one where none is named. Raises SinkUnavailable."""
    with _translated():
        if files := _files(surroundings.variables):
            return _Merged(files).access(context, surroundings)
        if _is_in_pod(context, surroundings.variables):
            return _of_pod(surroundings)
    raise SinkUnavailable("there is no kubeconfig", hint=_HINT)


def place_of(context: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """Server and namespace of a context, whoever the user is. Raises SinkUnavailable."""
    with _translated():
        if files := _files(variables):
            _, cluster, namespace = _Merged(files).chosen(context)
            return cluster.text("server"), namespace
        if _is_in_pod(context, variables):
            return _server_of_pod(variables), _namespace_of_pod()
    raise SinkUnavailable("there is no kubeconfig", hint=_HINT)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OSError, ssl.SSLError, binascii.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        where = getattr(error, "filename", None)
        raise SinkUnavailable(
            f"the kubeconfig cannot be used: {f'{where}: ' if where else ''}{reason or type(error).__name__}",
            hint="see its certificates and keys, and who may read them",
        ) from None


def _files(variables: Mapping[str, str]) -> list[Path]:
    return [path for path in _paths(variables) if path.exists()]


def _is_in_pod(context: str, variables: Mapping[str, str]) -> bool:
    return bool(variables.get("KUBERNETES_SERVICE_HOST")) and not context and ACCOUNT.is_dir()


def _paths(variables: Mapping[str, str]) -> list[Path]:
    if named := variables.get("KUBECONFIG"):
        return [Path(path) for path in named.split(os.pathsep) if path]
    return [Path(variables.get("HOME") or "/", ".kube", "config")]


def _server_of_pod(variables: Mapping[str, str]) -> str:
    host, port = variables["KUBERNETES_SERVICE_HOST"], variables.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _namespace_of_pod() -> str:
    return (ACCOUNT / "namespace").read_text("utf-8").strip()


def _of_pod(surroundings: Surroundings) -> Access:
    return Access(
        server=_server_of_pod(surroundings.variables),
        namespace=_namespace_of_pod(),
        tls=trusting(cafile=str(ACCOUNT / "ca.crt")),
        server_name="",
        proxy="",
        header=_in_file(ACCOUNT / "token", surroundings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A cluster, user or context, and the file that it is from."""

    what: str
    fields: Mapping[str, Any] = field(repr=False)
    folder: Path

    def text(self, name: str) -> str:
        """A field that is text; empty where it is absent."""
        value = self.fields.get(name) or ""
        if not isinstance(value, str):
            raise SinkUnavailable(f"the kubeconfig's {self.what}: {name} is no text", hint=_HINT)
        return value

    def content(self, name: str) -> Secret | None:
        """What a field holds in base64 as `NAME-data`, or the file that it names."""
        if data := self.text(f"{name}-data"):
            return Secret(base64.b64decode(data, validate=True).decode("latin-1"))
        path = self.text(name)
        return Secret((self.folder / path).read_bytes().decode("latin-1")) if path else None


class _Merged:
    """Several files as one."""

    def __init__(self, files: list[Path]) -> None:
        self._files = [(path.absolute().parent, _loaded(path)) for path in files]

    def chosen(self, context: str) -> tuple[_Entry, _Entry, str]:
        """A context, the current one where none is named, its cluster, and its namespace."""
        context = context or next(filter(None, (file.get("current-context") for _, file in self._files)), "")
        if not context:
            raise SinkUnavailable("the kubeconfig has no current context", hint="name one as `context`")
        chosen = self._entry("context", context)
        return chosen, self._entry("cluster", chosen.text("cluster")), chosen.text("namespace") or "default"

    def access(self, context: str, surroundings: Surroundings) -> Access:
        """The access that a context describes."""
        chosen, cluster, namespace = self.chosen(context)
        user = self._entry("user", chosen.text("user")) if chosen.text("user") else None
        is_unverified = cluster.fields.get("insecure-skip-tls-verify") is True
        authority = cluster.content("certificate-authority")
        tls = insecure() if is_unverified else trusting(cadata=authority.reveal() if authority else None)
        server = cluster.text("server").rstrip("/")
        if not server.startswith("https://") and (user is not None or not server.startswith("http://")):
            raise SinkUnavailable(
                f"the kubeconfig's {cluster.what} has no server that begins with https://",
                hint="a credential is sent over TLS only",
            )
        return Access(
            server=server,
            namespace=namespace,
            tls=tls,
            server_name=cluster.text("tls-server-name"),
            proxy=_proxy(cluster),
            header=_proven(user, cluster, tls, surroundings) if user else lambda: None,
        )

    def _entry(self, kind: str, name: str) -> _Entry:
        for folder, file in self._files:
            for each in file.get(f"{kind}s") or ():
                if each.get("name") == name:
                    return _Entry(what=f"{kind} {quoted(name)}", fields=each.get(kind) or {}, folder=folder)
        known = sorted({str(name) for name in self._names(kind)})
        raise SinkUnavailable(
            f"the kubeconfig has no {kind} {quoted(name)}", hint=f"it has {', '.join(known) or 'none'}"
        )

    def _names(self, kind: str) -> Iterator[object]:
        return (each.get("name") for _, file in self._files for each in file.get(f"{kind}s") or ())


def _proxy(cluster: _Entry) -> str:
    proxy = cluster.text("proxy-url")
    if proxy and not proxy.startswith(("http://", "https://")):
        raise SinkUnavailable(
            f"the kubeconfig's {cluster.what} has a proxy-url that begins with neither http:// nor https://",
            hint="other proxies are not gone through",
        )
    return proxy


def _loaded(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise SinkUnavailable(f"{path} is no YAML", hint="see it with kubectl config view") from None
    if not isinstance(loaded, dict) or not all(
        isinstance(each, dict) for kind in ("clusters", "contexts", "users") for each in loaded.get(kind) or ()
    ):
        raise SinkUnavailable(f"{path} is no kubeconfig", hint="see it with kubectl config view")
    return loaded


def _proven(user: _Entry, cluster: _Entry, tls: ssl.SSLContext, surroundings: Surroundings) -> Header:
    """What proves the user: a certificate goes into the context at once, the rest is a header."""
    certificate, key = user.content("client-certificate"), user.content("client-key")
    if certificate is not None:
        present(tls, certificate, key)
    if "auth-provider" in user.fields:
        raise SinkUnavailable(
            f"the kubeconfig's {user.what} has an auth-provider, which Kubernetes gave up in 1.26",
            hint="write the file anew with the cloud's own tool: it has a command (`exec`) for that now",
        )
    if path := user.text("tokenFile"):
        return _in_file(user.folder / path, surroundings)
    if token := user.text("token").strip():
        header = bearer(token, surroundings)
        return lambda: header
    if name := user.text("username"):
        password = user.text("password")
        both = base64.b64encode(f"{name}:{password}".encode()).decode()
        surroundings.mask(Secret(password), Secret(both))
        return lambda: Secret(f"Basic {both}")
    if "exec" in user.fields:
        credential = ExecCredential(user.what, user.fields["exec"], user.folder, cluster.fields, surroundings)
        if credential.certificate is not None:
            present(tls, credential.certificate, credential.key)
        return credential.header
    return lambda: None


def _in_file(path: Path, surroundings: Surroundings) -> Header:
    def header() -> Secret:
        try:
            return bearer(path.read_text("utf-8").strip(), surroundings)
        except OSError as error:
            raise SinkUnavailable(f"{path}: {error.strerror}", hint="it is to hold the token") from error
        except UnicodeDecodeError:
            raise SinkUnavailable(f"{path} is no text", hint="it is to hold the token") from None

    return header
