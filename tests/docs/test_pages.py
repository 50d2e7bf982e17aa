"""Every page but the README does what it says, in a folder of its own."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from reconciler import api
from reconciler.emulator import Emulator
from tests.docs import guide_servers
from tests.docs.commands import differences, environment
from tests.docs.markdown import fences
from tests.repository import ROOT, relative

DOCS = ROOT / "docs"
LEFT_OUT = {
    DOCS / "emulator.md",  # its one command answers until Ctrl-C
    DOCS / "tutorial.md",  # test_pipelines.py runs it, and goes on with what it made
}
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if page not in LEFT_OUT]


def _keys_of_the_console(folder: Path) -> None:
    """A project of the built-in server in which somebody has made keys already."""
    database = folder / ".reconciler" / "emulator.sqlite3"
    database.parent.mkdir()
    server = Emulator(database)
    server.ensure_project("shop-local")
    server.add_key("shop-local", "66f0c3a1b2d4", ["databases.read", "rows.read"], name="Storefront")
    server.add_key("shop-local", "terraform-ci", ["sites.write"], name="CI")
    server.close()


MANIFESTS = [
    pytest.param(content, id=f"{relative(page)} {count}")
    for page in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    for count, (info, content) in enumerate(fences(page))
    if info.startswith("yaml") and "\nversion: 1\n" in f"\n{content}"
]


def _alone(_: Path) -> AbstractContextManager[Mapping[str, str]]:
    """No server."""
    return nullcontext({})


AROUND: dict[Path, Callable[[Path], AbstractContextManager[Mapping[str, str]]]] = {
    guide_servers.AWS_GUIDE: guide_servers.aws,
    guide_servers.VAULT_GUIDE: guide_servers.vault,
}
BEFORE: dict[Path, Callable[[Path], None]] = {DOCS / "guides" / "adopting.md": _keys_of_the_console}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_command_of_a_page_does_and_shows_what_it_says(tmp_path: Path, page: Path) -> None:
    folder = tmp_path / "somewhere"
    folder.mkdir()
    if page in BEFORE:
        BEFORE[page](folder)

    with AROUND.get(page, _alone)(folder) as variables:
        assert differences(page, folder, environment(tmp_path, **variables)) == []


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_every_manifest_of_a_page_is_valid(tmp_path: Path, manifest: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(manifest, encoding="utf-8")

    assert api.validate([file], (), {}).environments
