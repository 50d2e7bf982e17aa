"""One file under two names is one place: two keys there would overwrite each other for ever."""

from pathlib import Path

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.edge.sinks import InstalledSinks
from reconciler.errors import UsageError


def file(path: object) -> SinkSpec:
    return SinkSpec(kind="file", options=(("path", str(path)),))


def dotenv(path: object, variable: str) -> SinkSpec:
    return SinkSpec(kind="dotenv", options=(("path", str(path)), ("variable", variable)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("s")
    return tmp_path


@pytest.mark.parametrize("other", ["{}/s/x", "link/x"])
def test_two_names_of_one_file_are_refused_before_anything_is_looked_at(folder: Path, other: str) -> None:
    with (
        InstalledSinks() as sinks,
        pytest.raises(UsageError, match=r"file s/x and file .* are one file"),
    ):
        sinks.observe([file("s/x"), file(other.format(folder))])


def test_two_variables_of_one_file_are_two_places_and_one_variable_is_one(folder: Path) -> None:
    with InstalledSinks() as sinks:
        sinks.observe([dotenv("s/x", "A"), dotenv("link/x", "B"), dotenv("s/x", "A")])
        with pytest.raises(UsageError, match="one file under two names"):
            sinks.observe([dotenv("s/x", "A"), dotenv("link/x", "A")])
