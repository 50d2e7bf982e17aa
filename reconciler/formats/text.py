"""Screens for people: the plan and the report as lines that fit a width, with or without colour.

Colour only repeats what symbols and words say. Continued lines are indented below what they continue. A word that is
longer than a line is not cut, so that it can be copied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style

from reconciler.core.guards import Refusal
from reconciler.core.outcome import Outcome, Result, Status
from reconciler.core.plan import Entry, EnvironmentPlan, Plan, Unmanaged, action
from reconciler.core.quoting import clean
from reconciler.formats.words import (
    SYMBOLS,
    Field,
    because,
    by_glob,
    fields,
    is_left,
    lost,
    opening,
    outcome_summary,
    place,
    plan_summary,
    refused,
    titled,
    told,
    unseen,
    warnings,
)

_LABEL = 10
_STYLES = {
    "create": Style(color="green"),
    "rotate": Style(color="green"),
    "deliver": Style(color="cyan"),
    "update": Style(color="yellow"),
    "retire": Style(color="magenta"),
    "delete": Style(color="red"),
    "none": Style(dim=True),
    "title": Style(bold=True),
    "dim": Style(dim=True),
    "warning": Style(color="yellow"),
    "refusal": Style(color="red", bold=True),
    Status.APPLIED: Style(color="green"),
    Status.ALREADY_SO: Style(dim=True),
    Status.FAILED: Style(color="red"),
    Status.UNDELIVERED: Style(color="red"),
    Status.NOT_ATTEMPTED: Style(color="yellow"),
}
_SHOWN_UNTOUCHED = 5
_NARROW = 60


class Screen:
    """How to write: the width in columns, whether in colour."""

    def __init__(self, *, width: int, color: bool) -> None:
        self._width = max(width, 40)
        self._color = color

    @property
    def width(self) -> int:
        """Columns; 40 where there are fewer."""
        return self._width

    @property
    def is_narrow(self) -> bool:
        """Whether there is no room for columns beside each other."""
        return self._width < _NARROW

    def paint(self, text: str, style: str) -> str:
        """The text in a style, line by line, where there is colour."""
        if not self._color:
            return text
        render = _STYLES[style].render
        return "\n".join(render(line, color_system=ColorSystem.STANDARD) for line in text.split("\n"))

    def wrap(self, text: str, *, first: str = "", indent: int = 0) -> str:
        """The text folded to the width, `first` before its first line and spaces before the others."""
        if text.isascii() and text.isprintable() and len(first) + len(text) <= self._width:
            return f"{first}{text}".rstrip()
        margin = " " * (indent or len(first))
        lines: list[str] = []
        line, left, empty = first, self._width - len(first), True
        for word in text.split(" "):
            columns = cell_len(word)
            if columns > left and not empty:
                lines.append(line.rstrip())
                line, left = margin, self._width - len(margin)
            line, left, empty = f"{line}{word} ", left - columns - 1, False
        return "\n".join((*lines, line.rstrip()))

    def beside(self, left: str, right: str) -> str:
        """What goes between two texts: two spaces, or a new line where both do not fit on one."""
        return "  " if cell_len(left) + 2 + cell_len(right) <= self._width else "\n      "


def plan_text(
    plan: Plan,
    refusals: Iterable[Refusal],
    *,
    width: int = 80,
    color: bool = False,
    verbose: bool = False,
    left_out: Collection[EnvironmentPlan] = (),
) -> str:
    """The plan as a screen; `verbose` adds the keys that stay as they are, `left_out` is not told of."""
    screen = Screen(width=width, color=color)
    named = titled(plan, left_out)
    blocks = [_environment(title, environment, screen, verbose=verbose) for title, environment in named]
    for heading, found in refused(refusals):
        blocks.append("\n".join((screen.paint(f"{heading}:", "refusal"), *_refusals(found, screen))))
    return "\n\n".join((*blocks, screen.wrap(plan_summary(told(plan, left_out))))) + "\n"


def _environment(title: str, environment: EnvironmentPlan, screen: Screen, *, verbose: bool) -> str:
    lines = [screen.paint(screen.wrap(clean(f"{title}: {place(environment)}"), indent=2), "title")]
    if not environment.changes:
        lines.append("  no changes")
    entries: list[Entry] = [*environment.changes, *filter(lambda each: verbose or is_left(each), environment.unchanged)]
    for entry in sorted(entries, key=lambda entry: entry.address):
        lines += _entry(entry, screen)
    for keys, what in ((environment.unmanaged, "unmanaged"), (environment.ignored, "ignored")):
        if keys:
            lines.append(screen.paint(_untouched(keys, what, screen, verbose=verbose), "dim"))
    for text in unseen(environment, verbose=verbose):
        lines.append(screen.paint(screen.wrap(clean(text), first="  "), "dim"))
    if environment.protected and verbose:
        names = ", ".join(clean(address) for address in environment.protected)
        lines.append(screen.paint(screen.wrap(f"protected: {names}", first="  "), "dim"))
    lines += [screen.paint(screen.wrap(clean(text), first="  warning: "), "warning") for text in environment.warnings]
    return "\n".join(lines)


def _entry(entry: Entry, screen: Screen) -> Iterator[str]:
    word = action(entry)
    name = entry.address.split("/", 1)[1]
    head, key_id = f"  {SYMBOLS[word]} {clean(name)}", f"({clean(entry.key_id)})"
    if name == entry.key_id:  # `absent` names keys by nothing else
        yield screen.paint(head, word)
    else:
        yield screen.paint(head, word) + screen.beside(head, key_id) + screen.paint(key_id, "dim")
    if word == "none" and not is_left(entry):
        return
    for field in fields(entry):
        yield from _field(field, screen)
    if added := by_glob(entry):
        yield _line("by glob", added, screen)
    if gone := lost(entry):
        yield _line("lost", f"{', '.join(gone)} (a list replaces one of a lower layer)", screen)
    yield screen.paint(_line("because", because(entry), screen), "dim")
    for mark in getattr(entry, "marks", ()):
        yield screen.paint(_line("!", str(mark), screen), "warning")


def _field(field: Field, screen: Screen) -> Iterator[str]:
    if field.added:
        yield screen.paint(_line(field.name, "+ " + ", ".join(field.added), screen), "create")
    if field.removed:
        label = "" if field.added else field.name
        yield screen.paint(_line(label, "- " + ", ".join(field.removed), screen), "delete")
    if not field.added and not field.removed:
        after = ", ".join(field.members) or _visible(field.after)
        yield _line(field.name, f"{_visible(field.before)} → {after}" if field.before else after, screen)


def _visible(text: str) -> str:
    """In quotes where spaces at its ends would not be seen."""
    return text if text and text == text.strip() else f'"{text}"'


def _line(label: str, value: str, screen: Screen) -> str:
    return screen.wrap(clean(value), first=f"      {label:{_LABEL}}")


def _untouched(keys: tuple[Unmanaged, ...], what: str, screen: Screen, *, verbose: bool) -> str:
    shown = keys if verbose else keys[:_SHOWN_UNTOUCHED]
    names = ", ".join(clean(key.id) for key in shown) + (", …" if len(shown) < len(keys) else "")
    noun = "key is" if len(keys) == 1 else "keys are"
    return screen.wrap(f"{len(keys)} {what} {noun} left alone: {names}", first="  ")


def _refusals(refusals: Iterable[Refusal], screen: Screen) -> Iterator[str]:
    """Each refusal, and a hint that several share below the first."""
    hinted: set[str] = set()
    for refusal in refusals:
        yield screen.wrap(clean(f"{refusal.where}: {refusal.message}"), first="  ", indent=4)
        if refusal.hint not in hinted:
            yield screen.wrap(clean(refusal.hint), first="    hint: ")
            hinted.add(refusal.hint)


def outcome_text(outcome: Outcome, *, width: int = 80, color: bool = False) -> str:
    """The report as a screen; a hint that several results share stands below the first."""
    screen = Screen(width=width, color=color)
    lines: list[str] = []
    hinted: set[str] = set()
    for environment in outcome.environments:
        for result in environment.results:
            lines += _result(result, screen, hint="" if result.hint in hinted else result.hint)
            hinted.add(result.hint)
    lines += [screen.paint(screen.wrap(clean(text), first="warning: "), "warning") for text in warnings(outcome)]
    summary = screen.wrap(outcome_summary(outcome))
    return "\n".join((*lines, *([""] if lines else []), summary)) + "\n"


def _result(result: Result, screen: Screen, *, hint: str) -> Iterator[str]:
    word = action(result.change)
    head, end = f"{SYMBOLS[word]} {clean(result.change.address)}", f"{word}: {result.status}"
    yield screen.paint(head, word) + screen.beside(head, end) + screen.paint(end, result.status)
    if result.message:
        yield screen.wrap(clean(result.message), first="    ")
    if result.escrow:
        yield screen.wrap("its secret is kept, encrypted:", first="    ")
        yield f"      {clean(opening(result))}"  # whole, so that it can be copied
    if hint:
        yield screen.paint(screen.wrap(clean(hint), first="    hint: "), "dim")


def progress_text(result: Result, done: int, total: int) -> str:
    """One line of progress."""
    return f"[{done}/{total}] {clean(result.change.address)}: {action(result.change)} {result.status}"
