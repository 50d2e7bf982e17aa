"""A planted secret appears in no output of any command, at any verbosity, nor in a forced traceback."""

import copy
import json
import logging
import os
import pickle
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from itertools import product
from pathlib import Path

import pytest

from reconciler import api
from reconciler.app.apply import EnvironmentApply
from reconciler.app.delivery import Delivery, Written
from reconciler.core.desired import Never, SinkSpec
from reconciler.core.holding import holding
from reconciler.core.ids import Realm, key_id
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import AppwriteKeys
from reconciler.edge.clock import SystemClock
from reconciler.edge.credentials import Credential
from reconciler.edge.journal import RunJournal
from reconciler.edge.sinks import files
from reconciler.edge.sinks.dotenv import DotenvSink
from reconciler.emulator import Emulator
from reconciler.errors import CredentialError, ReconcilerError
from reconciler.formats.data import outcome_json
from tests.support.canary import (
    CREDENTIAL,
    HELD,
    NAME_LIKE,
    OWNED,
    SESSION,
    UNMANAGED,
    WORD,
    echoing,
    files_with_canary,
    own_frames,
)
from tests.support.command import Command, environment, in_folder
from tests.support.saving import plan_json
from tests.support.sweeps import share

REALM = Realm(owner="shop", environment="local", project="p1")
MANIFEST = """\
version: 1
owner: shop
keys:
  kept: {name: Kept, scopes: [users.read], deliver: [{dotenv: {path: app.env, variable: KEPT}}]}
  changed: {name: Changed, scopes: [users.write], deliver: [{dotenv: {path: app.env, variable: CHANGED}}]}
  made: {name: Made, scopes: [users.read], deliver: [{dotenv: {path: app.env, variable: MADE}}]}
environments:
  local: {endpoint: emulator, project: p1, credential: {env: CREDENTIAL}}
"""
FORMATS = ("text", "json", "markdown")
COMMANDS = [
    *(["validate", "--format", name] for name in FORMATS),
    *(["plan", "--format", name] for name in FORMATS),
    ["plan", "-v", "--detailed-exitcode", "--out", "plan.json"],
    ["apply", "plan.json", "--format", "json"],
    ["apply", "plan.json", "-v"],
    *(["scopes", "-e", "local", "--format", name] for name in FORMATS),
    *(["apply", "--auto-approve", "--format", name] for name in FORMATS),
    ["apply", "-v", "--auto-approve"],
    ["rotate", "local/kept", "--auto-approve", "-v"],
    *(["rotate", "--all", "--auto-approve", "--allow-in-use", "--format", name] for name in FORMATS),
    *(["rotate", "--all", "--compromised", "--auto-approve", "--format", name] for name in FORMATS),
    *(["destroy", "-e", "local", "--auto-approve", "--format", name] for name in FORMATS),
]


def listen(caplog: pytest.LogCaptureFixture) -> None:
    """To everything that this program logs, or could; httpcore logs the answers' headers, for those who ask it to."""
    for logger in ("reconciler", "asyncio", "httpx"):
        caplog.set_level(logging.DEBUG, logger)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A manifest, a dotenv file and a server with keys of its own and others', every secret of which is a canary."""
    (tmp_path / "keys.yaml").write_text(MANIFEST)
    (tmp_path / "app.env").write_text(f"MADE={HELD}\nOTHER={HELD}\n")
    database = tmp_path / ".reconciler" / "emulator.sqlite3"
    Emulator(database).close()
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE settings SET value = ? WHERE name = 'console_session'", (SESSION,))
    connection.close()
    emulator = Emulator(database)
    emulator.ensure_project("p1")
    emulator.add_key("p1", "by-hand", ["users.read"], secret=UNMANAGED)
    emulator.add_key("p1", "credential", ["keys.read", "keys.write"], secret=CREDENTIAL)
    for name in ("kept", "changed", "undeclared"):
        emulator.add_key("p1", key_id(REALM, name), ["users.read"], name=name.capitalize(), secret=f"{OWNED}{name}")
    emulator.close()
    return tmp_path


