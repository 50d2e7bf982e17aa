"""Plans and reports as people, pages and programs see them: whole, as snapshots, and what no name may do to them."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion

from reconciler.core.guards import Refusal
from reconciler.core.outcome import EnvironmentOutcome, Outcome, Result, Status
from reconciler.core.plan import Create, Plan, Reason, Risk
from reconciler.core.planner import plan_environment
from reconciler.core.scopes import Catalogue
from reconciler.errors import Position, Problem
from reconciler.formats.catalogue import scopes_json, scopes_markdown, scopes_text
from reconciler.formats.data import outcome_json, problems_json
from reconciler.formats.markdown import outcome_markdown, plan_markdown, problems_markdown
from reconciler.formats.text import Screen, outcome_text, plan_text, progress_text
from reconciler.formats.words import ACTIONS, plan_summary
from tests.support import screens
from tests.support.builders import desired, live, wanted
from tests.support.saving import plan_json

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
WHOLE, REFUSALS, REPORT = screens.whole(), screens.refusals(), screens.outcome()
HOSTILE = Plan(environments=(screens.hostile(),))
UNCHANGED = Plan(environments=(screens.unchanged(),))


def test_the_snapshots_show_every_action_reason_mark_guard_and_status() -> None:
    shown = plan_text(WHOLE, REFUSALS, width=1000)
    report = outcome_text(REPORT, width=1000)

    reasons = set(Reason) - {Reason.EQUAL, Reason.NOT_ASKED}
    assert all(re.search(rf"because   {re.escape(reason)}(\n| \()", shown) for reason in reasons)
    assert all(f"!         {risk}" in shown for risk in Risk)
    assert {refusal.guard for refusal in REFUSALS} == {
        "beyond-credential",
        "deletes",
        "empty",
        "foreign-value",
        "in-use",
        "limit",
        "may-not-create",
        "may-not-write",
        "overlap",
        "own-credential",
        "protect",
        "sensitive",
    }
    assert all(f": {status}\n" in report for status in Status)
    assert "warning: " in shown
    assert "warning: " in report


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_plan_on_a_terminal(snapshot: SnapshotAssertion, width: int) -> None:
    assert plan_text(WHOLE, REFUSALS, width=width) == snapshot


def test_a_plan_with_all_that_stays_as_it_is(snapshot: SnapshotAssertion) -> None:
    assert plan_text(WHOLE, (), verbose=True) == snapshot


def test_a_plan_in_colour(snapshot: SnapshotAssertion) -> None:
    assert plan_text(WHOLE, REFUSALS, color=True) == snapshot


def test_a_plan_as_markdown(snapshot: SnapshotAssertion) -> None:
    assert plan_markdown(WHOLE, REFUSALS) == snapshot


def test_a_plan_as_json(snapshot: SnapshotAssertion) -> None:
    assert plan_json(WHOLE, REFUSALS) == snapshot


def test_a_new_key_whose_scopes_are_all_of_globs_lists_them_once() -> None:
    scopes = ("databases.read", "rows.read")
    plan = Plan(environments=(plan_environment(desired(wanted(scopes=scopes, from_globs=scopes)), live(), {}),))

    shown = plan_text(plan, ()) + plan_markdown(plan, ())

    assert "by glob   all of them\n" in shown
    assert "by glob: `all of them`\n" in shown
    assert shown.count("rows.read") == 2
    assert json.loads(plan_json(plan, ()))["environments"][0]["changes"][0]["from_globs"] == list(scopes)


def test_a_plan_without_changes(snapshot: SnapshotAssertion) -> None:
    shown = [plan_text(UNCHANGED, ()), plan_text(UNCHANGED, (), verbose=True), plan_markdown(UNCHANGED, ())]

    assert "\n---\n".join(shown) == snapshot


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_report_on_a_terminal(snapshot: SnapshotAssertion, width: int) -> None:
    assert outcome_text(REPORT, width=width) == snapshot


def test_a_report_in_colour(snapshot: SnapshotAssertion) -> None:
    assert outcome_text(REPORT, color=True) == snapshot


def test_a_report_as_markdown(snapshot: SnapshotAssertion) -> None:
    assert outcome_markdown(REPORT) == snapshot


def test_a_report_as_json(snapshot: SnapshotAssertion) -> None:
    assert outcome_json(REPORT) == snapshot


def test_reports_without_anything_wrong(snapshot: SnapshotAssertion) -> None:
    changes = WHOLE.changes
    reports = [screens.success(*changes[:count]) for count in range(3)]
    shown = [show(report) for report in reports for show in (outcome_text, outcome_markdown)]

    assert "---\n".join(shown) == snapshot


PROBLEMS = (
    Problem(position=Position(file="keys.yaml", line=3, column=5), message="unknown field `x`|y", hint="leave it out"),
    Problem(position=Position(file="keys.yaml", line=9, column=1), message="the file is empty"),
)


def test_problems_as_markdown_and_json(snapshot: SnapshotAssertion) -> None:
    assert problems_markdown(PROBLEMS) + problems_json(PROBLEMS) == snapshot


# --- widths ---


@pytest.mark.parametrize("width", [40, 41, 60, 80, 120, 200])
@pytest.mark.parametrize(
    "show",
    [
        lambda width: plan_text(WHOLE, REFUSALS, width=width, verbose=True),
        lambda width: outcome_text(REPORT, width=width),
        lambda width: plan_text(HOSTILE, (), width=width),
    ],
    ids=["plan", "report", "hostile"],
)
def test_no_line_is_wider_than_the_terminal_unless_one_word_is(show: Callable[[int], str], width: int) -> None:
    for line in show(width).splitlines():
        label = re.match(
            r"\s*(warning:|hint:|(name|scopes|expire|deliver|because|by glob|!)\s|[-+~>=] |age -d -i IDENTITY )?\s*",
            line,
        )
        assert label is not None
        words = line[label.end() :].split()
        assert cell_len(line) <= width or len(words) == 1, line


def test_a_terminal_narrower_than_forty_columns_gets_forty() -> None:
    assert plan_text(WHOLE, REFUSALS, width=3) == plan_text(WHOLE, REFUSALS, width=40)


@given(
    text=st.text(st.characters(categories=["L", "Zs", "P"]) | st.sampled_from(" 漢"), max_size=200),
    first=st.text("x ", max_size=12),
    indent=st.integers(0, 12),
)
def test_folding_loses_no_word_and_keeps_to_the_width(text: str, first: str, indent: int) -> None:
    text = text.strip(" ") or "word"
    lines = Screen(width=40, color=False).wrap(text, first=first, indent=indent).split("\n")

    shown = " ".join([lines[0][len(first) :], *(line.lstrip(" ") for line in lines[1:])])
    assert [word for word in shown.split(" ") if word] == [word for word in text.split(" ") if word]
    for number, line in enumerate(lines):
        body = line[len(first) :] if number == 0 else line.lstrip(" ")
        assert cell_len(line) <= 40 or " " not in body.strip(" ")


def test_colour_only_repeats_what_the_plain_screen_says() -> None:
    assert ESCAPES.sub("", plan_text(WHOLE, REFUSALS, color=True)) == plan_text(WHOLE, REFUSALS)
    assert ESCAPES.sub("", outcome_text(REPORT, color=True)) == outcome_text(REPORT)


def test_each_line_is_coloured_by_itself() -> None:
    for line in plan_text(WHOLE, REFUSALS, color=True).splitlines():
        assert line.count("\x1b[0m") * 2 == line.count("\x1b["), line


# --- names that would take over ---


def test_no_name_writes_a_control_character_to_a_terminal() -> None:
    shown = plan_text(HOSTILE, (), verbose=True) + progress_text(_result(), 1, 1)

    assert all(each.isprintable() or each == "\n" for each in shown)
    assert "\\x1b[31m" in shown
    assert "\\u202e" in shown


def test_spaces_at_the_ends_of_a_name_are_seen() -> None:
    shown = plan_text(_named(" CI "), ())

    assert '      name      " CI "\n' in shown


def _named(name: str) -> Plan:
    return Plan(environments=(plan_environment(desired(wanted(title=name)), live(), {}),))


def _result() -> Result:
    change = HOSTILE.changes[0]
    assert isinstance(change, Create)
    return Result(change=change, status=Status.FAILED, message=screens.HOSTILE, hint=screens.HOSTILE)


def hostile_report() -> Outcome:
    environment = EnvironmentOutcome(
        environment=screens.HOSTILE, owner=screens.HOSTILE, results=(_result(),), warnings=(screens.HOSTILE,)
    )
    return Outcome(environments=(environment,), warnings=(screens.HOSTILE,))


def tokens(page: str) -> list[Token]:
    """Every token of the page, as a reader that allows HTML and tables sees it."""
    parsed = MarkdownIt("commonmark", {"html": True}).enable("table").parse(page)
    return [inner for token in parsed for inner in (token, *(token.children or ()))]


@pytest.mark.parametrize(
    "page",
    [
        plan_markdown(HOSTILE, ()),
        plan_markdown(_named("``"), ()),
        plan_markdown(_named(""), ()),
        outcome_markdown(hostile_report()),
        problems_markdown([Problem(position=PROBLEMS[0].position, message=screens.HOSTILE, hint=screens.HOSTILE)]),
    ],
    ids=["plan", "backticks", "empty", "report", "problems"],
)
def test_no_name_breaks_out_of_its_place_in_markdown(page: str) -> None:
    found = tokens(page)
    kinds = {token.type for token in found}
    headings = [found[at + 1].content for at, token in enumerate(found) if token.type == "heading_open"]

    assert not kinds & {"html_inline", "html_block", "link_open", "image", "em_open", "fence", "code_block"}
    assert set(headings) <= {"`staging`"}
    assert all("bold" not in token.content for token in found if token.type == "text")


@pytest.mark.parametrize("name", ["`|`", "a|b", "<b>|", "x\n|y|", "\x1b[2J"])
def test_a_scope_that_a_server_made_up_stays_in_its_cell(name: str) -> None:
    catalogue = Catalogue(known=frozenset({"rows.read"}))
    found = tokens(scopes_markdown([name], catalogue))

    assert sum(token.type == "td_open" for token in found) == 3
    assert not {token.type for token in found} & {"html_inline", "html_block"}
    assert all(each.isprintable() or each == "\n" for each in scopes_text([name], catalogue))
    assert json.loads(scopes_json([name], catalogue))["scopes"][0]["notes"] == ["newer than this reconciler"]


def test_json_carries_any_name_in_ascii() -> None:
    plan = _named("\ud800é\u202e")

    shown = plan_json(plan, ())

    assert shown.isascii()
    assert json.loads(shown)["environments"][0]["changes"][0]["after"]["name"] == "\ud800é\u202e"


# --- for programs ---


def test_the_summary_of_the_json_counts_what_it_lists() -> None:
    plan = json.loads(plan_json(WHOLE, REFUSALS))
    environments = plan["environments"]
    actions = [change["action"] for environment in environments for change in environment["changes"]]

    assert {name: actions.count(name) for name in ACTIONS} == {
        name: count for name, count in plan["summary"].items() if name not in {"unchanged", "unmanaged", "ignored"}
    }
    assert plan["summary"]["unmanaged"] == sum(len(environment["unmanaged"]) for environment in environments)
    assert len(plan["refusals"]) == len(REFUSALS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "show",
    [plan_text, lambda plan, refusals: plan_text(plan, refusals, color=True), plan_json],
    ids=["text", "colour", "json"],
)
def test_ten_thousand_changes_are_shown_soon(show: Callable[[Plan, tuple[Refusal, ...]], str]) -> None:
    plan = screens.mass(10_000)
    show(screens.mass(10), ())

    started = time.process_time()
    shown = show(plan, ())

    assert time.process_time() - started <= 1.5
    assert len(shown) > 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize("count", [150, 1000, 10_000])
def test_a_comment_holds_the_markdown_of_any_plan_and_what_ends_keys_comes_first(count: int) -> None:
    plan = screens.mass(count)

    shown = plan_markdown(plan, REFUSALS)

    assert len(shown) < 65_536
    assert plan_summary(plan) in shown
    assert all(refusal.message in shown for refusal in REFUSALS)
    if count > 150:  # else everything is told, by address
        assert shown.index("**delete**") < (shown + "**update**").index("**update**")
        assert "told in short" in shown
    assert count < 10_000 or f"and {count - 500} more" in shown


def test_a_comment_holds_the_markdown_of_a_thousand_environments() -> None:
    (environment,) = screens.mass(9).environments
    plan = Plan(environments=tuple(replace(environment, environment=f"tenant-{number}") for number in range(1000)))

    shown = plan_markdown(plan, ())

    assert len(shown) < 65_536
    assert "### `tenant-0`" in shown
    assert re.search(r"- … and \d+ more$", shown)


@pytest.mark.slow
def test_a_comment_holds_the_markdown_of_any_report_and_what_failed_comes_first() -> None:
    changes = screens.mass(10_000).changes
    results = [Result(change=change, status=Status.APPLIED) for change in changes]
    results[-1] = Result(change=changes[-1], status=Status.FAILED, message="the server answered 500")
    outcome = Outcome(environments=(EnvironmentOutcome(environment="staging", owner="shop", results=tuple(results)),))

    shown = outcome_markdown(outcome)

    assert len(shown) < 65_536
    assert shown.index("**failed**") < shown.index("**applied**")
