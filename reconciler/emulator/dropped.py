"""What a lost connection is to the emulator: an exception, until a transport makes it real.

In process, `httpx.ASGITransport` hands the exception to the caller as it is, and because it is a
`httpx.RemoteProtocolError` every client sees the transport error it would see on a socket. On a
socket, `reconciler.emulator.server` closes the connection without an answer.
"""

import httpx


class Dropped(httpx.RemoteProtocolError):
    """The connection ends here and the client gets no answer."""

    def __init__(self) -> None:
        super().__init__("Server disconnected without sending a response.")
