"""Laws of the way from a manifest to what is desired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.core.connecting import connection
from reconciler.core.desired import Desired
from reconciler.core.manifest import parse
from reconciler.core.merge import merge
from reconciler.core.resolve import resolve
from reconciler.core.schema_check import violations
from reconciler.edge.documents import from_text
from reconciler.edge.resources import schema, shipped_catalogue
from reconciler.errors import ManifestError

SCHEMA = schema("manifest")
CATALOGUE = shipped_catalogue()
FILE = Path("keys.yaml")

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "90d", "users.read", "*", "@s"])
anything: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "scopes", "expire", "dotenv", "path", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
entries = st.sampled_from([*sorted(CATALOGUE.known)[:12], "databases.*", "*.write", "@set"])
keys = st.fixed_dictionaries(
    {"scopes": st.lists(entries, max_size=5)},
    optional={
        "name": st.text("aZ0 éß€𐀀\"'\\:#-{}&*!", min_size=1, max_size=6),
        "expire": st.sampled_from(["never", "90d", "2031-01-01T00:00:00+02:00"]),
    },
)
key_maps = st.dictionaries(st.sampled_from(["a", "b", "C.1", "d-d", "E"]), keys, max_size=5)


def manifest(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    environment = {"endpoint": "emulator", "project": "p", "keys": own}
    sets = {"set": ["rows.read", "files.*"]}
    return {"version": 1, "owner": "o", "scope_sets": sets, "keys": shared, "environments": {"e": environment}}


def desired(data: dict[str, Any]) -> Desired:
    declared = parse(from_text(json.dumps(data, ensure_ascii=False), FILE), SCHEMA, CATALOGUE)
    return resolve(declared, connection(declared, "e", {}), catalogue=CATALOGUE, server_scopes=None)


def told(wanted: Desired) -> list[tuple[object, ...]]:
    return [(key.address, key.slug, key.name, key.scopes, key.expiry, key.from_globs) for key in wanted.keys]


@given(anything, anything)
def test_a_merge_patch_leaves_no_null_and_wins_over_the_base(base: Any, patch: Any) -> None:
    merged = merge(base, patch)
    if not isinstance(patch, dict):
        assert merged == patch
        return
    for name, value in patch.items():
        assert (name not in merged) if value is None else merge(merged[name], value) == merged[name]
    for name in merged.keys() - patch.keys():
        assert merged[name] == base[name]


@given(key_maps, key_maps)
def test_the_order_of_keys_and_of_scopes_means_nothing(shared: dict[str, Any], own: dict[str, Any]) -> None:
    def turned(written: dict[str, Any]) -> dict[str, Any]:
        return {name: key | {"scopes": key["scopes"][::-1]} for name, key in reversed(written.items())}

    assert told(desired(manifest(shared, own))) == told(desired(manifest(turned(shared), turned(own))))


@given(key_maps, key_maps)
def test_a_shared_key_is_the_same_as_one_written_in_each_environment(
    shared: dict[str, Any], own: dict[str, Any]
) -> None:
    assert told(desired(manifest(shared, own))) == told(desired(manifest({}, merge(shared, own))))


names_of_scopes = st.lists(st.sampled_from(sorted(CATALOGUE.known - CATALOGUE.deprecated.keys())[:6]), max_size=4)
scope_layers = st.lists(
    st.tuples(st.just("="), names_of_scopes, st.just([])) | st.tuples(st.just("±"), names_of_scopes, names_of_scopes),
    min_size=1,
    max_size=3,
)


@given(scope_layers)
def test_layers_of_scopes_come_to_what_sets_say(layers: list[tuple[str, list[str], list[str]]]) -> None:
    held: set[str] = set()
    written: list[list[str]] = []
    contradicts = in_vain = False
    for kind, plus, minus in layers:
        signed = [f"+{scope}" for scope in plus] + [f"-{scope}" for scope in minus]
        if kind == "=" or not signed:
            held, in_vain = set(plus), False  # nobody uses what lies beneath
            written.append(plus)
            continue
        contradicts |= bool(set(plus) & set(minus))
        held |= set(plus)
        in_vain |= not set(minus) <= held
        held -= set(minus)
        written.append(signed)
    shared, own = {"scopes": written[0]}, [{"scopes": each} for each in written[1:]]
    data = manifest({"a": own[0] if own else {}}, {"a": own[1] if len(own) > 1 else {}}) | {"defaults": shared}
    if contradicts or in_vain:
        assert refusals(data)
    else:
        (key,) = desired(data).keys
        assert key.scopes == held


@given(key_maps)
def test_what_is_desired_holds_only_scopes_that_exist_and_no_glob_or_set(own: dict[str, Any]) -> None:
    for key in desired(manifest({}, own)).keys:
        assert key.scopes <= CATALOGUE.known
        assert key.from_globs <= key.scopes - CATALOGUE.deprecated.keys()


@given(st.dictionaries(st.sampled_from(["a", "b", "-c", "d d"]), anything, max_size=4))
def test_shapes_change_nothing_in_what_the_schema_finds(written: dict[str, Any]) -> None:
    data = manifest(written, {})
    plain = Draft202012Validator(SCHEMA)
    expected = {(tuple(error.absolute_path), error.validator) for error in plain.iter_errors(data)}
    found = {(error.path, error.keyword) for error in violations(SCHEMA, data, {"#/$defs/key", "#/$defs/keyName"})}
    assert found == expected


@given(anything)
def test_whatever_a_document_holds_it_is_a_manifest_or_a_list_of_problems(data: Any) -> None:
    assert refusals(data)
    refusals(manifest(data, data))


EXAMPLE = from_text((Path(__file__).parents[2] / "examples" / "keys.yaml").read_text("utf-8"), FILE).data
WHOLE: dict[str, Any] = {
    "version": 1,
    "owner": "shop",
    "scope_sets": {"content": ["rows.read", "files.*"]},
    "defaults": {"description": "Ours", "scopes": ["health.read"], "expire": "90d"},
    "keys": {
        "storefront": {"scopes": ["+@content", "-health.read"], "renamed_from": "web"},
        "Billing.EU": {"scopes": ["users.read"], "expire": None},
    },
    "environments": {
        "production": {
            "endpoint": "emulator",
            "project": "shop",
            "prune": "expire",
            "prune_grace": "2w",
            "ignore": ["terraform-*"],
            "protect": ["storefront", "Billing.*"],
            "absent": ["66f0c3a1b2"],
            "extra_scopes": ["brand.new"],
            "allow_empty": False,
            "renamed_from": "prod",
            "keys": {"Billing.EU": {"id": "Legacy", "description": None, "scopes": ["+brand.new"]}, "storefront": None},
        },
    },
}
"""A manifest with every field that says something of keys."""
CANARY = "standard_" + "0123456789abcdef" * 16
BLANK = '"(blank)"'


def paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a document, its root first."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(found for step, value in inner for found in paths(value, (*path, step)))]


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a path."""
    if not path:
        return value
    if isinstance(data, dict):
        return {name: replaced(old, path[1:], value) if name == path[0] else old for name, old in data.items()}
    return [replaced(old, path[1:], value) if index == path[0] else old for index, old in enumerate(data)]


