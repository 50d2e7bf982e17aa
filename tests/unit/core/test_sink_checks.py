"""What a doctor says of sinks: one check for the same finding, and failed is only what an apply would need."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.checkup import Check, Verdict
from reconciler.core.desired import Never, SinkSpec
from reconciler.core.holding import EMPTY, UNSEEN, Holding, Note, holding
from reconciler.core.plan import Change, Create, Reason
from reconciler.core.secret import Secret
from reconciler.core.sink_checks import SinkSeen, sink_checks
from reconciler.errors import GuardError, SinkError
from tests.support.builders import NOW, state

NOTE = Note(key_id="ci.aaaaaaaa.g1", created=NOW, fingerprint="0" * 32)


def vault(secret: str, field: str = "KEY") -> SinkSpec:
    return SinkSpec(kind="vault", options=(("field", field), ("secret", secret)))


def create(*sinks: SinkSpec) -> Create:
    return Create(
        address="staging/ci",
        key_id="ci.aaaaaaaa.g1",
        after=state(),
        expiry=Never(),
        sinks=sinks,
        reason=Reason.DECLARED,
        marks=(),
        from_globs=frozenset(),
        lost=(),
        leftover=None,
    )


def checks(*seen: SinkSeen, changes: Iterable[Change] | None = None) -> list[Check]:
    return list(sink_checks(seen, changes))


def only(*seen: SinkSeen, changes: Iterable[Change] | None = None) -> Check:
    (check,) = checks(*seen, changes=changes)
    return check


def test_messages_that_differ_by_what_they_name_of_the_sink_alone_are_one_finding() -> None:
    seen = (
        SinkSeen(sink=vault(f"shop/{n}"), error=SinkError(f"may not create secret/data/shop/{n}", hint=f"see shop/{n}"))
        for n in range(200)
    )

    check = only(*seen)

    assert check.message == "KEY shop/0 and 199 more: may not create secret/data/shop/0"
    assert (check.hint, len(check.sinks), check.sinks[199]) == ("see shop/0", 200, "vault KEY shop/199")


def test_other_findings_other_kinds_and_other_hints_stay_apart() -> None:
    other = SinkSpec(kind="file", options=(("path", "a"),))

    found = checks(
        SinkSeen(sink=vault("a"), error=SinkError("down")),
        SinkSeen(sink=vault("b"), error=SinkError("down", hint="wake it")),
        SinkSeen(sink=vault("c"), held=EMPTY),
        SinkSeen(sink=other, error=SinkError("down")),
    )

    assert [(check.name, check.verdict, len(check.sinks)) for check in found] == [
        ("vault", Verdict.FAILED, 1),
        ("vault", Verdict.FAILED, 1),
        ("vault", Verdict.OK, 1),
        ("file", Verdict.FAILED, 1),
    ]


def test_a_sink_that_cannot_be_written_fails_where_apply_would_write_it_or_nobody_knows() -> None:
    down = SinkSeen(sink=vault("a"), error=SinkError("down"))

    verdicts = [only(down, changes=changes).verdict for changes in (None, [create(vault("a"))], [create(vault("b"))])]

    assert verdicts == [Verdict.FAILED, Verdict.FAILED, Verdict.WARNING]


def test_a_sink_with_the_id_in_it_is_awaited_by_the_key_that_gets_that_id() -> None:
    down = SinkSeen(sink=vault("ci.aaaaaaaa.g1"), error=SinkError("down"))

    assert only(down, changes=[create(vault("{id}"))]).verdict is Verdict.FAILED


def test_what_a_flag_refuses_fails_whatever_is_to_be_done() -> None:
    refused = SinkSeen(sink=SinkSpec(kind="exec", options=(("command", ("./push",)),)), error=GuardError("refused"))

    assert only(refused, changes=[]).verdict is Verdict.FAILED


def test_whose_value_a_sink_holds() -> None:
    place = vault("a")
    unknown = SinkSeen(sink=place, held=holding(Secret("x")))
    foreign = SinkSeen(sink=place, held=holding(Secret("x"), NOTE), foreign=True)
    own = SinkSeen(sink=place, held=holding(Secret("x"), NOTE))
    unreadable = SinkSeen(sink=place)

    assert only(unknown, changes=[create(place)]).verdict is Verdict.WARNING
    assert only(unknown, changes=[]).verdict is Verdict.OK
    assert only(foreign, changes=[]).verdict is Verdict.FAILED
    assert only(own, changes=[create(place)]).verdict is Verdict.OK
    assert only(unreadable, changes=[]).verdict is Verdict.WARNING


def test_a_sink_that_may_be_written_but_not_looked_at_is_well_and_says_why() -> None:
    check = only(SinkSeen(sink=vault("a"), held=Holding(occupied=None, why="the credential may not read it")))

    assert (check.verdict, check.message) == (
        Verdict.OK,
        "KEY a: can be written, as far as asking tells; not compared: the credential may not read it",
    )


def test_of_a_command_only_its_being_there_is_said() -> None:
    command = SinkSpec(kind="exec", options=(("command", ("./push", "there")),))

    check = only(SinkSeen(sink=command, held=UNSEEN))

    assert (check.verdict, check.message) == (
        Verdict.OK,
        "./push there: the program is there; what it does, only apply finds out",
    )
