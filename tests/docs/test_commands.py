from pathlib import Path

import pytest

from tests.docs.commands import differences, environment


def told(tmp_path: Path, page: str) -> list[list[str]]:
    """The first two lines of each problem that is found when somebody follows a page."""
    path = tmp_path / "page.md"
    path.write_text(page, encoding="utf-8")
    return [problem.splitlines()[:2] for problem in differences(path, tmp_path, environment(tmp_path))]


def test_a_command_that_fails_or_shows_something_else_is_found(tmp_path: Path) -> None:
    assert told(
        tmp_path,
        "```yaml x.yaml\na: 1\n```\n\n```console\n$ cat x.yaml\na: 1\n$ echo one\ntwo\n$ false\n```\n\n"
        "```sh\necho fine\nno-such-program\n```\n\n```python\nraise SystemExit(3)\n```\n\n```text\nno command\n```\n",
    ) == [
        ["echo one", "shows:"],
        ["false", "exit code 1:"],
        ["echo fine", "no-such-program"],
        ["raise SystemExit(3)", "exit code 3:"],
    ]


def test_a_page_is_one_session(tmp_path: Path) -> None:
    assert (
        told(
            tmp_path,
            "```sh\nmkdir deeper\ncd deeper\nexport A='1 \"2\"\n3'\n```\n\n```yaml in/x.yaml\na: 1\n```\n\n"
            '```console\n$ cat ../deeper/in/x.yaml\na: 1\n$ echo "$A"\n1 "2"\n3\n```\n',
        )
        == []
    )


def test_three_dots_stand_for_anything_within_a_line(tmp_path: Path) -> None:
    assert told(
        tmp_path,
        "```console\n$ echo one two three\none … three\n$ echo one.\none…\n$ printf 'one\\ntwo\\n'\none…two\n```\n",
    ) == [["printf 'one\\ntwo\\n'", "shows:"]]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (" a: 1\n-b: 2\n+b: 3\n\n c: 4\n", []),
        ("-d: 5\n+d: 6\n", [["edit x.yaml", "has 0 times:"]]),
        ("+new: 1\n a: 1\n", []),
    ],
    ids=["changes", "is not there", "adds"],
)
def test_an_edit_must_find_its_place(tmp_path: Path, edit: str, problem: list[list[str]]) -> None:
    assert told(tmp_path, f"```yaml x.yaml\na: 1\nb: 2\n\nc: 4\n```\n\n```diff x.yaml\n{edit}```\n") == problem


def test_an_edit_leaves_everything_else(tmp_path: Path) -> None:
    told(tmp_path, "```yaml x.yaml\na: 1\nb: 2\n\nc: 4\n```\n\n```diff x.yaml\n b: 2\n+b2: 3\n```\n")

    assert (tmp_path / "x.yaml").read_text(encoding="utf-8") == "a: 1\nb: 2\nb2: 3\n\nc: 4\n"
