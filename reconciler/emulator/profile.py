"""In what the emulated servers differ from each other, as values.

`main` is Appwrite main of 2026-08 and `1.9.x` its release branch: both answer version 1.9.6, but main
lets no project key create keys, takes 200 scopes instead of 100 and knows other scopes. The order of
the scopes is that of the servers' own 400 message.

`2.6.2` was never recorded. That a release has the changes below is known from its notes; their exact
answers are assumed here, and each place that assumes one says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

Profile = Literal["1.9.x", "main", "2.6.2"]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One scope of the catalogue, as `GET /v1/console/scopes/project` shows it."""

    id: str
    description: str
    category: str
    deprecated: bool


def _pair(subject: str, what: str, category: str, *, deprecated: bool = False) -> tuple[Scope, ...]:
    """The two scopes of a subject."""
    return tuple(
        Scope(id=f"{subject}.{verb}", description=f"{does} {what}.", category=category, deprecated=deprecated)
        for verb, does in (("read", "Read"), ("write", "Create, change and delete"))
    )


_PROJECTS = _pair("projects", "projects of the organization", "Projects")
_DEV_KEYS = _pair("devKeys", "development keys of projects", "Other", deprecated=True)
_PROJECT_KEYS = _pair("organization.projects.keys", "API keys of the organization's projects", "Projects")


@dataclass(frozen=True, kw_only=True)
class Server:
    """One emulated server. `scopes` in the server's order; at most `max_scopes` in a key.

    Attributes:
        organization_scopes: what a key of an organization may hold.
        organization_keys: there are keys of organizations; where no route ever made one, all are refused.
        hardened: secrets are shown once, no key grants more than it holds, JWTs manage no keys, and a
            bad key is refused instead of being a guest.
        describes_keys: keys have a `description`.
        organization_routes: keys are also managed under `/v1/organization/projects/:id/keys`.
        onboards: the project remembers the creation of its first key, and has firewall settings.
        logout_fails: the end of a session is answered with 500, and comes all the same.
        scalar_body_fails: a body that is a bare JSON scalar is a 500.
    """

    version: str
    max_scopes: int
    keys_create_keys: bool
    scopes: tuple[Scope, ...]
    organization_scopes: tuple[Scope, ...]
    organization_keys: bool = True
    hardened: bool = False
    describes_keys: bool = False
    organization_routes: bool = False
    onboards: bool = True
    logout_fails: bool = False
    scalar_body_fails: bool = False

    @cached_property
    def scope_ids(self) -> frozenset[str]:
        """The scopes that a key may hold."""
        return frozenset(scope.id for scope in self.scopes)


@cache
def server(profile: Profile) -> Server:
    """The server a profile stands for; ValueError names the known ones."""
    catalogue = json.loads((files(__package__) / "data" / "scopes.json").read_text(encoding="utf-8"))
    if profile not in catalogue["profiles"]:
        raise ValueError(f"unknown emulator profile {profile!r}; known: {', '.join(catalogue['profiles'])}")
    known = {
        entry["$id"]: Scope(
            id=entry["$id"],
            description=entry["description"],
            category=entry["category"],
            deprecated=entry["deprecated"],
        )
        for entry in catalogue["scopes"]
    }
    scopes = tuple(known[name] for name in catalogue["profiles"][profile])
    of_organizations = _PROJECTS + (_PROJECT_KEYS if profile == "2.6.2" else _DEV_KEYS)
    match profile:
        case "main":
            return Server(
                version="1.9.6",
                max_scopes=200,
                keys_create_keys=False,
                scopes=scopes,
                organization_scopes=of_organizations,
            )
        case "1.9.x":
            return Server(
                version="1.9.6",
                max_scopes=100,
                keys_create_keys=True,
                scopes=scopes,
                organization_scopes=of_organizations,
                organization_keys=False,
                onboards=False,
                logout_fails=True,
                scalar_body_fails=True,
            )
        case "2.6.2":
            return Server(
                version="2.6.2",
                max_scopes=200,
                keys_create_keys=False,
                scopes=scopes,
                organization_scopes=of_organizations,
                hardened=True,
                describes_keys=True,
                organization_routes=True,
            )
