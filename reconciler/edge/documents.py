"""Reads one YAML file into a Document, from libyaml's events: fast, and no tree of nodes is ever held.

Rules: text stays text; only `true`, `false`, `null`, `~` and plain decimal numbers are typed, so `no`, `1_000` and
dates arrive as written. A blank value is a problem. Anchors, aliases and `<<` work, within bounds. Problems that
reading can go on after are kept in the Document and reported with all others; the rest raise ManifestError at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from reconciler.core.document import BLANK, Document
from reconciler.edge.regular import open_regular
from reconciler.edge.yaml_builder import Builder, Unreadable
from reconciler.errors import ManifestError, Position, Problem, UsageError

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
    return from_text(_decode(path, _bytes(path)), path)


def from_text(text: str, path: Path) -> Document:
    """The document in a text that came from `path`, which positions name; raises ManifestError."""
    builder = Builder(str(path))
    loader = yaml.CSafeLoader(text)
    try:
        builder.consume(iter(loader.get_event, None))
    except Unreadable as error:
        raise ManifestError([*builder.problems, error.problem]) from None
    except yaml.YAMLError as error:
        raise ManifestError([*builder.problems, _syntax(text, path, error)]) from None
    finally:
        loader.dispose()
    if not builder.documents or builder.root is BLANK:
        raise _refuse(path, "the file is empty", "`reconciler init` writes a manifest to start from")
    return Document(path=path, data=builder.root, problems=tuple(builder.problems), marks=builder.marks)


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
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise ManifestError(
            [
                Problem(
                    position=_after(path, before),
                    message=f"the file is not UTF-8: byte 0x{content[error.start]:02x} is not text",
                    hint="save it in the encoding UTF-8",
                )
            ]
        ) from None


def _syntax(text: str, path: Path, error: yaml.YAMLError) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        # libyaml's reader refuses a character before any token; it tells the byte, not the line.
        offset = getattr(error, "position", None) or 0
        before = text.encode()[:offset].decode("utf-8", "ignore")
        message = f"not valid YAML: {getattr(error, 'reason', None) or 'unreadable'}"
        return Problem(position=_after(path, before), message=message)
    mark, start = error.problem_mark, error.context_mark
    message = f"not valid YAML: {error.problem}"
    if error.context and start is not None and start.line != mark.line:
        message += f" {error.context} that starts at line {start.line + 1}"
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    position = Position(file=str(path), line=mark.line + 1, column=mark.column + 1)
    return Problem(position=position, message=message, hint=_advice(error.problem or "", line, mark.column))


def _advice(problem: str, line: str, column: int) -> str:
    """What usually helps, judged by the character at which libyaml gave up."""
    character = line[column : column + 1]
    if character == "\t" or "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not with tabs"
    if character in {"@", "`", "%"}:
        return f'put text that begins with {character} in quotes, such as "@content-read"'
    if "alphabetic or numeric" in problem:
        return 'put a glob that begins with * in quotes, such as "*.read"'
    if "${" in line:
        return 'inside { } put ${VAR} in quotes, such as "${VAR}"'
    if "mapping values are not allowed" in problem:
        return 'check the indentation, and put text that contains ": " in quotes'
    return ""


def _after(path: Path, before: str) -> Position:
    line = before.count("\n") + 1
    return Position(file=str(path), line=line, column=len(before) - before.rfind("\n"))


def _refuse(path: Path, message: str, hint: str = "") -> ManifestError:
    return ManifestError([Problem(position=_after(path, ""), message=message, hint=hint)])
