"""Runs what a page tells its reader to run, in the order of the page, and says where it does not show what it shows.

By the first word of a fence: `yaml NAME` is saved under that name; `sh` and `python` must succeed; in `console` each
`$ command` must succeed and print to stdout what stands below it, to the byte. Other blocks are only to look at.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.docs.markdown import fences
from tests.repository import ROOT

_PRELUDE = 'set -euo pipefail; make() { command make --directory "$REPOSITORY" --dry-run "$@"; }\n'
PROGRAMS = Path(sys.executable).parent


def environment(home: Path, **variables: str) -> dict[str, str]:
    """What a command sees: the installed program, a home of its own, a network that leads nowhere."""
    return {
        "PATH": os.pathsep.join((str(PROGRAMS), os.environ["PATH"])),
        "HOME": str(home),
        "TMPDIR": str(home),
        "REPOSITORY": str(ROOT),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        **variables,
    }


def differences(page: Path, folder: Path, variables: Mapping[str, str]) -> list[str]:
    """Runs the blocks of a page in a folder; each block that fails or shows something else, in words."""
    return [problem for info, content in fences(page) for problem in _block(info, content, folder, variables)]


def commands(content: str) -> Iterator[tuple[str, str]]:
    """The commands of a `console` block, each with the output that is shown below it."""
    for part in f"\n{content}".split("\n$ ")[1:]:
        command, _, output = part.rstrip("\n").partition("\n")
        yield command, f"{output}\n" if output else ""


def _block(info: str, content: str, folder: Path, variables: Mapping[str, str]) -> Iterator[str]:
    match info.split():
        case ["yaml", name]:
            (folder / name).write_text(content, encoding="utf-8")
        case ["sh"]:
            yield from _differs(["bash", "-c", _PRELUDE + content], None, folder, variables)
        case ["python"]:
            yield from _differs([sys.executable, "-c", content], None, folder, variables)
        case ["console"]:
            for command, output in commands(content):
                yield from _differs(["bash", "-c", _PRELUDE + command], output, folder, variables)
        case _:
            pass


def _differs(arguments: list[str], expected: str | None, folder: Path, variables: Mapping[str, str]) -> Iterator[str]:
    done = subprocess.run(
        arguments,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = arguments[-1].removeprefix(_PRELUDE).rstrip()
    if done.returncode:
        yield f"{shown}\nexit code {done.returncode}:\n{done.stdout}{done.stderr}"
    elif expected is not None and done.stdout != expected:
        yield f"{shown}\nshows:\n{done.stdout}"
