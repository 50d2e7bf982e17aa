import re

from tests.docs.markdown import headings
from tests.repository import ROOT

CHANGELOG = ROOT / "CHANGELOG.md"
RELEASE = re.compile(r"\[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_changelog_begins_with_unreleased_and_then_lists_dated_releases() -> None:
    first, *releases = [text for level, text in headings(CHANGELOG) if level == 2]

    assert first == "[Unreleased]"
    assert [text for text in releases if not RELEASE.fullmatch(text)] == []


def test_changes_are_sorted_by_the_kinds_of_keep_a_changelog() -> None:
    assert {text for level, text in headings(CHANGELOG) if level == 3} <= KINDS
