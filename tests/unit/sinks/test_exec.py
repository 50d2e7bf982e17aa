"""Real scripts: they get the secret on stdin and nothing else that is secret, and whatever becomes of them is told."""

from __future__ import annotations

import errno
import logging
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from reconciler.core.desired import SinkSpec, Subject
from reconciler.core.holding import UNSEEN, Note, fingerprint
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from reconciler.edge.sinks.exec import open_sink
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkError, SinkUnavailable
from reconciler.ports import SecretSink

TEXT = f"standard_{'0123456789abcdef' * 16}"
SECRET = Secret(TEXT)
CREDENTIAL = f"standard_{'fedcba9876543210' * 16}"
KEY_ID = "storefront.gho66k2d.g1"
NOTE = Note(key_id=KEY_ID, created=datetime(2030, 1, 1, tzinfo=UTC), fingerprint=fingerprint(KEY_ID, SECRET))
SUBJECT = Subject(environment="local", project="p1", name="storefront", address="local/storefront")
VARIABLES = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "APPWRITE_API_KEY": CREDENTIAL,
    "APPWRITE_ORGANIZATION_API_KEY": "organization_short",
    "A_COPY": f"Bearer {CREDENTIAL}",
    "VAULT_TOKEN": "the hook's own",
}


class Hook:
    """A script in the manifest's folder, and what it says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, list[str]()
        self.sinks = InstalledSinks(VARIABLES, tell=self.said.append)

    def sink(self, *argv: str, timeout: str = "30s") -> SecretSink:
        options = (("command", argv), ("timeout", timeout))
        return self.sinks.open(SinkSpec(kind="exec", options=options, folder=str(self.folder), subject=SUBJECT))

    def script(self, body: str, *arguments: str, timeout: str = "30s") -> SecretSink:
        path = self.folder / "push"
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o700)
        return self.sink("./push", *arguments, timeout=timeout)

    def read(self, name: str = "kept") -> str:
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


@pytest.fixture(autouse=True)
def _nothing_stays(tmp_path: Path) -> Iterator[None]:
    """Ends what a script left behind."""
    yield
    child = tmp_path / "child"
    if child.exists():
        with suppress(ProcessLookupError):
            os.kill(int(child.read_text(encoding="ascii")), signal.SIGKILL)


def refused(do: Callable[[], object], kind: type[SinkError] = SinkError) -> SinkError:
    """The error that is raised, which shows no secret in any way."""
    with pytest.raises(SinkError) as caught:
        do()
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.message + caught.value.hint
    assert TEXT[20:40] not in shown
    assert type(caught.value) is kind
    assert caught.value.hint
    return caught.value


def test_the_secret_is_on_stdin_without_a_line_end_and_whose_it_is_in_the_environment(hook: Hook) -> None:
    sink = hook.script(
        "cat >kept; env | grep ^RECONCILER_ | sort >whose; echo $# \"$1\" '$HOME' >arguments", "a  b $HOME"
    )
    sink.preflight()
    sink.write(SECRET, NOTE)
    assert hook.read() == TEXT
    assert hook.read("whose").splitlines() == [
        "RECONCILER_ADDRESS=local/storefront",
        "RECONCILER_ENVIRONMENT=local",
        f"RECONCILER_KEY_ID={KEY_ID}",
        "RECONCILER_NAME=storefront",
        "RECONCILER_PROJECT=p1",
    ]
    assert hook.read("arguments") == "1 a  b $HOME $HOME\n"


def test_without_a_note_the_id_is_not_in_the_environment(hook: Hook) -> None:
    hook.script("env >kept").write(SECRET, None)
    assert "KEY_ID" not in hook.read()


def test_no_credential_and_no_secret_is_in_its_environment_or_arguments_seen_from_inside(hook: Hook) -> None:
    hook.script("cat /proc/$$/environ /proc/$$/cmdline | tr '\\0' '\\n' >kept; cat >/dev/null").write(SECRET, NOTE)
    seen = hook.read()
    assert "VAULT_TOKEN=the hook's own" in seen
    assert "/push\n" in seen
    for hidden in ("APPWRITE_API_KEY", "APPWRITE_ORGANIZATION", "A_COPY", CREDENTIAL[:24], TEXT[:24]):
        assert hidden not in seen


def test_no_credential_and_no_secret_is_in_its_environment_or_arguments_seen_from_outside(hook: Hook) -> None:
    sink = hook.script(
        "cat >/dev/null; sleep 60 & echo $$ $! >pids.new; mv pids.new pids\n"
        "while [ ! -e go ]; do sleep 0.02; done; kill $!"
    )
    writing = threading.Thread(target=sink.write, args=(SECRET, NOTE))
    writing.start()
    try:
        _until((hook.folder / "pids").exists)
        for pid in hook.read("pids").split():
            seen = b"".join(Path("/proc", pid, name).read_bytes() for name in ("environ", "cmdline")).decode()
            assert f"RECONCILER_KEY_ID={KEY_ID}" in seen
            assert CREDENTIAL[:24] not in seen
            assert TEXT[:24] not in seen
    finally:
        (hook.folder / "go").touch()
        writing.join()


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_has_no_terminal_to_ask_on(hook: Hook) -> None:
    hook.script("if (: </dev/tty) 2>/dev/null; then echo asked >kept; else echo none >kept; fi").write(SECRET, NOTE)
    assert hook.read() == "none\n"


def test_a_failure_is_a_clear_no_and_its_last_line_is_in_the_message(hook: Hook) -> None:
    sink = hook.script("echo first; echo 'vault: \033[31mpermission denied' >&2; echo; exit 7")
    error = refused(lambda: sink.write(SECRET, NOTE))
    assert error.message == "the command failed: exit code 7: vault: \\x1b[31mpermission denied"
    assert hook.said == ["local/storefront: first", "local/storefront: vault: \\x1b[31mpermission denied"]


def test_a_failure_that_says_nothing_is_told_by_its_code(hook: Hook) -> None:
    sink = hook.script("exit 1")
    assert refused(lambda: sink.write(SECRET, NOTE)).message == "the command failed: exit code 1"


@pytest.mark.parametrize(
    "shows",
    [
        "cat",
        "cat; exit 3",
        's=$(cat); echo "posting $s to vault"',
        "s=$(cat); printf %s \"${s%??????????}\"; sleep 0.2; printf '%s\\n' \"${s#${s%??????????}}\"",
        "fold -w 40",
        "fold -w 76; kill -9 $$",
        "cat | base64",
        "(printf 'user:'; cat) | base64 -w 0",
        "(printf x; cat) | base64 -w 20; exit 4",
        'set -x; read -r s || true; : "$s"; exit 5',
        "head -c 5000 /dev/zero | tr '\\0' x; cat; exit 6",
        'i=0; s=$(cat); while [ $i -lt 200 ]; do echo "$s"; i=$((i+1)); done; exit 8',
    ],
)  # fmt: skip
def test_a_command_that_prints_the_secret_shows_it_to_nobody(
    hook: Hook, shows: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    error = ""
    try:
        hook.script(shows).write(SECRET, NOTE)
    except SinkError as caught:
        error = f"{caught.message}{''.join(traceback.format_exception(caught))}"
    captured = capfd.readouterr()
    shown = "\n".join((*hook.said, error, caplog.text, captured.out, captured.err))
    assert "(secret)" in shown or "xxx" in shown
    whole = shown.replace("\n", "").replace("local/storefront: ", "")
    assert not any(TEXT[at : at + 12] in whole for at in range(len(TEXT) - 11))
    assert "MDEyMzQ1Njc4OWFi" not in whole  # base64 of 0123456789ab


def test_megabytes_are_read_and_a_hundred_lines_of_them_shown(hook: Hook) -> None:
    sink = hook.script(
        "cat >kept; yes $(head -c 300 /dev/zero | tr '\\0' y) | head -c 3000000; echo; echo the end; exit 9"
    )
    started = time.monotonic()
    assert refused(lambda: sink.write(SECRET, NOTE)).message == "the command failed: exit code 9: the end"
    assert time.monotonic() - started < 10
    assert hook.read() == TEXT
    assert len(hook.said) == 101
    assert hook.said[-1].endswith("(it says more than is shown)")


def test_a_line_of_a_megabyte_is_cut(hook: Hook) -> None:
    sink = hook.script("cat >/dev/null; head -c 1000000 /dev/zero | tr '\\0' z; exit 1")
    assert len(refused(lambda: sink.write(SECRET, NOTE)).message) < 300
    assert len(hook.said) == 1
    assert len(hook.said[0]) < 600


def test_bytes_that_are_no_text_are_shown_as_such(hook: Hook) -> None:
    hook.script("printf 'caf\\303\\251 \\377\\001\\n'").write(SECRET, NOTE)
    assert hook.said == ["local/storefront: café �\\x01"]


def test_input_that_is_closed_early_is_fine_where_the_command_succeeds(hook: Hook) -> None:
    hook.script("exec <&-; sleep 0.1; exit 0").write(SECRET, NOTE)
    hook.script("exit 0").write(Secret(TEXT * 2000), NOTE)
    sink = hook.script("exec <&-; exit 2")
    refused(lambda: sink.write(Secret(TEXT * 2000), NOTE))


def test_a_secret_larger_than_a_pipe_arrives_whole_whatever_its_letters(hook: Hook) -> None:
    long = "schlüssel–" * 40_000
    hook.script("sleep 0.2; exec >&-; cat >kept").write(Secret(long), NOTE)
    assert hook.read() == long


def test_a_command_that_is_late_is_ended_with_all_that_it_started_and_nobody_knows(hook: Hook) -> None:
    sink = hook.script(
        "cat >/dev/null; trap 'echo cleared up; exit 0' TERM; sleep 60 & echo $! >child; wait", timeout="1s"
    )
    started = time.monotonic()
    error = refused(lambda: sink.write(SECRET, NOTE), SinkUnavailable)
    assert error.message.startswith("the command did not end in 1 s, and was stopped")
    assert time.monotonic() - started < 10
    child = Path("/proc", hook.read("child").strip(), "cmdline")
    _until(lambda: not child.exists() or not child.read_bytes())


def test_a_command_that_will_not_be_asked_is_killed(hook: Hook) -> None:
    sink = hook.script("trap '' TERM; echo $$ >kept; while :; do sleep 0.1; done", timeout="1s")
    refused(lambda: sink.write(SECRET, NOTE), SinkUnavailable)
    assert not Path("/proc", hook.read().strip()).exists()


def test_a_command_that_stops_talking_is_late_too(hook: Hook) -> None:
    sink = hook.script("exec >&- 2>&-; exec sleep 60", timeout="1s")
    refused(lambda: sink.write(SECRET, NOTE), SinkUnavailable)


@pytest.mark.parametrize(("told", "seconds"), [({"timeout": "2m"}, 120), ({}, 60)])
def test_minutes_are_minutes(told: dict[str, str], seconds: int) -> None:
    spec = SinkSpec(kind="exec", options=(("command", ("true",)), *told.items()), folder=".", subject=SUBJECT)
    assert open_sink(spec, Surroundings({})).seconds == seconds


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV"])
def test_a_command_that_dies_by_a_signal_may_have_stored_it(hook: Hook, name: str) -> None:
    sink = hook.script(f"echo storing; kill -{name} $$; sleep 5")
    error = refused(lambda: sink.write(SECRET, NOTE), SinkUnavailable)
    assert error.message == f"the command was ended by SIG{name}: storing"


@pytest.mark.parametrize("stays", ["sleep 30 &", "(sleep 30; echo late) & echo started", "(trap '' PIPE; yes) &"])
def test_a_child_that_stays_and_holds_the_output_is_not_waited_for(hook: Hook, stays: str) -> None:
    started = time.monotonic()
    hook.script(f"cat >kept\n{stays}\necho $! >child").write(SECRET, NOTE)
    assert time.monotonic() - started < 5
    assert hook.read() == TEXT
    assert Path("/proc", hook.read("child").strip()).exists(), "what a command leaves behind on purpose is its own"


def test_a_program_is_found_before_it_is_run_and_not_run_to_find_it(hook: Hook) -> None:
    hook.script("echo ran >kept; exit 1").preflight()
    hook.sink("cat").preflight()
    hook.sink("/bin/sh", "-c", "exit 1").preflight()
    assert not (hook.folder / "kept").exists()
    for argv in ("./none", "no-such-program", "/no/such/program", ".", "..", "./none/deeper"):
        sink = hook.sink(argv)
        error = refused(sink.preflight)
        assert error.message == f'there is no program "{argv}"'
        assert refused(partial(sink.write, SECRET, NOTE)).message == error.message


def test_a_program_beside_the_manifest_needs_its_slash(hook: Hook) -> None:
    hook.script("true")
    refused(hook.sink("push").preflight)


def test_a_program_that_may_not_be_executed_is_told_before(hook: Hook) -> None:
    sink = hook.script("true")
    (hook.folder / "push").chmod(0o600)
    error = refused(sink.preflight)
    assert error.message == '"./push" may not be executed'
    assert error.hint == f"chmod +x {hook.folder}/push"
    assert "Permission denied" in refused(lambda: sink.write(SECRET, NOTE)).message


@pytest.mark.parametrize(
    ("first", "told"),
    [("#!/no/such/shell -e", '"/no/such/shell"'), ("#! /bin/sh\r", '"/bin/sh\\r"'), ("#!./none", '"./none"')],
)
def test_a_script_whose_interpreter_is_not_there_is_told_before(hook: Hook, first: str, told: str) -> None:
    sink = hook.script("true")
    (hook.folder / "push").write_bytes(f"{first}\ntrue\n".encode())
    error = refused(sink.preflight)
    assert error.message == f'"./push" is to be run by {told}, which is no program here'
    assert "cannot be run" in refused(lambda: sink.write(SECRET, NOTE)).message


def test_where_this_machine_has_no_room_for_a_command_nothing_was_run(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = hook.script("true > ran")

    def full() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("reconciler.edge.feed.os.pipe", full)
    error = refused(lambda: sink.write(SECRET, NOTE))

    assert error.message == '"./push" cannot be run: Too many open files'
    assert not (hook.folder / "ran").exists()


def test_a_file_that_is_no_program_is_told_when_it_is_run(hook: Hook) -> None:
    sink = hook.script("true")
    (hook.folder / "push").write_text("hello\n", encoding="ascii")
    sink.preflight()
    assert '"./push" cannot be run: Exec format error' in refused(lambda: sink.write(SECRET, NOTE)).message


def test_nothing_is_seen_of_it_and_nothing_taken_back(hook: Hook) -> None:
    sink = hook.script("echo ran >kept")
    assert sink.look() is UNSEEN
    assert hook.sinks.observe([SinkSpec(kind="exec", options=(("command", ("./push",)),))]) != {}
    assert not (hook.folder / "kept").exists()
    assert refused(sink.remove).message == "what a command did cannot be taken back"