@pytest.fixture
def command(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command, whose waiting takes no time."""

    async def at_once(self: SystemClock, seconds: float) -> None:
        pass

    monkeypatch.setattr(SystemClock, "sleep", at_once)
    return in_folder(folder, monkeypatch, capsys)


@pytest.mark.parametrize(
    "credential", [CREDENTIAL, SESSION, f"a_session_console={SESSION}"], ids=["key", "cookie", "header"]
)
def test_no_command_shows_a_secret_in_any_format(
    command: Command, caplog: pytest.LogCaptureFixture, credential: str
) -> None:
    listen(caplog)

    for arguments in COMMANDS:
        ended = command(*arguments, CREDENTIAL=credential)
        refused = credential == CREDENTIAL and re.search("may.not.create", ended.out + ended.err)
        assert ended.code in ({0, 2, 4} if refused else {0, 2, 3}), ended.err
        assert WORD not in ended.out + ended.err, arguments

    assert WORD not in caplog.text
    assert WORD in (command.folder / "app.env").read_text()  # the one place where secrets belong
    assert {name for name in files_with_canary(command.folder) if "emulator.sqlite3" not in name} == {"app.env"}


MAKING = ("--name", "Made", "--expire", "2099-01-01T00:00:00Z")
ON_SERVERS = [
    *(["doctor", "--format", name] for name in FORMATS),
    ["doctor", "--write-probes"],
    ["bootstrap", "-e", "local", *MAKING, "--out", "key"],
    ["bootstrap", "-e", "local", *MAKING, "--print"],
    ["exec", "-e", "local", "--like", "kept", "--", "true"],
]


@pytest.mark.parametrize("credential", [CREDENTIAL, SESSION], ids=["key", "session"])
def test_who_looks_at_servers_and_makes_keys_shows_no_credential(
    command: Command, caplog: pytest.LogCaptureFixture, credential: str
) -> None:
    listen(caplog)

    for arguments in ON_SERVERS:
        ended = command(*arguments, CREDENTIAL=credential)
        assert ended.code in {0, 1, 125}, ended.err
        assert WORD not in ended.out + ended.err, arguments

    assert WORD not in caplog.text
    made = (command.folder / "key").exists()
    assert made is (credential == SESSION)
    assert not made or (command.folder / "key").read_text().strip() not in caplog.text
    assert {name for name in files_with_canary(command.folder) if "emulator.sqlite3" not in name} == {"app.env"}


@pytest.mark.parametrize(
    ("credential", "status", "html"),
    share(
        tuple(
            product((CREDENTIAL, SESSION, WORD * 9), (302, 400, 401, 403, 404, 409, 418, 429, 500, 502), (False, True))
        )
    ),
)
def test_a_server_that_repeats_the_credential_repeats_it_to_nobody(
    command: Command, caplog: pytest.LogCaptureFixture, status: int, html: bool, credential: str
) -> None:
    listen(caplog)
    with echoing(status, html=html) as endpoint:
        command.write(MANIFEST.replace("endpoint: emulator", f'endpoint: "{endpoint}"'))
        for arguments in (
            *(["plan"], ["apply", "--auto-approve", "--format", "json"], ["scopes", "-e", "local"]),
            *ON_SERVERS,
        ):
            ended = command(*arguments, CREDENTIAL=credential)
            assert ended.code == (125 if arguments[0] == "exec" else 1)
            assert WORD not in ended.out + ended.err, arguments

    assert WORD not in caplog.text


@pytest.mark.parametrize(
    "credential",
    [
        f"account_{WORD * 9}",
        f"eyJ{WORD * 3}.{WORD * 3}.{WORD * 3}",
        f"unknown_{WORD * 9}",
        f"organization_{WORD * 9}",
        f"standard_{WORD} {WORD}",
        f"standard_{WORD}\n{WORD}",
        f"standard_{WORD}é",
        f"standard_{WORD * 9}",
        WORD * 9,
    ],
    ids=["account", "JWT", "unknown", "organization", "space", "line", "accent", "wrong", "old"],
)
@pytest.mark.parametrize("source", ["variable", "file"])
def test_a_credential_that_cannot_be_used_is_not_repeated(command: Command, credential: str, source: str) -> None:
    if source == "file":
        (command.folder / "credential").write_text(credential)
        (command.folder / "credential").chmod(0o600)
        command.write(MANIFEST.replace("{env: CREDENTIAL}", "{file: credential}"))

    ended = command("plan", CREDENTIAL=credential)

    assert ended.code == 1
    assert WORD not in ended.out + ended.err


@pytest.mark.parametrize(
    "wrong",
    [
        MANIFEST.replace("{env: CREDENTIAL}", f"{{env: {CREDENTIAL}}}"),
        MANIFEST.replace("{env: CREDENTIAL}", f"{{env: {NAME_LIKE}}}"),
        MANIFEST.replace("{env: CREDENTIAL}", f"{{file: {NAME_LIKE}}}"),
        MANIFEST.replace("{env: CREDENTIAL}", f"{{file: ~nobody/{NAME_LIKE}}}"),
        MANIFEST.replace("variable: KEPT", f"variable: {NAME_LIKE}"),
        MANIFEST.replace("{env: CREDENTIAL}", CREDENTIAL),
        MANIFEST.replace("{env: CREDENTIAL}", f"{{secret: {CREDENTIAL}}}"),
        MANIFEST.replace("endpoint: emulator", f"endpoint: https://user:{CREDENTIAL}@example.com/v1"),
        MANIFEST.replace("project: p1", f"project: {CREDENTIAL}"),
        MANIFEST.replace("project: p1", "project: $VARIABLE"),
        MANIFEST.replace("project: p1", 'project: "${CREDENTIAL}"'),
        MANIFEST.replace("variable: KEPT", f"variable: {CREDENTIAL}"),
        MANIFEST.replace("[users.write]", f"[{CREDENTIAL}]"),
        MANIFEST.replace("owner: shop", f"owner: {CREDENTIAL}"),
        MANIFEST.replace("{env: CREDENTIAL}}", f"{{env: CREDENTIAL}}, extra: {SESSION}}}"),
        MANIFEST.replace("{env: CREDENTIAL}}", f"{{\n    env: {WORD},\n    file: {WORD}/}}}}"),
        MANIFEST.replace("{env: CREDENTIAL}}", f'"{WORD}", wrong: 1}}'),
        MANIFEST.replace("{env: CREDENTIAL}}", f"{{token: {WORD}}}, prjoect: p1}}"),
        MANIFEST.replace("emulator,", f'"https://{WORD}@example.com/v2", wrong: 1,'),
        MANIFEST.replace("emulator,", f'"https://example.com/v1?key={WORD}",'),
        MANIFEST.replace("users.write]", f"users.wirte], api_key: {WORD}"),
        MANIFEST.replace("users.write]", f"users.wirte], pass: '{WORD} {WORD}'"),
        MANIFEST.replace("users.write]", f"users.wirte], # {CREDENTIAL}\n"),
        MANIFEST.replace("{env: CREDENTIAL}}", f"{{env: {WORD}}}, project: [}}"),
    ],
    ids=[
        "env",
        "name",
        "file",
        "home",
        "sink",
        "bare",
        "field",
        "endpoint",
        "project",
        "dollar",
        "expanded",
        "variable",
        "scope",
        "owner",
        "beside",
        "lines",
        "quoted",
        "unknown",
        "user",
        "query",
        "named",
        "spaced",
        "comment",
        "syntax",
    ],
)
@pytest.mark.parametrize("arguments", [["validate"], ["validate", "-e", "local", "--format", "json"], ["plan"]])
def test_a_secret_in_the_wrong_place_of_a_manifest_is_not_repeated(
    command: Command, wrong: str, arguments: list[str]
) -> None:
    command.write(wrong)

    ended = command(*arguments, CREDENTIAL=CREDENTIAL)

    assert ended.code in {0, 1}, ended.err
    assert WORD not in ended.out + ended.err


def test_a_sink_that_fails_says_nothing_of_what_it_was_to_hold(command: Command) -> None:
    (command.folder / "app.env").unlink()
    (command.folder / "app.env").mkdir()

    ended = command("apply", "--auto-approve", CREDENTIAL=SESSION)

    assert ended.code == 1
    assert "app.env is not a file" in ended.err
    assert WORD not in ended.out + ended.err


def test_a_sink_that_fails_after_the_key_was_made_says_nothing_either(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    ended = command("apply", "--auto-approve", CREDENTIAL=SESSION)

    assert ended.code == 3
    assert "No space left on device" in ended.out
    assert WORD not in ended.out + ended.err
    assert {name for name in files_with_canary(command.folder) if "emulator.sqlite3" not in name} == {"app.env"}
    assert list((command.folder / ".reconciler" / "runs").iterdir())  # what is left open is in the journal


# --- forced tracebacks ---


class Forced(BaseException):
    """What nobody expects, nor turns into an error of ours."""


def boom(*_: object, **__: object) -> object:
    raise Forced


async def aboom(*_: object, **__: object) -> object:
    raise Forced


async def refused(*_: object) -> object:
    raise CredentialError("no")


PLACES: dict[str, tuple[object, str, Callable[..., object]]] = {
    "listing": (AppwriteKeys, "_list_once", aboom),
    "reading a page": (AppwriteKeys, "_read", boom),
    "reading a key": (AppwriteKeys, "_key", boom),
    "creating": (AppwriteKeys, "create", aboom),
    "updating": (AppwriteKeys, "update", aboom),
    "trying": (AppwriteKeys, "accepts", aboom),
    "deleting": (AppwriteKeys, "delete", aboom),
    "writing back": (AppwriteKeys, "touch", aboom),
    "preflight": (DotenvSink, "preflight", boom),
    "reading a sink": (DotenvSink, "look", boom),
    "writing a sink": (DotenvSink, "write", boom),
    "replacing a file": (files, "replace", boom),
    "flushing a file": (os, "fsync", boom),
    "renaming a file": (Path, "replace", boom),
    "the journal": (RunJournal, "record", boom),
    "committing": (Delivery, "_commit", aboom),
    "applying": (EnvironmentApply, "_perform", aboom),
    "a result": (EnvironmentApply, "_count_failure", boom),
}


@pytest.fixture
async def reconciler(command: Command) -> AsyncIterator[api.Reconciler]:
    manifest = api.read_manifest(command.folder / "keys.yaml")
    async with api.connect(manifest, variables={"CREDENTIAL": SESSION}) as connected:
        yield connected


async def whole_run(folder: Path) -> None:
    manifest = api.read_manifest(folder / "keys.yaml")
    async with api.connect(manifest, variables={"CREDENTIAL": SESSION}) as reconciler:
        await reconciler.apply(await reconciler.plan())


@pytest.mark.anyio
@pytest.mark.parametrize("place", PLACES)
async def test_a_traceback_with_the_values_of_our_frames_holds_no_secret(
    command: Command, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    where, name, forced = PLACES[place]
    monkeypatch.setattr(where, name, forced)
    if place == "a result":
        monkeypatch.setattr(AppwriteKeys, "create", refused)

    with pytest.raises((Forced, BaseExceptionGroup)) as raised:
        await whole_run(command.folder)

    shown = own_frames(raised.value)
    assert "Forced" in shown
    assert "reconciler = " in shown or "self = " in shown
    assert WORD not in shown


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["create", "accepts", "update", "may_create", "delete"])
async def test_a_traceback_of_who_makes_the_first_key_holds_no_secret(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("reconciler.emulator.actions.new_secret", lambda _: f"{OWNED}new")
    monkeypatch.setattr(AppwriteKeys, name, aboom)
    if name == "delete":
        monkeypatch.setattr(AppwriteKeys, "update", refused)
    manifest = api.read_manifest(command.folder / "keys.yaml")
    wanted = api.FirstKey(expiry=Never())

    with pytest.raises(Forced) as raised:
        async with api.connect(manifest, variables={"CREDENTIAL": SESSION}) as reconciler:
            await reconciler.bootstrap(wanted, api.KeyFile(command.folder / "key"))

    shown = own_frames(raised.value)
    assert "self = " in shown
    assert WORD not in shown


@pytest.mark.anyio
@pytest.mark.parametrize("place", ["secrets_of_leaked", "is_refused", "proven"])
async def test_a_traceback_of_who_proves_that_a_leaked_secret_is_refused_holds_none(
    command: Command, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    where = {"secrets_of_leaked": "planning", "is_refused": "proving", "proven": "apply"}[place]
    monkeypatch.setattr(f"reconciler.app.{where}.{place}", boom if place == "secrets_of_leaked" else aboom)

    with pytest.raises((Forced, BaseExceptionGroup)) as raised:
        await leaked_run(command.folder)

    shown = own_frames(raised.value)
    assert "Forced" in shown
    assert WORD not in shown


async def leaked_run(folder: Path) -> None:
    manifest = api.read_manifest(folder / "keys.yaml")
    async with api.connect(manifest, variables={"CREDENTIAL": SESSION}) as reconciler:
        chosen = api.Selection(targets=("local/kept",))
        planned = await reconciler.plan_to_rotate(api.Forced(compromised=True), selection=chosen)
        assert planned.environments[0].leaked
        await reconciler.apply(planned)


@pytest.mark.anyio
@pytest.mark.parametrize("place", ["asking", "checking"])
async def test_a_traceback_of_who_lends_a_key_holds_no_secret(
    command: Command, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    if place == "asking":
        monkeypatch.setattr(AppwriteKeys, "create_ephemeral", aboom)
    else:
        monkeypatch.setattr("reconciler.emulator.tokens.encode", lambda *_: f"{WORD}.{WORD}.{WORD}")
        monkeypatch.setattr("reconciler.app.ephemeral.check_end", boom)
    monkeypatch.setattr("reconciler.app.ephemeral.check_reachable", lambda _: None)
    manifest = api.read_manifest(command.folder / "keys.yaml")

    with pytest.raises(Forced) as raised:
        async with api.connect(manifest, variables={"CREDENTIAL": SESSION}) as reconciler:
            await reconciler.lend(api.Asked(like="kept"))

    shown = own_frames(raised.value)
    assert "self = " in shown
    assert WORD not in shown


@pytest.mark.anyio
@pytest.mark.parametrize(
    "credential",
    [f"account_{WORD * 9}", f"eyJ{WORD}.{WORD}.{WORD}", f"standard_{WORD} {WORD}"],
    ids=["account", "JWT", "space"],
)
async def test_a_credential_that_is_refused_is_in_no_frame_of_ours(command: Command, credential: str) -> None:
    manifest = api.read_manifest(command.folder / "keys.yaml")

    with pytest.raises(ReconcilerError) as raised:
        async with api.connect(manifest, variables={"CREDENTIAL": credential}):
            pass

    assert WORD not in own_frames(raised.value)


def test_the_program_itself_dies_without_a_secret_even_in_development_mode(folder: Path) -> None:
    script = """
import sys
from reconciler.edge.appwrite import AppwriteKeys

async def boom(*_):
    raise RuntimeError("forced")

AppwriteKeys.accepts = boom
sys.argv = ["reconciler", "apply", "--auto-approve", "-v"]
from reconciler.cli.main import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script],
        cwd=folder,
        env=environment(CREDENTIAL=SESSION, PYTHONASYNCIODEBUG="1"),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )

    assert "RuntimeError: forced" in ended.stderr
    assert WORD not in ended.stdout + ended.stderr


