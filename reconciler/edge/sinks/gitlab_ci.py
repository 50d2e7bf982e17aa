"""The GitLab sink: a CI/CD variable of a project or a group, in one environment scope.

The note stands in the variable's description, behind what somebody wrote there; GitLab before 16.2 has none. A hidden
variable shows its value to nobody, so there the note is all that can be compared.

The settings of a variable are chosen when it is made, and kept ever after. Where GitLab made it otherwise than it was
asked, because it is too old or its plan too small, the variable is deleted again: a secret must not be seen by more
jobs or people than the manifest says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Holding, Note, parse_note, without_note
from reconciler.core.quoting import clean, quoted
from reconciler.core.secret import Secret
from reconciler.edge.sinks.http import Answer, Service
from reconciler.edge.sinks.http_client import open_client
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkError, SinkUnavailable

if TYPE_CHECKING:
    import httpx

_SERVER = "https://gitlab.com"
_LONGEST_DESCRIPTION = 255
_SCOPES = "scopes of a group's variables need GitLab Premium: deliver to the projects, or to the scope *"
_HINT = "GITLAB_TOKEN must be a token with the scope api, of a {role} of the {kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose variables they are."""

    kind: str
    name: str

    @property
    def path(self) -> str:
        """The path of its variables."""
        return f"{self.kind}s/{quote(self.name, safe='')}/variables"

    @property
    def hint(self) -> str:
        """What the token must be."""
        return _HINT.format(kind=self.kind, role="Maintainer" if self.kind == "project" else "Owner")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLabVariable:
    """One variable; the `SecretSink` port. `settings` are those of a variable that is made."""

    gitlab: Service
    owner: Owner
    key: str
    scope: str
    settings: Mapping[str, bool] = field(default_factory=dict)

    def preflight(self) -> None:
        """Raise SinkError where the token may not write variables there: whoever may read them may write them, unless
        the token's scope is `read_api`.
        """
        self.look()
        answer = self.gitlab.read("personal_access_tokens/self", known=frozenset({200, 400, 401, 403, 404}))
        match answer.body:
            case {"scopes": [*scopes]} if "read_api" in scopes and "api" not in scopes:
                raise SinkError("GITLAB_TOKEN may only read: its scope is read_api", hint=self.owner.hint)

    def look(self) -> Holding:
        """The variable's value, where it is not hidden, and the note in its description."""
        found = self._found()
        if found is None:
            return EMPTY
        value = found.get("value")
        return Holding(
            occupied=True, secret=value if isinstance(value, Secret) else None, note=parse_note(_description(found))
        )

    def write(self, secret: Secret, note: Note | None) -> None:
        """Set the variable; one that is there keeps its settings."""
        found = self._found()
        if found is None and self._create(secret, note):
            return
        found = found or self._found()
        if found is None:
            raise SinkError(
                f"GitLab has the variable {self.key} for another scope than {quoted(self.scope)} alone", hint=_SCOPES
            )
        body = {"value": secret, "description": _described(_description(found), note)}
        answer = self.gitlab.call("PUT", self._path, known=frozenset({200, 400}), json=body, params=self._filter)
        if answer.status == 400:
            raise _refused(answer, secret)

    def remove(self) -> None:
        """Delete the variable."""
        if self._found() is not None:  # an old server, which knows no filter, would delete that of another scope
            self._delete()

    def _found(self) -> Mapping[str, Any] | None:
        """The variable as it is; None where there is none in this scope."""
        answer = self.gitlab.read(self._path, params=self._filter)
        body = _sealed(answer.body)
        match answer.status, body:
            case 200, {"key": _}:
                variable: Mapping[str, Any] = body
                return variable if variable.get("environment_scope", "*") == self.scope else None
            case 404, {"message": str(message)} if message.endswith("Variable Not Found"):
                return None
            case 404, _:
                raise SinkUnavailable(
                    f"GitLab has no {self.owner.kind} {quoted(self.owner.name)}, or shows it not to this token",
                    hint="see how it is spelt, and what the token may do",
                )
            case _:
                raise SinkUnavailable("GitLab answered with something that is no variable")

    def _create(self, secret: Secret, note: Note | None) -> bool:
        """Make the variable; False where somebody has made it meanwhile, or an earlier sending of this."""
        body = {
            "key": self.key,
            "value": secret,
            "environment_scope": self.scope,
            "raw": True,
            "description": _described("", note),
            **self.settings,
        }
        answer = self.gitlab.call("POST", self.owner.path, known=frozenset({201, 400}), json=body)
        if answer.status == 400:
            if "has already been taken" in _explain(answer.body):
                return False
            raise _refused(answer, secret)
        self._check(_sealed(answer.body))
        return True

    def _check(self, made: Any) -> None:
        """Raise SinkError, and delete what was made, where it is not what was asked for."""
        scope = made.get("environment_scope", "*")
        if scope != self.scope:
            self._delete(scope)
            raise SinkError(
                f"GitLab makes this variable for the scope {quoted(scope)} alone",
                hint=_SCOPES,
            )
        if self.settings.get("masked_and_hidden") and not made.get("hidden"):
            self._delete()
            raise SinkError("this GitLab hides no variables", hint="it needs version 17.4: leave `hidden` out")

    def _delete(self, scope: str = "") -> None:
        params = {"filter[environment_scope]": scope} if scope else self._filter
        self.gitlab.call("DELETE", self._path, known=frozenset({204, 404}), params=params)

    @property
    def _path(self) -> str:
        return f"{self.owner.path}/{quote(self.key, safe='')}"

    @property
    def _filter(self) -> Mapping[str, str]:
        return {"filter[environment_scope]": self.scope}


