"""Under GitHub Actions each secret that a command holds is masked, once, before the command says anything else."""

import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.cli.main import main
from reconciler.core.secret import Secret
from tests.support import github_server, gitlab_server
from tests.support.command import in_folder
from tests.support.forges import both
from tests.support.processes import Server, a_server, write_session

MANIFEST = """\
version: 1
owner: shop
keys:
  storefront:
    scopes: [rows.read]
    deliver:
      - dotenv: {path: app.env, variable: STOREFRONT}
      - gitlab_ci: {gitlab_project: acme/shop, variable: STOREFRONT}
      - github_actions: {repository: acme/shop, secret: STOREFRONT}
  backend:
    scopes: [users.read]
environments:
  live: {endpoint: ENDPOINT, project: PROJECT, credential: {file: session}}
"""
IN_FILE, IN_GITLAB = "k4n4ry-in-a-file", "k4n4ry-in-gitlab"
MASK = "::add-mask::"


@dataclass(slots=True)
class Timeline:
    """What happened in order: secrets that came into being (None before the text) and what was written."""

    events: list[tuple[str, str]] = field(default_factory=list)

    def note(self, kind: str, text: str) -> None:
        self.events.append((kind, text))

    def texts(self, kind: str) -> list[str]:
        return [text for each, text in self.events if each == kind]


