"""The plan and the report as Markdown, for pull requests and job summaries.

Every text from a server or a manifest stands in a code span, fenced by more backticks than it holds. Long parts are
folded. What would not fit into a comment is told in short, and at last counted: what ends keys comes first then.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from reconciler.core.guards import Refusal
from reconciler.core.outcome import DONE, Outcome, Result
from reconciler.core.plan import Change, Entry, EnvironmentPlan, Plan, Unmanaged, action
from reconciler.core.quoting import clean
from reconciler.errors import Problem
from reconciler.formats.words import (
    ACTIONS,
    Field,
    by_glob,
    detail_of,
    fields,
    is_left,
    lost,
    opening,
    outcome_summary,
    plan_summary,
    refused,
    titled,
    told,
    unseen,
    warnings,
)

LIMIT = 65_000
"""Bytes; GitHub takes comments of up to 65,536 characters, and GitLab longer ones."""

_Listed = Iterable[tuple[str, list[str]]]
"""Lists of lines, each with its heading."""

_FOLDED_FROM = 8
_LINES_IN_SHORT = (10_000, 500, 250, 120, 60, 30, 15, 7)


def plan_markdown(plan: Plan, refusals: Iterable[Refusal], *, left_out: Collection[EnvironmentPlan] = ()) -> str:
    """The plan, a section for each environment in which there is something to tell."""
    listed = [(heading, [_refusal(each) for each in found]) for heading, found in refused(refusals)]
    summary, named = f"**{plan_summary(told(plan, left_out))}**", tuple(titled(plan, left_out))
    whole = _plan(summary, named, listed, _Whole())
    if _fits(whole):
        return whole
    shorter = (_plan(summary, named, listed, _Short(lines)) for lines in _LINES_IN_SHORT)
    return next((text for text in shorter if _fits(text)), f"{summary}\n")


def _plan(
    summary: str,
    named: Iterable[tuple[str, EnvironmentPlan]],
    listed: _Listed,
    form: _Whole | _Short,
) -> str:
    lines = [summary, "", *form.note]
    for heading, refusals in listed:
        lines += [f"### {heading}", "", *form.cut(refusals), ""]
    sections: list[str] = []
    for title, environment in named:
        if section := list(_environment(environment, form)):
            sections.append(
                "\n".join(
                    (
                        f"### {in_code(title)}",
                        "",
                        f"Project {in_code(environment.project)} at {in_code(environment.endpoint)}",
                        "",
                        *section,
                        "",
                    )
                )
            )
    return "\n".join((*lines, *form.cut(sections)))


def _refusal(refusal: Refusal) -> str:
    return f"- {in_code(refusal.where)}: {in_code(refusal.message)}; {in_code(refusal.hint)}"


def _fits(text: str) -> bool:
    return len(text.encode()) <= LIMIT


def outcome_markdown(outcome: Outcome) -> str:
    """The report: its summary, and what was not applied first."""
    results = [result for environment in outcome.environments for result in environment.results]
    failed = [_result(result) for result in results if result.status not in DONE]
    applied = [_result(result) for result in results if result.status in DONE]
    told = [f"- ⚠ {in_code(warning)}" for warning in warnings(outcome)]

    def report(form: _Whole | _Short) -> str:
        lines = [f"**{outcome_summary(outcome)}**", "", *form.cut(failed), *form.cut(told), *form.cut(applied)]
        return "\n".join(lines) + "\n"

    forms: list[_Whole | _Short] = [_Whole(), *map(_Short, _LINES_IN_SHORT)]
    return next((text for text in map(report, forms) if _fits(text)), f"**{outcome_summary(outcome)}**\n")


def problems_markdown(problems: Iterable[Problem]) -> str:
    """The problems of a manifest as a list; a line that says so where there are none."""
    listed = [
        f"- {in_code(str(problem.position))}: {in_code(problem.message)}"
        f"{f' — {in_code(problem.hint)}' if problem.hint else ''}"
        for problem in problems
    ]
    forms = ("\n".join((*_Short(lines).cut(listed), "")) for lines in _LINES_IN_SHORT)
    return next(filter(_fits, forms)) if listed else "The manifest is valid.\n"


class _Whole:
    """Everything is told, long lists in folds."""

    note: tuple[str, ...] = ()

    def cut(self, lines: list[str]) -> list[str]:
        return lines

    def changes(self, changes: Sequence[Change]) -> Iterator[str]:
        told = [line for change in changes for line in _change(change)]
        yield from _folded(f"{len(changes)} changes", told) if len(changes) >= _FOLDED_FROM else told

    def untouched(self, keys: Sequence[Unmanaged], what: str) -> Iterator[str]:
        ids = ", ".join(in_code(key.id) for key in keys)
        if len(keys) >= _FOLDED_FROM:
            yield from _folded(f"{len(keys)} {what}, left alone", [ids])
        else:
            yield f"- {what}, left alone: {ids}"


@dataclass(frozen=True, slots=True)
class _Short:
    """A line for each change, the gravest first, and no more lines of a kind than this."""

    lines: int
    note: ClassVar[tuple[str, ...]] = ("Too much for a comment: told in short. As text and as JSON it is whole.", "")

    def cut(self, lines: list[str]) -> list[str]:
        more = len(lines) - self.lines
        return [*lines[: self.lines], f"- … and {more} more"] if more > 0 else lines

    def changes(self, changes: Sequence[Change]) -> Iterator[str]:
        gravest = sorted(changes, key=lambda change: -ACTIONS.index(action(change)))
        yield from _folded(f"{len(changes)} changes", self.cut([_headline(change) for change in gravest]))

    def untouched(self, keys: Sequence[Unmanaged], what: str) -> Iterator[str]:
        yield f"- {what}, left alone: {len(keys)}"


def _environment(environment: EnvironmentPlan, form: _Whole | _Short) -> Iterator[str]:
    if environment.changes:
        yield from form.changes(environment.changes)
    yield from form.cut(
        [f"- left: {in_code(each.address)}: {_reason(each)}" for each in filter(is_left, environment.unchanged)]
    )
    yield from form.cut([f"- {in_code(text)}" for text in unseen(environment)])
    yield from form.cut([f"- ⚠ {in_code(warning)}" for warning in environment.warnings])
    for keys, what in ((environment.unmanaged, "unmanaged"), (environment.ignored, "ignored")):
        if keys:
            yield from form.untouched(keys, what)


def _folded(summary: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"<details><summary>{summary}</summary>"
    yield ""
    yield from lines
    yield ""
    yield "</details>"
    yield ""


def _headline(change: Change) -> str:
    is_named = change.address.partition("/")[2] == change.key_id  # `absent` names keys by nothing else
    key_id = "" if is_named else f" ({in_code(change.key_id)})"
    return f"- **{action(change)}** {in_code(change.address)}{key_id}: {_reason(change)}"


def _reason(entry: Entry) -> str:
    detail = detail_of(entry)
    return f"{entry.reason}{f' ({in_code(detail)})' if detail else ''}"


def _change(change: Change) -> Iterator[str]:
    yield _headline(change)
    for field in fields(change):
        yield f"  - {field.name}: {_field(field)}"
    if added := by_glob(change):
        yield f"  - by glob: {in_code(added)}"
    if gone := lost(change):
        yield f"  - lost, for a list replaces one of a lower layer: {in_code(', '.join(gone))}"
    for mark in change.marks:
        yield f"  - ⚠ {mark.risk}{f' {in_code(mark.detail)}' if mark.detail else ''}"


def _field(field: Field) -> str:
    if field.added or field.removed:
        changes = (("added", field.added), ("removed", field.removed))
        return "; ".join(f"{word} {in_code(', '.join(members))}" for word, members in changes if members)
    after = in_code(", ".join(field.members) or field.after)
    return f"{in_code(field.before)} → {after}" if field.before else after


def _result(result: Result) -> str:
    kept = f"its secret is kept, encrypted: {opening(result)}" if result.escrow else ""
    rest = "; ".join(part for part in (result.message, kept, result.hint) if part)
    told = f": {in_code(rest)}" if rest else ""
    return f"- **{result.status}** {action(result.change)} {in_code(result.change.address)}{told}"


def in_code(text: str) -> str:
    """A code span, fenced by more backticks than the text holds."""
    shown = clean(text) or " "
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
