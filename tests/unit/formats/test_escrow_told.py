"""Where an escrow keeps the secret of a key, every format of the report names the file and says how to open it."""

import json

from jsonschema import Draft202012Validator

from reconciler.core.desired import Never
from reconciler.core.outcome import EnvironmentOutcome, Outcome, Result, Status
from reconciler.core.plan import Create, Reason
from reconciler.edge.resources import schema
from reconciler.formats.data import outcome_json
from reconciler.formats.markdown import outcome_markdown
from reconciler.formats.text import outcome_text
from tests.support.builders import SINK, owned_id, state

FILE = f"escrow/staging/{owned_id('ci')}.age"
CHANGE = Create(
    address="staging/ci",
    key_id=owned_id("ci"),
    after=state(),
    expiry=Never(),
    sinks=(SINK,),
    reason=Reason.DECLARED,
    marks=(),
    from_globs=frozenset(),
    lost=(),
)


def report(escrow: str) -> Outcome:
    result = Result(change=CHANGE, status=Status.UNDELIVERED, message="no room", hint="run it again", escrow=escrow)
    return Outcome(environments=(EnvironmentOutcome(environment="staging", owner="shop", results=(result,)),))


def test_as_text() -> None:
    assert outcome_text(report(FILE), width=120).startswith(
        "+ staging/ci  create: undelivered\n"
        "    no room\n"
        "    its secret is kept, encrypted:\n"
        f"      age -d -i IDENTITY {FILE}\n"
        "    hint: run it again\n"
    )


def test_as_markdown() -> None:
    assert f"`no room; its secret is kept, encrypted: age -d -i IDENTITY {FILE}; run it again`" in outcome_markdown(
        report(FILE)
    )


def test_as_json_by_its_schema() -> None:
    for escrow in (FILE, ""):
        told = json.loads(outcome_json(report(escrow)))

        Draft202012Validator(schema("report")).validate(told)
        assert told["environments"][0]["results"][0]["escrow"] == escrow


def test_a_path_with_spaces_is_quoted_for_the_shell() -> None:
    assert "age -d -i IDENTITY 'my keys/escrow/a.age'" in outcome_text(report("my keys/escrow/a.age"), width=120)


def test_where_nothing_is_kept_nothing_is_said() -> None:
    assert "kept" not in outcome_text(report("")) + outcome_markdown(report(""))
