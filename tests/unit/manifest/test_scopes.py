"""What names and globs grant, and who judges them."""

from __future__ import annotations

import pytest

from reconciler.core.scopes import MARKED, SENSITIVE, Catalogue, Vocabulary
from reconciler.edge.resources import schema, shipped_catalogue

CATALOGUE = Catalogue(
    known=frozenset({"users.read", "users.write", "rows.read", "documents.read", "keys.read", "archives.read"}),
    deprecated={"documents.read": "rows.read"},
)


def granted(*entries: str, server: frozenset[str] | None = None) -> frozenset[str]:
    grants = Vocabulary(catalogue=CATALOGUE, server=server).grants(entries)
    assert not grants.faults
    return grants.scopes


def fault(entry: str, server: frozenset[str] | None = None) -> tuple[str, str]:
    found = Vocabulary(catalogue=CATALOGUE, server=server).grants([entry]).faults[entry]
    return found.message, found.hint


def test_a_glob_never_grants_deprecated_or_sensitive_scopes() -> None:
    assert granted("*.read") == {"users.read", "rows.read", "archives.read"}
    assert granted("*") == {"users.read", "users.write", "rows.read", "archives.read"}


def test_a_glob_grants_nothing_that_the_server_or_the_catalogue_does_not_know() -> None:
    server = frozenset({"users.read", "new.read"})
    assert granted("*.read", server=server) == {"users.read"}


def test_what_only_a_glob_brings_in_is_told_apart() -> None:
    grants = Vocabulary(catalogue=CATALOGUE).grants(["users.*", "users.read"])
    assert grants.scopes == {"users.read", "users.write"}
    assert grants.from_globs == {"users.write"}


def test_sensitive_and_deprecated_scopes_are_granted_by_name() -> None:
    assert granted("keys.read", "documents.read") == {"keys.read", "documents.read"}


def test_the_servers_own_list_wins_over_the_catalogue_both_ways() -> None:
    server = frozenset({"users.read", "new.read"})
    assert granted("new.read", server=server) == {"new.read"}
    assert fault("archives.read", server) == (
        'scope "archives.read" is unknown to this server',
        "other versions of Appwrite know it: leave it out for this environment, or upgrade the server",
    )


@pytest.mark.parametrize(
    ("entry", "message", "hint"),
    [
        ("user.read", 'scope "user.read" is unknown', 'did you mean "users.read"?'),
        ("Users.Read", 'scope "Users.Read" is unknown', 'did you mean "users.read"?'),
        (
            "launch.it",
            'scope "launch.it" is unknown',
            "`reconciler scopes` lists them all; `extra_scopes` of an environment admits one that is newer",
        ),
        ("row.*", '"row.*" matches no scope', "`reconciler scopes` lists them all"),
        (
            "keys.*",
            '"keys.*" matches only scopes that a glob never grants: sensitive or deprecated ones',
            'name what you mean, "keys.read"',
        ),
    ],
)
def test_an_entry_that_grants_nothing_is_at_fault(entry: str, message: str, hint: str) -> None:
    assert fault(entry) == (message, hint)


def test_a_glob_may_be_at_fault_for_one_server_only() -> None:
    assert fault("archives.*", frozenset({"users.read"}))[0] == ('"archives.*" matches no scope that this server knows')


def test_dots_in_a_glob_are_dots() -> None:
    assert fault("user*xread")[0] == '"user*xread" matches no scope'
    assert fault("users_*")[0] == '"users_*" matches no scope'


def test_the_shipped_catalogue_holds_together() -> None:
    catalogue = shipped_catalogue()
    assert len(catalogue.known) == 125
    assert catalogue.known == catalogue.categories.keys() == catalogue.descriptions.keys()
    assert catalogue.deprecated["documents.read"] == "rows.read"
    assert len(catalogue.deprecated) == 10
    assert set(catalogue.deprecated.values()) <= catalogue.known - catalogue.deprecated.keys()
    assert all(catalogue.descriptions.values())


def test_every_scope_that_needs_care_exists_or_belongs_to_organizations() -> None:
    known = shipped_catalogue().known
    assert known >= MARKED
    assert {scope for scope in SENSITIVE if not scope.startswith("organization.")} <= known


def test_the_schema_offers_exactly_the_sensitive_scopes() -> None:
    offered = schema("manifest")["$defs"]["key"]["properties"]["allow_sensitive"]["items"]
    assert set(offered["enum"]) == SENSITIVE
    assert all(scope in offered["errorMessage"] for scope in SENSITIVE)


def test_a_schema_that_does_not_exist_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        schema("nonsense")
