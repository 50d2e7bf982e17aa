"""Does what a page tells its reader to do, in the order of the page, and says where it does not show what it shows.

By the first word of a fence: `yaml NAME` is saved under that name; `diff NAME` edits that file; `sh` and `python` must
succeed; in `console` each `$ command` must succeed and print to stdout what stands below it, to the byte, but that …
stands for anything within a line. Other blocks are only to look at.

A page is one session: what a command exports, and the folder it goes to, hold for those below it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.docs.markdown import fences
from tests.repository import ROOT

PROGRAMS = Path(sys.executable).parent
_PRELUDE = """\
set -euo pipefail
trap 'env -0 >"$SESSION"' EXIT
if [ -n "${REPOSITORY-}" ]; then make() { command make --directory "$REPOSITORY" --dry-run "$@"; }; fi
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that the page tells to do, as it stands there; `problem` is empty where it did what the page says."""

    shown: str
    problem: str


def environment(home: Path, **variables: str) -> dict[str, str]:
    """What a command sees: the installed program, a home of its own, a network that leads nowhere, a name for
    git, a `make` that only looks whether there are such targets.
    """
    return {
        "PATH": os.pathsep.join((str(PROGRAMS), os.environ["PATH"])),
        "HOME": str(home),
        "TMPDIR": str(home),
        "REPOSITORY": str(ROOT),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        **{f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        **variables,
    }


def differences(page: Path, folder: Path, variables: Mapping[str, str]) -> list[str]:
    """Does what a page says, in a folder; each step that fails or shows something else, in words."""
    return [step.problem for step in steps(page, folder, variables) if step.problem]


def steps(page: Path, folder: Path, variables: Mapping[str, str]) -> Iterator[Step]:
    """Does what a page says, in a folder, step by step."""
    with tempfile.NamedTemporaryFile() as file:
        session = Session(folder, {**variables, "SESSION": file.name})
        for info, content in fences(page):
            yield from session.block(info, content)


def commands(content: str) -> Iterator[tuple[str, str]]:
    """The commands of a `console` block, each with the output that is shown below it."""
    for part in f"\n{content}".split("\n$ ")[1:]:
        command, _, output = part.rstrip("\n").partition("\n")
        yield command, f"{output}\n" if output else ""


class Session:
    """A shell in a folder, as its user sees it from command to command."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder, self.variables = folder, dict(variables)

    def block(self, info: str, content: str) -> Iterator[Step]:
        """Do what one block says."""
        match info.split():
            case ["yaml", name]:
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")
            case ["diff", name]:
                yield Step(shown=f"edit {name}", problem=_edit(self.folder / name, content))
            case ["sh"]:
                yield self.shell(content, None)
            case ["python"]:
                yield self._step(content, self._run(["python3", "-c", content]), None)
            case ["console"]:
                for command, output in commands(content):
                    yield self.shell(command, output)
            case _:
                pass

    def shell(self, command: str, expected: str | None) -> Step:
        """Run a command of the shell; whatever it prints will do where nothing is expected."""
        done = self._run(["bash", "-c", _PRELUDE + command])
        left = Path(self.variables["SESSION"]).read_text(encoding="utf-8").split("\0")
        self.variables = dict(pair.split("=", 1) for pair in left if pair)
        self.folder = Path(self.variables["PWD"])
        return self._step(command, done, expected)

    def _run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments,
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _step(self, content: str, done: subprocess.CompletedProcess[str], expected: str | None) -> Step:
        shown, problem = content.rstrip(), ""
        if done.returncode:
            problem = f"{shown}\nexit code {done.returncode}:\n{done.stdout}{done.stderr}"
        elif expected is not None and not _matches(expected, done.stdout):
            problem = f"{shown}\nshows:\n{done.stdout}"
        return Step(shown=shown, problem=problem)


def _matches(expected: str, output: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, expected.split("…"))), output) is not None


def _edit(path: Path, diff: str) -> str:
    """Edits a file as a block says, in which lines without + or - only show where; what is wrong, else nothing."""
    lines = [line or " " for line in diff.splitlines()]
    before, after = ("".join(f"{line[1:]}\n" for line in lines if line[0] != other) for other in ("+", "-"))
    text = path.read_text(encoding="utf-8")
    if text.count(before) != 1:
        return f"edit {path.name}\nhas {text.count(before)} times:\n{before}"
    path.write_text(text.replace(before, after), encoding="utf-8")
    return ""
