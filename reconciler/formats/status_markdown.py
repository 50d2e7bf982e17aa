"""The status of keys as Markdown, for job summaries and merge requests: a table, what is wrong, and a Gantt chart that
GitHub and GitLab draw.

Nothing from a server or a manifest is markup: it stands in code spans, and in the chart with its punctuation taken out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from reconciler.core.status import EnvironmentStatus, KeyStatus, Stage
from reconciler.formats.markdown import in_code
from reconciler.formats.status import age_of, day, generation_of, name_of, sink_lines, status_summary, title, why_of

MOST_IN_CHART = 60
"""Keys that one chart shows: more would be too small to read, and more text than Mermaid takes."""

_ENDLESS = timedelta(days=90)


def status_markdown(statuses: Iterable[EnvironmentStatus]) -> str:
    """A section for each environment."""
    statuses = tuple(statuses)
    lines = [f"**{status_summary(statuses)}**"]
    for each in statuses:
        lines += ["", f"### {in_code(title(each))}", "", *_environment(each)]
    return "\n".join(lines) + "\n"


def _environment(status: EnvironmentStatus) -> Iterator[str]:
    if not status.keys:
        yield "No keys."
        return
    yield "| key | generation | age | rotates | ends | last used | SDKs so far | sinks | to do |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for key in status.keys:
        yield _row(key, status.now)
    warned = [f"- ⚠ {in_code(key.key_id)}: {each.message}: {each.hint}" for key in status.keys for each in key.warnings]
    warned += [f"- ⚠ {in_code(warning)}" for warning in status.warnings]
    yield from ("", *warned) if warned else ()
    live = [key for key in status.keys if key.created is not None]
    if 0 < len(live) <= MOST_IN_CHART:
        yield from ("", "```mermaid", *_chart(live, status.now), "```")


def _row(key: KeyStatus, now: datetime) -> str:
    sinks = "<br>".join(_cell(line) for line, _ in sink_lines(key))
    mark = "⚠ " if key.warnings else ""
    cells = (
        f"{mark}{_cell(name_of(key))}",
        generation_of(key),
        age_of(key, now),
        *map(day, (key.rotates, key.expire, key.accessed)),
        ", ".join(map(_cell, key.sdks)),
        sinks,
        _cell(why_of(key)) if key.why else "",
    )
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """A code span that ends no cell: in tables a bar counts even within one."""
    return in_code(text).replace("|", "\\|")


def _chart(keys: Iterable[KeyStatus], now: datetime) -> Iterator[str]:
    """A chart in which each key has up to three bars, one after the other: until it is due, after that, its overlap."""
    keys = tuple(keys)
    dates = [each for key in keys for each in (key.rotates, key.expire) if each is not None and each > now]
    horizon = max(dates, default=now + _ENDLESS)
    yield from ("gantt", "  dateFormat YYYY-MM-DDTHH:mm", "  axisFormat %Y-%m-%d")
    section = ""
    for key in keys:
        if key.address != section:
            yield f"  section {_plain(name_of(key))}"
        section = key.address
        for words, tag, start, end in _bars(key, horizon):
            whose = f"{generation_of(key)} " if key.generation else ""
            yield f"  {_plain(whose + words)} :{tag}{start:%Y-%m-%dT%H:%M}, {end:%Y-%m-%dT%H:%M}"


def _bars(key: KeyStatus, horizon: datetime) -> Iterator[tuple[str, str, datetime, datetime]]:
    """Words, tag, start and end of each bar; one without length is left out."""
    if key.created is None:
        return
    end = key.expire or horizon
    turn = min(key.superseded or key.rotates or end, end)
    alarm = "crit, " if key.warnings else ""
    if key.created < turn:
        word = "undelivered" if key.stage is Stage.UNDELIVERED else "works"
        yield word, f"{alarm}active, ", key.created, turn
    if turn < end and key.superseded is not None:
        yield "overlap", f"{alarm}done, ", turn, end
    elif turn < end:
        yield "due", alarm, turn, end


def _plain(text: str) -> str:
    """Text in which nothing is Mermaid's: it has no way to quote."""
    return "".join(each if each.isalnum() or each in " .-_" else "_" for each in text)
