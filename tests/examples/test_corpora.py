"""Every manifest in `valid/` and `invalid/`: dropping a file there adds a case; see the snapshots for what it says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.core.connecting import connection
from reconciler.core.desired import DEFAULT_GRACE, Desired
from reconciler.core.manifest import parse
from reconciler.core.resolve import resolve
from reconciler.edge.documents import read
from reconciler.edge.resources import schema, shipped_catalogue
from reconciler.errors import ManifestError

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "keys.yaml"
VALID = [EXAMPLE, *sorted((HERE / "valid").glob("*.yaml"))]
INVALID = sorted((HERE / "invalid").glob("*.yaml"))
UNREADABLE = {path for path in INVALID if path.stem.startswith("syntax-")} | {
    HERE / "invalid" / name for name in ("alias-bomb.yaml", "empty.yaml", "two-documents.yaml")
}

BEYOND_SCHEMA = {
    "absent-and-adopted", "absent-and-declared", "absent-and-ignored", "adopted-and-renamed", "adopted-by-defaults",
    "adopted-own-id", "adopted-twice", "defaults-with-nulls", "defaults-with-one-sink",
    "environment-renamed-from-a-declared-one", "environments-renamed-from-one", "extra-scope-misspelt",
    "extra-scope-of-another-environment", "ignore-hides-an-adopted-key", "ignore-hides-declared-keys",
    "names-with-marks",
    "prune-grace-without-end", "prune-grace-without-expire", "relative-and-absolute-scopes",
    "relative-scopes-over-nothing", "relative-scopes-taken-twice", "relative-scopes-that-contradict",
    "renamed-from-a-declared-key", "renamed-from-a-declared-slug", "renamed-twice",
    "duplicate-names", "globs-without-effect", "merge-of-text",
    "names-with-control-characters", "nulls-that-remove-nothing", "one-id-for-two",
    "placeholders", "scope-set-unknown", "scopes-misspelt", "scopes-removed", "sinks-over-own-files",
    "sinks-that-meet", "tags",
}  # fmt: skip
"""What only the checks after the schema find."""


def desired(path: Path) -> list[Desired]:
    catalogue = shipped_catalogue()
    manifest = parse(read(path), schema("manifest"), catalogue)
    return [
        resolve(manifest, connection(manifest, name, {}), catalogue=catalogue, server_scopes=None)
        for name in manifest.environments
    ]


def lines(wanted: Desired) -> list[str]:
    """What is desired, a line per fact, in an order that does not depend on hashes."""
    told = [f"{wanted.realm.environment}: {wanted.connection.endpoint} {wanted.connection.project}"]
    told += [f"  warning: {warning}" for warning in wanted.warnings]
    for field in ("former", "prune", "prune_grace", "absent", "ignore", "protect"):
        value: Any = getattr(wanted, field)
        if value and value not in ("delete", DEFAULT_GRACE):
            told.append(f"  {field}: {sorted(value) if isinstance(value, frozenset) else value}")
    for key in wanted.keys:
        told.append(f"  {key.position} {key.address}")
        for each in fields(key):
            value = getattr(key, each.name)
            if each.name not in {"address", "position"} and value:
                shown = sorted(value) if isinstance(value, frozenset) else value
                told.append(f"    {each.name}: {shown}")
    return told


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_manifest_becomes_what_is_desired(
    path: Path, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    assert "\n".join(line for wanted in desired(Path(path.name)) for line in lines(wanted)) == snapshot


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_manifest_is_refused_with_every_problem_and_where_it_is(
    path: Path, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(ManifestError) as refusal:
        desired(Path(path.name))
    problems = refusal.value.problems
    assert "\n".join(map(str, problems)) == snapshot
    assert all(problem.position.file == path.name for problem in problems)
    assert list(problems) == sorted(set(problems))


def test_the_schema_meets_its_own_metaschema() -> None:
    Draft202012Validator.check_schema(schema("manifest"))


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_editor_with_the_schema_alone_accepts_valid_manifests(path: Path) -> None:
    Draft202012Validator(schema("manifest")).validate(read(path).data)


@pytest.mark.parametrize("path", [path for path in INVALID if path not in UNREADABLE], ids=lambda path: path.stem)
def test_an_editor_with_the_schema_alone_refuses_what_the_schema_can_know(path: Path) -> None:
    accepts = Draft202012Validator(schema("manifest")).is_valid(read(path).data)
    assert accepts == (path.stem in BEYOND_SCHEMA)


@pytest.mark.parametrize("part", ["properties", "$defs"])
def test_every_field_of_the_schema_is_explained_to_the_editor(part: str) -> None:
    def unexplained(at: str, value: Any) -> list[str]:
        found = []
        if isinstance(value, dict):
            for name, field in value.get("properties", {}).items():
                if not {"title", "description"} <= field.keys():
                    found.append(f"{at}/{name}")
            for name, inner in value.items():
                found += unexplained(f"{at}/{name}", inner)
        return found

    whole = schema("manifest")
    assert unexplained(part, {"properties": whole["properties"]} if part == "properties" else whole["$defs"]) == []