class Stream(io.StringIO):
    """A standard stream whose writings are on the timeline."""

    def __init__(self, timeline: Timeline, kind: str) -> None:
        super().__init__()
        self._timeline, self._kind = timeline, kind

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError("not of bytes")  # which click finds out by trying
        if text.strip():
            self._timeline.note(self._kind, text)
        return len(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A job of GitHub Actions."""

    folder: Path
    server: Server
    project: str
    patch: pytest.MonkeyPatch

    def __call__(self, *arguments: str) -> Timeline:
        timeline = Timeline()
        original = Secret.__init__

        def noted(secret: Secret, text: str) -> None:
            timeline.note("made", text)
            original(secret, text)

        with self.patch.context() as patch:
            patch.setattr(Secret, "__init__", noted)
            patch.setattr(sys, "argv", ["reconciler", *arguments])
            patch.setattr(sys, "stdout", Stream(timeline, "out"))
            patch.setattr(sys, "stderr", Stream(timeline, "err"))
            with pytest.raises(SystemExit):
                main()
        return timeline

    @property
    def keys(self) -> set[str]:
        """The secrets of the keys that are live."""
        return {key["secret"] for key in self.server.keys(self.project).values()}


@pytest.fixture(scope="module")
def appwrite() -> Iterator[Server]:
    with a_server("main") as server:
        yield server


@pytest.fixture
def runner(
    appwrite: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Runner]:
    command = in_folder(tmp_path, monkeypatch, capsys)
    project = appwrite.project()
    command.write(MANIFEST.replace("ENDPOINT", appwrite.endpoint).replace("PROJECT", project))
    write_session(tmp_path, appwrite)
    (tmp_path / "app.env").write_text(f"STOREFRONT={IN_FILE}\n", encoding="utf-8")
    appwrite.create(project, f"unmanaged-{project}")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with both(monkeypatch) as (_, other):
        put = {"environment_scope": "*", "description": None, "masked": True, "raw": True, "hidden": False}
        other.owners["projects/acme/shop"]["STOREFRONT", "*"] = {"key": "STOREFRONT", "value": IN_GITLAB, **put}
        yield Runner(folder=tmp_path, server=appwrite, project=project, patch=monkeypatch)


def masks(text: str) -> bool:
    """Whether what was written is masks alone."""
    return all(line.startswith(MASK) for line in text.splitlines())


def assert_masked(timeline: Timeline, secrets: set[str]) -> None:
    """Each of the secrets was held, and masked once, before anything else was written after it came into being."""
    assert set(timeline.texts("made")) >= secrets
    told = "".join(timeline.texts("err")).splitlines()
    for secret in secrets:
        assert told.count(f"{MASK}{secret}") == 1
        since = timeline.events[timeline.events.index(("made", secret)) :]
        written = [text for kind, text in since if kind != "made"]
        masked = next(place for place, text in enumerate(written) if f"{MASK}{secret}" in text.splitlines())
        assert all(masks(text) for text in written[: masked + 1])
    assert MASK not in "".join(timeline.texts("out"))


def assert_shown_nowhere(timeline: Timeline, secrets: set[str]) -> None:
    shown = "".join(text for kind, text in timeline.events if kind != "made" and not masks(text))
    assert [secret for secret in secrets if secret in shown] == []


TOKENS = {github_server.TOKEN, gitlab_server.TOKEN}


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan"],
        ["plan", "--format", "json", "--out", "plan.json"],
        ["apply", "--auto-approve"],
        ["apply", "--auto-approve", "--format", "json"],
    ],
    ids=" ".join,
)
def test_credentials_listed_secrets_those_in_sinks_and_new_ones_are_masked(
    runner: Runner, arguments: list[str]
) -> None:
    held = {runner.server.session, IN_FILE, IN_GITLAB, *TOKENS}

    timeline = runner(*arguments)

    assert len(runner.keys) == (3 if "apply" in arguments else 1)
    assert_masked(timeline, held | runner.keys)
    assert_shown_nowhere(timeline, held | runner.keys)


def test_a_run_that_changes_nothing_masks_what_it_sees(runner: Runner) -> None:
    runner("apply", "--auto-approve")

    timeline = runner("apply", "--auto-approve")

    assert_masked(timeline, {runner.server.session, *TOKENS, *runner.keys})
    assert_shown_nowhere(timeline, {runner.server.session, *TOKENS, *runner.keys})


@pytest.mark.parametrize("flags", [(), ("--compromised", "--format", "json")], ids=["asked", "compromised"])
def test_who_rotates_masks_the_old_secrets_and_the_new_ones(runner: Runner, flags: tuple[str, ...]) -> None:
    runner("apply", "--auto-approve")
    before = runner.keys

    timeline = runner("rotate", "live/storefront", "--auto-approve", *flags)

    assert len(runner.keys - before) == 1
    assert_masked(timeline, {runner.server.session, *TOKENS, *before, *runner.keys})
    assert_shown_nowhere(timeline, {runner.server.session, *TOKENS, *before, *runner.keys})


@pytest.mark.parametrize(
    "arguments",
    [
        ["destroy", "-e", "live", "--auto-approve"],
        ["doctor"],
        ["doctor", "--write-probes", "--format", "json"],
    ],
    ids=" ".join,
)
def test_commands_that_only_look_or_delete_mask_what_they_list(runner: Runner, arguments: list[str]) -> None:
    runner("apply", "--auto-approve")
    held = {runner.server.session, *runner.keys}
    assert len(held) == 4

    timeline = runner(*arguments)

    assert_masked(timeline, held)
    assert_shown_nowhere(timeline, held)


@pytest.mark.parametrize("where", [["--print"], ["--out", "key"]], ids=" ".join)
def test_the_first_key_is_masked_before_it_is_shown_or_kept(runner: Runner, where: list[str]) -> None:
    timeline = runner("bootstrap", "-e", "live", "--name", "First", "--expire", "90d", *where)

    assert len(runner.keys) == 2
    assert_masked(timeline, {runner.server.session, *runner.keys})
    assert [secret for secret in runner.keys if f"{secret}\n" in timeline.texts("out")] == [
        text.strip() for text in timeline.texts("out")
    ]


def test_a_secret_that_is_revealed_is_masked_before_it_is_shown(runner: Runner) -> None:
    runner("apply", "--auto-approve")

    timeline = runner("reveal", "live/backend", "--force")

    (shown,) = timeline.texts("out")
    assert shown.strip() in runner.keys
    assert_masked(timeline, {runner.server.session, *runner.keys})


def test_a_lent_key_is_masked_before_the_command_that_gets_it_runs(runner: Runner) -> None:
    given: list[str] = []

    def execve(_: str, __: object, environment: dict[str, str]) -> None:
        given.append(environment["APPWRITE_API_KEY"])
        raise SystemExit(0)

    runner.patch.setattr(os, "execve", execve)

    timeline = runner("exec", "-e", "live", "--like", "backend", "--", "true")

    assert_masked(timeline, {runner.server.session, *given})
    assert_shown_nowhere(timeline, {runner.server.session, *given})
    assert len(given) == 1


def test_what_a_servers_scopes_are_asked_for_with_is_masked(runner: Runner) -> None:
    assert_masked(runner("scopes", "-e", "live"), {runner.server.session})


def test_a_credential_that_is_refused_is_masked_too(runner: Runner) -> None:
    (runner.folder / "session").write_text("account_" + "k4n4ry" * 9, encoding="ascii")

    timeline = runner("plan")

    assert_masked(timeline, {"account_" + "k4n4ry" * 9})
    assert "is an account key" in "".join(timeline.texts("err"))


def test_the_session_of_the_embedded_server_is_masked(runner: Runner) -> None:
    manifest = runner.folder / "keys.yaml"
    text = (
        MANIFEST.replace("ENDPOINT", "emulator").replace("PROJECT", "p1").replace(", credential: {file: session}", "")
    )
    manifest.write_text(text, encoding="utf-8")

    timeline = runner("plan")

    (session,) = {text for text in timeline.texts("made") if text.startswith("eyJ")}
    assert_masked(timeline, {session})


def test_elsewhere_nothing_is_masked(runner: Runner) -> None:
    runner.patch.setenv("GITHUB_ACTIONS", "false")

    timeline = runner("apply", "--auto-approve")

    assert MASK not in "".join(timeline.texts("err") + timeline.texts("out"))
    assert_shown_nowhere(timeline, runner.keys)