def refusals(data: Any) -> str:
    """Every problem of a document, `"(blank)"` in it standing for a value that was left out."""
    text = json.dumps(data, ensure_ascii=False).replace(BLANK, "")
    try:
        declared = parse(from_text(text, FILE), SCHEMA, CATALOGUE)
        for name in declared.environments:
            resolve(declared, connection(declared, name, {}), catalogue=CATALOGUE, server_scopes=None)
    except ManifestError as error:
        return "\n".join(map(str, error.problems))
    return ""


places = st.sampled_from([(data, path) for data in (EXAMPLE, WHOLE) for path in paths(data)])


def test_the_whole_manifest_is_valid() -> None:
    assert refusals(WHOLE) == ""


@settings(max_examples=200)
@given(places, anything | st.just("(blank)"))
def test_whatever_stands_in_one_place_of_a_manifest_it_is_accepted_or_refused(
    place: tuple[dict[str, Any], tuple[Any, ...]], value: Any
) -> None:
    data, path = place
    told = refusals(replaced(data, path, value))
    is_item = path and isinstance(path[-1], int)  # a comma at the end of a list is no blank value
    assert told or value != "(blank)" or is_item


@settings(max_examples=200)
@given(places, st.sampled_from([CANARY, [CANARY], {CANARY: CANARY}, {CANARY: None}]))
def test_a_secret_pasted_in_any_place_is_never_repeated(
    place: tuple[dict[str, Any], tuple[Any, ...]], value: Any
) -> None:
    data, path = place
    assert CANARY[9:50] not in refusals(replaced(data, path, value))


@given(st.text(max_size=60))
def test_whatever_a_file_holds_it_is_read_or_refused(text: str) -> None:
    try:
        from_text(text.encode("utf-8", "replace").decode(), FILE)
    except ManifestError as error:
        assert error.problems[0].position.line <= text.count("\n") + text.count("\r") + 2  # noqa: PT017


@given(anything)
def test_json_is_read_as_what_it_says(data: Any) -> None:
    if data is not None:
        assert from_text(json.dumps({"data": data}), FILE).data == {"data": data}
