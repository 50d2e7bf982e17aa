"""The doctor looks at environments side by side, waits for none of them for ever, and raises for nothing it finds."""

from __future__ import annotations

import asyncio
from pathlib import PurePath
from random import Random
from typing import Any, cast

import pytest

from reconciler.app.doctor import Doctor, Patient
from reconciler.app.planning import Site
from reconciler.core.checkup import Verdict
from reconciler.core.credential import CredentialInUse
from reconciler.core.keys import Listing, ServerFacts
from reconciler.edge.sinks import InstalledSinks
from reconciler.errors import CredentialError, ManifestError, Problem, ServerError
from reconciler.ports import KeyStore
from tests.support.builders import HERE, NOW, desired, live_key

pytestmark = pytest.mark.anyio

SINKS = InstalledSinks()
"""No key here is delivered, so that none of them is opened."""


class FakeStore:
    """The part of a `KeyStore` that a doctor needs; each answer is a value, an error, or None for no answer at all."""

    def __init__(self, **answers: object) -> None:
        self.answers: dict[str, object] = {
            "facts": ServerFacts(version="2.0.0"),
            "list": Listing(keys=(live_key(id="by-hand"),), now=NOW),
            "may_write": True,
            "may_create": True,
            **answers,
        }
        self.asked: list[tuple[str, ...]] = []

    async def _answer(self, question: str, *about: str) -> Any:
        self.asked.append((question, *about))
        answer = self.answers[question]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def facts(self) -> ServerFacts:
        return cast("ServerFacts", await self._answer("facts"))

    async def list(self) -> Listing:
        return cast("Listing", await self._answer("list"))

    async def may_write(self, absent_id: str) -> bool:
        return bool(await self._answer("may_write", absent_id))

    async def may_create(self, taken_id: str) -> bool:
        return bool(await self._answer("may_create", taken_id))


def patient(store: FakeStore, *, trouble: CredentialError | None = None, unresolved: bool = False) -> Patient:
    def resolve(_: ServerFacts) -> Any:
        if unresolved:
            raise ManifestError([Problem(position=HERE, message="the scope is unknown", hint="another")])
        return desired()

    site = Site(
        store=cast("KeyStore", store),
        own_secret=None,
        empty=desired(),
        resolve=resolve,
        folder=PurePath(),
        credential=CredentialInUse(kind="session", source="a file"),
    )
    return Patient(site=site, trouble=trouble, server="server")


async def verdicts(*patients: Patient, write_probes: bool = False) -> list[dict[str, Verdict]]:
    doctor = Doctor(here=lambda: NOW, entropy=Random(1), sinks=SINKS, write_probes=write_probes, patience=0.05)
    async with asyncio.timeout(5):
        found = await doctor.examine(patients)
    return [{check.name: check.verdict for check in each.checks} for each in found]


async def test_without_the_flag_nothing_is_asked_but_to_read() -> None:
    store = FakeStore()

    await verdicts(patient(store))

    assert sorted(store.asked) == [("facts",), ("list",)]


async def test_with_the_flag_it_asks_about_an_id_that_nobody_has_and_one_that_is_taken() -> None:
    store = FakeStore()

    (found,) = await verdicts(patient(store), write_probes=True)

    (_, absent), (_, taken) = store.asked[2:]
    assert (taken, absent.startswith("reconciler-"), len(absent)) == ("by-hand", True, 27)
    assert (found["keys.write"], found["may create"]) == (Verdict.OK, Verdict.OK)


async def test_where_no_id_is_taken_for_sure_creating_is_not_asked_about() -> None:
    store = FakeStore(list=Listing(keys=(), now=NOW))

    await verdicts(patient(store), write_probes=True)

    assert [question for question, *_ in store.asked] == ["facts", "list", "may_write"]


@pytest.mark.parametrize("question", ["facts", "list", "may_write", "may_create"])
@pytest.mark.parametrize(
    "answer", [None, ServerError("no"), CredentialError("no")], ids=["silence", "server", "refusal"]
)
async def test_no_answer_is_a_finding_and_the_others_are_looked_at(question: str, answer: object) -> None:
    well, ill = await verdicts(patient(FakeStore()), patient(FakeStore(**{question: answer})), write_probes=True)

    assert Verdict.FAILED not in well.values()
    name = {"facts": "reachable", "list": "keys.read", "may_write": "keys.write", "may_create": "may create"}[question]
    assert ill[name] is (Verdict.FAILED if question in {"facts", "list"} else Verdict.UNKNOWN)


async def test_without_a_credential_nothing_is_listed() -> None:
    store = FakeStore()

    (found,) = await verdicts(patient(store, trouble=CredentialError("there is none")), write_probes=True)

    assert store.asked == [("facts",)]
    assert (found["credential"], found["reachable"], found["keys.read"]) == (
        Verdict.FAILED,
        Verdict.OK,
        Verdict.UNKNOWN,
    )


async def test_a_manifest_that_this_server_does_not_understand_is_a_finding() -> None:
    (found,) = await verdicts(patient(FakeStore(), unresolved=True))

    assert found["manifest"] is Verdict.FAILED
    assert found["keys.read"] is Verdict.OK


async def test_a_fault_of_the_program_is_no_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        await verdicts(patient(FakeStore(list=ZeroDivisionError())))
