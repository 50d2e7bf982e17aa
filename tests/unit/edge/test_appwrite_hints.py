"""Hints are sentences, whatever the server's message leaves out."""

import pytest

from reconciler.core.secret import Secret
from reconciler.edge.appwrite.answer import ApiError
from reconciler.edge.appwrite.call import Peer
from reconciler.edge.appwrite.hints import hint_for
from reconciler.edge.credentials import Credential, Kind


@pytest.mark.parametrize(
    ("message", "scope"),
    [
        ('app.x@y (role: users) missing scopes (["keys.read"])', "the scope keys.read"),
        ("no", "the scope that is missing"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (
            "session",
            "the account of the console session in a file needs the role owner, developer or admin, to have {}",
        ),
        ("project_key", "whoever manages the project key in a file must add {} to it"),
    ],
)
def test_a_missing_scope_is_named_where_the_server_names_it(message: str, scope: str, kind: Kind, hint: str) -> None:
    credential = Credential(kind=kind, secret=Secret("x"), source="a file")
    peer = Peer(label="production", endpoint="https://a.example/v1", project="shop", credential=credential)

    shown = hint_for(peer, 401, ApiError(type="general_unauthorized_scope", message=message))

    assert shown == hint.format(scope)
