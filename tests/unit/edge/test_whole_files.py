"""A file is whole or not there, and whatever stops its writer takes the draft with it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reconciler.core.secret import Secret
from reconciler.edge.whole_files import drafted, flush_names


def test_a_draft_holds_its_content_for_good_and_is_put_into_its_place(tmp_path: Path) -> None:
    draft, place = tmp_path / "draft", tmp_path / "place"

    with drafted(draft, Secret("whole"), mode=0o600):
        assert draft.read_bytes() == b"whole"
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600
        draft.replace(place)
    flush_names(tmp_path)

    assert [each.name for each in tmp_path.iterdir()] == ["place"]


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt(), ValueError("a mistake")], ids=repr)
def test_whatever_goes_wrong_takes_the_draft_with_it(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), drafted(tmp_path / "draft", Secret("half"), mode=0o600):
        raise error

    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_taken_takes_the_draft_with_it(tmp_path: Path) -> None:
    draft, place = tmp_path / "draft", tmp_path / "place"
    place.write_text("precious")

    with pytest.raises(FileExistsError), drafted(draft, Secret("new"), mode=0o600):
        os.link(draft, place)

    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("place", "precious")]


def test_what_stands_where_the_draft_would_is_left_as_it_is(tmp_path: Path) -> None:
    draft = tmp_path / "draft"
    draft.write_text("another's")

    with pytest.raises(FileExistsError), drafted(draft, Secret("new"), mode=0o600):
        pass

    assert draft.read_text() == "another's"


def test_rights_are_claimed_before_anything_is_written(tmp_path: Path) -> None:
    seen: list[int] = []

    with drafted(tmp_path / "draft", Secret("12345"), mode=0o600, claim=lambda fd: seen.append(os.fstat(fd).st_size)):
        pass

    assert seen == [0]


def test_names_in_a_folder_that_cannot_be_opened_are_no_reason_to_fail(tmp_path: Path) -> None:
    flush_names(tmp_path / "gone")
