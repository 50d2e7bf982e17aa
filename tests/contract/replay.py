"""Replay a recording against the emulator: `python -m tests.contract.replay DIR --profile P`.

Every recorded request is sent in order, with the credentials of this run in place of the recorded
ones and the clock at the recorded moment; the answers are compared by `matching`. What the recorder did
between the calls is made up for, as far as `unrecorded` can tell. What the recording cannot show again is
skipped and counted: steps kept without their request, calls that got no answer, and placeholders that
nothing stands for. Labels in `exceptions.toml` are known to differ, each with its reason.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from reconciler.emulator import Profile
from tests.contract.recorded import HERE, Entry, load
from tests.contract.stage import Filler, Stage
from tests.contract.unrecorded import Step, changed, counts_all, made, project_of, used

_MOST_FILLERS = 8
_COUNTED = 5000
_FAILURE = 500
_HOST = re.compile(r"@service\.([^ ]+) \(role")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A label of the recording and how the emulator's answer differs; `of_500` where the recorded server failed."""

    label: str
    difference: str
    of_500: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a replay: `matched` labels, mismatches, and labels that cannot be replayed, with the reason."""

    matched: tuple[str, ...]
    mismatches: tuple[Mismatch, ...]
    skipped: tuple[Mismatch, ...]

    def lines(self) -> list[str]:
        """The report for people; the total comes first."""
        total = len(self.matched) + len(self.mismatches)
        heading = f"matched {len(self.matched)} of {total}, {len(self.skipped)} cannot be replayed"
        skipped = [f"  skipped {entry.label}: {entry.difference}" for entry in self.skipped]
        return [heading, *(f"  {mismatch.label}: {mismatch.difference}" for mismatch in self.mismatches), *skipped]


async def replay(groups: Sequence[Sequence[Entry]], profile: Profile) -> Report:
    """Replay a recording from an empty server with the projects proja and projb.

    Totals tell of keys that were made in bulk; since the place for those is before the total, the replay begins
    anew with each that it finds.
    """
    fillers: list[Filler] = []
    while True:
        report, needed = await _replay(groups, profile, fillers)
        if needed is None or len(fillers) == _MOST_FILLERS:
            return report
        fillers.append(needed)


async def _replay(
    groups: Sequence[Sequence[Entry]], profile: Profile, fillers: Sequence[Filler]
) -> tuple[Report, Filler | None]:
    """One replay; it ends early where a total counts keys that nobody made."""
    stage = Stage(profile, _host(groups), groups)
    steps: list[Step] = [*made(groups), *changed(groups), *used(groups)]
    matched, mismatches, skipped = [], [], []
    counted: dict[str, tuple[int, int]] = {}
    needed = None
    async with stage:
        for number, group in enumerate(groups):
            counted = dict.fromkeys(counted, (number, 0))
            for index, entry in enumerate(group):
                where = (number, index)
                await stage.prepare(entry, [step for step in steps if (step.group, step.entry) == where])
                await stage.fill([filler for filler in fillers if filler.where == where])
                if len(fillers) < _MOST_FILLERS and (missing := _missing(entry, stage)):
                    project, count = missing
                    needed = Filler(where=counted.get(project, (number, 0)), project=project, count=count)
                    break
                if entry.call is not None and counts_all(entry.call):
                    counted[project_of(entry.call)] = (number, index + 1)
                reason, difference = await stage.outcome(entry)
                if reason:
                    skipped.append(Mismatch(label=entry.label, difference=reason))
                elif difference:
                    failed = any(reply.status == _FAILURE for reply in entry.replies)
                    mismatches.append(Mismatch(label=entry.label, difference=difference, of_500=failed))
                else:
                    matched.append(entry.label)
            if needed:
                break
    return Report(matched=tuple(matched), mismatches=tuple(mismatches), skipped=tuple(skipped)), needed


def _missing(entry: Entry, stage: Stage) -> tuple[str, int] | None:
    """How many keys an entry counts beyond those that there are."""
    if entry.call is None or not entry.replies or not counts_all(entry.call):
        return None
    found = re.match(
        r'\{"total":(\d+),', entry.replies[0].clipped.head if entry.replies[0].clipped else entry.replies[0].body
    )
    if entry.replies[0].status != 200 or found is None:
        return None
    project = project_of(entry.call)
    missing = int(found[1]) - stage.count(project)
    return (project, missing) if missing > 0 and int(found[1]) <= _COUNTED else None


def _host(groups: Sequence[Sequence[Entry]]) -> str:
    """The host name that the recorded server called itself by."""
    bodies = (reply.body for group in groups for entry in group for reply in entry.replies)
    return next((found[1] for body in bodies if (found := _HOST.search(body))), "127.0.0.1")


def exceptions(profile: Profile) -> dict[str, str]:
    """The labels known to differ under a profile, each with its reason."""
    reasons: dict[str, str] = _exceptions().get(profile, {})
    return reasons


def _exceptions() -> dict[str, Any]:
    return tomllib.loads((HERE.parent / "exceptions.toml").read_text(encoding="utf-8"))


def _reason(mismatch: Mismatch, profile: Profile) -> str | None:
    """Why a mismatch is excepted, if it is."""
    if mismatch.of_500:
        return str(_exceptions()["500"])
    return exceptions(profile).get(mismatch.label)


def main(arguments: Sequence[str]) -> int:
    """Print the report; 1 where a label differs that is not excepted."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract.replay")
    parser.add_argument("directory", type=Path, help="a folder of recorded groups")
    parser.add_argument("--profile", choices=get_args(Profile), required=True)
    chosen = parser.parse_args(arguments)
    groups = load(chosen.directory)
    if not groups:
        parser.error(f"{chosen.directory} holds no *.json")
    report = asyncio.run(replay(groups, chosen.profile))
    reasons = {mismatch.label: _reason(mismatch, chosen.profile) for mismatch in report.mismatches}
    excepted = [f"  excepted {label}: {reason}" for label, reason in reasons.items() if reason]
    sys.stdout.write("\n".join([*report.lines(), *excepted]) + "\n")
    return int(None in reasons.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
