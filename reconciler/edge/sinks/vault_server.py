"""One Vault or OpenBao server, in one namespace, as the variables of the `vault` and `bao` commands describe it.

`BAO_…` goes before `VAULT_…`, as for `bao`. The credential is VAULT_TOKEN, else an AppRole (VAULT_ROLE_ID,
VAULT_SECRET_ID, VAULT_APPROLE_MOUNT), else what `vault login` left in ~/.vault-token. An AppRole is logged in to when a
sink first asks, and again before its token ends, which stays good for calls in flight and ends by itself. The last
token is revoked with the run. A login that is refused is not tried again, for Vault locks out who keeps trying.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self, Unpack
from urllib.parse import quote

from reconciler.core.addresses import presentable
from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.edge.sinks.http import Answer, Content, Service
from reconciler.edge.sinks.http_client import Trust, open_client, show
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.edge.sinks.turns import Turns
from reconciler.errors import SinkError, SinkUnavailable

_HEADERS = {"X-Vault-Request": "true"}
_TOKEN = "X-Vault-Token"
_FAREWELL = 2.0
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRole:
    """What a machine logs in with; `mount` is where that method is mounted."""

    mount: str
    role_id: str
    secret_id: Secret | None


@dataclass(slots=True, kw_only=True)
class Server:
    """A server that knows who asks; good for any thread, closed with the run."""

    service: Service
    mask: Callable[[Secret], None]
    role: AppRole | None = None
    turns: Turns = field(default_factory=Turns)
    _ends: float = 0.0
    _refused: SinkUnavailable | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.service.name

    def read(self, path: str, *, known: frozenset[int] = frozenset({200, 404})) -> Answer:
        """GET; raises SinkUnavailable."""
        self._log_in()
        return self.service.read(f"/v1/{quote(path)}", known=known)

    def call(self, method: str, path: str, *, known: frozenset[int], **content: Unpack[Content]) -> Answer:
        """Any other call; raises SinkError for a clear no, SinkUnavailable where nobody knows."""
        self._log_in()
        return self.service.call(method, f"/v1/{quote(path)}", known=known, **content)

    def _log_in(self) -> None:
        with self._lock:
            if self.role is None or time.monotonic() < self._ends:
                return
            if self._refused is not None:
                raise self._refused
            auth = self._login(self.role)
            token = Secret(auth["client_token"])
            self.mask(token)
            show(self.service.http, self.name, (_TOKEN, token))
            lasts = float(auth["lease_duration"]) or float("inf")
            self._ends = time.monotonic() + lasts / 2

    def _login(self, role: AppRole) -> Mapping[str, Any]:
        credential = {"role_id": role.role_id} | ({"secret_id": role.secret_id} if role.secret_id else {})
        try:
            answer = self.service.call(
                "POST",
                f"/v1/auth/{quote(role.mount)}/login",
                known=frozenset({200}),
                json=credential,
                sent=role.secret_id,
            )
        except SinkError as error:
            told = SinkUnavailable(
                f"no login with the AppRole at {quoted(role.mount)}: {error.message}",
                hint="see VAULT_ROLE_ID, VAULT_SECRET_ID and VAULT_APPROLE_MOUNT, and how long that id may be used",
            )
            if not isinstance(error, SinkUnavailable):
                self._refused = told
            raise told from None
        auth: Mapping[str, Any] = answer.body["auth"]
        return auth

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        import httpx

        with closing(self.service.http) as http:
            if self._ends:
                with suppress(httpx.HTTPError):
                    http.post("/v1/auth/token/revoke-self", timeout=_FAREWELL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the variables say, empty where they say nothing."""

    address: str
    namespace: str
    authority: str
    role_id: str
    approle: str
    home: str
    is_unverified: bool


def settings(variables: Mapping[str, str]) -> Settings:
    """The settings of the `vault` and `bao` commands."""
    return Settings(
        address=variables.get("BAO_ADDR") or variables.get("VAULT_ADDR") or "",
        namespace=variables.get("BAO_NAMESPACE") or variables.get("VAULT_NAMESPACE") or "",
        authority=variables.get("BAO_CACERT") or variables.get("VAULT_CACERT") or "",
        role_id=variables.get("BAO_ROLE_ID") or variables.get("VAULT_ROLE_ID") or "",
        approle=variables.get("BAO_APPROLE_MOUNT") or variables.get("VAULT_APPROLE_MOUNT") or "approle",
        home=variables.get("HOME") or "",
        is_unverified=(variables.get("BAO_SKIP_VERIFY") or variables.get("VAULT_SKIP_VERIFY")) in _TRUE,
    )


def open_server(
    address: str, namespace: str, given: Settings, surroundings: Surroundings, *, insecure: bool = False
) -> Server:
    """The server at an address, with the credential that is there for it; over plain HTTP where that may be `insecure`.
    Raises SinkUnavailable.
    """
    if not presentable(address).startswith(("https://", "http://")):
        raise SinkUnavailable(
            "VAULT_ADDR is not the address of a server", hint="write such as https://vault.example.com:8200"
        )
    name = f"the vault at {presentable(address)}"
    if given.is_unverified:
        raise SinkUnavailable(
            "VAULT_SKIP_VERIFY is set, and no secret goes to a server that need not prove itself",
            hint="name the authority that signed its certificate in VAULT_CACERT instead",
        )
    credential, source = _credential(given, surroundings)
    if credential is None:
        raise SinkUnavailable(
            f"there is no credential for {name}", hint="set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID"
        )
    role = credential if isinstance(credential, AppRole) else None
    headers = _HEADERS | ({"X-Vault-Namespace": namespace} if namespace else {})
    shown = (_TOKEN, credential) if isinstance(credential, Secret) else None
    http = open_client(address, name, headers, shown, trust=Trust(authority=given.authority, insecure=insecure))
    hint = f"see whether {source} is still valid, and what its policies allow"
    service = Service(name=name, hint=hint, http=http, explain=_explain, trust="VAULT_CACERT")
    return Server(service=service, mask=surroundings.mask, role=role)


def _credential(given: Settings, surroundings: Surroundings) -> tuple[Secret | AppRole | None, str]:
    """A token or what to get one with, None where there is neither, and where it was read."""
    token = surroundings.secret("BAO_TOKEN", "VAULT_TOKEN")
    if token is not None:
        return token, "VAULT_TOKEN"
    if given.role_id:
        secret_id = surroundings.secret("BAO_SECRET_ID", "VAULT_SECRET_ID")
        return AppRole(mount=given.approle, role_id=given.role_id, secret_id=secret_id), "the AppRole of VAULT_ROLE_ID"
    kept = _kept(given.home)
    if kept is not None:
        surroundings.mask(kept)
    return kept, "~/.vault-token"


def _kept(home: str) -> Secret | None:
    """The token that `vault login` left."""
    if not home:
        return None
    try:
        token = Secret(Path(home, ".vault-token").read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError):
        return None
    return token if token != Secret("") else None


def _explain(body: Any) -> str:
    match body:
        case {"errors": [*errors]}:
            return "; ".join(error for error in errors if isinstance(error, str))
        case _:
            return ""
