"""A dotenv file is parsed in parts, which must come to what the library makes of the whole."""

import io
import tracemalloc
from pathlib import Path

from dotenv.parser import parse_stream
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.secret import Secret
from reconciler.edge.sinks.dotenv import DotenvSink, _parsed, _parts

_PIECES = ["A", "B=", "=", "x", "'", '"', "\\", "#", " ", "\n", "\r", "\r\n", "export ", "\ufeff", "\x0c", "\u2028"]
_TEXTS = st.lists(st.sampled_from(_PIECES), max_size=20).map("".join).map(lambda text: text.lstrip("\ufeff"))


@given(_TEXTS)
def test_parts_say_what_the_whole_file_says(text: str) -> None:
    whole = [(piece.key, piece.value) for piece in parse_stream(io.StringIO(text, newline="")) if piece.key is not None]
    found = [piece for part in _parts(text) for piece in _parsed(part)]

    assert [(piece.key, piece.value) for piece in found if piece.key is not None] == whole


@given(_TEXTS)
def test_no_byte_is_lost_between_parts(text: str) -> None:
    found = [piece for part in _parts(text) for piece in _parsed(part)]

    assert "".join(piece.original.string for piece in found) == text


def test_a_file_without_quotes_is_parsed_line_by_line() -> None:
    assert [part for part in _parts("A=1\nB=2\n") if part] == ["A=1\n", "B=2\n"]


def test_lines_around_quotes_are_parsed_one_by_one_and_those_between_together() -> None:
    assert _parts("A=1\nB='2\nC=3\nD=4'\nE=5\n") == ["A=1\n", "B='2\nC=3\nD=4'\n", "E=5\n"]


def test_what_was_in_a_file_is_not_kept_whole(tmp_path: Path) -> None:
    """Of a file with quotes in its first and last line, one part is the whole of it, with every secret."""
    path = tmp_path / "app.env"
    path.write_text("A='1'\n" + "".join(f"KEY_{number}={number:0256x}\n" for number in range(50)) + "Z='1'\n")
    sink = DotenvSink(path=path, variable="KEY_7")
    tracemalloc.start()
    try:
        for number in range(20):
            sink.write(Secret(f"{number:0256x}"), None)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 10 * path.stat().st_size
