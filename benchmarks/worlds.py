"""Manifests of any size, and the live keys to go with them.

Every entry is different: name, scopes, expiry and variable. Some use a set, some a glob. One dotenv file per
environment holds every secret.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from reconciler.api import read_manifest, shipped_catalogue
from reconciler.core.connecting import connection
from reconciler.core.desired import DesiredKey, expires
from reconciler.core.ids import key_id
from reconciler.core.keys import KeyState
from reconciler.core.resolve import resolve
from reconciler.core.scopes import SENSITIVE
from reconciler.emulator import Emulator
from reconciler.emulator.profile import server

_EPOCH = datetime(2040, 1, 1, tzinfo=UTC)
_HEAD = """\
version: 1
owner: benchmark
scope_sets:
  content-read: [databases.read, tables.read, rows.read, files.read]
environments:
"""


def manifest(environments: int, keys: int, *, sinks: bool = True) -> str:
    """A manifest of that many environments of the built-in emulator, each with that many keys of its own."""
    return "".join((_HEAD, *(_environment(number, keys, sinks=sinks) for number in range(environments))))


def _environment(number: int, keys: int, *, sinks: bool) -> str:
    head = f"  env-{number:02}:\n    endpoint: emulator\n    project: project-{number:02}\n    keys:\n"
    return "".join((head, *(_entry(number, key) + (_sink(key) if sinks else "") for key in range(keys))))


def _sink(key: int) -> str:
    return (
        f'        deliver:\n          - dotenv: {{path: "secrets/{{environment}}.env", variable: SERVICE_{key:04}}}\n'
    )


def _entry(environment: int, key: int) -> str:
    scopes = _scopes(environment * 1000 + key)
    expire = _EPOCH + timedelta(minutes=environment * 1000 + key)
    return (
        f"      service-{key:04}:\n"
        f"        name: Service {key} of team {environment}\n"
        f"        scopes: [{', '.join(scopes)}]\n"
        f"        expire: {expire:%Y-%m-%dT%H:%M:%SZ}\n"
    )


def _scopes(number: int) -> Iterator[str]:
    if number % 5 == 0:
        yield '"@content-read"'
    if number % 10 == 3:
        yield '"messages.*"'
    plain = _plain_scopes()
    for step in range(3 + number % 4):
        yield plain[(number + step * (1 + number // len(plain) % 7)) % len(plain)]


@cache
def _plain_scopes() -> list[str]:
    """What the emulator knows, without those that need care."""
    catalogue = shipped_catalogue()
    return sorted((catalogue.known & server("main").scope_ids) - catalogue.deprecated.keys() - SENSITIVE)


def build(folder: Path, environments: int, keys: int, *, changed: bool) -> Path:
    """Write a manifest, its dotenv files and the emulator's database; returns the manifest's path.

    The live keys are as declared, or all `changed` in name, scopes and expiry.
    """
    folder.mkdir(parents=True)
    path = folder / "keys.yaml"
    path.write_text(manifest(environments, keys), "utf-8")
    emulator = Emulator(folder / ".reconciler" / "emulator.sqlite3")
    known = read_manifest(path)
    for name in known.environments:
        found = connection(known, name, os.environ)
        desired = resolve(known, found, catalogue=shipped_catalogue(), server_scopes=None)
        emulator.ensure_project(found.project)
        lines: list[str] = []
        for key in desired.keys:
            state = _live(key, changed=changed)
            secret = emulator.add_key(
                found.project,
                key_id(desired.realm, key.slug),
                sorted(state.scopes),
                name=state.name,
                expire=state.expire,
            )
            lines.append(f"{key.sinks[0].option('variable')}={secret}\n")
        secrets = folder / "secrets" / f"{name}.env"
        secrets.parent.mkdir(mode=0o700, exist_ok=True)
        secrets.write_text("".join(lines), "utf-8")
        secrets.chmod(0o600)
    emulator.close()
    return path


def _live(key: DesiredKey, *, changed: bool) -> KeyState:
    expire = expires(key.expiry, _EPOCH)
    if not changed or expire is None:
        return KeyState(name=key.name, scopes=key.scopes, expire=expire)
    return KeyState(
        name=f"{key.name} (once)",
        scopes=key.scopes ^ {min(key.scopes), "assistant.read"},
        expire=expire - timedelta(days=1),
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), changed=sys.argv[4] == "changed")