# --- values ---


@pytest.mark.anyio
async def test_no_value_that_a_run_is_made_of_shows_a_secret(
    reconciler: api.Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    applies: list[EnvironmentApply] = []
    original = EnvironmentApply.run

    async def noted(self: EnvironmentApply) -> object:
        applies.append(self)
        return await original(self)

    monkeypatch.setattr(EnvironmentApply, "run", noted)
    planned = await reconciler.plan()
    outcome = await reconciler.apply(planned)
    site, live = planned.environments[0].site, planned.environments[0].live
    assert {key.secret.reveal()[9:15] for key in live.keys if key.secret} == {WORD}

    spec = SinkSpec(kind="dotenv", options=(("path", "app.env"), ("variable", "KEPT")))
    sink = reconciler.sinks.open(spec)
    values: list[object] = [
        reconciler,
        site,
        site.store,
        planned,
        *planned.environments,
        planned.plan,
        outcome,
        live,
        *live.keys,
        *applies,
        applies[0].delivery,
        Credential(kind="session", secret=Secret(SESSION)),
        Written(spec=spec, sink=sink, before=holding(Secret(HELD))),
        *reconciler.sinks.observe([spec]).values(),
    ]

    for value in values:
        shown = f"{value} {value!r} {[value]!r} %s" % (value,)
        assert WORD not in shown + json.dumps({"value": value}, default=repr)
        for carried in _carried(value):
            assert WORD.encode() not in carried


def _carried(value: object) -> Iterator[bytes]:
    """What comes of a value that is pickled or copied, where it can be at all."""
    ways: tuple[Callable[[object], object], ...] = (pickle.dumps, copy.copy, copy.deepcopy)
    for carry in ways:
        try:
            carried = carry(value)
        except (TypeError, AttributeError, pickle.PicklingError):
            continue
        yield carried if isinstance(carried, bytes) else repr(carried).encode()


@pytest.mark.anyio
async def test_the_json_of_plan_and_report_holds_no_secret(reconciler: api.Reconciler) -> None:
    planned = await reconciler.plan()
    outcome = await reconciler.apply(planned)

    assert outcome.complete
    assert WORD not in plan_json(planned.plan, planned.refusals) + outcome_json(outcome)
    assert pickle.loads(pickle.dumps(planned.plan)) == planned.plan
    assert pickle.loads(pickle.dumps(outcome)) == outcome


@pytest.mark.anyio
async def test_the_journal_of_a_run_that_died_holds_ids_and_times_only(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AppwriteKeys, "accepts", aboom)
    with pytest.raises(BaseExceptionGroup):
        await whole_run(command.folder)

    (run,) = (command.folder / ".reconciler" / "runs").iterdir()
    key, nonce = run.read_text().split()
    assert key == key_id(REALM, "made")
    assert datetime.fromisoformat(nonce).tzinfo is not None
