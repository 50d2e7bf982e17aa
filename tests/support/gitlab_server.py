"""GitLab's REST API for the CI/CD variables of projects and groups, on a socket.

Where its rules come from, in the public sources of GitLab (gitlabhq/gitlabhq):
- routes, statuses and parameters: lib/api/ci/variables.rb, lib/api/group_variables.rb and
  lib/api/helpers/variables_helpers.rb; what an update without a match in its scope falls back to in a group:
  app/services/ci/change_variable_service.rb
- fields of an answer, and no value of a hidden variable: lib/api/entities/ci/variable.rb
- what can be masked, expanded or raw: app/models/concerns/ci/maskable.rb
- hidden variables, made so and never otherwise: app/models/concerns/ci/hidable_variable.rb
- names: app/models/concerns/ci/has_variable.rb; one variable per name and scope, and the words where it is taken:
  app/models/ci/group_variable.rb; 255 characters of description: the migration
  add_text_limit_to_ci_variable_description; limits: spec/requests/api/ci/variables_spec.rb
- scopes of tokens, and the token that looks at itself: https://docs.gitlab.com/api/personal_access_tokens/
- 401, 403 and 404: https://docs.gitlab.com/api/rest/troubleshooting/

Scopes of a group's variables are Premium: without it they are dropped, as ee/lib/ee/api/helpers/variables_helpers.rb
does by its documentation. Before 16.2 there was no `description`, before 17.4 nothing `hidden`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.http_service import Calls, Reply, Request, serving

TOKEN = "glpat-k4n4ry0maintainer"
DEVELOPER = "glpat-k4n4ry0developer"
READ_ONLY = "glpat-k4n4ry0read0api"
_SCOPES = {TOKEN: ["api"], DEVELOPER: ["api"], READ_ONLY: ["read_api"]}
_EXPANDED = re.compile(r"[a-zA-Z0-9_+=/@:.~-]{8,}")
_RAW = re.compile(r"\S{8,}")
_KEY = re.compile(r"[a-zA-Z0-9_]{1,255}")
_NO_CHANGE = "The visibility setting cannot be changed for masked and hidden variables."

Variable = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class GitLab:
    """The server's state: variables by owner (`projects/acme/shop`), name and scope."""

    owners: dict[str, dict[tuple[str, str], Variable]] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    version: tuple[int, int] = (18, 0)
    premium: bool = True
    limit: int = 8000
    address: str = ""

    def answer(self, request: Request) -> Reply:
        """The answer to a call."""
        token = request.headers.get("private-token", "")
        if token not in _SCOPES:
            return Reply(status=401, body={"message": "401 Unauthorized"})
        match request.parts:
            case ("api", "v4", "personal_access_tokens", "self"):
                return Reply(status=200, body={"id": 1, "active": True, "scopes": _SCOPES[token]})
            case ("api", "v4", ("projects" | "groups") as kind, name, "variables", *rest):
                return self._variables(request, kind, name, rest)
            case _:
                return Reply(status=404, body={"error": "404 Not Found"})

    def _variables(self, request: Request, kind: str, name: str, rest: list[str]) -> Reply:
        token = request.headers["private-token"]
        owned = self.owners.get(f"{kind}/{name}")
        if owned is None:
            return _message(404, f"404 {kind.removesuffix('s').title()} Not Found")
        if token == DEVELOPER:
            return _message(403, "403 Forbidden")
        if token == READ_ONLY and request.method != "GET":
            words = "The request requires higher privileges than provided by the access token."
            return Reply(status=403, body={"error": "insufficient_scope", "error_description": words, "scope": "api"})
        given = self._known(dict(request.body or {}), kind)
        if request.method == "POST" and not rest:
            return self._create(owned, kind, given)
        (key,) = rest
        scope = request.query.get("filter[environment_scope]")
        found = [each for (of, where), each in owned.items() if of == key and scope in {None, where}]
        if len(found) > 1:
            words = "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'"
            return _message(409, f"409 {words}")
        if not found and request.method == "PUT" and kind == "groups":
            found = [each for (of, _), each in owned.items() if of == key][:1]
        if not found:
            return _message(404, f"404 {'Group' if kind == 'groups' else ''}Variable Not Found")
        return self._at(request.method, owned, found[0], given)

    def _at(self, method: str, owned: dict[tuple[str, str], Variable], found: Variable, given: Variable) -> Reply:
        match method:
            case "GET":
                return Reply(status=200, body=self._shown(found))
            case "PUT":
                return self._update(found, given)
            case "DELETE":
                del owned[found["key"], found["environment_scope"]]
                return Reply(status=204)
            case _:
                return Reply(status=405, body={"error": "405 Not Allowed"})

    def _known(self, given: Variable, kind: str) -> Variable:
        """The parameters that this version and plan know; others are passed over, as Grape does."""
        known = {"key", "value", "protected", "masked", "raw", "variable_type", "environment_scope"}
        known |= {"description"} if self.version >= (16, 2) else set()
        known |= {"masked_and_hidden"} if self.version >= (17, 4) else set()
        if kind == "groups" and not self.premium:
            known.discard("environment_scope")
        return {name: value for name, value in given.items() if name in known}

    def _create(self, owned: dict[tuple[str, str], Variable], kind: str, given: Variable) -> Reply:
        if "key" not in given or "value" not in given:
            return Reply(status=400, body={"error": "key is missing, value is missing"})
        hidden = bool(given.pop("masked_and_hidden", False))
        made = {
            "variable_type": "env_var",
            "environment_scope": "*",
            "protected": False,
            "masked": False,
            "raw": False,
            "description": None,
            **given,
            **({"masked": True} if hidden else {}),
            "hidden": hidden,
        }
        place = (made["key"], made["environment_scope"])
        wrong = _wrong(made)
        if place in owned:
            wrong["key"] = [f"({made['key']}) has already been taken"]
        if len(owned) >= self.limit:
            wrong["base"] = [f"Maximum number of {kind.removesuffix('s')} ci variables ({self.limit}) exceeded"]
        if wrong:
            return _message(400, wrong)
        owned[place] = made
        return Reply(status=201, body=self._shown(made))

    def _update(self, found: Variable, given: Variable) -> Reply:
        given.pop("key", None)
        given.pop("masked_and_hidden", None)
        if found["hidden"] and given.get("masked", True) is not True:
            return _message(400, {"base": [_NO_CHANGE]})
        wrong = _wrong({**found, **given})
        if wrong:
            return _message(400, wrong)
        found.update(given)
        return Reply(status=200, body=self._shown(found))

    def _shown(self, variable: Variable) -> Variable:
        shown = {**variable, "value": None if variable["hidden"] else variable["value"]}
        if self.version < (16, 2):
            del shown["description"]
        if self.version < (17, 4):
            del shown["hidden"]
        return shown


@contextmanager
def gitlab() -> Iterator[GitLab]:
    """GitLab with the project `acme/shop`, which is also number 42, and the group `acme`."""
    server = GitLab()
    shop: dict[tuple[str, str], Variable] = {}
    server.owners = {"projects/acme/shop": shop, "projects/42": shop, "groups/acme": {}}
    with serving(server.answer, server.calls) as address:
        server.address = address
        yield server


def _wrong(variable: Mapping[str, Any]) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    if not _KEY.fullmatch(variable["key"]):
        wrong["key"] = ["can contain only letters, digits and '_'."]
    if variable["masked"] and not (_RAW if variable["raw"] else _EXPANDED).fullmatch(variable["value"]):
        wrong["value"] = ["is invalid"]
    if len(variable["description"] or "") > 255:
        wrong["description"] = ["is too long (maximum is 255 characters)"]
    return wrong


def _message(status: int, message: object) -> Reply:
    return Reply(status=status, body={"message": message})
