"""AWS as moto plays it, on a free port for real boto3, and what a test asks of it past the product.

Its IAM can be made to decide who may what; of the JSON services moto answers a refusal in the words of another
protocol, which are put into AWS's own here.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto import settings
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

REGION = "eu-central-1"
_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}
_REFUSAL = re.compile(rb"<Code>(?P<code>\w+)</Code><Message>(?P<message>[^<]*)</Message>")

_Start = Callable[..., Any]
_App = Callable[[dict[str, Any], _Start], Iterable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """A running server, as the account's owner sees it."""

    address: str
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """The owner's client of a service, made once: that takes its time."""
        if service not in self._clients:
            owner = {"aws_access_key_id": "owner", "aws_secret_access_key": "owner"}
            self._clients[service] = boto3.client(service, endpoint_url=self.address, region_name=REGION, **owner)
        return self._clients[service]

    def variables(self, **more: str) -> dict[str, str]:
        """What lets boto3 find it, and nothing of whoever runs the tests."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "owner",
            "AWS_SECRET_ACCESS_KEY": "owner",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            **more,
        }

    def user(self, name: str, *actions: str) -> Mapping[str, str]:
        """The variables of somebody who may do these things and nothing else."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@contextmanager
def enforced() -> Iterator[None]:
    """Let IAM decide for as long as the context is open."""
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    try:
        yield
    finally:
        settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")


@contextmanager
def an_aws() -> Iterator[Aws]:
    """A server for as long as the context is open."""
    app = _in_json(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    aws = Aws(address=f"http://127.0.0.1:{server.server_port}")
    try:
        yield aws
    finally:
        for client in aws._clients.values():
            client.close()
        server.shutdown()
        thread.join()
        server.server_close()


def _in_json(app: _App) -> _App:
    def translating(environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        said: list[Any] = []
        content = b"".join(app(environ, lambda *words: said.extend(words)))
        status, headers, *rest = said
        refusal = _REFUSAL.search(content) if status.startswith("403") and "HTTP_X_AMZ_TARGET" in environ else None
        if refusal is not None:
            code, message = refusal["code"].decode(), refusal["message"].decode()
            content = json.dumps({"__type": _CODES[code], "Message": message}).encode()
            status, headers = "400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")]
        length = ("Content-Length", str(len(content)))
        start(status, [*(each for each in headers if each[0].lower() != "content-length"), length], *rest)
        return [content]

    return translating


class _Silent(WSGIRequestHandler):
    def log(self, *_: Any, **__: Any) -> None:
        """Say nothing."""
