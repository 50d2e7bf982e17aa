"""`exec`: the command is this process, with a key that dies by itself and without the credential that made it."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

from reconciler.edge.appwrite import AppwriteKeys
from reconciler.emulator import Profile
from tests.support.command import Command, Ended, argv, environment, in_folder, run, terminal
from tests.support.processes import Server, a_server

KEYS = """\
  ci: {name: CI, scopes: [users.read, rows.read]}
  ended: {name: Ended, scopes: [teams.read], expire: 2020-01-01T00:00:00Z}
  brief: {name: Brief, scopes: [files.read], expire: 5m}
  auditor: {name: Auditor, scopes: [keys.read], allow_sensitive: [keys.read]}
"""
SHOWN = "import json, os; print(json.dumps(dict(os.environ)))"
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH")
TOLD = f"""
import os, signal
def say(text):
    os.write(1, text.encode() + b"\\n")  # a handler that prints may interrupt a print, which Python refuses
def tell(number, frame):
    say(signal.Signals(number).name)
for name in {SIGNALS}:
    signal.signal(getattr(signal, name), tell)
say("ready")
while True:
    signal.pause()
"""


@pytest.fixture(scope="module", params=["1.9.x", "main", "2.6.2"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    profile: Profile = request.param
    with a_server(profile, version="2.6.2" if profile == "2.6.2" else "2.0.0") as one:
        yield one


@pytest.fixture(scope="module")
def main_server() -> Iterator[Server]:
    with a_server() as one:
        yield one


def manifest(folder: Path, server: Server) -> Path:
    """A manifest of a new project on a server; its credential is in the variable CONSOLE."""
    (folder / "keys.yaml").write_text(
        f"version: 1\nowner: shop\nkeys:\n{KEYS}environments:\n"
        f"  live: {{endpoint: '{server.endpoint}', project: {server.project()}, credential: {{env: CONSOLE}}}}\n"
    )
    return folder


def execute(folder: Path, server: Server, *arguments: str, **variables: str) -> Ended:
    """`reconciler exec -e live …` as a process."""
    return run(folder, "exec", "-e", "live", *arguments, **({"CONSOLE": server.session} | variables))


def end(secret: str) -> int:
    """When the token in an ephemeral key ends, in seconds since 1970."""
    payload = secret.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])


# --- the key ---


def test_a_command_gets_a_key_that_the_server_knows_and_no_list_shows(server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, server)

    ended = execute(tmp_path, server, "--like", "ci", "--", sys.executable, "-c", SHOWN)

    assert (ended.code, ended.err) == (0, "")
    shown = json.loads(ended.out)
    project, secret = shown["APPWRITE_PROJECT_ID"], shown["APPWRITE_API_KEY"]
    assert shown["APPWRITE_ENDPOINT"] == server.endpoint
    assert secret.startswith("ephemeral_")
    assert server.accepts(project, secret)
    assert server.keys(project) == {}


def test_the_command_does_not_inherit_the_credential_that_a_command_of_the_manifest_read(
    main_server: Server, tmp_path: Path
) -> None:
    manifest(tmp_path, main_server)
    path = tmp_path / "keys.yaml"
    path.write_text(path.read_text().replace("{env: CONSOLE}", "{command: [printenv, DEPLOY]}"))

    ended = execute(tmp_path, main_server, "--like", "ci", "env", CONSOLE="", DEPLOY=main_server.session)

    assert (ended.code, ended.err) == (0, "")
    assert main_server.session not in ended.out
    assert "DEPLOY=" not in ended.out


def test_it_holds_the_scopes_asked_for_and_no_others(server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, server)
    calls = "import json, os; print(os.environ['APPWRITE_PROJECT_ID'], os.environ['APPWRITE_API_KEY'])"

    ended = execute(tmp_path, server, "--scopes", "users.read", sys.executable, "-c", calls)

    project, secret = ended.out.split()
    headers = {"X-Appwrite-Project": project, "X-Appwrite-Key": secret}
    refused = httpx.get(f"{server.endpoint}/project/keys", headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (401, "general_unauthorized_scope")


@pytest.mark.parametrize(("given", "seconds"), [([], 900), (["--duration", "90s"], 90), (["--duration", "1h"], 3600)])
def test_it_lives_for_a_quarter_of_an_hour_unless_told(
    main_server: Server, tmp_path: Path, given: list[str], seconds: int
) -> None:
    manifest(tmp_path, main_server)

    before = int(time.time())
    ended = execute(tmp_path, main_server, "--like", "ci", *given, "printenv", "APPWRITE_API_KEY")

    assert before + seconds <= end(ended.out) <= time.time() + seconds


def test_it_lives_no_longer_than_the_declared_key_would(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)

    before = int(time.time())
    ended = execute(tmp_path, main_server, "--like", "brief", "printenv", "APPWRITE_API_KEY")

    assert before + 300 <= end(ended.out) <= time.time() + 300


def test_what_would_outlive_the_declared_key_is_refused_before_a_key_is_made(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    async def noted(*_: object) -> NoReturn:
        made.append(_)
        raise AssertionError("nothing takes back what was made")

    monkeypatch.setattr(AppwriteKeys, "create_ephemeral", noted)

    for arguments in (
        ["--like", "ended"],
        ["--like", "ended", "--duration", "1s"],
        ["--like", "brief", "--duration", "6m"],
    ):
        ended = command("exec", "-e", "live", *arguments, "true")
        assert (ended.code, "live: what the manifest grants" in ended.err) == (125, True)

    assert made == []


def test_a_command_with_a_wider_key_may_use_it(server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, server)
    list_keys = (
        "import os, urllib.request as u\n"
        "headers = {'X-Appwrite-Project': os.environ['APPWRITE_PROJECT_ID'],\n"
        "           'X-Appwrite-Key': os.environ['APPWRITE_API_KEY']}\n"
        "call = u.Request(os.environ['APPWRITE_ENDPOINT'] + '/project/keys', headers=headers)\n"
        "print(u.urlopen(call).read().decode())\n"
    )

    ended = execute(
        tmp_path, server, "--like", "auditor", "--allow-wider", sys.executable, "-c", list_keys, NO_PROXY="*"
    )

    assert (ended.code, json.loads(ended.out)) == (0, {"total": 0, "keys": []})


def test_a_project_key_lends_what_it_does_not_hold_where_the_server_lets_it(
    server: Server, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    manifest(tmp_path, server)
    project = _project_in(tmp_path)
    key = server.create(project, f"manager-of-{project}", scopes=["keys.write"])

    ended = execute(tmp_path, server, "--like", "ci", "true", CONSOLE=key)

    hardened = "2.6.2" in request.node.name
    assert ended.code == (125 if hardened else 0)
    assert ("the server answered 403" in ended.err) is hardened


# --- the environment of the command ---


def test_the_command_sees_no_credential_of_ours_under_any_name(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)
    others = {
        "APPWRITE_API_KEY": "standard_" + "a" * 256,
        "APPWRITE_ORGANIZATION_API_KEY": "organization_" + "b" * 256,
        "COPY": f"a_session_console={main_server.session}",
        "KEPT": "kept",
    }

    ended = execute(tmp_path, main_server, "--like", "ci", sys.executable, "-c", SHOWN, **others)

    shown = json.loads(ended.out)
    assert {"CONSOLE", "COPY", "APPWRITE_ORGANIZATION_API_KEY"} & shown.keys() == set()
    assert shown["KEPT"] == "kept"
    text = ended.out + ended.err
    assert not any(secret in text for secret in (main_server.session, "a" * 32, "b" * 32))


def test_no_process_that_it_could_look_at_holds_the_credential_or_the_key(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)
    arguments = argv("exec", "-e", "live", "--like", "ci", "--", "sh", "-c", "echo $$; cat /proc/$$/cmdline; cat")
    process = subprocess.Popen(
        arguments,
        cwd=tmp_path,
        env=environment(CONSOLE=main_server.session),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = int(process.stdout.readline())
    environ = Path(f"/proc/{process.pid}/environ").read_text()
    out, _ = process.communicate("", timeout=30)

    assert said == process.pid, "the command is not this process"
    assert "APPWRITE_API_KEY=ephemeral_" in environ
    assert main_server.session not in environ
    assert "ephemeral_" not in out


# --- exit codes ---


@pytest.mark.parametrize("code", [0, 1, 3, 125, 255])
def test_the_exit_code_is_the_commands(main_server: Server, tmp_path: Path, code: int) -> None:
    manifest(tmp_path, main_server)

    assert execute(tmp_path, main_server, "--like", "ci", "sh", "-c", f"exit {code}").code == code


def test_a_command_that_a_signal_kills_has_died_of_that_signal(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)

    assert execute(tmp_path, main_server, "--like", "ci", "sh", "-c", "kill -TERM $$").code == -signal.SIGTERM


def test_the_command_ignores_no_signal_that_python_ignores_for_itself(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)

    ended = execute(tmp_path, main_server, "--like", "ci", "grep", "SigIgn", "/proc/self/status")

    ignored = int(ended.out.split()[1], 16)
    assert ignored & (1 << (signal.SIGPIPE - 1)) == 0
    assert ignored & (1 << (signal.SIGXFSZ - 1)) == 0


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], main_server: Server
) -> Command:
    """The command in process, for what ends before another program takes its place."""
    manifest(tmp_path, main_server)
    monkeypatch.setenv("CONSOLE", main_server.session)
    return in_folder(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["true"], "give either --like or --scopes"),
        (["--like", "ci", "--scopes", "users.read", "true"], "give either --like or --scopes"),
        (["--scopes", " , ", "true"], "give either --like or --scopes"),
        (["--like", "ci"], "missing argument 'COMMAND...'"),
        (["--like", "ci", "--like", "auditor", "true"], "--like is given 2 times"),
        (["--frobnicate", "true"], "no such option '--frobnicate'"),
        (["--like", "ci", "--duration", "2h", "true"], '--duration: "2h" is too long'),
        (["--like", "ci", "--duration", "soon", "true"], '--duration: "soon" is not a duration'),
        (["--like", "cj", "true"], 'live declares no key "cj"'),
        (["--like", "auditor", "true"], 'an ephemeral key with "keys.read" could make keys'),
        (["--like", "brief", "--duration", "6m", "true"], "live: what the manifest grants lives for 5m"),
        (["--like", "ended", "true"], "live: what the manifest grants ends at 2020-01-01T00:00:00Z"),
        (["--scopes", "users.read,teams.read", "true"], "no key of live is granted all of teams.read, users.read"),
        (["--scopes", "user.read", "true"], 'scope "user.read" is unknown to this server'),
        (["-f", "no.yaml", "--like", "ci", "true"], "no.yaml"),
    ],
)
def test_125_a_failure_of_our_own(command: Command, arguments: list[str], message: str) -> None:
    ended = command("exec", "-e", "live", *arguments)

    assert (ended.code, ended.out) == (125, "")
    assert message in ended.err


def test_125_no_environment_is_named(command: Command) -> None:
    assert command("exec", "true").code == 125


def test_125_the_environment_is_the_built_in_emulator(command: Command) -> None:
    command.write(
        "version: 1\nowner: shop\nkeys:\n" + KEYS + "environments:\n  live: {endpoint: emulator, project: p}\n"
    )

    ended = command("exec", "-e", "live", "--like", "ci", "true")

    assert ended.code == 125
    assert "the built-in emulator has no address that a command could call" in ended.err


def test_125_the_credential_is_refused(command: Command) -> None:
    ended = command("exec", "-e", "live", "--like", "ci", "true", CONSOLE="standard_wrong")

    assert ended.code == 125
    assert "user_unauthorized" in ended.err


def test_127_there_is_no_such_command_and_no_key_is_made_for_it(command: Command, main_server: Server) -> None:
    main_server.gate("arm", _project_in(command.folder), nth=1_000_000, when="from")

    ended = command("exec", "-e", "live", "--like", "ci", "no-such-command-anywhere")

    assert (ended.code, ended.out) == (127, "")
    assert 'there is no command "no-such-command-anywhere"' in ended.err
    assert main_server.gate("count", _project_in(command.folder)) == 0


@pytest.mark.parametrize("kind", ["folder", "not executable", "by path"])
def test_126_the_command_cannot_be_run(command: Command, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join((str(command.folder), os.environ["PATH"])))
    target = command.folder / "thing"
    target.mkdir() if kind == "folder" else target.write_text("#!/bin/sh\n")

    ended = command("exec", "-e", "live", "--like", "ci", "./thing" if kind != "not executable" else "thing")

    assert (ended.code, ended.out) == (126, "")
    assert "cannot be run: it is no file that this user may execute" in ended.err


def test_126_a_program_in_no_form_that_the_system_knows(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)
    (tmp_path / "thing").write_bytes(b"\x00\x01\x02")
    (tmp_path / "thing").chmod(0o755)

    ended = execute(tmp_path, main_server, "--like", "ci", "./thing")

    assert (ended.code, ended.out) == (126, "")
    assert '"./thing" cannot be run: Exec format error' in ended.err
    assert "ephemeral_" not in ended.err


def test_help_is_no_failure(command: Command) -> None:
    ended = command("exec", "--help")

    assert (ended.code, ended.err) == (0, "")


# --- words, streams and signals ---


@pytest.mark.parametrize("dashes", [[], ["--"]])
def test_options_end_at_the_command(main_server: Server, tmp_path: Path, dashes: list[str]) -> None:
    manifest(tmp_path, main_server)
    words = ["--help", "-e", "--", "x y", ""]
    tell = [sys.executable, "-c", "import sys; print(sys.argv[1:])"]

    ended = execute(tmp_path, main_server, "--like", "ci", *dashes, *tell, *words)

    assert ended.out == f"{words}\n"


def test_the_streams_are_the_commands(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)

    ended = subprocess.run(
        argv("exec", "-e", "live", "--like", "ci", "sh", "-c", "cat; echo two >&2"),
        cwd=tmp_path,
        env=environment(CONSOLE=main_server.session),
        input="one\n",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.stdout, ended.stderr) == ("one\n", "two\n")


def test_every_signal_reaches_the_command(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)
    arguments = argv("exec", "-e", "live", "--like", "ci", sys.executable, "-c", TOLD)
    with subprocess.Popen(
        arguments, cwd=tmp_path, env=environment(CONSOLE=main_server.session), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip()]
        for name in SIGNALS:
            process.send_signal(getattr(signal, name))
            told.append(process.stdout.readline().strip())
        process.kill()

    assert told == ["ready", *SIGNALS]


def test_the_terminal_is_the_commands(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)
    arguments = ("exec", "-e", "live", "--like", "ci", sys.executable, "-c", TOLD)
    with terminal(tmp_path, *arguments, variables={"CONSOLE": main_server.session}) as shell:
        shell.wait_for("ready")
        shell.type("\x03")
        shell.wait_for("SIGINT")
        shell.type("\x1c")
        shell.wait_for("SIGQUIT")
        shell.process.kill()
        assert shell.end() == -signal.SIGKILL


def test_ctrl_c_before_the_command_runs_ends_it_with_125(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)
    project = _project_in(tmp_path)
    main_server.gate("arm", project, nth=1, when="from")
    arguments = ("exec", "-e", "live", "--like", "ci", "echo", "it ran")
    with terminal(tmp_path, *arguments, variables={"CONSOLE": main_server.session}) as shell:
        main_server.gate("wait", project, calls=1)
        shell.type("\x03")
        code = shell.end()
    main_server.gate("release", project)

    assert code == 125
    assert "Interrupted; nothing was run." in shell.shown
    assert "it ran" not in shell.shown


def test_once_its_time_is_over_the_key_is_worth_nothing(main_server: Server, tmp_path: Path) -> None:
    manifest(tmp_path, main_server)

    secret = execute(
        tmp_path, main_server, "--like", "ci", "--duration", "1s", "printenv", "APPWRITE_API_KEY"
    ).out.strip()
    deadline = time.monotonic() + 30
    while main_server.accepts(_project_in(tmp_path), secret):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _project_in(folder: Path) -> str:
    return (folder / "keys.yaml").read_text().rpartition("project: ")[2].partition(",")[0]
