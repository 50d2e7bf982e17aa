"""The dotenv sink: one variable set, everything else in the file kept byte for byte."""

import io
import subprocess
import traceback
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, holding
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks, files
from reconciler.edge.sinks.dotenv import DotenvSink
from reconciler.errors import SinkError, UsageError

NAME = "APPWRITE_API_KEY"
SECRET = Secret("standard_" + "0123456789abcdef" * 16)
LINE = f"{NAME}={SECRET.reveal()}".encode()
OTHER_LINES = [
    b"# a comment",
    b"",
    b"   ",
    b"A=1",
    b"export B=2",
    b"C='single $quoted' # and a comment",
    b'D="two\nlines"',
    b"E=",
    b"F",
    b"G=caf\xe9",
    "H=café".encode(),
    b"A=again",
    b"\xff\xfe not UTF-8 at all",
    b"APPWRITE_API_KEY_2=another",
    b"not an assignment at all",
    b"=nothing",
    b"\tI=3\t",
    b"#APPWRITE_API_KEY=commented",
    b"J='it is \\'escaped\\''",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.env"


def after_write(path: Path, content: bytes, secret: Secret = SECRET) -> bytes:
    path.write_bytes(content)
    DotenvSink(path=path, variable=NAME).write(secret, None)
    return path.read_bytes()


def test_a_file_that_is_not_there_is_made(path: Path) -> None:
    sink = DotenvSink(path=path, variable=NAME)
    assert sink.look().secret is None

    sink.write(SECRET, None)

    assert path.read_bytes() == LINE + b"\n"
    assert sink.look().secret == SECRET


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", LINE + b"\n"),
        (b"A=1\n", b"A=1\n" + LINE + b"\n"),
        (b"A=1", b"A=1\n" + LINE + b"\n"),
        (b"A=1\r\n", b"A=1\r\n" + LINE + b"\r\n"),
        (b"A=1\n\n", b"A=1\n\n" + LINE + b"\n"),
        (b"\xef\xbb\xbfA=1\n", b"\xef\xbb\xbfA=1\n" + LINE + b"\n"),
        (b"\xef\xbb\xbf", b"\xef\xbb\xbf" + LINE + b"\n"),
        (b"# no end", b"# no end\n" + LINE + b"\n"),
    ],
)
def test_a_new_variable_gets_a_line_of_its_own_at_the_end(path: Path, content: bytes, expected: bytes) -> None:
    assert after_write(path, content) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"%s=old\n", LINE + b"\n"),
        (b"%s=old", LINE),
        (b"%s=old\r\n", LINE + b"\r\n"),
        (b"%s=\n", LINE + b"\n"),
        (b"%s\n", LINE + b"\n"),
        (b"%s = old\n", LINE + b"\n"),
        (b"%s='old value'\n", LINE + b"\n"),
        (b'%s="two\nlines"\n', LINE + b"\n"),
        (b"export %s=old\n", b"export " + LINE + b"\n"),
        (b"export\t %s=old\n", b"export\t " + LINE + b"\n"),
        (b"  %s=old\n", b"  " + LINE + b"\n"),
        (b"\n\n%s=old\n\n", b"\n\n" + LINE + b"\n\n"),
        (b"\xef\xbb\xbf%s=old\n", b"\xef\xbb\xbf" + LINE + b"\n"),
    ],
)
def test_an_old_value_is_replaced_where_it_stands(path: Path, old: bytes, new: bytes) -> None:
    assert after_write(path, old % NAME.encode()) == new


def test_of_several_lines_with_the_name_the_last_one_counts(path: Path) -> None:
    name = NAME.encode()

    assert after_write(path, name + b"=1\nA=2\n" + name + b"=3\nB=4\n") == name + b"=1\nA=2\n" + LINE + b"\nB=4\n"


@given(
    before=st.lists(st.sampled_from(OTHER_LINES)),
    old=st.sampled_from([b"", b"old", b"'old'", b'"o\\"ld"', b"old # once"]),
    after=st.lists(st.sampled_from(OTHER_LINES)),
    end=st.sampled_from([b"\n", b"\r\n"]),
    last=st.booleans(),
)
def test_whatever_the_other_lines_are_they_stay_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[bytes],
    old: bytes,
    after: list[bytes],
    end: bytes,
    last: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "structured.env"

    def file(line: bytes) -> bytes:
        lines = end.join([*before, line, *after])
        return lines + end if last else lines

    assert after_write(path, file(NAME.encode() + b"=" + old)) == file(LINE)


@given(content=st.binary() | st.text(st.sampled_from("AB='\"\\#$ \t\r\n\v\f\x85\u2028exportX")).map(str.encode))
def test_a_file_of_any_content_is_only_added_to(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "arbitrary.env"
    path.write_bytes(content)
    before = _values(content)

    sink = DotenvSink(path=path, variable=NAME)
    sink.write(SECRET, None)

    assert path.read_bytes().startswith(content)
    assert sink.look().secret == SECRET
    assert _values(path.read_bytes()) == before | {NAME: SECRET.reveal()}
    sink.remove()
    assert path.read_bytes().rstrip() == content.rstrip()
    assert _values(path.read_bytes()) == before


def _values(content: bytes) -> dict[str, str | None]:
    return dict(dotenv_values(stream=io.StringIO(content.decode(errors="surrogateescape"), newline="")))


PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)


