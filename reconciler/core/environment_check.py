"""What the schema cannot say about environments beside each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reconciler.core import recipients
from reconciler.core.document import Document, Path, mapping
from reconciler.core.expiry import LONGEST, parse_expiry
from reconciler.core.quoting import quoted
from reconciler.core.times import parse_duration
from reconciler.core.wording import describe
from reconciler.errors import Problem


def check_environments(document: Document, broken: Collection[Path]) -> Iterator[Problem]:
    """Renames that meet, and fields that mean nothing beside others."""
    environments = mapping(mapping(document.data).get("environments"))
    taken: dict[str, str] = {}
    for name, written in environments.items():
        fields = mapping(written)
        path: Path = ("environments", name)
        former = fields.get("renamed_from")
        if isinstance(former, str) and (*path, "renamed_from") not in broken:
            yield from _check_rename(document, path, former, environments, taken.setdefault(former, name))
        yield from _check_credential(document, (*path, "credential", "expires"), fields, broken)
        if "prune_grace" in fields and not {(*path, "prune"), (*path, "prune_grace")} & set(broken):
            yield from _check_grace(document, (*path, "prune_grace"), fields)
        if isinstance(fields.get("escrow"), str) and (*path, "escrow") not in broken:
            yield from _check_escrow(document, (*path, "escrow"), fields["escrow"])


def _check_escrow(document: Document, path: Path, escrow: str) -> Iterator[Problem]:
    if complaint := recipients.complaint(escrow.removeprefix("age:")):
        yield Problem(
            position=document.value_position(path), message=f"{describe(path)} {complaint[0]}", hint=complaint[1]
        )


def _check_grace(document: Document, path: Path, fields: dict[str, Any]) -> Iterator[Problem]:
    if fields.get("prune") != "expire":
        yield Problem(
            position=document.position(path),
            message=f"{describe(path)} means nothing without `prune: expire`",
            hint="leave it out, or add `prune: expire`",
        )
    if parse_duration(fields["prune_grace"]) > LONGEST:
        yield Problem(
            position=document.value_position(path),
            message=f"{describe(path)} is more than a hundred years",
            hint="write `prune: report` to leave the keys as they are",
        )


def _check_credential(
    document: Document, path: Path, fields: Mapping[str, Any], broken: Collection[Path]
) -> Iterator[Problem]:
    """An end that is no time of the calendar."""
    end = mapping(fields.get("credential")).get("expires")
    if not isinstance(end, str) or path in broken:
        return
    try:
        parse_expiry(end)
    except ValueError as error:
        yield Problem(position=document.value_position(path), message=f"{describe(path)}: {error}")


def _check_rename(
    document: Document, path: Path, former: str, environments: dict[str, Any], first: str
) -> Iterator[Problem]:
    at, name = (*path, "renamed_from"), path[-1]
    if former in environments:
        message = f"{describe(path)} is renamed from {quoted(former)}, which is still declared"
    elif first != name:
        message = f"environments {quoted(first)} and {quoted(name)} are both renamed from {quoted(former)}"
    else:
        return
    yield Problem(position=document.value_position(at), message=message, hint="leave renamed_from out")
