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


def occupant(document: Document, path: str) -> str:
    """What is or will be at a sink's path that delivering would spoil, in words; empty where there is nothing."""
    place = _place(document, path)
    if place == normpath(str(document.path)):
        return "the manifest itself"
    if place in {_place(document, file) for file in _credential_files(document)}:
        return "the file of a credential"
    own = _place(document, FOLDER)
    return "where reconciler keeps its own files" if f"{place}/".startswith(f"{own}/") else ""


def _place(document: Document, path: str) -> str:
    return normpath(join(str(document.path.parent), path))


def _credential_files(document: Document) -> Iterator[str]:
    for environment in document.data["environments"].values():
        credential = environment.get("credential") if isinstance(environment, Mapping) else None
        file: Any = credential.get("file") if isinstance(credential, Mapping) else None
        if isinstance(file, str):
            yield file
