"""Two processes of the program at once over a due rotation, and what must be true of them: one new generation, one
winner, and the other one ends as well.

Every other race is between two machines: two folders, that share nothing but the server and the file with the secret.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.emulator import Profile
from tests.support.processes import Forked, Server, Zygote, a_server, a_zygote, delivered, write_manifest

_DAYS = 3
_OVERLAP = timedelta(days=1)
_APPLY = ("apply", "--auto-approve", "--format", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """How a race ended: both exit codes, what the run did that did not win, and how many wrote the old key's end.

    Two do that only where neither saw the other's write: both then write the same, to the second.
    """

    codes: tuple[int, int]
    second: str
    retired: int


@dataclass(slots=True, kw_only=True)
class Course:
    """A key under rotation on a server, and the folders of two machines that share its sink."""

    server: Server
    project: str
    folders: tuple[Path, Path]
    zygotes: tuple[Zygote, Zygote]
    generations: int = 0

    def race(self, *, same_machine: bool) -> Race:
        """Let the key be due, start two runs, and look; raises AssertionError."""
        before = self._newest()
        self.server.gate("move", seconds=_DAYS * 24 * 3600)
        here, there = self.folders[0], self.folders[0 if same_machine else 1]
        with ThreadPoolExecutor() as threads:
            both = [
                threads.submit(zygote.run, folder, *_APPLY, said=name)
                for zygote, folder, name in zip(self.zygotes, (here, there), ("one", "two"), strict=True)
            ]
        one, two = (each.result() for each in both)
        after = self._newest()
        self.generations += _generation(after) - _generation(before)

        assert (one.code, two.code) == (0, 0), (one, two)
        assert _generation(after) == _generation(before) + 1
        rotated = [_rotation(each, after["$id"]) for each in (one, two)]
        assert rotated.count("applied") == 1, (one, two)
        self._assert_handed_over(before, after)
        rotated.remove("applied")
        (second,) = rotated
        ends = [result["status"] for each in (one, two) for result in _results(each) if result["id"] == before["$id"]]
        assert "applied" in ends, (one, two)
        return Race(codes=(one.code, two.code), second=_SECOND[second], retired=ends.count("applied"))

    def first(self) -> None:
        """Make the key, and prove that there is nothing to do then."""
        assert self.zygotes[0].run(self.folders[0], *_APPLY).code == 0
        self.assert_quiet()

    def assert_quiet(self) -> None:
        """Neither machine's plan has anything to do."""
        for folder in self.folders:
            quiet = self.zygotes[0].run(folder, "plan", "--detailed-exitcode")
            assert quiet.code == 0, quiet

    def _newest(self) -> dict[str, Any]:
        return max(self.server.keys(self.project).values(), key=_generation, default={"$id": ".g0"})

    def _assert_handed_over(self, before: dict[str, Any], new: dict[str, Any]) -> None:
        """The sink has the new key; the old one ends an overlap after it was retired, or when it would have anyway."""
        old = self.server.keys(self.project)[before["$id"]]
        secret = delivered(self.folders[0].parent, "KEY")
        assert secret is not None
        assert (old["name"], new["name"]) == ("web (retiring)", "web")
        assert self.server.accepts(self.project, secret)
        retired_at = datetime.fromisoformat(old["$updatedAt"])
        end = min(retired_at + _OVERLAP, datetime.fromisoformat(before["expire"]))
        assert abs(datetime.fromisoformat(old["expire"]) - end) < timedelta(seconds=3), (old, end)


@contextmanager
def a_course(profile: Profile, folder: Path) -> Iterator[Course]:
    """A course for as long as the context is open; a server of profile 2.6.2 shows secrets once."""
    with a_server(profile, hides=profile == "2.6.2") as server, a_zygote() as one, a_zygote() as other:
        folders = (folder / "here", folder / "there")
        course = Course(server=server, project=server.project(), folders=folders, zygotes=(one, other))
        web = {
            "scopes": ["rows.read"],
            "rotation": {"every": f"{_DAYS}d", "overlap": "1d"},
            "deliver": [{"dotenv": {"path": str(folder / "app.env"), "variable": "KEY"}}],
        }
        for each in course.folders:
            write_manifest(each, server, course.project, {"web": web})
        course.first()
        yield course
        course.assert_quiet()


_SECOND = {"already_so": "waited", "": "came too late"}


def _results(each: Forked) -> list[dict[str, Any]]:
    environments = json.loads(each.output[each.output.index("\n{\n") :])["environments"]
    return [result for environment in environments for result in environment["results"]]


def _rotation(each: Forked, new_id: str) -> str:
    """How the rotation ended in one run's report; empty where that run found nothing to do."""
    return next((str(result["status"]) for result in _results(each) if result["id"] == new_id), "")


def _generation(shown: dict[str, Any]) -> int:
    return int(shown["$id"].rpartition(".g")[2], 36)
