"""Globs, and the selection that a plan is about."""

import pytest

from reconciler.core.globs import EVERYTHING, Selection, first_match


@pytest.mark.parametrize(
    ("glob", "text", "matches"),
    [
        ("terraform-*", "terraform-1.x/y", True),
        ("terraform-*", "Terraform-1", False),
        ("ci-?", "ci-1", True),
        ("ci-?", "ci-12", False),
        ("ci-[ab]", "ci-b", True),
        ("ci-[!ab]", "ci-b", False),
        ("ci", "ci-1", False),
        ("[", "[", True),
    ],
)
def test_a_glob_matches_the_whole_text_and_case_matters(glob: str, text: str, matches: bool) -> None:
    assert (first_match([glob], text) == glob) is matches


def test_the_first_glob_that_matches_is_the_one_that_is_told() -> None:
    assert first_match(["x", "c*", "*"], "ci") == "c*"
    assert first_match([], "ci") is None


@pytest.mark.parametrize(
    ("selection", "admitted"),
    [
        (EVERYTHING, ["e/a", "e/b", "f/a"]),
        (Selection(targets=("e/*",)), ["e/a", "e/b"]),
        (Selection(excludes=("*/a",)), ["e/b"]),
        (Selection(targets=("e/*", "f/*"), excludes=("*/a",)), ["e/b"]),
        (Selection(targets=("e/a",), excludes=("e/a",)), []),
    ],
)
def test_a_selection_admits_its_targets_less_its_excludes(selection: Selection, admitted: list[str]) -> None:
    assert [address for address in ("e/a", "e/b", "f/a") if selection.admits(address)] == admitted


def test_globs_that_select_nothing_are_told_once_each() -> None:
    selection = Selection(targets=("e/*", "x", "x"), excludes=("y", "e/a"))
    assert selection.without_effect(iter(["e/a", "e/b"])) == ["x", "y"]
    assert EVERYTHING.without_effect([]) == []
