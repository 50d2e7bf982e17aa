"""Secrets that did not arrive, each in an encrypted file beside the manifest: escrow/ENVIRONMENT/KEY_ID.age.

Such a file is the only copy of the secret of a key that works. It is made whole or not at all, readable by its owner
alone, and taken away once a run has delivered the key or deleted it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.core.escrowed import Escrowed
from reconciler.core.own_files import ESCROW
from reconciler.core.secret import Secret
from reconciler.edge.sealing import Sealer
from reconciler.edge.sinks import files

_END = ".age"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeEscrow:
    """The escrow of one environment; the `Escrow` port."""

    folder: Path
    environment: str
    recipient: str

    def preflight(self) -> None:
        """Raise SinkError where nothing could be encrypted or written."""
        self._sealer.check()
        files.check_writable(self._file("a-key"))

    def keep(self, key_id: str, secret: Secret) -> str:
        """Encrypt a key's secret into its file."""
        path = self._file(key_id)
        sealed = Secret(self._sealer.seal(secret))
        with files.locked(path):
            files.replace(path, sealed)
        return str(path)

    def discard(self, key_id: str) -> None:
        """Remove a key's file."""
        path = self._file(key_id)
        if path.exists():
            with files.locked(path):
                files.remove(path)

    @property
    def _sealer(self) -> Sealer:
        return Sealer((self.recipient,))

    def _file(self, key_id: str) -> Path:
        return _place(self.folder, self.environment) / f"{key_id}{_END}"


def kept(folder: Path, environment: str) -> Escrowed:
    """What is in escrow for an environment, whether or not it has an escrow now."""
    return {path.name.removesuffix(_END): str(path) for path in _place(folder, environment).glob(f"*{_END}")}


def _place(folder: Path, environment: str) -> Path:
    return folder / ESCROW / environment
