"""A key that a command delivers, from the manifest to the command and back, and `--no-exec`."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import api
from tests.support.command import Command, in_folder
from tests.support.processes import a_server, clean_environment, run, write_manifest

MANIFEST = """\
version: 1
owner: shop
keys:
  ci:
    scopes: [users.read]
    deliver:
      - exec: {command: [./push, "{environment}"]}
environments:
  local: {endpoint: emulator, project: p1}
  other:
    endpoint: emulator
    project: p2
    keys: {ci: {deliver: [{dotenv: {path: plain, variable: KEY}}]}}
"""
PUSH = """\
#!/bin/sh
# Keeps the secret in a store of its own, by key.
mkdir -p store && cat >"store/$1-$RECONCILER_KEY_ID" && echo "stored for $RECONCILER_ADDRESS" && echo . >>ran
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    made = in_folder(tmp_path, monkeypatch, capsys)
    made.write(MANIFEST)
    _script(tmp_path, PUSH)
    return made


def _script(folder: Path, text: str) -> None:
    (folder / "push").write_text(text, encoding="utf-8")
    (folder / "push").chmod(0o700)


def _secrets(folder: Path) -> dict[str, str]:
    """The live keys of `local`, by id."""

    async def look() -> dict[str, str]:
        async with api.connect(api.read_manifest(folder / "keys.yaml"), ["local"], variables={}) as reconciler:
            planned = await reconciler.plan()
        return {key.id: key.secret.reveal() for key in planned.environments[0].live.keys if key.secret}

    return asyncio.run(look())


def _stored(folder: Path) -> dict[str, str]:
    store = folder / "store"
    return {path.name: path.read_text(encoding="utf-8") for path in store.iterdir()} if store.exists() else {}


def test_the_command_gets_the_secret_once_and_what_it_says_is_on_stderr(command: Command) -> None:
    planned = command("plan", "-e", "local")
    assert planned.code == 0
    assert "exec ./push local" in planned.out
    assert not _stored(command.folder)

    applied = command("apply", "-e", "local", "--auto-approve")
    assert applied.code == 0
    assert "local/ci: stored for local/ci" in applied.err
    assert "stored for" not in applied.out
    ((key_id, secret),) = _secrets(command.folder).items()
    assert _stored(command.folder) == {f"local-{key_id}": secret}
    assert secret[12:] not in f"{applied.out}{applied.err}"

    again = command("plan", "-e", "local", "--detailed-exitcode")
    assert again.code == 0
    assert command("apply", "-e", "local", "--auto-approve").code == 0
    assert (command.folder / "ran").read_text(encoding="ascii") == ".\n"


def test_a_command_that_says_no_leaves_no_key_and_mended_gets_another(command: Command) -> None:
    _script(command.folder, "#!/bin/sh\ncat\necho ' is full' >&2\nexit 1\n")
    failed = command("apply", "-e", "local", "--auto-approve")
    assert failed.code == 3
    assert "exit code 1" in failed.out
    assert not _secrets(command.folder)
    assert "standard_" not in f"{failed.out}{failed.err}"

    _script(command.folder, PUSH)
    assert command("apply", "-e", "local", "--auto-approve").code == 0
    ((key_id, secret),) = _secrets(command.folder).items()
    assert _stored(command.folder) == {f"local-{key_id}": secret}


def test_a_program_that_is_not_there_is_told_before_any_key_is_made(command: Command) -> None:
    (command.folder / "push").unlink()
    failed = command("apply", "-e", "local", "--auto-approve")
    assert failed.code == 1
    assert 'local/ci: exec ./push local: there is no program "./push"' in failed.err
    assert not _secrets(command.folder)


@pytest.mark.parametrize("verb", [("plan",), ("apply", "--auto-approve"), ("plan", "--target", "other/*")])
def test_no_exec_refuses_every_manifest_with_a_command(command: Command, verb: tuple[str, ...]) -> None:
    refused = command(*verb, "--no-exec")
    assert refused.code == 4
    assert "local/ci" in f"{refused.out}{refused.err}"
    assert "a command delivers this key: exec ./push local" in f"{refused.out}{refused.err}"
    assert not (command.folder / "ran").exists()
    assert not _secrets(command.folder)


