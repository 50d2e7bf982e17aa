"""What was made on one machine must not name it: nobody else has its folders and its registries."""

import re

import pytest

from tests.repository import relative, tracked_files

TRACE = re.compile(
    r"""
    (?<![\w.$}~-]) / (?: root | work | home/\w+ | Users/\w+ | opt/(?:wheels|pypi[\w-]*) ) /  # one machine
    | [A-Z]:\\Users\\
    | \b (?: files\.pythonhosted | (?:test\.)?pypi ) \.org/ (?: simple | packages )  # where a resolver looked
    | ^ \s* -- (?: extra- )? (?: index-url | find-links ) \b
    """,
    re.VERBOSE | re.MULTILINE,
)


def test_no_file_names_a_path_of_one_machine_or_the_host_of_a_registry() -> None:
    found = [
        f"{relative(path)}: {match[0].strip()}"
        for path in tracked_files()
        for match in TRACE.finditer(path.read_bytes().decode("utf-8", errors="replace"))
    ]

    assert found == []


@pytest.mark.parametrize(
    "parts",
    [
        ("made in ", "/ro", "ot/project/"),
        ('"', "/ho", "me/ada/keys.yaml"),
        ("see ", "/wo", "rk/main/"),
        ("C:", "\\Use", "rs\\ada"),
        ("https://", "pypi.o", "rg/simple/click/"),
        ("https://files.python", "hosted.org/pack", "ages/ab/click.whl"),
        ("--extra-", "index-url", " https://example.org"),
    ],
    ids="".join,
)
def test_traces_are_found(parts: tuple[str, ...]) -> None:
    assert TRACE.search("".join(parts))


@pytest.mark.parametrize(
    "text",
    ["~/shop/keys.yaml", ".github/workflows/ci.yml", "https://example.org/home-page/", "/v1/project/keys"],
    ids=str,
)
def test_other_paths_are_let_alone(text: str) -> None:
    assert not TRACE.search(text)