@given(text=PRINTABLE)
def test_every_printable_secret_reads_back_through_python_dotenv(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "printable.env"
    after_write(path, b"A=1\n", Secret(text))

    assert dotenv_values(path, interpolate=False) == {"A": "1", NAME: text}
    assert DotenvSink(path=path, variable=NAME).look().secret == Secret(text)


def test_every_printable_secret_reads_back_through_a_shell(path: Path) -> None:
    """Forty secrets of every printable character, in one shell for speed."""
    characters = [chr(code) for code in range(0x20, 0x7F)]
    texts = [f"a{each}{each}b{each}" for each in characters if each != "'"]
    texts += ["it's", "'", "''", "\\'", 'say "it\'s"', "#", " a ", "~", "*", "a#b", "!!", "x=y"]
    for number, text in enumerate(texts):
        DotenvSink(path=path, variable=f"V{number}").write(Secret(text), None)

    script = 'set -a; . "$0"; shift; for name; do printf "%s\\0" "${!name}"; done'
    names = [f"V{number}" for number in range(len(texts))]
    read = subprocess.run(["bash", "-c", script, path, "-", *names], capture_output=True, check=True, env={})

    assert read.stdout.decode().split("\0")[:-1] == texts
    assert read.stderr == b""


def test_a_multi_line_value_that_was_there_can_be_put_back(path: Path) -> None:
    old = after_write(path, f'{NAME}="two\nlines"\n'.encode())
    sink = DotenvSink(path=path, variable=NAME)
    assert old == LINE + b"\n"

    sink.write(Secret("two\nlines"), None)

    assert sink.look().secret == Secret("two\nlines")


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (b"A=1\n%s=x\nB=2\n", b"A=1\nB=2\n"),
        (b"%s=x\n", b""),
        (b"A=1\n\n\n%s=x\n\nB=2", b"A=1\n\n\n\nB=2"),
        (b"A=1\r\r%s=x\rB=2", b"A=1\r\rB=2"),
        (b"A=1\n", b"A=1\n"),
    ],
)
def test_removing_takes_the_line_and_nothing_else(path: Path, content: bytes, left: bytes) -> None:
    path.write_bytes(content.replace(b"%s", NAME.encode()))

    DotenvSink(path=path, variable=NAME).remove()

    assert path.read_bytes() == left


def test_many_variables_of_one_file_are_observed_with_one_reading(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"A=1\nB=2\nC\n")
    path.chmod(0o600)
    specs = [SinkSpec(kind="dotenv", options=(("path", str(path)), ("variable", name))) for name in "ABCD"]
    readings: list[Path] = []
    original = files.read

    def counted(path: Path) -> bytes | None:
        readings.append(path)
        return original(path)

    monkeypatch.setattr(files, "read", counted)

    held = InstalledSinks().observe(specs)

    assert list(held.values()) == [holding(Secret("1")), holding(Secret("2")), EMPTY, EMPTY]
    assert readings == [path]


def test_what_fails_before_it_is_written_has_the_secret_in_no_frame(tmp_path: Path) -> None:
    secret = Secret("standard_5ec4e7")

    with pytest.raises(SinkError) as failed:
        DotenvSink(path=tmp_path, variable="A").write(secret, None)

    frames = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
    shown = "".join(frames.format())
    assert "_with" in shown
    assert "5ec4e7" not in "".join(line for line in shown.splitlines() if "Secret(" not in line)


def test_a_sink_that_cannot_be_read_is_left_out_of_what_is_observed(tmp_path: Path) -> None:
    folder = SinkSpec(kind="dotenv", options=(("path", str(tmp_path)), ("variable", "A")))
    missing = SinkSpec(kind="dotenv", options=(("path", str(tmp_path / "none.env")), ("variable", "A")))

    assert InstalledSinks().observe([folder, missing]) == {missing: EMPTY}


def test_a_kind_of_sink_that_is_not_installed_is_refused() -> None:
    with pytest.raises(UsageError, match='no sink of kind "pigeon"'):
        InstalledSinks().open(SinkSpec(kind="pigeon", options=()))


def test_a_file_that_a_run_made_goes_with_the_last_that_it_wrote_there(tmp_path: Path) -> None:
    with InstalledSinks() as sinks:
        one, two = (
            sinks.open(SinkSpec(kind="dotenv", options=(("path", str(tmp_path / "new.env")), ("variable", name))))
            for name in "AB"
        )
        one.write(SECRET, None)
        two.write(SECRET, None)

        one.remove()
        assert (tmp_path / "new.env").read_text() == f"B={SECRET.reveal()}\n"
        two.remove()

    assert not (tmp_path / "new.env").exists()


@pytest.mark.parametrize("before", [b"", b"# mine\n"])
def test_a_file_that_was_there_stays(path: Path, before: bytes) -> None:
    path.write_bytes(before)
    sink = DotenvSink(path=path, variable=NAME)
    sink.write(SECRET, None)

    sink.remove()

    assert path.read_bytes() == before
