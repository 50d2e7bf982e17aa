"""What an ephemeral key says of itself is believed where it can be read, and is nothing elsewhere."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from reconciler.core.desired import CredentialSpec
from reconciler.core.secret import Secret
from reconciler.edge.credentials import Credential
from reconciler.edge.ephemeral import claims_of

END = datetime(2030, 1, 1, tzinfo=UTC)


def _ephemeral(claims: object) -> Secret:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return Secret(f"ephemeral_eyJhbGciOiJIUzI1NiJ9.{body}.c2ln")


def test_scopes_and_end_are_read() -> None:
    secret = _ephemeral({"projectId": "shop", "scopes": ["keys.read", "users.read"], "exp": int(END.timestamp())})
    assert claims_of(secret) == (frozenset({"keys.read", "users.read"}), END)
    in_use = Credential(kind="ephemeral_key", secret=secret, source="TOKEN").in_use(
        CredentialSpec(source="env", id="x")
    )
    assert (in_use.end, in_use.id, str(in_use)) == (END, "x", "the ephemeral key in TOKEN")


@pytest.mark.parametrize(
    "claims", [[], {"scopes": "all", "exp": "soon"}, {"scopes": [1], "exp": True}, {"exp": 1e300}, {"exp": -1e12}]
)
def test_what_is_not_as_appwrite_writes_it_says_nothing(claims: object) -> None:
    assert claims_of(_ephemeral(claims)) == (None, None)


@pytest.mark.parametrize("text", ["ephemeral_", "ephemeral_a.b", "ephemeral_a.!!!.c", "ephemeral_a.e30.c", "x"])
def test_what_is_no_token_says_nothing(text: str) -> None:
    assert claims_of(Secret(text)) == (None, None)
