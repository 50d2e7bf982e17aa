"""REFERENCE, "Scopes": which are sensitive, which are marked, and what a glob grants."""

import pytest

from reconciler.core.scopes import MARKED, SENSITIVE, Catalogue, Fault, Vocabulary
from reconciler.edge.resources import shipped_catalogue

CATALOGUE = Catalogue(
    known=frozenset({"rows.read", "rows.write", "documents.read", "keys.read", "new.read"}),
    deprecated={"documents.read": "rows.read"},
)


def granted(entry: str, *, server: frozenset[str] | None = None) -> frozenset[str]:
    answer = Vocabulary(catalogue=CATALOGUE, server=server).judge(entry)
    assert not isinstance(answer, Fault), answer
    return answer


def fault(entry: str, *, server: frozenset[str] | None = None) -> Fault:
    answer = Vocabulary(catalogue=CATALOGUE, server=server).judge(entry)
    assert isinstance(answer, Fault), answer
    return answer


def test_the_sensitive_scopes_are_those_of_the_reference() -> None:
    page = "keys.read, keys.write, organization.projects.keys.read, organization.projects.keys.write"

    assert frozenset(page.split(", ")) == SENSITIVE


def test_the_marked_scopes_are_those_of_the_reference() -> None:
    page = """project.write, users.write, sessions.write, webhooks.write, platforms.write, functions.write, sites.write,
        rows.write, documents.write, migrations.write, vcs.write, domains.write"""

    assert frozenset(name.strip() for name in page.split(",")) == MARKED


def test_every_marked_or_sensitive_scope_is_in_the_shipped_catalogue_or_of_an_organization() -> None:
    strange = (MARKED | SENSITIVE) - shipped_catalogue().known

    assert all(name.startswith("organization.") for name in strange)


def test_a_glob_grants_neither_deprecated_nor_sensitive_scopes() -> None:
    assert granted("*") == {"rows.read", "rows.write", "new.read"}


def test_a_glob_grants_only_what_the_server_knows_and_the_catalogue_shipped() -> None:
    assert granted("*.read", server=frozenset({"rows.read", "newer.read", "keys.read"})) == {"rows.read"}


def test_a_dot_of_a_glob_is_a_dot() -> None:
    assert fault("rows*read.").message == '"rows*read." matches no scope'


def test_deprecated_and_sensitive_scopes_can_be_named() -> None:
    assert granted("documents.read") == {"documents.read"}
    assert granted("keys.read") == {"keys.read"}


def test_the_servers_own_list_wins_over_the_catalogue() -> None:
    assert granted("newest.read", server=frozenset({"newest.read"})) == {"newest.read"}
    assert "unknown to this server" in fault("new.read", server=frozenset({"rows.read"})).message


def test_an_unknown_scope_names_the_nearest_ones() -> None:
    assert fault("row.read").hint == 'did you mean "rows.read"?'


def test_a_glob_of_nothing_but_sensitive_scopes_says_so() -> None:
    assert "a glob never grants" in fault("keys.*").message


@pytest.mark.parametrize("entries", [["rows.read", "rows.*"], ["rows.*", "rows.read"]])
def test_a_scope_that_is_also_named_does_not_count_as_from_a_glob(entries: list[str]) -> None:
    grants = Vocabulary(catalogue=CATALOGUE).grants(entries)

    assert grants.scopes == {"rows.read", "rows.write"}
    assert grants.from_globs == {"rows.write"}
