"""GitHub and GitLab at once, where the program looks for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support import github_server, gitlab_server
from tests.support.github_server import GitHub, github
from tests.support.gitlab_server import GitLab, gitlab

if TYPE_CHECKING:
    import pytest


@contextmanager
def both(patch: pytest.MonkeyPatch) -> Iterator[tuple[GitHub, GitLab]]:
    """Both, with a credential for each in the variables."""
    with github() as one, gitlab() as other:
        patch.setenv("GH_TOKEN", github_server.TOKEN)
        patch.setenv("GITHUB_API_URL", one.address)
        patch.setenv("GITLAB_TOKEN", gitlab_server.TOKEN)
        patch.setenv("CI_SERVER_URL", other.address)
        yield one, other
