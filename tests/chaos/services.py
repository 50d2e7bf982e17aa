"""Kinds of sinks that are somebody's service: the front before it makes all of them fail alike."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx

from reconciler.emulator.faults import Answer, DropAfter, DropBefore, Fault, Late, Latency, Rule
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send, headers_of, read_body
from tests.chaos.cases import Place, Trouble
from tests.chaos.front import Call, Front
from tests.chaos.kinds import Scene, Troubles, Write
from tests.chaos.speed import SPEED
from tests.support.http_service import Reply, Request

_LONGEST_BODY = 1 << 22
TROUBLES: Mapping[str, Fault] = {
    "throttles": Answer(status=429, body="empty", retry_after="1"),
    "fails": Answer(status=500, body="empty"),
    "is down": Answer(status=503, body="html"),
    "denies": Answer(status=403, body="empty"),
    "is full": Answer(status=507, body="empty"),
    "drops before": DropBefore(),
    "drops after": DropAfter(),
    "is slow": Latency(seconds=3 / SPEED),
    "comes late": Late(seconds=2 / SPEED),
}


class Service:
    """What kinds have in common that are services; `state` tells what a write is about as it is now."""

    shows = True
    troubles: tuple[str, ...] = tuple(TROUBLES)
    front: Front

    def __init__(self) -> None:
        self._writes: list[Write] = []
        self._before: dict[tuple[str, str, bytes], list[object]] = {}

    def can_be_opened(self, place: Place) -> bool:
        """It can, where it shows anything."""
        return self.shows

    def clock(self, time: Callable[[], datetime]) -> None:
        """It has its own."""

    @property
    def address(self) -> str:
        """Where the front is."""
        return f"http://127.0.0.1:{self.front.port}"

    def place_in(self, scene: Scene, place: Place) -> str:
        """A regular expression for the calls about a place; an empty one for all calls."""
        return ""

    def state(self, call: Call) -> object:
        """What a call is about as it is now, None where it writes no secret."""
        raise NotImplementedError

    def trouble(self, scene: Scene, troubles: Iterable[Trouble]) -> Troubles:
        """A rule of the front for each."""
        rules = [
            Rule(fault=TROUBLES[each.what], path=self.place_in(scene, each.place), nth=each.nth or None)
            for each in troubles
        ]
        return Troubles(rules=tuple(rules))

    def watch(self, scene: Scene, places: Sequence[Place]) -> None:
        """Compare before and after each write from now on."""
        self._writes = []
        self._before = {}
        self.front.ahead, self.front.watch = self._ahead, self._after

    def watched(self) -> list[Write]:
        """What was noted; and nothing more from now on."""
        self.front.ahead = self.front.watch = lambda _: None
        return self._writes

    def _ahead(self, call: Call) -> None:
        self._before.setdefault((call.method, call.path, call.asked), []).append(self.state(call))

    def _after(self, call: Call) -> None:
        before = self._before[call.method, call.path, call.asked].pop()
        if before is not None and call.status < 300:
            after = self.state(call)
            self._writes.append(Write(what=f"{call.method} {call.path}", changed=before != after or not self.shows))


Respond = Callable[[Request], Reply]


def answering(respond: Respond) -> ASGIApp:
    """A stand-in's answers as an application."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        content = await read_body(receive, _LONGEST_BODY) or b""
        raw = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        reply = respond(
            Request(
                method=scope["method"],
                path=f"{raw}?{query}" if query else raw,
                parts=tuple(unquote(part) for part in raw.strip("/").split("/")),
                query=dict(parse_qsl(query, keep_blank_values=True)),
                headers=headers_of(scope),
                body=json.loads(content) if content else None,
            )
        )
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
        headers = {"Content-Type": "application/json", **reply.headers}
        if reply.status not in {204, 304}:
            headers["Content-Length"] = str(len(body))
        named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": named})
        await send({"type": "http.response.body", "body": body})

    return app


def forwarding(address: str) -> ASGIApp:
    """A real server's answers as an application."""
    clients: list[httpx.AsyncClient] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if not clients:  # in the loop of whoever calls
            clients.append(httpx.AsyncClient(base_url=address, timeout=30, verify=False))
        content = await read_body(receive, _LONGEST_BODY) or b""
        raw = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        kept = {name: value for name, value in headers_of(scope).items() if name not in _OF_THE_HOP}
        answer = await clients[0].request(
            scope["method"], f"{raw}?{query}" if query else raw, headers=kept, content=content
        )
        named = [(b"content-length", str(len(answer.content)).encode())]
        named += [(name, value) for name, value in answer.headers.raw if name.lower() not in _OF_THE_ANSWER]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": named})
        await send({"type": "http.response.body", "body": answer.content})

    return app


_OF_THE_HOP = frozenset({"connection", "transfer-encoding", "accept-encoding", "content-length"})
_OF_THE_ANSWER = frozenset({b"content-length", b"transfer-encoding", b"content-encoding", b"connection"})


