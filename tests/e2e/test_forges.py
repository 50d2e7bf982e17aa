"""Secrets on their way into GitHub and GitLab, by the command line, from servers that show secrets and that do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.command import Command, Ended, in_folder
from tests.support.forges import both
from tests.support.github_server import GitHub, Kept
from tests.support.gitlab_server import GitLab, Variable
from tests.support.http_service import Fault, Reply
from tests.support.processes import Server, a_server, write_session
from tests.support.world import generation, is_retiring

MANIFEST = """\
version: 1
owner: shop
keys:
  storefront:
    scopes: [rows.read]
    deliver:
      - gitlab_ci: {gitlab_project: acme/shop, variable: APPWRITE_API_KEY, scope: "{environment}"}
      - github_actions: {repository: acme/shop, environment: "{environment}", secret: APPWRITE_API_KEY}
environments:
  production: {endpoint: ENDPOINT, project: PROJECT, credential: {file: session}}
"""
NAME = "APPWRITE_API_KEY"
AGAIN = "a sink does not hold this key's secret"
NEW_KEY = "a sink lacks the secret, which this server never shows again: a new key takes its place"


@pytest.fixture(scope="module", params=[False, True], ids=["shows", "hides"])
def appwrite(request: pytest.FixtureRequest) -> Iterator[Server]:
    with a_server("2.6.2" if request.param else "main", hides=request.param) as server:
        yield server


def words(text: str) -> str:
    """A screen without its line ends."""
    return " ".join(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Forges:
    """The command with a manifest that delivers into both, and what they hold."""

    command: Command
    appwrite: Server
    project: str
    github: GitHub
    gitlab: GitLab
    hides: bool

    def __call__(self, *arguments: str) -> Ended:
        ended = self.command(*arguments)
        shown = ended.out + ended.err
        assert "standard_" not in shown
        assert "k4n4ry" not in shown
        return ended

    def apply(self) -> Ended:
        return self("apply", "--auto-approve")

    @property
    def because(self) -> str:
        """Why the last change of a plan is."""
        return words(self("plan").out.split("because")[-1].split("!")[0].split("\n\n")[0]).split(" 1 sink")[0]

    @property
    def pending(self) -> bool:
        """Whether a plan has changes."""
        ended = self("plan", "--detailed-exitcode")
        assert ended.code in {0, 2}, ended.err
        return ended.code == 2

    @property
    def secrets(self) -> dict[str, Kept]:
        return self.github.places["acme/shop:production"].secrets

    @property
    def variables(self) -> dict[tuple[str, str], Variable]:
        return self.gitlab.owners["projects/acme/shop"]

    @property
    def held(self) -> tuple[str, str]:
        """What GitHub and what GitLab hold."""
        return self.secrets[NAME].value, self.variables[NAME, "production"]["value"]

    def assert_delivered(self) -> None:
        """Both hold the secret of the one key, which works."""
        in_github, in_gitlab = self.held
        assert in_github == in_gitlab
        assert self.appwrite.accepts(self.project, in_github)
        keys = self.appwrite.keys(self.project)
        newest, *older = (keys[key_id] for key_id in sorted(keys, key=generation, reverse=True))
        assert newest["secret"] in {"", in_github}
        assert all(map(is_retiring, older))


@pytest.fixture
def forges(
    appwrite: Server,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Forges]:
    command = in_folder(tmp_path, monkeypatch, capsys)
    project = appwrite.project()
    command.write(MANIFEST.replace("ENDPOINT", appwrite.endpoint).replace("PROJECT", project))
    write_session(command.folder, appwrite)
    with both(monkeypatch) as (one, other):
        hides = "hides" in request.node.name
        yield Forges(command=command, appwrite=appwrite, project=project, github=one, gitlab=other, hides=hides)


def test_a_new_keys_secret_arrives_in_both_and_then_nothing_changes(forges: Forges) -> None:
    assert forges.pending

    applied = forges.apply()

    assert applied.code == 0, applied.out
    forges.assert_delivered()
    again = forges("plan")
    assert "No changes" in again.out
    assert "1 sink not compared: it shows its value to nobody" in again.out + again.err
    assert forges.apply().code == 0
    assert len(forges.github.calls.of("PUT")) == 1
    assert len(forges.gitlab.calls.of("POST")) == 1
    assert forges.gitlab.calls.of("PUT") == []


@pytest.mark.parametrize("where", ["github", "gitlab"])
def test_what_is_deleted_there_is_missed(forges: Forges, where: str) -> None:
    assert forges.apply().code == 0
    if where == "github":
        forges.secrets.clear()
    else:
        forges.variables.clear()

    because = forges.because
    applied = forges.apply()

    assert because == (NEW_KEY if forges.hides else AGAIN)
    assert applied.code == 0
    forges.assert_delivered()
    assert not forges.pending


def test_a_value_that_somebody_changed_is_put_right(forges: Forges) -> None:
    assert forges.apply().code == 0
    forges.variables[NAME, "production"]["value"] = "standard_of_somebody_else"

    because = forges.because
    applied = forges.apply()

    assert because == (NEW_KEY if forges.hides else AGAIN)
    assert applied.code == 0
    forges.assert_delivered()


def test_a_value_older_than_its_key_is_stale(forges: Forges) -> None:
    assert forges.apply().code == 0
    forges.secrets[NAME].value = "of the key before"
    forges.secrets[NAME].updated -= timedelta(days=1)

    because = forges.because
    applied = forges.apply()

    assert because == (NEW_KEY if forges.hides else AGAIN)
    assert applied.code == 0
    forges.assert_delivered()


def test_a_sink_that_would_refuse_is_found_before_a_key_is_made(forges: Forges) -> None:
    del forges.github.places["acme/shop:production"]

    applied = forges.apply()

    assert applied.code == 1
    assert 'acme/shop has no environment "production"' in applied.err
    assert "create it first" in applied.err
    assert forges.appwrite.keys(forges.project) == {}
    assert forges.variables == {}


def test_a_sink_that_refuses_after_all_costs_the_key_and_nothing_else(forges: Forges) -> None:
    no = Reply(status=403, body={"message": "Resource not accessible by personal access token"})
    forges.github.calls.faults.append(Fault(method="PUT", reply=no))

    applied = forges.apply()

    assert applied.code == 3
    assert "GitHub answered 403: Resource not accessible by personal access token" in words(applied.out)
    assert forges.appwrite.keys(forges.project) == {}
    assert (forges.secrets, forges.variables) == ({}, {})
    assert forges.apply().code == 0
    forges.assert_delivered()


@pytest.mark.parametrize("drop", ["before", "after"])
def test_an_answer_that_never_comes_is_told_and_the_next_run_converges(forges: Forges, drop: str) -> None:
    forges.github.calls.faults.append(Fault(method="PUT", drop=drop, times=4))

    applied = forges.apply()

    assert applied.code == 3
    assert "GitHub cannot be reached" in words(applied.out)
    assert forges.apply().code == 0
    forges.assert_delivered()
    assert not forges.pending


def test_what_nobody_can_compare_is_delivered_again_where_the_key_is_named(forges: Forges) -> None:
    assert forges.apply().code == 0
    forges.secrets[NAME].value = "of somebody else"
    assert not forges.pending

    applied = forges("apply", "--auto-approve", "--target", "production/storefront")

    assert applied.code == 0, applied.err
    if forges.hides:
        assert forges.held[0] == "of somebody else"  # nobody has the secret to deliver it again
    else:
        forges.assert_delivered()
