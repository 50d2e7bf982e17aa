"""The doctor's verdicts: failed is what makes an apply impossible, and what was not observed is not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconciler.core.checks import checkup
from reconciler.core.checkup import Check, Verdict
from reconciler.core.credential import CredentialInUse, CredentialKind
from reconciler.core.desired import Desired
from reconciler.core.keys import LiveKey, ServerFacts
from reconciler.core.observed import Observed
from reconciler.core.planner import plan_environment
from reconciler.core.scopes import SENSITIVE
from reconciler.errors import (
    CredentialError,
    ManifestError,
    Problem,
    ReconcilerError,
    ServerError,
    Unreachable,
    Untrusted,
)
from tests.support.builders import HERE, NOW, desired, live, live_key, owned_id, wanted

OK, WARNING, FAILED, UNKNOWN = Verdict
DAY = timedelta(days=1)
HTTPS = "https://fra.cloud.appwrite.io/v1"
MANAGER = live_key(id="manager", title="Manager", scopes=sorted(SENSITIVE)[:2])
RELEASE = ServerFacts(version="1.9.6", scopes=frozenset({"users.read"}))
MAIN = ServerFacts(version="1.9.6", scopes=frozenset({"users.read", "embeddings.write"}))


def observed(
    *keys: LiveKey,
    kind: CredentialKind = "project_key",
    facts: ServerFacts = RELEASE,
    wish: Desired | None = None,
    own: Iterable[str] = ("manager",),
    credential: CredentialInUse | None = None,
    endpoint: str = HTTPS,
) -> Observed:
    """An environment that was seen as a whole; its credential is the key `manager`, and nothing is to be done."""
    wish = desired() if wish is None else wish
    in_use = credential or CredentialInUse(kind=kind, source="the environment variable KEY")
    project = replace(live(*(keys or (MANAGER,)), own=own), facts=facts, credential=in_use)
    return Observed(
        environment="staging",
        endpoint=endpoint,
        project="p1",
        credential=in_use,
        facts=facts,
        live=project,
        here=NOW,
        desired=wish,
        plan=plan_environment(wish, project, {}),
    )


def unseen(error: ReconcilerError, endpoint: str = HTTPS) -> Observed:
    """An environment whose server does not answer."""
    return Observed(
        environment="staging",
        endpoint=endpoint,
        project="p1",
        credential=CredentialInUse(kind="session", source="a file"),
        facts=error,
        live=error,
        here=NOW,
    )


def named(seen: Observed, name: str) -> Check:
    """One check."""
    (check,) = (check for check in checkup(seen).checks if check.name == name)
    return check


def verdict(seen: Observed, name: str) -> Verdict:
    """How one check came out."""
    return named(seen, name).verdict


def test_an_environment_that_is_well_has_nothing_to_tell() -> None:
    seen = replace(observed(), elsewhere={"other": "p2"})

    assert {check.verdict for check in checkup(seen).checks} == {OK}
    assert checkup(seen).works


def test_every_failure_says_what_to_do() -> None:
    error = Unreachable("it cannot be reached", hint="check endpoint")

    assert all(check.hint for check in checkup(unseen(error)).checks if check.verdict is FAILED)


def test_what_could_not_be_observed_is_not_known() -> None:
    found = {check.name: check.verdict for check in checkup(unseen(Unreachable("no"))).checks}

    assert found["reachable"] == found["keys.read"] == FAILED
    assert found["credential"] == found["own key"] == OK
    others = found.keys() - {"reachable", "keys.read", "credential", "own key"}
    assert {found[name] for name in others} == {UNKNOWN}


# --- the server ---


@pytest.mark.parametrize(
    ("error", "reachable", "tls"),
    [
        (Unreachable("no"), FAILED, UNKNOWN),
        (Untrusted("no", hint="a certificate"), OK, FAILED),
        (ServerError("late"), FAILED, UNKNOWN),
    ],
    ids=["unreachable", "untrusted", "late"],
)
def test_a_server_that_cannot_be_reached_or_trusted(error: ReconcilerError, reachable: Verdict, tls: Verdict) -> None:
    seen = unseen(error)

    assert (verdict(seen, "reachable"), verdict(seen, "tls")) == (reachable, tls)
    assert not checkup(seen).works


@pytest.mark.parametrize(
    ("endpoint", "tls"),
    [(HTTPS, OK), ("emulator", OK), ("http://localhost/v1", OK), ("http://appwrite.example/v1", WARNING)],
)
def test_a_network_that_is_not_encrypted_is_a_warning(endpoint: str, tls: Verdict) -> None:
    assert verdict(observed(endpoint=endpoint), "tls") is tls


@pytest.mark.parametrize(
    ("version", "found"),
    [("1.9.5", OK), ("2.7.1", OK), ("1.9.4", FAILED), ("1.8.1", FAILED), ("0.15", FAILED), (None, WARNING)],
)
def test_a_server_without_the_routes_of_keys_is_too_old(version: str | None, found: Verdict) -> None:
    assert verdict(observed(facts=ServerFacts(version=version)), "version") is found


@pytest.mark.parametrize(
    ("skew", "found", "told"),
    [
        (0, OK, "agree"),
        (30, OK, "agree"),
        (-30, OK, "agree"),
        (31, WARNING, "31 s ahead of the server"),
        (-3600, WARNING, "3,600 s behind the server"),
    ],
)
def test_a_clock_that_is_off_is_a_warning(skew: int, found: Verdict, told: str) -> None:
    check = named(replace(observed(), here=NOW + timedelta(seconds=skew)), "clock")

    assert (check.verdict, told in check.message) == (found, True)


# --- the credential ---


def test_no_credential_is_a_failure_and_the_server_is_looked_at_all_the_same() -> None:
    seen = replace(observed(), credential=CredentialError("there is none", hint="set KEY"), live=None, plan=None)

    assert (named(seen, "credential").message, named(seen, "credential").hint) == ("there is none", "set KEY")
    assert verdict(seen, "credential") is FAILED
    assert (verdict(seen, "reachable"), verdict(seen, "version")) == (OK, OK)
    assert verdict(seen, "keys.read") is UNKNOWN


def test_a_list_that_is_refused_is_a_failure() -> None:
    seen = replace(observed(), live=CredentialError("keys.read is missing", hint="add it"), plan=None)

    assert named(seen, "keys.read") == Check(
        name="keys.read", verdict=FAILED, message="keys.read is missing", hint="add it"
    )


@pytest.mark.parametrize(("changes", "found"), [(True, FAILED), (False, WARNING)])
@pytest.mark.parametrize("asked", [True, False])
def test_keys_write_that_is_missing_is_a_failure_where_something_is_to_be_done(
    changes: bool, found: Verdict, asked: bool
) -> None:
    reader = live_key(id="manager", scopes=["keys.read"])
    wish = desired(wanted()) if changes else desired()
    seen = observed(reader, wish=wish, facts=ServerFacts(version="1.9.6"))

    assert verdict(replace(seen, writes=False if asked else None), "keys.write") is found


def test_whether_keys_may_be_written_is_not_known_where_nobody_asked() -> None:
    seen = observed(kind="session", own=())

    assert verdict(seen, "keys.write") is UNKNOWN
    assert "--write-probes" in named(seen, "keys.write").hint
    assert verdict(replace(seen, writes=True), "keys.write") is OK
    assert verdict(replace(seen, writes=ServerError("late")), "keys.write") is UNKNOWN


@pytest.mark.parametrize(
    ("kind", "facts", "found"),
    [
        ("session", MAIN, OK),
        ("organization_key", MAIN, OK),
        ("project_key", RELEASE, OK),
        ("project_key", MAIN, FAILED),
        ("ephemeral_key", MAIN, FAILED),
        ("project_key", ServerFacts(version="2.0.0"), FAILED),
        ("project_key", ServerFacts(version="1.9.10"), UNKNOWN),
    ],
)
def test_who_may_create_depends_on_credential_and_server(
    kind: CredentialKind, facts: ServerFacts, found: Verdict
) -> None:
    assert verdict(observed(kind=kind, facts=facts, wish=desired(wanted())), "may create") is found


def test_who_may_not_create_is_a_warning_where_nothing_is_to_be_created() -> None:
    assert verdict(observed(facts=MAIN), "may create") is WARNING
    assert checkup(observed(facts=MAIN)).works


@pytest.mark.parametrize(
    ("answer", "found"), [(True, OK), (False, FAILED), (ServerError("late", hint="wait"), UNKNOWN)]
)
def test_what_the_server_said_of_creating_counts_more_than_its_version(
    answer: bool | ReconcilerError, found: Verdict
) -> None:
    seen = observed(facts=ServerFacts(version="1.9.10"), wish=desired(wanted()))

    assert verdict(replace(seen, creates=answer), "may create") is found


def test_its_own_key_is_told_where_the_server_shows_it() -> None:
    assert named(observed(), "own key").message == 'manager ("Manager"), which no apply ends or narrows'


def test_where_secrets_are_hidden_its_own_key_is_a_guess_unless_named() -> None:
    hidden = replace(MANAGER, secret=None)
    named_key = CredentialInUse(kind="project_key", source="a file", id="MANAGER")

    assert verdict(observed(hidden), "own key") is WARNING
    assert verdict(observed(hidden, own=()), "own key") is WARNING
    assert verdict(observed(hidden, credential=named_key), "own key") is OK


@pytest.mark.parametrize("kind", ["session", "organization_key", "ephemeral_key"])
def test_what_is_no_key_of_the_list_has_none_of_its_own(kind: CredentialKind) -> None:
    assert verdict(observed(kind=kind), "own key") is OK


@pytest.mark.parametrize(
    ("end", "found"),
    [(None, OK), (NOW, FAILED), (NOW + 14 * DAY, WARNING), (NOW + 15 * DAY, OK)],
    ids=["never", "now", "soon", "later"],
)
def test_a_credential_that_ends_soon_is_a_warning(end: datetime | None, found: Verdict) -> None:
    assert verdict(observed(replace(MANAGER, expire=end)), "credential ends") is found


def test_the_earliest_end_that_anybody_knows_of_counts() -> None:
    said = CredentialInUse(kind="project_key", source="a file", declared_end=NOW + DAY)

    assert verdict(observed(replace(MANAGER, expire=NOW + 99 * DAY), credential=said), "credential ends") is WARNING


def test_an_ephemeral_key_is_meant_to_end_soon() -> None:
    said = CredentialInUse(kind="ephemeral_key", source="a file", end=NOW + DAY, scopes=frozenset({"keys.write"}))

    assert verdict(observed(credential=said), "credential ends") is OK
    assert verdict(observed(credential=said), "keys.write") is OK


def test_the_end_of_a_session_is_not_known() -> None:
    assert verdict(observed(kind="session", own=()), "credential ends") is UNKNOWN


# --- the project ---


@pytest.mark.parametrize(
    ("count", "new", "found"),
    [(899, 0, OK), (900, 0, WARNING), (999, 1, WARNING), (1000, 1, FAILED), (1000, 0, WARNING), (1200, 0, WARNING)],
)
def test_a_project_that_fills_up(count: int, new: int, found: Verdict) -> None:
    keys = (MANAGER, *(live_key(id=f"k{number}") for number in range(count - 1)))

    check = named(observed(*keys, wish=desired(*(wanted(f"new-{each}") for each in range(new)))), "keys used")

    assert check.verdict is found
    assert check.message.startswith(f"{count:,} of 1,000")


def test_secrets_that_are_shown_once_are_a_warning() -> None:
    assert verdict(observed(replace(MANAGER, secret=None)), "secrets") is WARNING
    assert verdict(observed(), "secrets") is OK


@pytest.mark.parametrize(("version", "found"), [("1.9.6", UNKNOWN), ("2.6.2", WARNING)])
def test_without_keys_only_the_version_tells_whether_secrets_are_shown(version: str, found: Verdict) -> None:
    seen = observed(facts=ServerFacts(version=version))
    assert seen.seen is not None

    assert verdict(replace(seen, live=replace(seen.seen, keys=(), own=frozenset())), "secrets") is found


def test_an_id_that_another_project_has_is_a_failure() -> None:
    seen = observed(wish=desired(wanted("ci")))
    taken = replace(seen, elsewhere={owned_id("ci"): "p2"})

    assert verdict(seen, "ids") is UNKNOWN
    assert verdict(replace(seen, elsewhere={"another": "p2"}), "ids") is OK
    assert verdict(taken, "ids") is FAILED
    assert f"another project has: {owned_id('ci')} in p2" in named(taken, "ids").message


def test_an_adopted_id_that_another_project_has_is_a_failure_in_whatever_case() -> None:
    wish = desired(replace(wanted("ci"), adopts="By-Hand"))
    problem = ManifestError([Problem(position=HERE, message="there is no key By-Hand")])
    seen = replace(observed(), desired=wish, plan=problem, elsewhere={"by-hand": "p2"})

    assert "By-Hand in p2" in named(seen, "ids").message
    assert named(seen, "manifest").message == "keys.yaml:1:1: there is no key By-Hand"
    assert verdict(seen, "manifest") is FAILED


def test_what_the_manifest_asks_for_is_counted() -> None:
    assert named(observed(wish=desired(wanted("a"), wanted("b"))), "manifest").message.endswith("2 changes to apply")
    assert named(observed(), "manifest").message.endswith("nothing to apply")