class Vault(Service):
    """Fields of secrets in OpenBao; of every three places two share a secret."""

    def __init__(self, vault: Any) -> None:
        super().__init__()
        self._vault = vault
        self.front = Front(forwarding(vault.address))

    def _secret(self, scene: Scene, place: Place) -> str:
        return f"{scene.project}/{'shared' if place.number % 3 else place.number}"

    def place_in(self, scene: Scene, place: Place) -> str:
        return re.escape(self._secret(scene, place))

    def declare(self, scene: Scene, place: Place) -> Mapping[str, Any]:
        return {"secret": self._secret(scene, place), "field": f"F{place.number}"}

    def variables(self, scene: Scene) -> Mapping[str, str]:
        return {"VAULT_ADDR": self.address, "VAULT_TOKEN": "root"}

    def read(self, scene: Scene, place: Place) -> str | None:
        return (self._vault.get(self._secret(scene, place)) or {}).get(f"F{place.number}")

    def put(self, scene: Scene, place: Place, value: str) -> None:
        fields = self._vault.get(self._secret(scene, place)) or {}
        self._vault.put(self._secret(scene, place), {**fields, f"F{place.number}": value})

    def empty(self, scene: Scene, place: Place) -> None:
        fields = self._vault.get(self._secret(scene, place)) or {}
        left = {name: value for name, value in fields.items() if name != f"F{place.number}"}
        self._vault.put(self._secret(scene, place), left)

    def state(self, call: Call) -> object:
        _, is_data, secret = call.path.partition("/secret/data/")
        writes = is_data and call.method in {"POST", "PUT", "PATCH"}
        return {"fields": self._vault.get(secret)} if writes else None


class Aws(Service):
    """Secrets, fields of a shared secret and parameters, at moto."""

    _WRITES = ("CreateSecret", "PutSecretValue", "UpdateSecret", "PutParameter")

    def __init__(self, aws: Any) -> None:
        super().__init__()
        self._aws = aws
        self.front = Front(forwarding(aws.address))

    def declare(self, scene: Scene, place: Place) -> Mapping[str, Any]:
        match place.number % 3:
            case 0:
                return {"parameter": f"/{scene.project}/{place.number}"}
            case 1:
                return {"secret": f"{scene.project}/{place.number}"}
            case _:
                return {"secret": f"{scene.project}/shared", "field": f"F{place.number}"}

    def variables(self, scene: Scene) -> Mapping[str, str]:
        variables: dict[str, str] = self._aws.variables(AWS_ENDPOINT_URL=self.address)
        return variables

    def read(self, scene: Scene, place: Place) -> str | None:
        where = self.declare(scene, place)
        held = self._held(where.get("parameter") or where["secret"])
        if held is None or "field" not in where:
            return held
        value: str | None = json.loads(held).get(where["field"])
        return value

    def _held(self, name: str) -> str | None:
        held: str
        try:
            if name.startswith("/"):
                found = self._aws.client("ssm").get_parameter(Name=name, WithDecryption=True)
                held = found["Parameter"]["Value"]
            else:
                held = self._aws.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
        except Exception as error:
            if "NotFound" in type(error).__name__:
                return None
            raise
        return held

    def put(self, scene: Scene, place: Place, value: str) -> None:
        where = self.declare(scene, place)
        if "parameter" in where:
            self._aws.client("ssm").put_parameter(
                Name=where["parameter"], Value=value, Type="SecureString", Overwrite=True
            )
            return
        name = where["secret"]
        held = self._held(name)
        text = json.dumps({**json.loads(held or "{}"), where["field"]: value}) if "field" in where else value
        client = self._aws.client("secretsmanager")
        if held is None:
            client.create_secret(Name=name, SecretString=text)
        else:
            client.put_secret_value(SecretId=name, SecretString=text)

    def empty(self, scene: Scene, place: Place) -> None:
        where = self.declare(scene, place)
        name = where.get("parameter") or where["secret"]
        held = self._held(name)
        if held is None:
            return
        if "parameter" in where:
            self._aws.client("ssm").delete_parameter(Name=name)
        elif "field" in where:
            left = {field: value for field, value in json.loads(held).items() if field != where["field"]}
            self._aws.client("secretsmanager").put_secret_value(SecretId=name, SecretString=json.dumps(left))
        else:
            self._aws.client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    def state(self, call: Call) -> object:
        if not call.headers.get("x-amz-target", "").endswith(self._WRITES):
            return None
        asked = json.loads(call.asked)
        name = asked.get("SecretId") or asked["Name"]
        token = asked.get("ClientRequestToken", "")
        return None if self._has_version(name, token) else {"value": self._held(name)}

    def _has_version(self, name: str, version: str) -> bool:
        """Whether a write only says again what is there, which AWS passes over: that proves the right to write."""
        held = self._held(name) if version and not name.startswith("/") else None
        return (
            held is not None
            and version == self._aws.client("secretsmanager").get_secret_value(SecretId=name)["VersionId"]
        )


