"""A planted secret appears in no output whatever kind of sink it goes to: healthy ones, those that fail at each step in
turn, services that repeat what they are sent, and forced tracebacks.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import count, cycle, product
from pathlib import Path
from typing import Any

import pytest

from reconciler import api
from reconciler.edge.clock import SystemClock
from reconciler.edge.sinks import http
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send, headers_of
from tests.chaos.cases import Place, Trouble
from tests.chaos.front import Call
from tests.chaos.kinds import Kind, Scene
from tests.chaos.services import TROUBLES, Service
from tests.chaos.sorts import SORTS
from tests.support.canary import OWNED, WORD, own_frames
from tests.support.command import Command, in_folder
from tests.support.sweeps import share

SERVICES = ("vault", "aws", "github_actions", "gitlab_ci", "kubernetes")
PLACES = (1, 2, 3, 5)
FORMATS = ("text", "json", "markdown")
STATUSES = (400, 403, 404, 409, 422, 500, 502)
COMMANDS = (
    *(["plan", "--format", name] for name in FORMATS),
    ["plan", "-v", "--out", "plan.json"],
    *(["apply", "--auto-approve", "--format", name] for name in FORMATS),
    ["apply", "--auto-approve", "-v"],
    ["rotate", "--all", "--auto-approve", "-v"],
    ["rotate", "--all", "--compromised", "--auto-approve", "--format", "json"],
    ["plan", "-v"],
)
TWICE = (["apply", "--auto-approve", "-v"], ["apply", "--auto-approve", "--format", "json"])

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def opened() -> Iterator[Callable[[str], Kind]]:
    """The kinds by name, each opened when it is asked for."""
    kinds: dict[str, Kind] = {}
    with ExitStack() as stack:

        def open_kind(name: str) -> Kind:
            if name not in kinds:
                kinds[name] = stack.enter_context(SORTS[name]())
            return kinds[name]

        yield open_kind


_projects = count()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(folder=tmp_path, project=f"c{next(_projects)}")


@pytest.fixture
def command(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Command:
    """The command, whose waiting takes no time, on a server whose every secret is a canary."""

    async def at_once(self: SystemClock, seconds: float) -> None:
        pass

    numbers = count()
    monkeypatch.setattr(SystemClock, "sleep", at_once)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(http, "_pause", lambda *_: 0.0)
    monkeypatch.setattr("reconciler.emulator.actions.new_secret", lambda _: f"{OWNED}{next(numbers):04}")
    caplog.set_level("DEBUG")
    return in_folder(scene.folder, monkeypatch, capsys)


def declare(command: Command, scene: Scene, kind: Kind, name: str) -> None:
    """A key for each of some places of the kind, and what they need in the environment."""
    kind.clock(api_clock)
    keys = {
        f"key-{number}": {
            "scopes": ["users.read"],
            "deliver": [{name: dict(kind.declare(scene, Place(kind=name, number=number)))}],
        }
        for number in PLACES
    }
    environments = {"local": {"endpoint": "emulator", "project": "p1"}}
    manifest = {"version": 1, "owner": "shop", "keys": keys, "environments": environments}
    command.write(json.dumps(manifest))
    for variable, value in kind.variables(scene).items():
        command.patch.setenv(variable, value)


def api_clock() -> Any:
    """The time of services whose time matters."""
    from reconciler.edge.clock import here

    return here()


CODED = base64.b64encode(OWNED.encode()).decode()[:32]


def assert_silent(
    command: Command, caplog: pytest.LogCaptureFixture, codes: set[int], commands: Iterable[list[str]] = TWICE
) -> None:
    """No command says anything of a secret, nor does the program log any."""
    for arguments in commands:
        ended = command(*arguments)
        assert ended.code in codes, ended.err
        for said in (ended.out, ended.err):
            assert WORD not in said, arguments
            assert CODED not in said, arguments
    told = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("reconciler"))
    assert WORD not in told


@pytest.mark.parametrize("name", SORTS)
def test_what_is_delivered_is_shown_nowhere(
    command: Command, caplog: pytest.LogCaptureFixture, scene: Scene, opened: Callable[[str], Kind], name: str
) -> None:
    kind = opened(name)
    declare(command, scene, kind, name)

    assert_silent(command, caplog, {0}, COMMANDS)

    for number in PLACES:
        assert (kind.read(scene, Place(kind=name, number=number)) or "").startswith(OWNED)  # where they belong


@pytest.mark.parametrize("what", TROUBLES)
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_fails_at_each_step_in_turn_says_nothing_of_a_secret(
    command: Command,
    caplog: pytest.LogCaptureFixture,
    scene: Scene,
    opened: Callable[[str], Kind],
    name: str,
    what: str,
) -> None:
    """Text and JSON take turns over the steps: each trouble is told in both."""
    kind = opened(name)
    declare(command, scene, kind, name)
    assert kind.front is not None
    place = Place(kind=name, number=1)
    steps = share(tuple(zip((0, 2, 3, 4, 5, 6), cycle(TWICE), strict=False)), list(TROUBLES).index(what))
    for nth, told_in in steps:
        laid = kind.trouble(scene, [Trouble(place=place, what=what, nth=nth)])
        kind.front.expect(laid.rules)
        try:
            assert_silent(command, caplog, {0, 1, 3}, [told_in])
        finally:
            kind.front.expect(())


@pytest.mark.parametrize(("name", "status"), share(tuple(product(SERVICES, STATUSES))))
def test_a_service_that_repeats_the_secret_repeats_it_to_nobody(
    command: Command,
    caplog: pytest.LogCaptureFixture,
    scene: Scene,
    opened: Callable[[str], Kind],
    name: str,
    status: int,
) -> None:
    kind = opened(name)
    declare(command, scene, kind, name)
    assert isinstance(kind, Service)
    behind = kind.front._behind
    repeats = repeating(kind, behind, status)
    kind.front.stand_before(repeats.app)
    try:
        assert_silent(command, caplog, {0, 1, 3})
    finally:
        kind.front.stand_before(behind)
    assert repeats.times


class repeating:  # noqa: N801 - called like a function
    """A service that refuses each write, and repeats all that it was sent, in the error shapes of all services."""

    def __init__(self, kind: Service, behind: ASGIApp, status: int) -> None:
        self._kind, self._behind, self._status = kind, behind, status
        self.times = 0

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        messages = [dict(await receive())]
        while messages[-1].get("more_body", False):
            messages.append(dict(await receive()))
        content = b"".join(each.get("body", b"") for each in messages)
        call = Call(
            method=scope["method"],
            path=scope["path"],
            query=scope.get("query_string", b"").decode(),
            headers=headers_of(scope),
            asked=content,
        )
        if self._kind.state(call) is None:
            rest = iter(messages)

            async def again() -> dict[str, Any]:
                return next(rest, {"type": "http.disconnect"})

            await self._behind(scope, again, send)
            return
        self.times += 1
        said = " ".join((*headers_of(scope).values(), content.decode()))
        body = json.dumps(
            {
                **dict.fromkeys(("message", "Message", "error", "error_description"), said),
                "errors": [said],
                "__type": "InvalidRequestException",
                "kind": "Status",
                "status": "Failure",
                "reason": said,
                "code": self._status,
            }
        ).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Forced(BaseException):
    """What nobody expects, nor turns into an error of ours."""


@pytest.mark.anyio
@pytest.mark.parametrize("name", SERVICES)
async def test_a_traceback_out_of_a_write_holds_no_secret(
    command: Command, scene: Scene, opened: Callable[[str], Kind], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kind = opened(name)
    declare(command, scene, kind, name)
    assert isinstance(kind, Service)
    forced = []

    def boom(carried: object) -> None:
        forced.append(carried)
        raise Forced

    _explode(monkeypatch, boom)
    manifest = api.read_manifest(scene.folder / "keys.yaml")

    with pytest.raises((Forced, BaseExceptionGroup)) as raised:
        async with api.connect(manifest, variables=dict(kind.variables(scene)) | {"PATH": "/bin"}) as reconciler:
            await reconciler.apply(await reconciler.plan())

    assert forced
    assert WORD not in own_frames(raised.value)


def _explode(monkeypatch: pytest.MonkeyPatch, boom: Callable[[object], None]) -> None:
    """Let the libraries burst when they are about to send what holds a canary, sealed or not."""
    import botocore.httpsession
    import httpx

    send, send_of_aws = httpx.Client.send, botocore.httpsession.URLLib3Session.send

    def sending(self: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
        content = request.read().decode()
        if WORD in content or CODED in content or "encrypted_value" in content:
            boom(request)
        return send(self, request, **more)

    def sending_to_aws(self: Any, request: Any) -> Any:
        if WORD.encode() in (request.body or b""):
            boom(request)
        return send_of_aws(self, request)

    monkeypatch.setattr(httpx.Client, "send", sending)
    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", sending_to_aws)
