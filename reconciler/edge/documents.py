"""Reads one YAML file into a Document, from libyaml's events: fast, and no tree of nodes is ever held.

Rules: text stays text; only `true`, `false`, `null`, `~` and plain decimal numbers are typed, so `no`, `1_000` and
dates arrive as written. A blank value is a problem. Anchors, aliases and `<<` work, within bounds. Problems that
reading can go on after are kept in the Document and reported with all others; the rest raise ManifestError at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import yaml

from reconciler.core.document import BLANK, Document
from reconciler.core.quoting import quoted
from reconciler.edge.regular import open_regular
from reconciler.edge.syntax import after, syntax_problem
from reconciler.edge.yaml_builder import Builder, Unreadable
from reconciler.errors import ManifestError, Position, Problem, Source, UsageError

_SUFFIXES = frozenset({".yaml", ".yml"})

MAX_BYTES = 64 * 1024 * 1024
"""A manifest of 10,000 keys has 2.5 MB; what is beyond this is not a manifest."""


def find(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The manifests that files and directories stand for, each once, in the order given; raises UsageError.

    Of a directory: its `*.yaml` and `*.yml` by name, hidden ones and those of directories below left out.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _within(path) if path.is_dir() else (path,):
            found.setdefault(file.resolve(), file)
    return tuple(found.values())


def _within(folder: Path) -> tuple[Path, ...]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror or error}") from None
    files = tuple(each for each in entries if each.suffix in _SUFFIXES and each.name[0] != "." and not each.is_dir())
    if not files:
        hint = "manifests end in .yaml or .yml; directories below it are not searched: name each with -f"
        raise UsageError(f"there is no manifest in the directory {folder}", hint=hint)
    return files


def read(path: Path) -> Document:
    """The document in a file; raises UsageError where there is none, ManifestError where it is not YAML."""
    content = _bytes(path)
    return from_text(_decode(path, content), path, _digest(content))


def digest(path: Path) -> str:
    """What a document's digest is, found without looking at what the file says; raises UsageError."""
    return _digest(_bytes(path))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def from_text(text: str, path: Path, digest: str = "") -> Document:
    """The document in a text that came from `path`, which positions name; raises ManifestError."""
    source = Source(text=text)
    builder = Builder(str(path), source)
    loader = yaml.CSafeLoader(text)
    try:
        builder.consume(iter(loader.get_event, None))
    except Unreadable as error:
        raise ManifestError([*builder.problems, error.problem]) from None
    except yaml.YAMLError as error:
        raise ManifestError([*builder.problems, syntax_problem(error, str(path), source)]) from None
    finally:
        loader.dispose()
    if not builder.documents or builder.root is BLANK:
        raise _refuse(path, "the file is empty", "`reconciler init` writes a manifest to start from")
    return Document(
        path=path,
        data=builder.root,
        digest=digest,
        problems=tuple(builder.problems),
        marks=builder.marks,
        source=source,
    )


def _bytes(path: Path) -> bytes:
    if _is_stream(path):
        hint = "save the manifest as a file: what it declares is written beside it"
        raise UsageError(f"{path} is a stream, and a manifest must be a regular file", hint=hint)
    try:
        with open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "name another with -f, or write one with `reconciler init`"
        raise UsageError(f"there is no file {path}", hint=hint) from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a directory, not a file", hint="name the manifest in it") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise _refuse(path, f"the file is larger than {MAX_BYTES // 1024 // 1024} MB")
    return content


def _is_stream(path: Path) -> bool:
    """Whether a path stands for a stream of the process, such as /dev/stdin, even where that is a regular file."""
    folder = path.absolute().parent.resolve()
    return folder == Path("/dev") or folder.is_relative_to("/proc")


def _decode(path: Path, content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:2]:
        raise _refuse(path, "the file is UTF-16, not UTF-8", "save it in the encoding UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace").removeprefix("\ufeff")
        byte = content[error.start]
        seen = f"; in Latin-1 the byte is {quoted(chr(byte))}" if byte >= 0xA0 else ""
        source = Source(text=content.decode("utf-8", "backslashreplace").removeprefix("\ufeff"))
        problem = Problem(
            position=after(before, str(path), source),
            message=f"the file is not UTF-8: byte 0x{byte:02x} is not text",
            hint=f"save it in the encoding UTF-8{seen}",
        )
        raise ManifestError([problem]) from None


def _refuse(path: Path, message: str, hint: str = "", source: Source | None = None) -> ManifestError:
    position = Position(file=str(path), line=1, column=1, source=source)
    return ManifestError([Problem(position=position, message=message, hint=hint)])
