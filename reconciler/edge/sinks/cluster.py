"""The API of a Kubernetes cluster, and what its answers say."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from reconciler.core.quoting import clean
from reconciler.edge.sinks.http import Service
from reconciler.edge.sinks.http_client import require_private, sendable
from reconciler.edge.sinks.kubeconfig import Access
from reconciler.errors import SinkUnavailable

if TYPE_CHECKING:
    import httpx

NAME = "Kubernetes"
_ROLE = "its user needs get, create and patch on secrets in this namespace"


class Cluster:
    """The API of one cluster; closed with the run."""

    def __init__(self, found: Access) -> None:
        import httpx

        self.namespace = found.namespace
        try:
            self._http = httpx.Client(
                base_url=found.server, verify=found.tls, proxy=found.proxy or None, auth=_proof(found)
            )
        except (httpx.InvalidURL, ValueError, ImportError) as error:  # a proxy may need a library
            raise SinkUnavailable(
                f"no connection to {NAME} can be prepared: {type(error).__name__}",
                hint="see the kubeconfig's server and proxy-url, and HTTPS_PROXY",
            ) from None
        require_private(self._http, NAME)
        self.service = Service(name=NAME, hint=_ROLE, http=self._http, explain=message, trust="the kubeconfig")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()


def _proof(found: Access) -> httpx.Auth:
    """Shows who calls, with each call anew, and whom it means to call."""
    import httpx

    class Proof(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            header = found.header()
            if header is not None:
                request.headers["Authorization"] = sendable(NAME, header).reveal()
            if found.server_name:
                request.extensions["sni_hostname"] = found.server_name
            yield request

    return Proof()


def message(body: Any) -> str:
    """What a Status says."""
    return str(body.get("message", "")) if isinstance(body, dict) and body.get("kind") == "Status" else ""


def managers(body: Any) -> str:
    """Who owns what an apply would change, as the causes of a Status tell it."""
    causes = mapping(mapping(body).get("details")).get("causes") or ()
    told = (str(each.get("message", "")) for each in causes if each.get("reason") == "FieldManagerConflict")
    return clean(", ".join(dict.fromkeys(each.removeprefix("conflict with ") for each in told)))[:200]


def mapping(value: Any) -> dict[str, Any]:
    """The value, empty where it is no mapping."""
    return value if isinstance(value, dict) else {}
