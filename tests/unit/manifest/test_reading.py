"""What a file must be before anybody asks what it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.document import BLANK, Document
from reconciler.edge import documents
from reconciler.edge.documents import from_text, read
from reconciler.errors import ManifestError, Position, UsageError

FILE = Path("keys.yaml")


def data(text: str) -> Any:
    document = from_text(text, FILE)
    assert document.problems == ()
    return document.data


def refusal(path: Path) -> str:
    with pytest.raises(ManifestError) as raised:
        read(path)
    return "\n".join(map(str, raised.value.problems))


def test_a_file_that_is_not_there_is_said_so_under_the_name_the_user_gave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"^there is no file keys\.yaml$") as raised:
        read(Path("keys.yaml"))
    assert "reconciler init" in raised.value.hint


def test_a_directory_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory, not a file"):
        read(tmp_path)


def test_a_path_through_a_file_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"keys\.yaml cannot be read: Not a directory"):
        read(tmp_path / "file" / "keys.yaml")


def test_a_file_that_is_not_utf_8_is_refused_where_it_stops_being_text(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_bytes("version: 1\nöwner: ".encode() + "Jörg".encode("latin-1"))
    assert refusal(path).startswith(f"{path}:2:9: the file is not UTF-8: byte 0xf6 is not text")


def test_a_file_that_never_ends_is_not_read_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 1024 * 1024)
    with (tmp_path / "keys.yaml").open("wb") as file:
        os.truncate(file.fileno(), 1024 * 1024 + 1)
    assert "the file is larger than 1 MB" in refusal(tmp_path / "keys.yaml")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "--- # nothing\n...\n", "\ufeff"])
def test_a_file_without_content_is_empty(text: str, tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text(text, "utf-8")
    assert "the file is empty" in refusal(tmp_path / "keys.yaml")


def test_a_byte_order_mark_and_foreign_line_ends_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\r\nowner: shop\r\n")
    document = read(path)
    assert document.data == {"version": 1, "owner": "shop"}
    assert document.position(("owner",)) == Position(file=str(path), line=2, column=1)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b"])
def test_a_control_character_is_refused_where_it_stands(character: str) -> None:
    with pytest.raises(ManifestError) as raised:
        from_text(f"version: 1\nöwner: a{character}\n", FILE)
    message = f"keys.yaml:2:9: the control character U+{ord(character):04X} cannot stand in YAML"
    assert str(raised.value.problems[0]).startswith(message)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("null", None), ("~", None), ("true", True), ("false", False), ("0", 0), ("-12", -12), ("1.5", 1.5),
        ("no", "no"), ("Yes", "Yes"), ("NULL", "NULL"), ("1_000", "1_000"), ("0x10", "0x10"), ("010", "010"),
        ("1:30", "1:30"), ("1e3", "1e3"), ("2027-12-31", "2027-12-31"),
        ("2027-12-31T23:59:59Z", "2027-12-31T23:59:59Z"),
        ("9" * 5000, "9" * 5000), (".inf", ".inf"), ('"null"', "null"), ("'1'", "1"), ("!!str 1", "1"),
        ('""', ""), ("|\n  two\n  lines", "two\nlines"),
    ],
)  # fmt: skip
def test_text_stays_text_unless_it_is_plainly_something_else(written: str, meant: object) -> None:
    value = data(f"value: {written}")["value"]
    assert value == meant
    assert type(value) is type(meant)


def test_names_are_text_whatever_they_look_like() -> None:
    assert list(data("no: 1\n1: 1\nnull: 1\n2027-01-01: 1\n")) == ["no", "1", "null", "2027-01-01"]


def test_a_blank_value_is_a_problem_and_never_null() -> None:
    document = from_text("a:\nb: [x, ]\nc:\n  - \n", FILE)
    assert document.data == {"a": BLANK, "b": ["x"], "c": [BLANK]}
    assert [problem.message for problem in document.problems] == ['a blank value for "a"', "a blank value"]


def test_merge_keys_take_what_the_mapping_does_not_say_itself() -> None:
    text = "one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\nall:\n  c: 3\n  <<: [*one, *two]\n  d: 3\n"
    document = from_text(text, FILE)
    assert document.data["all"] == {"a": 1, "b": 1, "c": 3, "d": 3}
    assert document.position(("all", "b")) == Position(file="keys.yaml", line=1, column=18)
    assert document.position(("all", "c")) == Position(file="keys.yaml", line=4, column=3)


def test_an_alias_stands_for_what_its_anchor_holds() -> None:
    assert data("a: &x [1, {b: 2}]\nc: *x\nd: &y text\ne: *y\n") == {
        "a": [1, {"b": 2}],
        "c": [1, {"b": 2}],
        "d": "text",
        "e": "text",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [*x]\n", 'keys.yaml:1:8: there is no anchor for the alias "*x"'),
        ("a: &x {<<: *x}\n", 'keys.yaml:1:12: there is no anchor for the alias "*x"'),
        ("a: *x\n", 'keys.yaml:1:4: there is no anchor for the alias "*x"'),
        ("<<: {a: 1}\n<<: {b: 1}\n", 'keys.yaml:2:1: "<<" stands here twice'),
        ("a: 1\n'a': 2\n", 'keys.yaml:2:1: "a" stands here twice'),
        ("? {a: 1}\n: 2\n", "keys.yaml:1:3: a name must be text, not a mapping, a list or an alias"),
        ("a: " + "[" * 60 + "]" * 60, "keys.yaml:1:53: nested more than 50 deep"),
        ("a: [1, 2\n", "keys.yaml:2:1: a comma or ] is missing before this, in the list that begins at line 1"),
        ("a: b: c\n", "keys.yaml:1:5: a name with a value cannot begin here"),
        ("a: 1\n--- \nb: 1\n", "keys.yaml:2:1: the file holds more than one document"),
        ("a: !!binary aGk=\n", 'keys.yaml:1:4: the tag "!!binary" means nothing here'),
        ("a: !!python/object/apply:os.system [ls]\n", 'keys.yaml:1:4: the tag "!!python/object/apply:os.system"'),
    ],
)
def test_what_cannot_be_meant_is_a_problem_with_its_place(text: str, message: str) -> None:
    try:
        problems = from_text(text, FILE).problems
    except ManifestError as error:
        problems = error.problems
    assert str(problems[0]).startswith(message)


def test_reading_goes_on_after_a_name_that_stands_twice_and_keeps_the_first() -> None:
    document = from_text("a: {b: 1, b: {c: 2}}\nd: 3\n", FILE)
    assert document.data == {"a": {"b": 1}, "d": 3}
    assert document.position(("d",)).line == 2


def test_positions_are_of_names_of_items_and_of_values() -> None:
    document = from_text("keys:\n  ci:\n    scopes:\n      - users.read\n      - teams.read\n", FILE)
    at = document.position
    assert str(at(("keys", "ci"))) == "keys.yaml:2:3"
    assert str(at(("keys", "ci", "scopes", 1))) == "keys.yaml:5:9"
    assert str(document.value_position(("keys", "ci", "scopes"))) == "keys.yaml:4:7"
    assert str(at(("keys", "gone", "scopes"))) == "keys.yaml:1:1"
    assert str(at(())) == "keys.yaml:1:1"
    assert [(name, str(place)) for name, place in document.names(("keys",))] == [("ci", "keys.yaml:2:3")]
    assert list(document.names(("keys", "ci", "scopes"))) == []


def test_a_document_without_places_is_at_its_beginning() -> None:
    assert str(Document(path=FILE, data={"a": {"b": 1}}).position(("a", "b"))) == "keys.yaml:1:1"


def test_a_secret_pasted_as_a_name_is_not_repeated() -> None:
    canary = "standard_" + "0123456789abcdef" * 16
    document = from_text(f"credential: {{{canary}: , {canary}: x}}\n", FILE)
    assert len(document.problems) == 2
    assert canary not in "".join(map(str, document.problems))
