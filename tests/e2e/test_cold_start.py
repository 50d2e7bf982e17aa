"""What `--help` loads, by name instead of by time: a heavy import shows here before `make bench` can feel it."""

import json
import subprocess
import sys

import pytest

_LOADED = "import json; print(json.dumps([name for name, module in list(sys.modules.items()) if module is not None]))"
_HELP = f"""\
import sys
from reconciler.cli.main import main
try:
    main()
except SystemExit:
    {_LOADED}
"""
_CORE = {"parallelism", "quoting", "secret", "secret_forms"}
"""What a message needs, and the default of an option."""
_HEAVY = {
    "asyncio",
    "concurrent.futures",
    "decimal",
    "email",
    "hashlib",
    "http.client",
    "importlib.metadata",
    "importlib.resources",
    "json.decoder",
    "logging",
    "random",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "unittest",
    "xml",
    "zoneinfo",
}
"""Of the standard library, what took a millisecond or more when this was written."""


def _modules(program: str, *arguments: str) -> set[str]:
    """The modules that a program of Python has loaded when it prints their names in its last line."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def added() -> set[str]:
    """What is loaded for `reconciler --help` on top of click, which no program with click can do without."""
    return _modules(_HELP, "--help") - _modules(f"import sys; import click; {_LOADED}")


def test_help_loads_the_commands_and_none_of_what_they_do(added: set[str]) -> None:
    ours = {name for name in added if name.split(".")[0] == "reconciler"}

    beyond = {name for name in ours if name.split(".")[1:2] not in ([], ["cli"])}
    assert beyond == {"reconciler.errors", "reconciler.core", *(f"reconciler.core.{name}" for name in _CORE)}
    assert "reconciler.cli.apply" in ours


def test_help_loads_no_library_but_click(added: set[str]) -> None:
    roots = {name.split(".")[0] for name in added}

    assert roots - sys.stdlib_module_names == {"click", "reconciler"}


def test_a_plan_goes_without_what_its_libraries_look_for_and_nobody_uses() -> None:
    loaded = _modules(
        f"import sys; from reconciler.cli.main import go_without; go_without(); import deepdiff, httpx; {_LOADED}"
    )

    assert {"deepdiff", "httpx"} <= loaded
    assert loaded & {"pydantic", "pygments", "rich", "sniffio"} == set()


def test_help_loads_nothing_heavy_of_the_standard_library(added: set[str]) -> None:
    assert added & _HEAVY == set()
