"""Whether a sink holds a key's secret: by the secret, by the note beside it, by the time of the last write."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.globs import Selection
from reconciler.core.guards import Allowances, check
from reconciler.core.holding import (
    EMPTY,
    UNSEEN,
    Holding,
    Match,
    Note,
    fingerprint,
    holding,
    is_same,
    match,
    note_of,
    parse_note,
    without_note,
)
from reconciler.core.ids import MAX_GENERATION, Realm, key_id
from reconciler.core.plan import Create, Deliver, EnvironmentPlan, Reason, Retire, Unseen
from reconciler.core.planner import plan_environment, sinks_to_look_at
from reconciler.core.secret import Secret
from reconciler.errors import ManifestError
from tests.support.builders import HERE, NOW, REALM, SINK, desired, live, live_key, owned_id, undelivered, wanted

SECRET = Secret("standard_" + "5" * 40)
OTHER = Secret("standard_" + "6" * 40)
SHOWN = live_key(secret=SECRET)
HIDDEN = live_key(secret=None)
NOTE = note_of(SHOWN, SECRET)
NOTE_OF_OLD = note_of(replace(SHOWN, id=owned_id("ci", 2)), OTHER)
SECOND = timedelta(seconds=1)
HOOK = SinkSpec(kind="exec", options=(("command", ("./push",)),))


@pytest.mark.parametrize(
    ("held", "shown", "hidden"),
    [
        (EMPTY, Match.LACKS, Match.LACKS),
        (UNSEEN, Match.UNKNOWN, Match.UNKNOWN),
        (holding(SECRET), Match.HOLDS, Match.UNKNOWN),
        (holding(OTHER), Match.LACKS, Match.UNKNOWN),
        (holding(Secret("")), Match.LACKS, Match.LACKS),
        (holding(Secret(""), NOTE_OF_OLD), Match.LACKS, Match.LACKS),
        (holding(SECRET, NOTE), Match.HOLDS, Match.HOLDS),
        (holding(OTHER, NOTE), Match.LACKS, Match.LACKS),
        (holding(OTHER, NOTE_OF_OLD), Match.LACKS, Match.LACKS),
        (holding(SECRET, NOTE_OF_OLD), Match.HOLDS, Match.UNKNOWN),
        (replace(holding(SECRET, NOTE_OF_OLD), written=SHOWN.created - SECOND), Match.HOLDS, Match.LACKS),
        (Holding(occupied=True, note=NOTE), Match.HOLDS, Match.HOLDS),
        (Holding(occupied=True, note=NOTE_OF_OLD), Match.LACKS, Match.LACKS),
        (Holding(occupied=True, note=replace(NOTE, fingerprint="0" * 32)), Match.LACKS, Match.HOLDS),
        (Holding(occupied=True), Match.UNKNOWN, Match.UNKNOWN),
        (Holding(occupied=True, written=SHOWN.created - SECOND), Match.LACKS, Match.LACKS),
        (Holding(occupied=True, written=SHOWN.created), Match.UNKNOWN, Match.UNKNOWN),
    ],
)
def test_a_sink_is_judged_by_the_best_that_can_be_seen(held: Holding, shown: Match, hidden: Match) -> None:
    assert (match(held, SHOWN), match(held, HIDDEN)) == (shown, hidden)


def test_what_a_sink_is_known_to_hold_is_not_written_again() -> None:
    assert is_same(holding(SECRET), SECRET, NOTE)
    assert not is_same(holding(OTHER, NOTE), SECRET, NOTE)
    assert is_same(Holding(occupied=True, note=NOTE), SECRET, NOTE)
    assert not is_same(Holding(occupied=True, note=NOTE_OF_OLD), SECRET, NOTE)
    assert not is_same(Holding(occupied=True), SECRET, NOTE)
    assert not is_same(EMPTY, SECRET, NOTE)


def test_a_note_is_one_line_that_is_read_back_whatever_stands_around_it() -> None:
    assert str(NOTE) == (
        f"key={SHOWN.id} created=2026-10-24T12:00:00.000+00:00 fingerprint={fingerprint(SHOWN.id, SECRET)}"
    )
    assert parse_note(f"# reconciler: A {NOTE} # by hand\r\n") == NOTE
    assert without_note(f" of the shop {NOTE}\n") == "of the shop"
    assert without_note(str(NOTE)) == ""
    assert without_note(" of the shop ") == "of the shop"


@pytest.mark.parametrize("text", ["", "key=a", str(NOTE)[:-1], str(NOTE).replace("2026-10-24", "2026-99-99")])
def test_what_is_no_note_is_none(text: str) -> None:
    assert parse_note(text) is None


def test_a_fingerprint_is_salted_with_the_key_and_holds_nothing_of_the_secret() -> None:
    assert fingerprint("a", SECRET) != fingerprint("b", SECRET)
    assert fingerprint("a", SECRET) not in SECRET.reveal()
    assert SECRET.reveal()[9:20] not in str(NOTE)


def plan(held: Holding | None, found: bool = True, *, hidden: bool = True, sink: SinkSpec = SINK) -> EnvironmentPlan:
    keys = (live_key(secret=None if hidden else SECRET),) if found else ()
    return plan_environment(desired(wanted(sinks=(sink,))), live(*keys), {sink: held} if held else {})


def test_where_secrets_are_hidden_a_sink_that_lacks_one_gets_that_of_a_new_key() -> None:
    made = plan(EMPTY)

    retire, create = made.changes
    assert isinstance(create, Create)
    assert (create.key_id, create.reason, create.follows) == (owned_id("ci", 2), Reason.SECRET_LOST, owned_id("ci"))
    assert isinstance(retire, Retire)
    assert (retire.key_id, retire.after.expire) == (owned_id("ci"), NOW + timedelta(hours=48))


LAST = live_key(generation=MAX_GENERATION, secret=None)


def test_after_the_last_generation_a_key_is_kept_and_asks_for_another_name() -> None:
    made = plan_environment(desired(wanted(sinks=(SINK,))), live(LAST), {SINK: EMPTY})
    assert made.changes == ()
    (warning,) = made.warnings
    assert "`renamed_from`" in warning


def test_an_unfinished_key_of_the_last_generation_is_a_problem_of_its_place_in_the_manifest() -> None:
    unfinished = undelivered(generation=MAX_GENERATION, secret=None)
    with pytest.raises(ManifestError) as caught:
        plan_environment(desired(wanted(sinks=(SINK,))), live(unfinished), {})
    (problem,) = caught.value.problems
    assert problem.position == HERE
    assert problem.message == (
        f'staging/ci needs a new key, and no id comes after "{LAST.id}": it is generation 1295, the last'
    )
    assert "`renamed_from: ci`" in problem.hint


def test_under_another_name_generations_begin_anew() -> None:
    made = plan_environment(desired(wanted("cd", sinks=(SINK,), former_slug="ci")), live(LAST), {SINK: EMPTY})
    assert {change.key_id for change in made.changes if isinstance(change, Create)} == {owned_id("cd")}
    assert {change.key_id for change in made.changes if isinstance(change, Retire)} == {LAST.id}


EARLIER = note_of(replace(SHOWN, created=SHOWN.created - SECOND), OTHER)
"""The note of the generation before the live one."""


def with_second(held: Holding, *, targets: tuple[str, ...] = (), sink: SinkSpec = SINK) -> EnvironmentPlan:
    wish = replace(desired(wanted(sinks=(sink,))), selection=Selection(targets=targets))
    second = live_key(generation=2, secret=None)
    return plan_environment(wish, live(second), {sink: held})


def test_a_file_that_was_left_behind_takes_no_key_from_the_machine_that_has_it() -> None:
    made = with_second(holding(OTHER, EARLIER))

    assert made.changes == ()
    (warning,) = made.warnings
    assert warning == (
        "staging/ci: dotenv secrets/staging.env APPWRITE_API_KEY holds an earlier key's secret: an old copy was put "
        f"back, or a run that does not share this file has delivered {owned_id('ci', 2)}, which this server never "
        "shows again. Deliver to a place that all runs share; --target staging/ci makes another key here"
    )


def test_where_the_user_names_the_key_a_file_that_was_left_behind_gets_the_next_one() -> None:
    made = with_second(holding(OTHER, EARLIER), targets=("staging/ci",))

    assert [change.key_id for change in made.changes if isinstance(change, Create)] == [owned_id("ci", 3)]
    assert made.warnings == ()


@pytest.mark.parametrize(
    "other",
    [
        EMPTY,
        holding(Secret(""), EARLIER),
        holding(OTHER, note_of(live_key("backend"), OTHER)),
        holding(SECRET, NOTE_OF_OLD),
    ],
    ids=["emptied", "blank", "another key's", "changed by hand"],
)
def test_a_file_that_otherwise_lacks_the_secret_gets_that_of_a_new_key(other: Holding) -> None:
    assert [change.key_id for change in with_second(other).changes if isinstance(change, Create)] == [owned_id("ci", 3)]


def test_a_place_that_runs_share_is_never_left_behind() -> None:
    vault = SinkSpec(kind="vault", options=(("path", "ci"),))

    made = with_second(Holding(occupied=True, note=EARLIER), sink=vault)

    assert [change.key_id for change in made.changes if isinstance(change, Create)] == [owned_id("ci", 3)]


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (None, "it cannot be read"),
        (UNSEEN, ""),
        (Holding(occupied=True), ""),
        (holding(OTHER), "no note tells whose value it holds"),
    ],
)
def test_where_nothing_is_known_no_key_is_made_and_that_is_said(held: Holding | None, why: str) -> None:
    made = plan(held)

    assert made.changes == ()
    assert made.unseen == (Unseen(address="staging/ci", sink="dotenv secrets/staging.env APPWRITE_API_KEY", why=why),)


def test_an_adopted_key_is_not_replaced_where_its_secret_is_hidden() -> None:
    made = plan_environment(
        desired(wanted(sinks=(SINK,), adopts="by-hand")), live(live_key(id="by-hand", secret=None)), {SINK: EMPTY}
    )

    assert made.changes == ()


def test_a_sink_that_shows_nothing_is_delivered_to_again_where_the_key_is_a_target() -> None:
    wish = desired(wanted(sinks=(HOOK,)))
    assert plan_environment(wish, live(live_key()), {HOOK: UNSEEN}).changes == ()

    targeted = replace(wish, selection=Selection(targets=("staging/ci",)))
    (change,) = plan_environment(targeted, live(live_key()), {HOOK: UNSEEN}).changes

    assert isinstance(change, Deliver)
    assert (change.sinks, change.reason) == ((HOOK,), Reason.SINK_NAMED)


def foreign(realm: Realm) -> Note:
    return Note(key_id=key_id(realm, "ci"), created=NOW, fingerprint="0" * 32)


def test_the_secret_of_another_manifests_key_is_never_overwritten() -> None:
    wish = desired(wanted(sinks=(SINK,)))
    theirs = foreign(replace(REALM, owner="somebody-else"))

    made = plan_environment(wish, live(), {SINK: holding(OTHER, theirs)})

    (refusal,) = check(wish, made, Allowances())
    assert refusal.guard == "foreign-value"
    assert f"dotenv secrets/staging.env APPWRITE_API_KEY, of key {theirs.key_id}" in refusal.message


@pytest.mark.parametrize("note", [None, foreign(REALM), replace(foreign(REALM), key_id="made-by-hand")])
def test_any_other_value_is_marked_and_replaced(note: Note | None) -> None:
    wish = desired(wanted(sinks=(SINK,)))

    made = plan_environment(wish, live(), {SINK: holding(OTHER, note)})

    assert check(wish, made, Allowances()) == ()
    (change,) = made.changes
    (mark,) = (mark for mark in change.marks if "replaces" in str(mark))
    assert (
        str(mark)
        == f"replaces a value (dotenv secrets/staging.env APPWRITE_API_KEY{f', of key {note.key_id}' if note else ''})"
    )


def test_a_sink_with_the_id_in_its_place_is_looked_at_for_every_id_that_its_key_has_or_may_get() -> None:
    sink = replace(SINK, options=(("path", "{id}.env"), ("variable", "A")))
    wish = desired(wanted(sinks=(sink, SINK)))

    looked = [each.option("path") for each in sinks_to_look_at(wish, live(live_key(generation=4)))]

    assert looked == [
        f"{owned_id('ci')}.env",
        f"{owned_id('ci', 4)}.env",
        f"{owned_id('ci', 5)}.env",
        "secrets/staging.env",
    ]


def test_after_the_last_generation_there_is_no_other_place_to_look_at() -> None:
    sink = replace(SINK, options=(("path", "{id}.env"), ("variable", "A")))

    looked = sinks_to_look_at(desired(wanted(sinks=(sink,))), live(live_key(generation=MAX_GENERATION)))

    assert [each.option("path") for each in looked] == [
        f"{owned_id('ci')}.env",
        f"{owned_id('ci', MAX_GENERATION)}.env",
    ]


def test_each_generation_is_delivered_to_the_place_of_its_own_id() -> None:
    sink = replace(SINK, options=(("path", "{id}.env"), ("variable", "A")))
    place = replace(sink, options=(("path", f"{owned_id('ci', 4)}.env"), ("variable", "A")))
    found = live(live_key(generation=4, secret=SECRET))

    assert plan_environment(desired(wanted(sinks=(sink,))), found, {place: holding(SECRET)}).changes == ()
    (change,) = plan_environment(desired(wanted(sinks=(sink,))), found, {place: holding(OTHER)}).changes
    assert isinstance(change, Deliver)


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (None, ["it cannot be read"]),
        (Holding(occupied=None, why="the vault cannot be reached"), ["the vault cannot be reached"]),
        (UNSEEN, []),
        (EMPTY, []),
        (Holding(occupied=True, why="it is not the file that was written here"), []),
    ],
    ids=["broken", "away", "command", "empty", "occupied"],
)
def test_of_a_key_to_be_made_a_sink_that_could_not_be_looked_at_is_told(held: Holding | None, why: list[str]) -> None:
    made = plan(held, found=False)

    assert [each.why for each in made.unseen] == why
    assert len(made.changes) == 1


@pytest.mark.parametrize("key", ["a b", "\x1b[31m", "é", "k" * 37, "-k", "standard_" + "5" * 40, "", "a/b", "<b>"])
def test_what_is_no_id_is_no_note(key: str) -> None:
    assert parse_note(str(NOTE).replace(NOTE.key_id, key)) is None


def test_the_longest_id_and_one_with_every_sign_are_notes() -> None:
    for key in ("k" * 36, "By_Hand-1.g1"):
        found = parse_note(str(NOTE).replace(NOTE.key_id, key))
        assert found is not None
        assert found.key_id == key


def test_of_an_adopted_key_that_a_sink_lacks_the_plan_says_so_where_nobody_shows_its_secret() -> None:
    wish = desired(wanted(sinks=(SINK,), adopts="By.Hand"))

    made = plan_environment(wish, live(live_key(id="By.Hand", secret=None)), {SINK: EMPTY})

    assert made.changes == ()
    (unseen,) = made.unseen
    assert unseen.why.startswith("it lacks this key's secret")
