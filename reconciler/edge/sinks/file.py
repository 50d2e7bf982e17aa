"""The file sink: a file that is the secret, without so much as a line end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Holding, Note, holding, parse_note
from reconciler.core.secret import Secret
from reconciler.edge.sinks import files, whole_file
from reconciler.edge.sinks.surroundings import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSink:
    """One file; the `SecretSink` port."""

    path: Path

    def preflight(self) -> None:
        """Raise SinkError where the file could not be replaced."""
        whole_file.check(self.path)

    def look(self) -> Holding:
        """The file's content, and the note beside it."""
        content = files.read(self.path)
        if content is None:
            return EMPTY
        value = Secret(content.decode(errors="surrogateescape"))
        why = files.exposed(self.path)
        return replace(holding(value, parse_note(whole_file.note_beside(self.path))), outdated=bool(why), why=why)

    def write(self, secret: Secret, note: Note | None) -> None:
        """Make the file hold the secret, and the one beside it the note."""
        whole_file.write(self.path, secret, f"{note}\n" if note else "")

    def remove(self) -> None:
        """Remove the file, and its note."""
        whole_file.remove(self.path)


def open_sink(spec: SinkSpec, _: Surroundings) -> FileSink:
    """The sink of a `file:` entry."""
    return FileSink(path=Path(spec.option("path")))
