from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.markdown import anchors, links, slug
from tests.repository import ROOT, relative, tracked_files

PAGES = [path for path in tracked_files() if path.suffix == ".md" and ROOT / "tests" not in path.parents]


def broken_links(page: Path) -> list[str]:
    """Each relative link of a page that leads nowhere, with what is missing."""
    return [f"{link}: {problem}" for link in links(page) if (problem := _problem(page, link))]


def _problem(page: Path, link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.exists():
        return "no such file"
    if parts.fragment and target.suffix == ".md" and unquote(parts.fragment) not in anchors(target):
        return f"no such heading; there are {', '.join(sorted(anchors(target)))}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_relative_link_and_anchor_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_dead_link_and_a_dead_anchor_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `two`, three\n\n## Same\n\n## Same\n\n"
        "[good](#one-two-three) [again](#same-1) [out](https://example.org/#nowhere) ![here](page.md)\n\n"
        "[file](other.md) [anchor](page.md#four) <img src='gone.png'>\n\n```\n[code](is-no-link.md)\n```\n"
    )

    assert broken_links(page) == [
        "other.md: no such file",
        "page.md#four: no such heading; there are one-two-three, same, same-1",
        "gone.png: no such file",
    ]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Who may create where", "who-may-create-where"),
        ("`plan` & `apply`", "plan--apply"),
        ("Exit codes: 0–4", "exit-codes-04"),
        ("1.9.x", "19x"),
    ],
    ids=str,
)
def test_anchors_are_made_as_github_makes_them(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor
