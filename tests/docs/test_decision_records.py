import re
from pathlib import Path

import pytest

from tests.docs.markdown import headings, links
from tests.repository import ROOT, project

FOLDER = ROOT / "docs" / "adr"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
REASON = re.compile(r"^\| `(?P<package>[^`]+)` \| (?P<reason>[^|]+) \|$", re.MULTILINE)


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_status_context_decision_and_consequences(record: Path) -> None:
    assert [text for level, text in headings(record) if level == 2] == [
        "Status",
        "Context",
        "Decision",
        "Consequences",
    ]


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_the_title_of_a_record_says_what_its_file_name_says(record: Path) -> None:
    title = next(text for level, text in headings(record) if level == 1)

    assert re.sub(r"\W+", "-", title.lower()) == record.stem


def test_the_overview_lists_every_record_once_and_in_order() -> None:
    assert list(links(FOLDER / "README.md")) == [record.name for record in RECORDS]


def test_records_are_numbered_without_gaps() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def declared_packages() -> list[str]:
    """What pyproject.toml asks for to run, to build and to develop, each name once."""
    pyproject = project()
    groups = [item for group in pyproject["dependency-groups"].values() for item in group]
    requirements = [
        *pyproject["build-system"]["requires"],
        *pyproject["project"]["dependencies"],
        *(item for extra in pyproject["project"]["optional-dependencies"].values() for item in extra),
        *(item for item in groups if isinstance(item, str)),
    ]
    return sorted({re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requirements})


def test_every_dependency_has_its_one_line_of_reason_and_no_reason_is_left_over() -> None:
    text = (FOLDER / "0002-dependencies.md").read_text(encoding="utf-8")

    assert sorted(match["package"] for match in REASON.finditer(text)) == declared_packages()
