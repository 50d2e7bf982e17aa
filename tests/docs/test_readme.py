import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reconciler.cli.main import cli
from reconciler.emulator import Emulator
from tests.docs.commands import PROGRAMS, differences, environment
from tests.docs.markdown import fences
from tests.repository import ROOT, relative

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
ROW = re.compile(r"^\| `?(?P<left>[\w-]+)`? \| (?P<right>[^|]+) \|$", re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
ORGANIZATION, PROJECT = "acme", "shop"


@pytest.fixture
def organization_key(tmp_path: Path) -> str:
    """The project of the README's `production` on an Appwrite of our own, and what may manage its keys."""
    emulator = Emulator(tmp_path / "server.sqlite3")
    emulator.ensure_project(PROJECT, organization=ORGANIZATION)
    secret = emulator.add_organization_key(ORGANIZATION, ["keys.read", "keys.write"])
    emulator.close()
    return secret


@pytest.fixture
def endpoint(tmp_path: Path, organization_key: str) -> Iterator[str]:
    """That Appwrite, on a port, run by the command that the README names."""
    database = str(tmp_path / "server.sqlite3")
    arguments = [str(PROGRAMS / "reconciler"), "emulator", "--port", "0", "--database", database]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
        server.terminate()


def test_every_command_of_the_readme_does_and_shows_what_it_says(
    tmp_path: Path, endpoint: str, organization_key: str
) -> None:
    folder = tmp_path / "somewhere"
    folder.mkdir()
    variables = environment(
        tmp_path,
        APPWRITE_ENDPOINT=endpoint,
        APPWRITE_ORGANIZATION_API_KEY=organization_key,
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
    )

    assert differences(README, folder, variables) == []
    assert "**create** `production/storefront`" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    delivered = (folder / "secrets" / "production.env").read_text(encoding="utf-8")
    assert delivered.splitlines()[-1].startswith("APPWRITE_API_KEY=standard_")


def test_the_first_manifest_has_twelve_lines() -> None:
    manifest = next(content for info, content in fences(README) if info == "yaml keys.yaml")

    assert len(manifest.splitlines()) == 12


def table(heading: str) -> dict[str, str]:
    """A table of the README with two columns, told by its heading row."""
    text = README.read_text(encoding="utf-8")
    rows = text[text.index(heading) :].split("\n\n", 1)[0].splitlines()[2:]
    return {match["left"]: match["right"] for row in rows if (match := ROW.match(row))}


def test_the_readme_lists_the_commands_as_help_does() -> None:
    context = click.Context(cli)
    listed = {
        name: command.get_short_help_str(200)
        for name in cli.list_commands(context)
        if (command := cli.get_command(context, name))
    }

    assert table("| command |") == {name: f"{text.rstrip('.')}." for name, text in listed.items()}


def test_the_readme_lists_the_exit_codes_as_help_does() -> None:
    codes = re.findall(r"^ +(\d) +(.+)$", cli.get_help(click.Context(cli, info_name="reconciler")), re.MULTILINE)

    assert table("| exit code |") == dict(codes)


def test_each_line_of_the_first_help_screen_is_whole_at_80_columns() -> None:
    _, listed = cli.get_help(click.Context(cli, info_name="reconciler", terminal_width=80)).split("Commands:")

    assert "..." not in listed


def options(command: click.Command) -> set[str]:
    """Every option of a command and of those below it."""
    context = click.Context(command, help_option_names=["-h", "--help"])  # click remembers them with the command
    own = {text for parameter in command.get_params(context) for text in parameter.opts}
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return own.union(*map(options, below))


def is_ours(text: str) -> bool:
    """Whether an inline text is a command of ours or begins one: `reconciler plan`, `plan --out FILE`, `--target`."""
    first = text.partition(" ")[0]
    return first in {"reconciler", *cli.commands} or first.startswith("-")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_option_and_command_that_a_page_names_exists(page: Path) -> None:
    named = [text for text in INLINE.findall(page.read_text(encoding="utf-8")) if is_ours(text)]
    own = [text.split(" -- ")[0] for text in named]  # what exec runs has options of its own
    flags = {word for text in own for word in text.split() if re.fullmatch(r"--?[a-z][a-z-]*", word)}
    verbs = {text.split()[1] for text in own if text.startswith("reconciler ")} - {"COMMAND"}

    assert flags - options(cli) == set()
    assert verbs - set(cli.commands) == set()
