"""The connection to somebody else's service: whom a sink talks to, and what credential it shows there.

Redirects are not followed unless a sink asks for it. No server that cannot prove itself is talked to; over plain HTTP
only this machine is, and who the manifest says may be. A credential that no header carries is refused before the
library would quote it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from reconciler.core.secret import Secret
from reconciler.edge.authorities import authorities
from reconciler.errors import SinkUnavailable

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What is trusted besides the usual: `authority` is a file of certificates in place of the usual ones, `insecure`
    lets plain HTTP pass.
    """

    authority: str = ""
    insecure: bool = False


def open_client(
    address: str,
    name: str,
    headers: Mapping[str, str],
    credential: tuple[str, Secret] | None = None,
    *,
    moves: bool = False,
    trust: Trust = Trust(),
) -> httpx.Client:
    """A client for a service that shows it a credential in a header. With `moves` it follows the service where that has
    moved something; a credential in `Authorization` is shown to no other server. Raises SinkUnavailable.
    """
    import httpx

    try:
        verify = ssl.create_default_context(cafile=trust.authority) if trust.authority else authorities()
        client = httpx.Client(base_url=address, headers=dict(headers), follow_redirects=moves, verify=verify)
    except (httpx.InvalidURL, OSError, ValueError, ImportError) as error:  # a proxy may need a library
        raise SinkUnavailable(
            f"no connection to {name} can be prepared: {type(error).__name__}",
            hint=f"see its address, {trust.authority or 'SSL_CERT_FILE'} and the proxy in HTTPS_PROXY",
        ) from error
    if not trust.insecure:
        require_private(client, name)
    if credential is not None:
        show(client, name, credential)
    return client


def require_private(client: httpx.Client, name: str) -> None:
    """Raise SinkUnavailable where secrets would go to another machine as anybody on the way can read them."""
    if client.base_url.scheme == "http" and not _is_loopback(client.base_url.host):
        client.close()
        raise SinkUnavailable(
            f"{name} has an address that begins with http://, and secrets go over TLS only",
            hint="write https://; http:// is for this machine alone: localhost, 127.0.0.1 or [::1]",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def show(client: httpx.Client, name: str, credential: tuple[str, Secret]) -> None:
    """Send a credential with every call from now on. Raises SinkUnavailable where no header carries it."""
    header, value = credential
    client.headers[header] = sendable(name, value).reveal()


def sendable(name: str, credential: Secret) -> Secret:
    """A credential that a header carries. Raises SinkUnavailable for any other, which the library would quote."""
    if not all(" " <= character <= "~" for character in credential.reveal()):
        raise SinkUnavailable(
            f"the credential for {name} holds a character that none has: a line break, or one outside ASCII",
            hint="copy it again, alone and on one line",
        )
    return credential
