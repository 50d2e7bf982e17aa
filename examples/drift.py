"""A client that is not ours: widens the key of CI and deletes the storefront's, over plain HTTP.

    python drift.py URL PROJECT

Only for `make demo`: the emulator that it runs on URL wrote the console session that this reads.
"""

import http.client
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SESSION = Path(".reconciler/emulator.session")


class Console:
    """The console's own calls, with its session."""

    def __init__(self, url: str, session: str, project: str) -> None:
        self._host, self._base = urlsplit(url).netloc, urlsplit(url).path
        self._headers = {
            "Content-Type": "application/json",
            "Cookie": session,
            "X-Appwrite-Mode": "admin",
            "X-Appwrite-Project": project,
        }

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call; raises where the server says no."""
        connection = http.client.HTTPConnection(self._host, timeout=10)
        connection.request(method, self._base + path, json.dumps(body) if body else None, self._headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {answer.reason}")
        decoded: dict[str, Any] = json.loads(content) if content else {}
        return decoded


def main(url: str, project: str) -> None:
    """Make the drift, and say what was done."""
    console = Console(url, SESSION.read_text(encoding="ascii").strip(), project)
    keys = {key["name"]: key for key in console.call("GET", "/project/keys")["keys"]}
    deploy, storefront = keys["CI deploy"], keys["Storefront backend"]

    wider = {"name": deploy["name"], "scopes": [*deploy["scopes"], "users.write"], "expire": deploy["expire"]}
    console.call("PUT", f"/project/keys/{deploy['$id']}", wider)
    sys.stdout.write(f"PUT     {deploy['$id']}, its scopes and users.write\n")

    console.call("DELETE", f"/project/keys/{storefront['$id']}")
    sys.stdout.write(f"DELETE  {storefront['$id']}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
