"""Who may do what: the whole command line with each credential against each server, and what Appwrite's contract says.

The table is made by running the commands and compared with the one that was written from the contract. A cell says how
the command ended: `yes` done; `refused` by apply, before anything was changed; `late` in the middle of an apply,
because nothing could tell before; `no` an error before there was a plan. To `propose` is to plan changes of each kind:
whoever may list keys may do that, whoever applies them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.app import cache
from reconciler.core.ids import Realm, key_id
from reconciler.emulator import Profile
from tests.support.command import Command, in_folder
from tests.support.emulators import Running, running

pytestmark = pytest.mark.slow

PROFILES: tuple[Profile, ...] = ("1.9.x", "main", "2.6.2")
MANAGES = ["keys.read", "keys.write", "users.read"]
OF_ORGANIZATION = ["organization.projects.keys.read", "organization.projects.keys.write"]
ACTIONS = ("validate", "plan", "propose", "create", "update", "delete", "destroy")
ENDED = {0: "yes", 1: "no", 3: "late", 4: "refused"}

CONTRACT = """\
                                    validate  plan      propose   create    update    delete    destroy
1.9.x  project key                  yes       yes       yes       yes       yes       yes       yes
1.9.x  project key that reads       yes       yes       yes       refused   refused   refused   refused
1.9.x  project key that has less    yes       yes       yes       yes       yes       yes       yes
1.9.x  project key, its id known    yes       yes       yes       yes       yes       yes       yes
1.9.x  ephemeral key                yes       yes       yes       yes       yes       yes       yes
1.9.x  organization key             yes       no        no        no        no        no        no
1.9.x  organization key, new scopes yes       no        no        no        no        no        no
1.9.x  console session              yes       yes       yes       yes       yes       yes       yes
1.9.x  session of a stranger        yes       no        no        no        no        no        no
1.9.x  account key                  yes       no        no        no        no        no        no
1.9.x  token of a session           yes       no        no        no        no        no        no
1.9.x  expired key                  yes       no        no        no        no        no        no
1.9.x  key of another project       yes       no        no        no        no        no        no
1.9.x  nothing                      yes       no        no        no        no        no        no
main   project key                  yes       yes       yes       refused   yes       yes       yes
main   project key that reads       yes       yes       yes       refused   refused   refused   refused
main   project key that has less    yes       yes       yes       refused   yes       yes       yes
main   project key, its id known    yes       yes       yes       refused   yes       yes       yes
main   ephemeral key                yes       yes       yes       refused   yes       yes       yes
main   organization key             yes       yes       yes       yes       yes       yes       yes
main   organization key, new scopes yes       no        no        no        no        no        no
main   console session              yes       yes       yes       yes       yes       yes       yes
main   session of a stranger        yes       no        no        no        no        no        no
main   account key                  yes       no        no        no        no        no        no
main   token of a session           yes       no        no        no        no        no        no
main   expired key                  yes       no        no        no        no        no        no
main   key of another project       yes       no        no        no        no        no        no
main   nothing                      yes       no        no        no        no        no        no
2.6.2  project key                  yes       yes       yes       refused   yes       yes       yes
2.6.2  project key that reads       yes       yes       yes       refused   late      late      late
2.6.2  project key that has less    yes       yes       yes       refused   late      yes       yes
2.6.2  project key, its id known    yes       yes       yes       refused   refused   yes       yes
2.6.2  ephemeral key                yes       yes       yes       refused   refused   yes       yes
2.6.2  organization key             yes       yes       yes       yes       yes       yes       yes
2.6.2  organization key, new scopes yes       yes       yes       yes       yes       yes       yes
2.6.2  console session              yes       yes       yes       yes       yes       yes       yes
2.6.2  session of a stranger        yes       no        no        no        no        no        no
2.6.2  account key                  yes       no        no        no        no        no        no
2.6.2  token of a session           yes       no        no        no        no        no        no
2.6.2  expired key                  yes       no        no        no        no        no        no
2.6.2  key of another project       yes       no        no        no        no        no        no
2.6.2  nothing                      yes       no        no        no        no        no        no
"""
"""From Appwrite's own rules. A project key creates on 1.9.x only; a scope that is missing is a 401; no 1.9.x makes an
organization key, elsewhere one may create, and its new scopes exist where its new routes do. Since 2.6.2 no key gives
more than it holds (`has less` holds no users.read, an ephemeral key no life of more than an hour), and a secret is
shown once: unless the manifest says which key the credential is, what that may not do shows late. Account keys, tokens
and strangers manage nothing.
"""

Credentials = dict[str, Callable[[Running, str], str]]


def _key(scopes: list[str], *, expire: datetime | None = None) -> Callable[[Running, str], str]:
    return lambda server, project: server.emulator.add_key(project, f"{project}-credential", scopes, expire=expire)


def _ephemeral(server: Running, project: str) -> str:
    made = server.call("POST", "/project/keys/ephemeral", project, scopes=MANAGES, duration=3600)
    return str(made["secret"])


def _stranger(server: Running, project: str) -> str:
    server.emulator.ensure_organization("elsewhere")
    user = server.emulator.add_user(f"{project}@example.org", "password", organizations=["elsewhere"])
    return f"a_session_console={server.emulator.session_of(user)}"


def _of_another_project(server: Running, project: str) -> str:
    server.emulator.ensure_project(f"{project}-b", organization="acme")
    return server.emulator.add_key(f"{project}-b", f"{project}-b-key", MANAGES)


def _of_organization(scopes: list[str]) -> Callable[[Running, str], str]:
    """A key of the organization; where there are none, one of another server."""

    def made(server: Running, _: str) -> str:
        try:
            return server.emulator.add_organization_key("acme", scopes)
        except ValueError:
            return "organization_" + "0" * 256

    return made


CREDENTIALS: Credentials = {
    "project key": _key(MANAGES),
    "project key that reads": _key(["keys.read"]),
    "project key that has less": _key(["keys.read", "keys.write"]),
    "project key, its id known": _key(["keys.read", "keys.write"]),
    "ephemeral key": _ephemeral,
    "organization key": _of_organization(MANAGES),
    "organization key, new scopes": _of_organization(OF_ORGANIZATION),
    "console session": lambda server, _: server.session,
    "session of a stranger": _stranger,
    "account key": lambda _, __: "account_" + "0" * 256,
    "token of a session": lambda server, _: server.emulator.token_of(server.emulator.console_session()),
    "expired key": _key(MANAGES, expire=datetime(2020, 1, 1, tzinfo=UTC)),
    "key of another project": _of_another_project,
    "nothing": lambda _, __: "",
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Profile, Running]]:
    folder = tmp_path_factory.mktemp("servers")
    with running(folder, "1.9.x") as old, running(folder, "main") as main, running(folder, "2.6.2") as hardened:
        yield {"1.9.x": old, "main": main, "2.6.2": hardened}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setattr(cache, "_PAUSE", 0.0)
    return in_folder(tmp_path, monkeypatch, capsys)


def _manifest(server: Running, project: str, name: str, keys: dict[str, object]) -> str:
    """A manifest of the credential in the variable TOKEN, which has an id where its name says so."""
    credential = {"env": "TOKEN"} | ({"id": f"{project}-credential"} if name.endswith("id known") else {})
    environment = {"endpoint": server.endpoint, "project": project, "credential": credential}
    if name.startswith("organization"):
        environment["organization"] = "acme"
    return json.dumps({"version": 1, "owner": "team", "keys": keys, "environments": {"live": environment}})


def _ends(command: Command, server: Running, project: str, name: str) -> list[str]:
    """How each action ends with a credential in a project that has two keys of the manifest's own."""
    server.emulator.ensure_project(project, organization="acme")
    realm = Realm(owner="team", environment="live", project=project)
    for slug in ("one", "two"):
        server.emulator.add_key(project, key_id(realm, slug), ["users.read"], name=slug)
    token = CREDENTIALS[name](server, project)
    one, two = {"name": "one", "scopes": ["users.read"]}, {"name": "two", "scopes": ["users.read"]}
    actions: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
        "validate": ({"one": one, "two": two}, ("validate",)),
        "plan": ({"one": one, "two": two}, ("plan",)),
        "propose": ({"one": one | {"name": "changed"}, "new": one}, ("plan", "--allow-in-use")),
        "create": ({"one": one, "two": two, "new": one}, ("apply", "--auto-approve", "--target", "live/new")),
        "update": ({"one": one | {"name": "changed"}, "two": two}, ("apply", "--auto-approve", "--target", "live/one")),
        "delete": ({"one": one}, ("apply", "--auto-approve", "--target", "live/two", "--allow-in-use")),
        "destroy": ({"one": one}, ("destroy", "-e", "live", "--auto-approve")),
    }
    ends = []
    for keys, arguments in actions.values():
        command.write(_manifest(server, project, name, keys))
        before = server.keys(project)
        ended = command(*arguments, TOKEN=token)
        assert not token or token.removeprefix("a_session_console=") not in ended.out + ended.err
        if ended.code in {1, 4}:
            assert {key: each["name"] for key, each in server.keys(project).items()} == {
                key: each["name"] for key, each in before.items()
            }, "what is refused changes nothing"
        ends.append(ENDED[ended.code])
    return ends


@pytest.mark.parametrize("profile", PROFILES)
def test_who_may_do_what_is_as_the_contract_says(
    command: Command, servers: dict[Profile, Running], profile: Profile
) -> None:
    heading, *rows = CONTRACT.splitlines()
    found = [heading]
    for number, name in enumerate(CREDENTIALS):
        ends = _ends(command, servers[profile], f"p{number}-{profile.replace('.', '')}", name)
        found.append(f"{profile:<6} {name:<28} " + "".join(f"{end:<10}" for end in ends).rstrip())

    assert found == [heading, *(row for row in rows if row.startswith(profile))]
    assert heading.split() == list(ACTIONS)
