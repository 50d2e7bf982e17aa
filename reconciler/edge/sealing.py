"""Encryption to public keys, in the form of age: whoever holds one of the identities opens it, and nobody else.

Sealed text is armored, so that Git and mail take it for the text that it is. Sealing one value twice gives two texts.
The library is an extra, loaded where something is to be sealed or opened. It takes no plugins and no identity that a
passphrase protects. What it says of a file never enters a message.

An identity that is not there is nobody's mistake, for not every machine has it; one that is there and is none is an
error of whoever named it, and is never passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.secret import Secret
from reconciler.edge.regular import open_regular
from reconciler.errors import SinkError, SinkUnavailable, UsageError

_LONGEST = 64 * 1024
_SSH = b"-----BEGIN "
_HINT = "give a file that age-keygen made, or an SSH key without a passphrase"


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals for recipients whose form is right already."""

    recipients: tuple[str, ...]

    def check(self) -> None:
        """Raise SinkError where nothing could be sealed."""
        self._loaded(_library())

    def seal(self, value: Secret) -> str:
        """The value, armored; its bytes may be anything."""
        library = _library()
        recipients = self._loaded(library)
        sealed: bytes = library.encrypt(value.reveal().encode(errors="surrogateescape"), recipients, armored=True)
        return sealed.decode("ascii")

    def _loaded(self, library: Any) -> list[Any]:
        return [_recipient(library, each) for each in self.recipients]


def check_identity(identity: Path) -> None:
    """Raise UsageError where a file that is there holds something else than identities."""
    with suppress(SinkUnavailable):
        _identities(_library(), identity)


def open_sealed(sealed: bytes, identity: Path) -> Secret:
    """The value that was sealed; raises SinkUnavailable where the identities of that file do not open it, or there is
    no such file, and UsageError where it holds something else.
    """
    library = _library()
    identities = _identities(library, identity)
    try:
        opened: bytes = library.decrypt(sealed, identities)
    except library.DecryptError:
        raise SinkUnavailable(f"the identity in {identity} does not open it", hint="see for whom it is meant") from None
    return Secret(opened.decode(errors="surrogateescape"))


def _library() -> Any:
    try:
        import pyrage
    except ImportError as error:
        raise SinkUnavailable(
            "encryption with age needs the package pyrage", hint="pip install 'appwrite-reconciler[age]'"
        ) from error
    return pyrage


def _recipient(library: Any, text: str) -> Any:
    kind = library.ssh if text.startswith("ssh-") else library.x25519
    try:
        return kind.Recipient.from_str(text)
    except library.RecipientError as error:
        raise SinkError(
            f"nothing can be encrypted for {text[:20]}…: {error}", hint="SSH keys are Ed25519, or RSA of 2,048 bits up"
        ) from error


def _identities(library: Any, path: Path) -> Sequence[Any]:
    content = _read(path)
    if content.startswith(_SSH):
        return [_identity(f"{path}", library.ssh.Identity.from_buffer, content, library)]
    found = [
        _identity(f"{path}:{number}", library.x25519.Identity.from_str, line, library)
        for number, line in _lines(content)
    ]
    if not found:
        raise UsageError(f"{path} holds no identity", hint=_HINT)
    return found


def _identity(where: str, read: Callable[[Any], Any], written: object, library: Any) -> Any:
    try:
        return read(written)
    except library.IdentityError:
        raise UsageError(f"{where}: this is no identity that can be used", hint=_HINT) from None


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(_LONGEST)
    except FileNotFoundError as error:
        raise SinkUnavailable(f"the identity {path} cannot be read: {error.strerror}", hint=_HINT) from error
    except OSError as error:
        raise UsageError(f"the identity {path} cannot be read: {error.strerror}", hint=_HINT) from error


def _lines(content: bytes) -> Iterable[tuple[int, str]]:
    lines = enumerate((line.strip() for line in content.decode("latin-1").splitlines()), start=1)
    return [(number, line) for number, line in lines if line and not line.startswith("#")]
