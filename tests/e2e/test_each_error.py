"""Each error of Appwrite in each command: what happened, on which environment and key, and who must do what."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reconciler.api import Reconciler, connect, read_manifest
from reconciler.core.ids import Realm, key_id
from reconciler.core.outcome import Status
from reconciler.edge.appwrite.meanings import FOREIGN, MEANINGS, Meaning
from reconciler.errors import ReconcilerError
from tests.support.bad_servers import Asked, Behaviour, error, html, reply, serving
from tests.support.clocks import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

REALM = Realm(owner="team", environment="live", project="shop")
NEW, CHANGED, GONE = (key_id(REALM, slug) for slug in ("new", "changed", "gone"))
SESSION = base64.b64encode(json.dumps({"id": "u1", "secret": "5e5510" * 20}).encode()).decode()
KEY = "standard_" + "c0ffee12" * 32
COMMANDS = {"plan": "GET", "destroy": "GET", "create": "POST", "update": "PUT", "delete": "DELETE"}
"""What a run does, and the method of the call that fails."""
OTHERWISE = {("create", "key_already_exists"), ("delete", "key_not_found")}
"""What is no failure: an id that is taken may be this very run's, and a key that is gone was to go."""
WORDS = {"guest": "User (role: guests) missing scopes", "session guest": "User (role: guests) missing scopes"}
TOLD = [meaning for meaning in MEANINGS if meaning.case != "nobody"]


def _item(key: str) -> dict[str, object]:
    moment = "2026-01-01T00:00:00.000+00:00"
    fields = {"$id": key, "$createdAt": moment, "$updatedAt": moment, "accessedAt": "", "sdks": []}
    return {**fields, "name": "k", "expire": "", "scopes": ["users.read"], "secret": "standard_" + "decaf345" * 32}


def _server(method: str, fails: Behaviour) -> Behaviour:
    """A server of two keys that does all but one thing."""
    listed = reply(200, json.dumps({"total": 2, "keys": [_item(CHANGED), _item(GONE)]}))
    scopes = reply(200, json.dumps({"total": 1, "scopes": [{"$id": "users.read"}]}))

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path.endswith("/health/version"):
            await reply(200, json.dumps({"version": "2.6.0"}))(asked, writer)
        elif asked.path.endswith("/scopes/project"):
            await scopes(asked, writer)
        elif asked.method == method:
            await fails(asked, writer)
        elif asked.method == "GET" and "/keys/" in asked.path:
            await reply(200, json.dumps(_item(CHANGED)))(asked, writer)
        else:
            await (listed if asked.method == "GET" else reply(204, ""))(asked, writer)

    return behave


@asynccontextmanager
async def _connected(folder: Path, url: str, command: str, credential: str) -> AsyncIterator[Reconciler]:
    keys = {"changed": {"name": "k", "scopes": ["users.read"]}, "gone": {"name": "k", "scopes": ["users.read"]}}
    match command:
        case "create":
            keys["new"] = keys["changed"]
        case "update":
            keys["changed"] = {"name": "other", "scopes": ["users.read"]}
        case "delete":
            del keys["gone"]
        case _:
            pass
    environment = {"endpoint": url, "project": "shop", "credential": {"env": "TOKEN"}}
    manifest = {"version": 1, "owner": "team", "keys": keys, "environments": {"live": environment}}
    (folder / "keys.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    read = read_manifest(folder / "keys.yaml")
    async with connect(read, variables={"TOKEN": credential}, clock=FakeClock()) as reconciler:
        yield reconciler


async def _told(reconciler: Reconciler, command: str) -> tuple[str, str]:
    """Message and hint of what went wrong."""
    if command in {"plan", "destroy"}:
        with pytest.raises(ReconcilerError) as caught:
            await (reconciler.plan() if command == "plan" else reconciler.plan_to_destroy())
        assert caught.value.exit_code == 1
        return caught.value.message, caught.value.hint
    outcome = await reconciler.apply(await reconciler.plan())
    (result,) = outcome.environments[0].results
    assert result.status is Status.FAILED
    return result.message, result.hint


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("meaning", TOLD, ids=lambda each: f"{each.status} {each.type} {each.case}")
async def test_each_error_is_told_in_each_command(tmp_path: Path, meaning: Meaning, command: str) -> None:
    if (command, meaning.type) in OTHERWISE:
        pytest.skip("no failure here")
    by_session = "session" in meaning.case or command == "create"
    if by_session and meaning.case in {"guest", "key"}:
        pytest.skip("a key creates nothing on this server, which the plan says")
    words = WORDS.get(meaning.case, 'x (role: users) missing scopes (["keys.write"])')
    answer = html(meaning.status) if meaning.type == FOREIGN else error(meaning.status, meaning.type, words)
    async with serving(_server(COMMANDS[command], answer)) as server:
        credential = f"a_session_console={SESSION}" if by_session else KEY
        async with _connected(tmp_path, server.url, command, credential) as reconciler:
            message, hint = await _told(reconciler, command)

    key = {"create": NEW, "update": CHANGED, "delete": GONE}.get(command, "the keys")
    assert message.startswith("live: ")
    assert f"{key} in project shop" in message or f"{key} of project shop" in message
    assert f"; the server answered {meaning.status}" in message
    special = by_session and meaning.type == "user_unauthorized"
    if not special:
        assert meaning.happened.partition("{")[0] in message
        assert hint.startswith(meaning.remedy.partition("{")[0])
    if "{credential}" in meaning.happened:
        assert f"the {'console session' if by_session else 'project key'} in the environment variable TOKEN" in message
    for leak in (KEY[9:30], SESSION[:20], "decaf345"):
        assert leak not in message + hint