def open_sink(spec: SinkSpec, surroundings: Surroundings) -> GitLabVariable:
    """The sink of a `gitlab_ci:` entry. Raises SinkUnavailable where there is no token."""
    options = dict(spec.options)
    kind = "project" if "gitlab_project" in options else "group"
    owner = Owner(kind=kind, name=spec.option(f"gitlab_{kind}"))
    server = surroundings.variables.get("CI_SERVER_URL") or _SERVER
    http = surroundings.shared(("gitlab", server), lambda: _client(server, surroundings))
    settings = {"masked": options.get("masked") is not False, "protected": spec.flag("protected")}
    if spec.flag("hidden"):
        settings = {**settings, "masked": True, "masked_and_hidden": True}
    return GitLabVariable(
        gitlab=Service(name="GitLab", hint=owner.hint, http=http, explain=_explain),
        owner=owner,
        key=spec.option("variable"),
        scope=spec.option("scope", "*"),
        settings=settings,
    )


def _refused(answer: Answer, secret: Secret) -> SinkError:
    words = clean(_explain(answer.body))
    if secret.reveal() in words:
        words = ""
    hint = "what is masked is one line, 8 characters at least, no spaces: `masked: false` masks nothing"
    return SinkError(
        f"GitLab answered 400{f': {words}' if words else ''}", hint=hint if "value is invalid" in words else ""
    )


def _client(server: str, surroundings: Surroundings) -> httpx.Client:
    token = surroundings.secret("GITLAB_TOKEN")
    if token is None:
        raise SinkUnavailable(
            "there is no credential for GitLab: GITLAB_TOKEN is not set",
            hint="the guide for GitLab says which token can write variables; a job's own CI_JOB_TOKEN cannot",
        )
    address = f"{server.rstrip('/')}/api/v4"
    return open_client(address, "GitLab", {"Accept": "application/json"}, ("PRIVATE-TOKEN", token))


def _sealed(body: Any) -> Any:
    """The JSON of an answer, its `value` wrapped."""
    if isinstance(body, dict) and isinstance(body.get("value"), str):
        return {**body, "value": Secret(body["value"])}
    return body


def _description(found: Mapping[str, Any]) -> str:
    text = found.get("description")
    return text if isinstance(text, str) else ""


def _described(text: str, note: Note | None) -> str:
    """A description with this note in place of an older one; what does not fit is cut from the rest."""
    own = without_note(text)
    if note is None:
        return own
    own = own[: _LONGEST_DESCRIPTION - len(str(note)) - 1].rstrip()
    return f"{own} {note}" if own else str(note)


def _explain(body: Any) -> str:
    """GitLab's words: `message` is a text, or lists of texts by the field that they are about."""
    match body:
        case {"message": str(message)} | {"error": str(message)}:
            return message
        case {"message": {**fields}}:
            return "; ".join(
                " ".join((*(() if name == "base" else (str(name),)), ", ".join(map(str, texts))))
                for name, texts in fields.items()
                if isinstance(texts, list)
            )
        case _:
            return ""