class GitHub(Service):
    """Secrets of a repository, which GitHub shows to nobody. Its clock is close to Appwrite's."""

    shows = False

    def __init__(self) -> None:
        from tests.support import github_server

        super().__init__()
        now: list[Callable[[], datetime]] = []

        class Server(github_server.GitHub):
            def now(self) -> datetime:
                return now[-1]().replace(microsecond=0)

        self._now, self._token = now, github_server.TOKEN
        self._server = Server()
        self._server.add("acme/shop")
        self.front = Front(answering(self._server.answer))

    def clock(self, time: Callable[[], datetime]) -> None:
        self._now[:] = [time]

    def _name(self, scene: Scene, place: Place) -> str:
        return f"{scene.project.upper()}_{place.number}"

    def place_in(self, scene: Scene, place: Place) -> str:
        return f"/secrets/({self._name(scene, place)}|public-key)$"

    def declare(self, scene: Scene, place: Place) -> Mapping[str, Any]:
        return {"repository": "acme/shop", "secret": self._name(scene, place)}

    def variables(self, scene: Scene) -> Mapping[str, str]:
        return {"GITHUB_API_URL": self.address, "GITHUB_TOKEN": self._token}

    def read(self, scene: Scene, place: Place) -> str | None:
        kept = self._server.places["acme/shop"].secrets.get(self._name(scene, place))
        return kept.value if kept else None

    def put(self, scene: Scene, place: Place, value: str) -> None:
        raise NotImplementedError("nobody could see it")

    def empty(self, scene: Scene, place: Place) -> None:
        raise NotImplementedError("nobody could see it")

    def state(self, call: Call) -> object:
        return call.path if call.method in {"PUT", "DELETE"} else None


class GitLab(Service):
    """Variables of a project."""

    def __init__(self) -> None:
        from tests.support import gitlab_server

        super().__init__()
        self._server = gitlab_server.GitLab()
        self._owned: dict[tuple[str, str], Any] = {}
        self._server.owners = {"projects/acme/shop": self._owned}
        self._token = gitlab_server.TOKEN
        self.front = Front(answering(self._server.answer))

    def _name(self, scene: Scene, place: Place) -> tuple[str, str]:
        return f"{scene.project}_{place.number}", "*"

    def place_in(self, scene: Scene, place: Place) -> str:
        return f"/variables(/{self._name(scene, place)[0]})?$"

    def declare(self, scene: Scene, place: Place) -> Mapping[str, Any]:
        return {"gitlab_project": "acme/shop", "variable": self._name(scene, place)[0]}

    def variables(self, scene: Scene) -> Mapping[str, str]:
        return {"CI_SERVER_URL": self.address, "GITLAB_TOKEN": self._token}

    def read(self, scene: Scene, place: Place) -> str | None:
        return (self._owned.get(self._name(scene, place)) or {}).get("value")

    def put(self, scene: Scene, place: Place, value: str) -> None:
        if self._name(scene, place) in self._owned:
            self._owned[self._name(scene, place)]["value"] = value

    def empty(self, scene: Scene, place: Place) -> None:
        self._owned.pop(self._name(scene, place), None)

    def state(self, call: Call) -> object:
        if call.method not in {"POST", "PUT"} or "/variables" not in call.path:
            return None
        name = json.loads(call.asked).get("key") or call.path.rpartition("/")[2]
        return {"value": (self._owned.get((name, "*")) or {}).get("value")}


class Kubernetes(Service):
    """Keys of Secrets; of every three places two share a Secret."""

    def __init__(self) -> None:
        from tests.support import cluster

        super().__init__()
        self._cluster, self._kubeconfig = cluster.Cluster(), cluster.kubeconfig
        self.front = Front(answering(self._cluster.answer), cluster.CERTIFICATE)

    def _secret(self, scene: Scene, place: Place) -> str:
        return f"{scene.project}-{'shared' if place.number % 3 else place.number}"

    def place_in(self, scene: Scene, place: Place) -> str:
        return f"/secrets/{self._secret(scene, place)}$"

    def declare(self, scene: Scene, place: Place) -> Mapping[str, Any]:
        address = f"https://127.0.0.1:{self.front.port}"
        (scene.folder / "kubeconfig").write_text(self._kubeconfig(address), encoding="utf-8")
        return {"secret": self._secret(scene, place), "key": f"K{place.number}"}

    def variables(self, scene: Scene) -> Mapping[str, str]:
        return {"KUBECONFIG": str(scene.folder / "kubeconfig")}

    def read(self, scene: Scene, place: Place) -> str | None:
        return self._cluster.value(self._secret(scene, place), f"K{place.number}")

    def put(self, scene: Scene, place: Place, value: str) -> None:
        secret = self._cluster.secrets.get(("shop", self._secret(scene, place)))
        if secret is not None:
            import base64

            # As the same manager, so that it is nobody else's: somebody restored an old backup of the Secret.
            secret["data"][f"K{place.number}"] = base64.b64encode(value.encode()).decode()

    def empty(self, scene: Scene, place: Place) -> None:
        self._cluster.secrets.pop(("shop", self._secret(scene, place)), None)

    def state(self, call: Call) -> object:
        if call.method != "PATCH" or "dryRun" in call.query:
            return None
        name = call.path.rpartition("/")[2]
        return {"data": dict(self._cluster.secrets.get(("shop", name), {}).get("data", {}))}
