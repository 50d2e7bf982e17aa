"""`X-Appwrite-Response-Format`: what a client of an older server sends, and what it is shown.

Versions compare as PHP compares them: a number is more than the end of the text, and the end more than a
word, so that a text that is no version is lower than all.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from reconciler.emulator.routes import Kind
from reconciler.emulator.tokens import payload_of
from reconciler.emulator.wire import Answer, dump_json

_Comparable = tuple[tuple[int, int], ...]


def older(version: str, than: str) -> bool:
    """Whether a version is below another."""
    return _comparable(version) < _comparable(than)


def request_params(version: str, kind: Kind, sent: dict[str, Any]) -> dict[str, Any]:
    """What a body of that time means: the defaults that its parameters had."""
    if not version or kind not in {"create_key", "update_key"}:
        return sent
    defaults: dict[str, Any] = {}
    if older(version, "1.9.0") and kind == "create_key" and sent.get("keyId") is None:
        defaults["keyId"] = "unique()"
    if older(version, "1.9.1") and not isinstance(sent.get("scopes"), (list, dict)):
        defaults["scopes"] = []
    return {**sent, **defaults}


def answer(version: str, kind: Kind, given: Answer) -> Answer:
    """An answer in the shape of that time: before 1.9.3 an ephemeral key was a token and no more."""
    if not version or kind != "create_ephemeral" or not older(version, "1.9.3"):
        return given
    key = json.loads(given.body)
    shown = {"scopes": key["scopes"], "projectId": _project_of(key["secret"]), "jwt": key["secret"]}
    return replace(given, body=dump_json(shown).encode())


def _project_of(secret: str) -> str:
    """The project that an ephemeral secret names."""
    return str(payload_of(secret.partition("_")[2]).get("projectId", ""))


def warning(version: str, server: str) -> tuple[tuple[bytes, bytes], ...]:
    """The header for a client that is newer than the server."""
    if not version or not older(server, version):
        return ()
    text = (
        f"The current SDK is built for Appwrite {version}. However, the current Appwrite server version is {server}. "
        "Please downgrade your SDK to match the Appwrite version: https://appwrite.io/docs/sdks"
    )
    return ((b"x-appwrite-warning", text.encode("latin-1")),)


def _comparable(version: str) -> _Comparable:
    tokens = re.findall(r"\d+|[a-z]+", version.lower())
    return (*((1, int(token)) if token.isdigit() else (-1, 0) for token in tokens), (0, 0))
