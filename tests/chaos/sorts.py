"""The kinds of sinks that the chaos knows, by name; each opens what it needs, and is closed with the arena."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.kinds import Age, Dotenv, Exec, File, Kind

Sort = Callable[[], AbstractContextManager[Kind]]


def _plain(make: Callable[[], Kind]) -> Sort:
    """A kind that has nothing to close."""

    @contextmanager
    def opened() -> Iterator[Kind]:
        yield make()

    return opened


def _github() -> Kind:
    from tests.chaos.services import GitHub

    return GitHub()


def _gitlab() -> Kind:
    from tests.chaos.services import GitLab

    return GitLab()


def _kubernetes() -> Kind:
    from tests.chaos.services import Kubernetes

    return Kubernetes()


@contextmanager
def _vault() -> Iterator[Kind]:
    from tests.chaos.services import Vault
    from tests.support.vaults import a_vault

    with TemporaryDirectory() as folder, a_vault(Path(folder)) as vault:
        yield Vault(vault)


@contextmanager
def _aws() -> Iterator[Kind]:
    from tests.chaos.services import Aws
    from tests.support.aws_server import an_aws

    with an_aws() as aws:
        yield Aws(aws)


SORTS: dict[str, Sort] = {
    "dotenv": _plain(Dotenv),
    "file": _plain(File),
    "age": _plain(Age),
    "exec": _plain(Exec),
    "vault": _vault,
    "aws": _aws,
    "github_actions": _plain(_github),
    "gitlab_ci": _plain(_gitlab),
    "kubernetes": _plain(_kubernetes),
}