def test_no_exec_is_about_the_environments_that_are_asked_for(command: Command) -> None:
    assert command("apply", "-e", "other", "--auto-approve", "--no-exec").code == 0
    assert (command.folder / "plain").exists()


def test_no_exec_refuses_what_a_command_has_delivered_before(command: Command) -> None:
    assert command("apply", "-e", "local", "--auto-approve").code == 0
    assert command("plan", "-e", "local").code == 0
    assert command("plan", "-e", "local", "--no-exec").code == 4


def test_no_exec_refuses_a_saved_plan_that_was_made_without_it(command: Command) -> None:
    assert command("plan", "-e", "local", "--out", "plan.json").code == 0
    refused = command("apply", "plan.json", "--no-exec")
    assert refused.code == 4
    assert "(exec)" in refused.err
    assert not (command.folder / "ran").exists()
    assert not _secrets(command.folder)
    assert command("apply", "plan.json").code == 0
    assert (command.folder / "ran").exists()


def test_a_plan_that_no_exec_refused_stays_refused_without_it(command: Command) -> None:
    refused = command("plan", "-e", "local", "--no-exec", "--out", "plan.json", "--format", "json")
    assert refused.code == 4
    assert [each["guard"] for each in json.loads(refused.out)["refusals"]] == ["exec"]
    assert command("apply", "plan.json").code == 4
    assert not (command.folder / "ran").exists()


def test_the_command_sees_no_credential_of_the_run_wherever_that_was_read(tmp_path: Path) -> None:
    """A credential from a file, which a variable repeats under a name of its own."""
    folder = tmp_path / "shop"
    with a_server() as server:
        keys = {"ci": {"scopes": ["users.read"], "deliver": [{"exec": {"command": ["./push", "live"]}}]}}
        write_manifest(folder, server, server.project(), keys)
        _script(folder, "#!/bin/sh\ncat >/dev/null\nenv >seen\ncat /proc/$$/cmdline >>seen\n")
        wrapper = (
            "import os, sys; os.environ['COPY'] = 'x ' + open('session').read().strip();"
            "os.environ['MINE'] = 'kept'; "
            "os.execv(sys.executable, [sys.executable, '-m', 'reconciler', 'apply', '--auto-approve'])"
        )
        done = subprocess.run(
            [sys.executable, "-c", wrapper],
            cwd=folder,
            env=clean_environment(),
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        seen = (folder / "seen").read_text(encoding="utf-8")
        assert "MINE=kept" in seen
        assert "COPY" not in seen
        assert server.session[:20] not in seen
        assert run(folder, "plan", "--detailed-exitcode").code == 0


def test_on_a_server_that_hides_secrets_the_command_is_run_once_and_the_plan_is_quiet(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    with a_server("2.6.2", version="2.6.2", hides=True) as server:
        keys = {"ci": {"scopes": ["users.read"], "deliver": [{"exec": {"command": ["./push", "live"]}}]}}
        project = server.project()
        write_manifest(folder, server, project, keys)
        _script(folder, PUSH)
        assert run(folder, "apply", "--auto-approve").code == 0
        ((name, secret),) = _stored(folder).items()
        assert server.accepts(project, secret)
        assert name.removeprefix("live-") in server.keys(project)
        assert run(folder, "plan", "--detailed-exitcode").code == 0


def test_a_file_that_was_made_for_a_key_that_is_undone_is_gone_again(command: Command) -> None:
    (command.folder / "refuse").write_text("#!/bin/sh\nexit 1\n")
    (command.folder / "refuse").chmod(0o755)
    command.write(
        "version: 1\nowner: shop\nkeys:\n  ci:\n    scopes: [users.read]\n    deliver:\n"
        "      - dotenv: {path: secrets/new.env, variable: KEY}\n      - exec: {command: [./refuse]}\n"
        "environments:\n  local: {endpoint: emulator, project: p1}\n"
    )

    assert command("apply", "--auto-approve").code == 3

    assert list((command.folder / "secrets").iterdir()) == []
