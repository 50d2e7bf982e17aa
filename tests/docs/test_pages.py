"""Every page but the README does what it says, in a folder of its own."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from reconciler import api
from reconciler.emulator import Emulator
from tests.docs import age_programs, guide_servers
from tests.docs.commands import differences, environment
from tests.docs.markdown import fences
from tests.docs.sink_pages import SINK_PAGES
from tests.repository import ROOT, relative
from tests.support import github_server, gitlab_server
from tests.support.emulators import running
from tests.support.github_server import github
from tests.support.gitlab_server import gitlab

DOCS = ROOT / "docs"
LEFT_OUT = {
    DOCS / "emulator.md",  # its one command answers until Ctrl-C
    DOCS / "tutorial.md",  # test_pipelines.py runs it, and goes on with what it made
    *SINK_PAGES,  # test_sink_pages.py gives them what they need
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
    if info.startswith("yaml") and "\nversion: 1\n" in f"\n{content}" and "sqlite:" not in content
]


@contextmanager
def _delivering_to_github(folder: Path) -> Iterator[Mapping[str, str]]:
    """A server that only organization keys may create keys on, and GitHub."""
    with _with_a_server(folder) as variables, github() as forge:
        yield {**variables, "GH_TOKEN": github_server.TOKEN, "GITHUB_API_URL": forge.address}
        assert list(forge.places["acme/shop:production"].secrets) == ["APPWRITE_API_KEY"]
        assert len(forge.calls.of("PUT")) == 2


@contextmanager
def _delivering_to_gitlab(folder: Path) -> Iterator[Mapping[str, str]]:
    """The same, and GitLab."""
    with _with_a_server(folder) as variables, gitlab() as forge:
        yield {**variables, "GITLAB_TOKEN": gitlab_server.TOKEN, "CI_SERVER_URL": forge.address}
        assert forge.owners["projects/acme/shop"]["APPWRITE_API_KEY", "production"]["protected"] is True


@contextmanager
def _with_a_server(folder: Path) -> Iterator[Mapping[str, str]]:
    with running(folder.parent, "main") as server:
        server.emulator.ensure_project("shop", organization="acme")
        write = server.emulator.add_organization_key("acme", ["keys.read", "keys.write"])
        yield {"APPWRITE_ENDPOINT": server.endpoint, "APPWRITE_ORGANIZATION_API_KEY": write}


def _alone(_: Path) -> AbstractContextManager[Mapping[str, str]]:
    """No server."""
    return nullcontext({})


AROUND: dict[Path, Callable[[Path], AbstractContextManager[Mapping[str, str]]]] = {
    DOCS / "guides" / "github-secrets.md": _delivering_to_github,
    DOCS / "guides" / "gitlab-variables.md": _delivering_to_gitlab,
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

    programs = tmp_path / "programs"
    programs.mkdir()
    age_programs.install(programs)
    with AROUND.get(page, _alone)(folder) as given:
        variables = environment(tmp_path, **given)
        path = f"{variables['PATH']}{os.pathsep}{programs}"
        assert differences(page, folder, {**variables, "PATH": path}) == []


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_every_manifest_of_a_page_is_valid(tmp_path: Path, manifest: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(manifest, encoding="utf-8")

    assert api.validate([file], (), {}).environments
