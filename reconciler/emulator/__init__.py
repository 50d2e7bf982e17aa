"""An independent Appwrite: project keys, and what leads to them, as the recorded servers answer.

It imports nothing else of this package, so that one misreading of Appwrite cannot sit on both sides. It
is the default endpoint of a new manifest, in process or on a port, and the test bed.
"""

from collections.abc import Callable

from reconciler.emulator.emulator import Emulator
from reconciler.emulator.profile import Profile

__all__ = ["Emulator", "Profile", "serve"]


def serve(emulator: Emulator, host: str, port: int, *, ready: Callable[[int], None] | None = None) -> None:
    """Answer on a port until SIGINT or SIGTERM; see `reconciler.emulator.server.serve`."""
    from reconciler.emulator import server

    server.serve(emulator, host, port, ready=ready)
