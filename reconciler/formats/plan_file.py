"""The file of a saved plan, which is also what `plan --format json` prints.

One plan is one sequence of bytes: a file is accepted only where it is, byte for byte, what writing down its content
gives, and where its digest, the SHA-256 of the document without it, is there and right. Whatever else it is, it is
refused with the reason. The digest finds damage and carelessness; it is no signature.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from reconciler.core.quoting import quoted
from reconciler.core.saved import SavedPlan
from reconciler.errors import GuardError
from reconciler.formats.codes import dump
from reconciler.formats.fields import Malformed
from reconciler.formats.plan_reading import read
from reconciler.formats.plan_writing import VERSION, written

_HEAD = re.compile(rb'\s*\{\s*"version": \d+,\s*"reconciler": ')
_END = "\n}\n"
_MAKE = "`reconciler plan --out FILE` makes one"
_AGAIN = "plan again, and hand the file over as it is"


def dumps(saved: SavedPlan) -> str:
    """The file's text: ASCII, and the same for the same plan."""
    return _sealed(dump(written(saved)))


def looks_saved(content: bytes) -> bool:
    """Whether a file begins as saved plans do: such a one may be written over."""
    return _HEAD.match(content) is not None


def loads(content: bytes, *, name: str, reconciler: str) -> SavedPlan:
    """The plan in a file's bytes, where this version of the program wrote it and nobody changed it.

    `name` is what messages call the file. Raises GuardError.
    """
    document = _document(content, name)
    if document.get("version") != VERSION:
        version = quoted(document.get("version", "none"))
        raise _refused(
            f"{name} is a plan in format version {version}, and this reconciler reads version {VERSION}",
            "apply it with the reconciler that made it, or plan again",
        )
    if "digest" not in document:
        raise _refused(f"{name} has no digest, so nobody can tell whether it is whole", _AGAIN)
    unsealed = {field: value for field, value in document.items() if field != "digest"}
    text = dump(unsealed)
    if _sealed(text).encode() != content:
        raise _refused(f"{name} was changed after it was written: its digest does not fit", _AGAIN)
    if document["reconciler"] != reconciler:
        raise _refused(
            f"{name} was made by reconciler {quoted(document['reconciler'])}, and this is {reconciler}",
            "apply it with the version that made it, or plan again",
        )
    return _read(unsealed, text, name)


def _read(unsealed: dict[str, Any], text: str, name: str) -> SavedPlan:
    """Behind a right digest stands what this program wrote, or somebody else who can work out a digest."""
    try:
        saved = read(unsealed)
    except Malformed as error:
        raise _refused(f"{name} is no plan that reconciler wrote: {error}", _AGAIN) from None
    if dump(written(saved)) != text:
        raise _refused(f"{name} is not written as reconciler writes it", _AGAIN)
    return saved


def _document(content: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(content.decode("ascii"), object_pairs_hook=_distinct, parse_constant=_refuse_constant)
    except _Twice as error:
        raise _refused(f"{name} has the field {quoted(error)} twice", _AGAIN) from None
    except UnicodeDecodeError as error:
        where = f"byte {error.start + 1} is not ASCII"
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError):
        where = "it holds what no JSON may hold"
    else:
        if isinstance(document, dict) and {"reconciler", "environments"} <= document.keys():
            return document
        raise _refused(f"{name} is no saved plan of reconciler", _MAKE)
    raise _refused(f"{name} is no saved plan, or a damaged one: {where}", _MAKE)


class _Twice(ValueError):
    """The name of a field that an object has twice."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    distinct: dict[str, Any] = {}
    for name, value in pairs:
        if name in distinct:
            raise _Twice(name)
        distinct[name] = value
    return distinct


def _refuse_constant(text: str) -> None:
    raise ValueError(text)


def _refused(message: str, hint: str) -> GuardError:
    return GuardError(f"{message}; nothing was changed", hint=hint)


def _sealed(text: str) -> str:
    """The text of a document with its digest as the last field: what dumping both would give, at half the cost."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{text.removesuffix(_END)},\n  "digest": "sha256:{digest}"{_END}'
