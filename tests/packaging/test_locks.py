"""The locks are complete and agree: what `make demo` installs is what `make test` has tested."""

import re

import pytest

from tests.repository import ROOT, project

REQUIREMENTS = ROOT / "requirements"
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """Versions by package of one lock file."""
    text = (REQUIREMENTS / f"{lock}.txt").read_text(encoding="utf-8")
    return {match["name"]: match["version"] for match in PIN.finditer(text)}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requirements}


@pytest.mark.parametrize("lock", ["runtime", "build", "dev", "witness-27"])
def test_every_pin_has_its_hashes(lock: str) -> None:
    text = (REQUIREMENTS / f"{lock}.txt").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]

    assert len(entries) == len(pins(lock)) > 0
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_locks_cover_what_is_declared() -> None:
    pyproject = project()
    groups = pyproject["dependency-groups"]

    assert names(pyproject["project"]["dependencies"]) <= pins("runtime").keys()
    assert names(pyproject["build-system"]["requires"] + groups["build"]) <= pins("build").keys()
    assert names([item for item in groups["dev"] if isinstance(item, str)]) <= pins("dev").keys()


def test_the_tested_versions_are_the_installed_ones() -> None:
    assert pins("dev").items() >= pins("runtime").items() | pins("build").items()
