"""What the credential in use may not do is refused with the plan, and only what is known is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.core.credential import CredentialInUse, CredentialKind
from reconciler.core.desired import At, Desired
from reconciler.core.guards import Allowances, Refusal, check
from reconciler.core.holding import EMPTY
from reconciler.core.keys import Live, LiveKey, ServerFacts, own_ids
from reconciler.core.plan import EnvironmentPlan
from reconciler.core.planner import plan_destroy, plan_environment
from reconciler.core.secret import Secret
from tests.support.builders import NOW, SINK, desired, live_key, owned_id, wanted

DAY = timedelta(days=1)
MAIN = frozenset({"keys.read", "keys.write", "users.read", "embeddings.write"})
RELEASE = MAIN - {"embeddings.write"}
HARDENED = ServerFacts(version="2.6.2", scopes=MAIN)
OLD = ServerFacts(version="1.9.6", scopes=RELEASE)
SECRET = Secret("standard_own")
ALL = ("keys.read", "keys.write", "users.read")


OF_PROJECT: tuple[CredentialKind, ...] = ("project_key", "ephemeral_key")
OTHERS: tuple[CredentialKind, ...] = ("session", "organization_key")


def _own(scopes: Iterable[str] = ALL, *, hidden: bool = True, expire: datetime | None = None) -> LiveKey:
    return live_key(id="admin", scopes=scopes, expire=expire, secret=None if hidden else SECRET)


def _live(*keys: LiveKey, facts: ServerFacts = HARDENED, kind: CredentialKind = "project_key", **known: Any) -> Live:
    credential = CredentialInUse(kind=kind, source="KEY", **known)
    secret = SECRET if credential.is_of_project else None
    return Live(keys=keys, now=NOW, facts=facts, own=own_ids(keys, secret, credential.id), credential=credential)


def _plan(wish: Desired, live: Live) -> EnvironmentPlan:
    return plan_environment(wish, live, {})


def _refused(wish: Desired, live: Live) -> tuple[Refusal, ...]:
    return check(wish, _plan(wish, live), Allowances(deletes=9, in_use=True))


def _guards(wish: Desired, live: Live) -> list[str]:
    return [refusal.guard for refusal in _refused(wish, live)]


# --- who may create ---


@pytest.mark.parametrize(
    ("version", "scopes", "may"),
    [
        ("1.9.5", RELEASE, True),
        ("1.9.6", RELEASE, True),
        ("1.9.6", MAIN, False),
        ("1.9.6", None, None),
        ("1.9.9", RELEASE, True),
        ("1.9.10", RELEASE, None),
        ("2.0.0", RELEASE, False),
        ("2.6.2", MAIN, False),
        ("3.1", None, False),
        (None, MAIN, False),
        (None, RELEASE, None),
        (None, None, None),
    ],
)
def test_whether_project_keys_create_is_told_from_version_and_scopes(
    version: str | None, scopes: frozenset[str] | None, may: bool | None
) -> None:
    facts = ServerFacts(version=version, scopes=scopes)

    assert facts.project_keys_create is may
    expected = ["may-not-create"] if may is False else []
    for kind in OF_PROJECT:
        assert _guards(desired(wanted()), _live(facts=facts, kind=kind)) == expected
    for kind in OTHERS:
        assert _guards(desired(wanted()), _live(facts=facts, kind=kind)) == []


def test_a_creation_that_will_be_denied_is_refused_once_with_every_way_out() -> None:
    (refusal,) = _refused(desired(wanted("a"), wanted("b"), wanted("c")), _live())

    assert refusal.where == "staging"
    assert "staging/a and 2 more would be created, and the project key in KEY may not create keys" in refusal.message
    for way in ("organization key", "session", "--login EMAIL", "in the Console", "--exclude"):
        assert way in refusal.hint
    (one,) = _refused(desired(wanted("a")), _live())
    assert f"make staging/a with the id {owned_id('a')} in the Console" in one.hint


def test_a_key_that_was_made_by_hand_under_that_id_is_this_manifests_own() -> None:
    by_hand = live_key("a", title="made in the Console", secret=None)

    assert _guards(desired(wanted("a")), _live(by_hand, _own(), id="admin")) == []


def test_what_may_not_be_created_may_still_be_changed_and_deleted() -> None:
    live = _live(live_key("a", secret=None), live_key("old", secret=None), _own(), id="admin")

    assert _guards(desired(wanted("a", title="New")), live) == []


# --- who may write ---


def test_a_credential_that_only_reads_is_told_before_it_writes() -> None:
    live = _live(live_key("a"), _own(["keys.read"], hidden=False), facts=OLD)

    (refusal,) = _refused(desired(wanted("a", title="New")), live)

    assert refusal.guard == "may-not-write"
    assert "staging/a would be changed, and the project key in KEY lacks the scope keys.write" in refusal.message
    assert _guards(desired(wanted("a")), live) == [], "it plans as well as any other"


def test_an_ephemeral_key_says_itself_that_it_only_reads() -> None:
    live = _live(live_key("a"), facts=OLD, kind="ephemeral_key", scopes=frozenset({"keys.read"}))

    assert _guards(desired(wanted("a", title="New")), live) == ["may-not-write"]


def test_where_it_is_not_known_which_key_the_credential_is_the_server_is_asked() -> None:
    live = _live(live_key("a", secret=None), _own(["keys.read"]), live_key(id="x", scopes=["keys.write"], secret=None))

    assert _guards(desired(wanted("a", title="New")), live) == []


# --- more than it has ---


@pytest.mark.parametrize(
    ("expire", "outlives"), [(None, True), (NOW + 31 * DAY, True), (NOW + 30 * DAY, False), (NOW + DAY, False)]
)
def test_an_end_beyond_the_declared_one_of_the_credential_is_refused(expire: datetime | None, outlives: bool) -> None:
    wish = desired(wanted(expiry=At(expire) if expire else None))

    for kind in (*OF_PROJECT, *OTHERS):
        live = _live(facts=OLD, kind=kind, declared_end=NOW + 30 * DAY)
        assert _guards(wish, live) == (["beyond-credential"] if outlives else [])


def test_the_refusal_names_the_end_that_counts() -> None:
    (refusal,) = _refused(desired(wanted()), _live(facts=OLD, declared_end=NOW + 30 * DAY))

    assert refusal.where == "staging/ci"
    assert "the project key in KEY ends at 2026-12-23T12:00:00Z" in refusal.message


def test_a_longer_life_is_refused_and_one_that_stays_is_not_where_the_server_does_not_mind() -> None:
    key = live_key(expire=NOW + 90 * DAY)
    longer, renamed = wanted(expiry=At(NOW + 99 * DAY)), wanted(title="New", expiry=At(NOW + 90 * DAY))
    live = _live(key, facts=OLD, declared_end=NOW + 30 * DAY)

    assert _guards(desired(longer), live) == ["beyond-credential"]
    assert _guards(desired(renamed), live) == []
    hardened = replace(live, facts=HARDENED)
    assert _guards(desired(renamed), hardened) == ["beyond-credential"], "there the result counts"


@pytest.mark.parametrize("facts", [HARDENED, ServerFacts(version="1.9.10", scopes=RELEASE)])
def test_hardened_servers_let_no_key_give_more_than_it_holds(facts: ServerFacts) -> None:
    key, own = live_key("a", secret=None, expire=NOW + DAY), _own(expire=NOW + 30 * DAY)
    live = _live(key, own, facts=facts, id="ADMIN")
    end = At(NOW + DAY)

    assert _guards(desired(wanted("a", scopes=["keys.read"], expiry=end, allow=["keys.read"])), live) == []
    (wider,) = _refused(desired(wanted("a", scopes=["users.read", "rows.read"], expiry=end)), live)
    assert "rows.read: the project key in KEY does not hold that" in wider.message
    assert _guards(desired(wanted("a", expiry=At(NOW + 31 * DAY))), live) == ["beyond-credential"]


def test_older_servers_let_a_key_give_what_it_has_not() -> None:
    live = _live(live_key("a"), _own(["keys.write"], hidden=False, expire=NOW + DAY), facts=OLD)

    assert _guards(desired(wanted("a", scopes=["rows.read"])), live) == []


def test_an_ephemeral_key_gives_nothing_beyond_its_own_hour() -> None:
    live = _live(
        live_key("a", secret=None),
        kind="ephemeral_key",
        end=NOW + timedelta(hours=1),
        scopes=frozenset(ALL),
        id="admin",
    )

    assert _guards(desired(wanted("a", title="New")), live) == ["beyond-credential"]


def test_sessions_and_organization_keys_give_what_they_like() -> None:
    for kind in OTHERS:
        assert _guards(desired(wanted(scopes=["rows.read"])), _live(_own(), kind=kind)) == []


def test_a_delivery_that_writes_nothing_to_the_server_needs_no_right() -> None:
    live = _live(live_key("a"), _own(["keys.read"], hidden=False), facts=OLD)
    made = plan_environment(desired(wanted("a", sinks=(SINK,))), live, {SINK: EMPTY})

    assert [type(change).__name__ for change in made.changes] == ["Deliver"]
    assert check(desired(), made, Allowances(deletes=9)) == ()


# --- which key it is ---


def test_the_id_that_the_manifest_gives_frees_all_other_keys_where_secrets_are_hidden() -> None:
    other = live_key("old", scopes=["keys.write"], secret=None)

    assert _guards(desired(), _live(other, _own())) == ["empty", "own-credential"]
    assert _guards(replace(desired(), allow_empty=True), _live(other, _own(), id="admin")) == []


def test_the_key_that_the_manifest_names_is_spared_in_any_case_of_its_letters() -> None:
    own = live_key("admin-key", scopes=["keys.write"], secret=None)
    live = _live(own, id=own.id.upper())

    assert [refusal.guard for refusal in check(desired(), plan_destroy(desired(), live), Allowances())] == [
        "empty",
        "own-credential",
    ]


@pytest.mark.parametrize(
    ("live", "warning"),
    [
        (_live(_own(), id="admni"), "credential.id names admni, which is no key of this project"),
        (_live(_own(), kind="session", id="admin"), "credential.id says nothing: the console session in KEY"),
        (_live(_own(hidden=False), live_key(id="x"), facts=OLD, id="x"), "is another key of this project; both are"),
    ],
)
def test_an_id_that_says_nothing_is_told(live: Live, warning: str) -> None:
    assert any(warning in each for each in _plan(desired(), live).warnings)


def test_an_id_that_is_no_key_frees_none() -> None:
    assert _live(_own(), id="admni").own == {"admin"}


# --- what else is known of a server ---


def test_a_project_without_keys_hides_secrets_where_its_version_says_so() -> None:
    (without_sink,) = _plan(desired(wanted()), _live(kind="session")).warnings
    assert "never shows a secret again" in without_sink
    assert _plan(desired(wanted()), _live(kind="session", facts=OLD)).warnings == ()
