"""Files that are no place for a secret: the manifest itself, its credentials, and what reconciler keeps beside it.

Paths are compared as written, joined to the manifest's folder and without `..`: symbolic links are not followed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import join, normpath
from typing import Any

from reconciler.core.document import Document

FOLDER = ".reconciler"
"""Beside the manifest: the built-in emulator's database and the journal of unfinished runs. Both may be deleted."""

ESCROW = "escrow"
"""Beside the manifest too, and not to be deleted: secrets that did not arrive, encrypted."""


class OwnFiles:
    """The places of one manifest that are taken; worked out once, and asked for every sink."""

    def __init__(self, document: Document) -> None:
        self._folder = str(document.path.parent)
        self._taken = {self._place(file): "the file of a credential" for file in _credential_files(document)}
        self._taken[normpath(str(document.path))] = "the manifest itself"
        self._own = f"{self._place(FOLDER)}/"

    def occupant(self, path: str) -> str:
        """What is or will be at a sink's path that delivering would spoil, in words; empty where there is nothing."""
        place = self._place(path)
        if f"{place}/".startswith(self._own):
            return "where reconciler keeps its own files"
        return self._taken.get(place, "")

    def _place(self, path: str) -> str:
        return normpath(join(self._folder, path))


def _credential_files(document: Document) -> Iterator[str]:
    for environment in document.data["environments"].values():
        credential = environment.get("credential") if isinstance(environment, Mapping) else None
        file: Any = credential.get("file") if isinstance(credential, Mapping) else None
        if isinstance(file, str):
            yield file
