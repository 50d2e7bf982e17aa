"""An ephemeral key holds what one declared key is granted, or part of it, and does not outlive that."""

from datetime import timedelta

import pytest

from reconciler.core.desired import After, At, Desired
from reconciler.core.ephemeral import Asked, Grant, grant
from reconciler.core.lifetime import UNBOUNDED, Bounds
from reconciler.core.scopes import Catalogue, Vocabulary
from reconciler.errors import GuardError, UsageError
from tests.support.builders import NOW, desired, wanted

HOUR = timedelta(hours=1)
KNOWN = ("users.read", "users.write", "rows.read", "rows.write", "keys.read", "keys.write")
VOCABULARY = Vocabulary(catalogue=Catalogue(known=frozenset(KNOWN)))


def declared() -> Desired:
    return desired(
        wanted("backend", scopes=["rows.read", "rows.write", "users.read"]),
        wanted("ci", scopes=["users.read", "users.write"]),
        wanted("auditor", scopes=["keys.read"], allow=["keys.read"]),
        wanted("nothing", scopes=[]),
    )


def asked(*scopes: str, like: str | None = None, allow_wider: bool = False) -> Grant:
    return grant(declared(), Asked(like=like, scopes=frozenset(scopes), allow_wider=allow_wider), VOCABULARY)


def test_like_a_key_is_the_scopes_of_that_key() -> None:
    assert asked(like="ci") == Grant(scopes=frozenset({"users.read", "users.write"}), bounds=UNBOUNDED)


def test_a_key_without_scopes_grants_none() -> None:
    assert asked(like="nothing").scopes == frozenset()


@pytest.mark.parametrize("scopes", [["users.read"], ["users.write"], ["rows.read", "users.read"]])
def test_some_of_the_scopes_of_one_key_are_granted(scopes: list[str]) -> None:
    assert asked(*scopes).scopes == frozenset(scopes)


def test_the_scopes_of_two_keys_together_are_wider_than_either() -> None:
    with pytest.raises(GuardError) as refused:
        asked("rows.read", "users.write")

    assert refused.value.message == (
        'no key of staging is granted all of rows.read, users.write; "backend" comes nearest and lacks users.write'
    )
    assert "--allow-wider" in refused.value.hint
    assert asked("rows.read", "users.write", allow_wider=True).scopes == {"rows.read", "users.write"}


def test_an_environment_without_keys_grants_nothing() -> None:
    with pytest.raises(GuardError, match=r"staging declares no key, so nothing grants users\.read"):
        grant(desired(), Asked(scopes=frozenset({"users.read"})), VOCABULARY)


@pytest.mark.parametrize("scope", ["keys.read", "keys.write"])
def test_a_sensitive_scope_needs_the_flag_whoever_holds_it(scope: str) -> None:
    with pytest.raises(GuardError, match="could make keys") as refused:
        asked(scope)

    assert "--allow-wider" in refused.value.hint
    assert asked(scope, allow_wider=True).scopes == {scope}


def test_like_a_key_with_a_sensitive_scope_needs_the_flag_too() -> None:
    with pytest.raises(GuardError, match=r"keys\.read"):
        asked(like="auditor")

    assert asked(like="auditor", allow_wider=True).scopes == {"keys.read"}


@pytest.mark.parametrize(
    ("scope", "message", "hint"),
    [
        ("user.read", 'scope "user.read" is unknown', 'did you mean "users.read"?'),
        ("*.read", '"*.read" is no scope but a glob', "name each scope that the command needs"),
        ("frobnicate", 'scope "frobnicate" is unknown', "`reconciler scopes` lists them all"),
    ],
)
@pytest.mark.parametrize("allow_wider", [False, True])
def test_what_is_no_scope_is_refused_in_any_case(scope: str, message: str, hint: str, allow_wider: bool) -> None:
    with pytest.raises(UsageError) as refused:
        asked(scope, "users.read", allow_wider=allow_wider)

    assert refused.value.message == message
    assert refused.value.hint.startswith(hint)


def test_a_scope_that_only_the_server_knows_is_one() -> None:
    vocabulary = Vocabulary(catalogue=VOCABULARY.catalogue, server=frozenset({"new.read"}))

    assert grant(declared(), Asked(scopes=frozenset({"new.read"}), allow_wider=True), vocabulary).scopes == {"new.read"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [("cii", 'did you mean "ci"?'), ("x", 'it has "auditor", "backend", "ci" or "nothing"')],
)
def test_a_key_that_is_not_declared_is_like_none(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        asked(like=name, allow_wider=True)

    assert (refused.value.message, refused.value.hint) == (f'staging declares no key "{name}"', hint)


# --- its end ---


def test_what_grants_it_bounds_it() -> None:
    ending = wanted("ci", scopes=["users.read"], expiry=At(NOW + HOUR))
    renewed = wanted("cd", scopes=["users.read", "rows.read"], expiry=After(HOUR / 2))
    declared = desired(ending, renewed)

    assert grant(declared, Asked(like="ci"), VOCABULARY).bounds == Bounds(until=NOW + HOUR)
    assert grant(declared, Asked(like="cd"), VOCABULARY).bounds == Bounds(longest=HOUR / 2)
    assert grant(declared, Asked(scopes=frozenset({"users.read"})), VOCABULARY).bounds == Bounds(
        until=NOW + HOUR, longest=HOUR / 2
    )


def test_who_allows_wider_allows_longer() -> None:
    ended = desired(wanted("ci", scopes=["users.read"], expiry=At(NOW - HOUR)))

    assert grant(ended, Asked(like="ci", allow_wider=True), VOCABULARY).bounds == UNBOUNDED
