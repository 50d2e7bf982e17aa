"""The age sink: an encrypted file, fit to be kept in Git.

It is written anew only when the secret, or the recipients, or the file itself is another than the note beside it says:
encrypting one value again gives another file, and each would be a change in Git. Only an `identity` lets reconciler
open it; where that is not at hand, as in CI, the note tells.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Holding, Note, parse_note
from reconciler.core.secret import Secret
from reconciler.edge.sealing import Sealer, check_identity, open_sealed
from reconciler.edge.sinks import files, whole_file
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkUnavailable

_DIGESTS = re.compile(r" recipients=(?P<recipients>[0-9a-f]{32}) file=(?P<file>[0-9a-f]{32})(?!\S)")
_ANOTHER_FILE = "it is not the file that was written here"
_OTHER_RECIPIENTS = "it is encrypted for other recipients than the manifest names"


@dataclass(slots=True, kw_only=True)
class AgeSink:
    """One encrypted file; the ports `SecretSink` and `Undoing`."""

    path: Path
    recipients: tuple[str, ...]
    identity: Path | None = None
    _replaced: whole_file.Replaced | None = field(init=False, default=None)

    def preflight(self) -> None:
        """Raise SinkError where the file could not be encrypted or replaced, UsageError where the identity is none."""
        self._check_identity()
        Sealer(self.recipients).check()
        whole_file.check(self.path)

    def look(self) -> Holding:
        """What the note says, if it is of this very file; with an identity the value, to be known by the note."""
        self._check_identity()
        content = files.read(self.path)
        if content is None:
            return EMPTY
        beside = whole_file.note_beside(self.path)
        written = _DIGESTS.search(beside)
        is_ours = written is not None and written["file"] == _digest(content)
        is_for_them = written is not None and written["recipients"] == _digest_of(self.recipients)
        secret, why = self._opened(content)
        return Holding(
            occupied=True,
            secret=secret,
            note=parse_note(beside) if is_ours or secret is not None else None,
            outdated=not (is_ours and is_for_them),
            why=_ANOTHER_FILE if not is_ours else _OTHER_RECIPIENTS if not is_for_them else why,
        )

    def write(self, secret: Secret, note: Note | None) -> None:
        """Encrypt the secret into the file, and put the note beside it."""
        sealed = Sealer(self.recipients).seal(secret)
        digests = f"recipients={_digest_of(self.recipients)} file={_digest(sealed.encode('ascii'))}"
        self._replaced = whole_file.write(self.path, Secret(sealed), f"{note or ''} {digests}\n")

    def undo(self) -> None:
        """Put back the file that was replaced, to the byte, for nobody here may be able to open it."""
        if self._replaced is not None:
            whole_file.undo(self.path, self._replaced)

    def remove(self) -> None:
        """Remove the file, and its note."""
        whole_file.remove(self.path)

    def _check_identity(self) -> None:
        if self.identity is not None:
            check_identity(self.identity)

    def _opened(self, content: bytes) -> tuple[Secret | None, str]:
        """The value, or why it is not known; the note is the next best."""
        if self.identity is None:
            return None, ""
        try:
            return open_sealed(content, self.identity), ""
        except SinkUnavailable as error:
            return None, error.message


def open_sink(spec: SinkSpec, _: Surroundings) -> AgeSink:
    """The sink of an `age:` entry."""
    identity = spec.option("identity", "")
    return AgeSink(
        path=Path(spec.option("path")),
        recipients=spec.texts("recipients"),
        identity=Path(spec.folder, _expanded(Path(identity))) if identity else None,
    )


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # nobody's home
        return path


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _digest_of(recipients: Iterable[str]) -> str:
    """Of whom the file is for, in whatever order; what stands behind an SSH key is only a comment."""
    return _digest("\n".join(sorted({" ".join(each.split(" ")[:2]) for each in recipients})).encode())
