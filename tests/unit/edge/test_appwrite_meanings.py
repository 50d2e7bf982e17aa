"""What an answer means is told in sentences: what happened, on which environment and with what, who must do what."""

from __future__ import annotations

import httpx
import pytest

from reconciler.core.credential import CredentialKind
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import explain
from reconciler.edge.appwrite.answer import Answer
from reconciler.edge.appwrite.call import Call, Peer
from reconciler.edge.appwrite.meanings import FOREIGN, MEANINGS, Meaning
from reconciler.edge.credentials import Credential
from reconciler.errors import ReconcilerError

CALL = Call(method="GET", url=httpx.URL("https://a.example/v1"), headers=httpx.Headers(), doing="doing it", deadline=1)


def told(status: int, kind: str, words: str = "Words.", of: CredentialKind | None = "project_key") -> ReconcilerError:
    """The error that an answer becomes."""
    credential = Credential(kind=of, secret=Secret("x" * 20), source="a file") if of else None
    peer = Peer(label="production", endpoint="https://a.example/v1", project="shop", credential=credential)
    api = f'{{"message": "{words}", "code": {status}, "type": "{kind}"}}'
    body = "<html>no</html>" if kind == FOREIGN else api
    return explain.refused(peer, CALL, Answer(status=status, headers=httpx.Headers(), body=body.encode()))


@pytest.mark.parametrize(
    ("words", "scope"), [("x (role: users) missing scopes ([keys.read])", "keys.read"), ("no", "that is missing")]
)
@pytest.mark.parametrize(
    ("of", "happened", "remedy"),
    [
        ("session", "the account of the console session in a file lacks the scope {}", "owner, developer or admin"),
        ("project_key", "the project key in a file lacks the scope {}", "whoever manages the project key in a file"),
        ("ephemeral_key", "the ephemeral key in a file lacks the scope {}", "must add the scope {} to it"),
    ],
)
def test_a_missing_scope_is_named_where_the_server_names_it(
    words: str, scope: str, of: CredentialKind, happened: str, remedy: str
) -> None:
    shown = told(401, "general_unauthorized_scope", words, of)

    assert happened.format(scope) in shown.message
    assert remedy.format(scope) in shown.hint


@pytest.mark.parametrize(
    ("of", "happened"),
    [
        ("session", "the server does not know the console session in a file"),
        ("ephemeral_key", "the server does not know the ephemeral key in a file, or it has expired"),
        (None, "no credential was sent"),
    ],
)
def test_who_is_taken_for_nobody_is_told_what_was_not_known(of: CredentialKind | None, happened: str) -> None:
    assert happened in told(401, "general_unauthorized_scope", "User (role: guests) missing scopes", of).message


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda each: f"{each.status} {each.type} {each.case}")
def test_each_error_has_a_message_and_a_remedy_of_its_own(meaning: Meaning) -> None:
    words = "User (role: guests)" if meaning.case in {"guest", "session guest", "nobody"} else "Words."
    of: dict[str, CredentialKind | None] = {"session": "session", "session guest": "session", "nobody": None}
    shown = told(meaning.status, meaning.type, words, of.get(meaning.case, "project_key"))

    start, _, rest = shown.message.partition(" failed: ")
    assert start == "production: doing it"
    assert rest.startswith(meaning.happened.partition("{")[0])
    assert f"the server answered {meaning.status}" in rest
    assert shown.hint.startswith(meaning.remedy.partition("{")[0])
    assert not {"{", "}"} & set(shown.message + shown.hint.replace("{env: VARIABLE}", ""))
    assert (words in shown.message) == meaning.quotes


def test_an_error_that_no_row_is_about_is_told_in_the_servers_own_words() -> None:
    shown = told(418, "general_teapot")

    assert shown.message == 'production: doing it failed: the server answered 418 general_teapot: "Words."'
    assert "follows other rules" in shown.hint
