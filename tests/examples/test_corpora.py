"""Every manifest in `valid/` and `invalid/`: dropping a file there adds a case; see the snapshots for what it says.

A case that needs a folder, variables or options is a folder in `invalid/`: its file `command` is the line that somebody
types there, such as `PROJECT=p1 reconciler validate -e local`.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
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
from reconciler.formats.problems import problems_text
from tests.support.command import in_folder

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

HERE = Path(__file__).parent
SCHEMA_FILE = HERE.parents[1] / "schemas" / "manifest.schema.json"
EXAMPLE = HERE.parents[1] / "examples" / "keys.yaml"
VALID = [EXAMPLE, *sorted((HERE / "valid").glob("*.yaml"))]
INVALID = sorted((HERE / "invalid").glob("*.yaml"))
COMMANDS = sorted(path.parent for path in (HERE / "invalid").glob("*/command"))

BEYOND_SCHEMA = {
    "absent-and-adopted", "absent-and-declared", "absent-and-ignored", "adopted-and-renamed", "adopted-by-defaults",
    "adopted-own-id", "adopted-twice", "defaults-with-nulls", "defaults-with-one-sink",
    "environment-renamed-from-a-declared-one", "environments-renamed-from-one", "extra-scope-misspelt",
    "extra-scope-of-another-environment", "ignore-hides-an-adopted-key", "ignore-hides-declared-keys",
    "names-with-marks",
    "prune-grace-without-end", "prune-grace-without-expire", "relative-and-absolute-scopes",
    "relative-scopes-over-nothing", "relative-scopes-taken-twice", "relative-scopes-that-contradict",
    "renamed-from-a-declared-key", "renamed-from-a-declared-slug", "renamed-twice", "rotation-in-layers",
    "duplicate-names", "globs-without-effect", "merge-of-text", "merge-twice",
    "names-with-control-characters", "nulls-that-remove-nothing", "one-id-for-two",
    "placeholders", "recipients", "scope-set-unknown", "scopes-misspelt", "scopes-removed", "sinks-over-own-files",
    "sinks-that-meet", "tags",
}  # fmt: skip
"""What only the checks after the schema find."""
OTHER_READERS_ACCEPT = {
    "alias-as-name", "bytes-utf-16", "version-as-exponent", "version-as-hexadecimal", "version-as-octal",
}  # fmt: skip
"""What this program's reader refuses, and a reader of another make types or decodes."""
OTHER_READERS_TYPE = {"text-stays-text"}
"""What stays text here, and is a number to a reader of another make: write it in quotes to please both."""
CRASHES_OTHERS = {"alias-bomb", "alias-of-itself"}
"""On what others run out of stack, or write out half a gigabyte of errors."""


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
    shown = problems_text(problems)
    assert shown == snapshot
    assert "c4n4ry" not in shown
    assert all(line.isprintable() for line in shown.splitlines())
    assert all(problem.position.file == path.name for problem in problems)
    assert list(problems) == sorted(set(problems))


@pytest.mark.parametrize("case", COMMANDS, ids=lambda case: case.name)
def test_a_command_on_an_invalid_manifest_says_what_is_wrong(
    case: Path,
    snapshot: SnapshotAssertion,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(case, tmp_path, dirs_exist_ok=True)
    words = shlex.split((case / "command").read_text("utf-8"))
    program = words.index("reconciler")
    variables = dict(word.split("=", 1) for word in words[:program])
    ended = in_folder(tmp_path, monkeypatch, capsys)(*words[program + 1 :], **variables)
    assert f"{ended.out}--- stderr\n{ended.err}--- exit code {ended.code}" == snapshot
    assert ended.code == 1


def test_the_schema_meets_its_own_metaschema() -> None:
    Draft202012Validator.check_schema(schema("manifest"))


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_editor_with_the_schema_alone_accepts_valid_manifests(path: Path) -> None:
    Draft202012Validator(schema("manifest")).validate(read(path).data)


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_editor_with_the_schema_alone_refuses_what_the_schema_can_know(path: Path) -> None:
    try:
        data = read(path).data
    except ManifestError:
        assert path.stem not in BEYOND_SCHEMA
        return
    assert Draft202012Validator(schema("manifest")).is_valid(data) == (path.stem in BEYOND_SCHEMA)


def refused_by_check_jsonschema(*paths: Path) -> set[str]:
    """The manifests that an independent program refuses, with a YAML reader of its own and the published schema."""
    command = [sys.executable, "-m", "check_jsonschema", "-o", "json", "--schemafile", str(SCHEMA_FILE)]
    ended = subprocess.run([*command, *map(str, paths)], check=False, capture_output=True, text=True)
    found = json.loads(ended.stdout)
    return {Path(each["filename"]).stem for each in (*found.get("errors", ()), *found.get("parse_errors", ()))}


def test_another_program_with_the_published_schema_accepts_valid_manifests() -> None:
    assert refused_by_check_jsonschema(*VALID) == OTHER_READERS_TYPE


def test_another_program_with_the_published_schema_refuses_what_the_schema_can_know() -> None:
    paths = [path for path in INVALID if path.stem not in CRASHES_OTHERS]
    unnoticed = {path.stem for path in paths} - refused_by_check_jsonschema(*paths)
    of_the_reader = {"duplicate-names", "merge-of-text", "merge-twice", "tags"}  # which its reader refuses, too
    assert unnoticed == (BEYOND_SCHEMA - of_the_reader) | OTHER_READERS_ACCEPT


@pytest.mark.parametrize("part", ["properties", "$defs"])
def test_every_field_of_the_schema_is_explained_to_the_editor(part: str) -> None:
    def unexplained(at: str, value: Any) -> list[str]:
        found = []
        if isinstance(value, dict):
            for name, field in value.get("properties", {}).items():
                if not {"title", "description"} <= field.keys():
                    found.append(f"{at}/{name}")
            for name in value.keys() - {"if"}:  # a condition declares no field
                found += unexplained(f"{at}/{name}", value[name])
        return found

    whole = schema("manifest")
    assert unexplained(part, {"properties": whole["properties"]} if part == "properties" else whole["$defs"]) == []
