"""Commands, exit codes and streams: results on stdout, everything else on stderr."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler import api
from reconciler.cli import progress
from reconciler.cli.main import cli
from reconciler.core.ids import Realm, key_id
from reconciler.edge.resources import shipped_catalogue
from reconciler.emulator import Emulator
from reconciler.emulator.rules import _FAULTS
from tests.repository import ROOT, project
from tests.support.command import MANIFEST, Command, Ended, in_folder

REALM = Realm(owner="shop", environment="local", project="p1")
COMMANDS = (
    "init",
    "bootstrap",
    "doctor",
    "validate",
    "plan",
    "apply",
    "rotate",
    "status",
    "destroy",
    "reveal",
    "exec",
    "scopes",
    "schema",
    "emulator",
)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return in_folder(tmp_path, monkeypatch, capsys)


@pytest.fixture
def emulator(command: Command) -> Iterator[Emulator]:
    """The server that the manifest's `local` environment has."""
    command.write()
    made = Emulator(command.folder / ".reconciler" / "emulator.sqlite3")
    made.ensure_project("p1")
    yield made
    made.close()


def owned(name: str) -> str:
    return key_id(REALM, name)


def parsed(ended: Ended) -> Any:
    return json.loads(ended.out)


# --- exit codes ---


def test_0_done_or_nothing_to_do(command: Command) -> None:
    command.write()

    codes = [
        command(*arguments).code
        for arguments in (
            ["validate"],
            ["plan"],
            ["apply", "--auto-approve"],
            ["apply", "--auto-approve"],
            ["plan", "--detailed-exitcode"],
            ["scopes"],
            ["schema", "manifest"],
            ["destroy", "-e", "local", "--auto-approve"],
        )
    ]

    assert codes == [0] * 8


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["plan", "--frobnicate"],
        ["plan", "--format", "xml"],
        ["plan", "--parallelism", "0"],
        ["plan", "--parallelism", "101"],
        ["plan", "--allow-deletes", "-1"],
        ["plan", "keys.yaml"],
        ["destroy"],
        ["schema"],
        ["schema", "keys"],
        ["scopes", "a", "b"],
        ["emulator", "--port", "65536"],
        ["emulator", "--profile", "2.0"],
    ],
    ids=" ".join,
)
def test_1_a_command_that_is_not_understood(command: Command, arguments: list[str]) -> None:
    command.write()

    ended = command(*arguments)

    name = "" if arguments[0] == "frobnicate" else f" {arguments[0]}"
    assert (ended.code, ended.out) == (1, "")
    assert re.fullmatch(rf"error: [a-z][^\n]*[^\n.]\n  hint: reconciler{name} --help\n", ended.err)


def test_1_no_command_at_all(command: Command) -> None:
    ended = command()

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Usage: reconciler")


def test_2_changes_are_pending_and_only_where_that_is_asked_for(command: Command) -> None:
    command.write()

    assert command("plan").code == 0
    assert command("plan", "--detailed-exitcode").code == 2


def test_3_apply_is_incomplete(command: Command) -> None:
    command.write(MANIFEST.replace("project: p1", "project: p1, organization: emulator, credential: {env: KEY}"))
    emulator = Emulator(command.folder / ".reconciler" / "emulator.sqlite3")
    secret = emulator.add_organization_key("emulator", ["keys.read"])
    emulator.close()

    ended = command("apply", "--auto-approve", KEY=secret)

    assert ended.code == 3
    assert "KEY lacks the scope keys.write" in " ".join(ended.out.split())
    assert ended.out.endswith("Incomplete: 0 of 1 changes applied, 1 failed. See above, then run it again.\n")


def test_what_was_not_attempted_is_no_progress(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    more = "  more: {scopes: []}\n  most: {scopes: []}\nenvironments:"
    where = "project: p1, organization: emulator, credential: {env: KEY}"
    command.write(MANIFEST.replace("project: p1", where).replace("environments:", more))
    emulator = Emulator(command.folder / ".reconciler" / "emulator.sqlite3")
    secret = emulator.add_organization_key("emulator", ["keys.read"])
    emulator.close()

    ended = command("apply", "--auto-approve", "--parallelism", "1", KEY=secret)

    assert "1 failed, 2 not attempted" in ended.out
    assert [line for line in ended.err.splitlines() if line.startswith("[")] == ["[1/3] local/ci: create failed"]


@pytest.mark.parametrize("arguments", [["plan", "--detailed-exitcode"], ["plan"], ["apply", "--auto-approve"]])
def test_4_refused_by_a_guard_with_the_whole_plan_shown(
    command: Command, emulator: Emulator, arguments: list[str]
) -> None:
    for number in range(10):
        emulator.add_key("p1", owned(f"key-{number}"), [])

    ended = command(*arguments)

    shown = ended.out if "plan" in arguments else ended.err
    assert ended.code == 4
    assert shown.count("no longer declared") == 10
    assert "hint: pass --allow-deletes 10 if that is meant" in shown
    assert command(*arguments, "--allow-deletes", "10").code == (
        2 if len(arguments) == 2 and "plan" in arguments else 0
    )


def test_every_command_explains_itself(command: Command) -> None:
    for name in COMMANDS:
        for flag in ("-h", "--help"):
            ended = command(name, flag)
            assert (ended.code, ended.err) == (0, "")
            assert ended.out.startswith(f"Usage: reconciler {name} [OPTIONS]")
    listed = command("--help").out
    places = [listed.index(f"\n  {name} ") for name in COMMANDS]

    assert tuple(cli.commands) == COMMANDS
    assert places == sorted(places)


def test_the_version_is_that_of_the_distribution(command: Command) -> None:
    assert command("--version").out == f"reconciler {project()['project']['version']}\n"


# --- streams ---


def test_a_plan_is_the_only_thing_on_stdout(command: Command) -> None:
    command.write()

    plan = command("plan", "--format", "json")

    assert plan.err == ""
    assert parsed(plan)["summary"]["create"] == 1


def test_apply_shows_its_plan_on_stderr_and_its_report_on_stdout(command: Command) -> None:
    command.write()

    ended = command("apply", "--auto-approve", "--format", "json")

    assert parsed(ended)["complete"] is True
    assert "Plan: 1 to create" in ended.err


def test_what_is_worth_a_warning_goes_to_stderr(command: Command) -> None:
    command.write(MANIFEST.replace("project: p1", 'project: "${UNSET}"'))

    ended = command("validate", "--format", "json")

    warning = "local: endpoint and project are not checked: not set: UNSET"
    assert ended.err == f"warning: {warning}\n"
    assert parsed(ended) == {"version": 1, "valid": True, "problems": [], "warnings": [warning]}
    Draft202012Validator(api.schema("problems")).validate(parsed(ended))


def test_an_error_goes_to_stderr_and_stdout_stays_empty(command: Command) -> None:
    command.write(MANIFEST.replace("users.read", "users.reed"))

    for arguments in (["plan"], ["apply", "--auto-approve"], ["plan", "--format", "json", "-e", "nowhere"]):
        ended = command(*arguments)
        assert (ended.code, ended.out) == (1, "")
        assert "  hint: " in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate"],
        ["plan"],
        ["apply", "--auto-approve"],
        ["destroy", "-e", "local", "--auto-approve"],
        ["scopes", "-e", "local"],
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize(
    "mistake",
    [("users.read", "users.reed!"), ("emulator", '"${UNSET}"'), ("keys:", "\tkeys:")],
    ids=["form", "variable", "syntax"],
)
def test_a_result_in_json_is_the_problems_where_the_manifest_is_invalid(
    command: Command, arguments: list[str], mistake: tuple[str, str]
) -> None:
    command.write(MANIFEST.replace(*mistake))
    named = [*arguments, *([] if "-e" in arguments else ["-e", "local"])]

    ended = command(*named, "--format", "json")

    told = parsed(ended)
    Draft202012Validator(api.schema("problems")).validate(told)
    assert ended.code == 1
    assert (told["valid"], len(told["problems"])) == (False, 1)
    assert (told["problems"][0]["message"] in ended.err) == (arguments != ["validate"])
    assert told["problems"][0]["message"][:20] in command(*named, "--format", "markdown").out


def test_github_actions_are_told_where_problems_and_warnings_are(command: Command) -> None:
    (command.folder / "infra").mkdir()
    deprecated = MANIFEST.replace("users.read", "documents.read").replace(
        "p1}", "p1}\n  other: {endpoint: emulator, project: p2}"
    )
    command.write(deprecated, "infra/keys.yaml")
    command.write(MANIFEST.replace("users.read", "users.reed"), "infra/wrong.yaml")
    runner = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(command.folder)}
    command.patch.chdir(command.folder / "infra")

    for arguments in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        ended = command(*arguments, **runner)
        told = [line for line in (ended.out + ended.err).splitlines() if line.startswith(("::warning", "::error"))]
        assert ended.code == 0
        said = 'scope "documents.read" is deprecated; write "rows.read"'
        assert told == [f"::warning file=infra/keys.yaml,line=6,col=14,title=Manifest::{said}"]
        assert "::" not in ended.out

    for arguments in (["validate"], ["plan"], ["plan", "--format", "json"]):
        ended = command(*arguments, "-f", "wrong.yaml")
        (told_once,) = [line for line in ended.err.splitlines() if line.startswith(("::warning", "::error"))]
        assert told_once.startswith("::error file=infra/wrong.yaml,line=6,col=14,title=Invalid manifest::scope ")
        assert told_once.endswith('%0Ahint: did you mean "users.read"?')
        assert "\n::" not in ended.out


def test_nobody_else_is_told_in_the_words_of_github_actions(command: Command) -> None:
    command.write(MANIFEST.replace("users.read", "users.reed"))

    assert "::" not in command("plan", GITHUB_ACTIONS="false").err


def test_text_that_yaml_1_1_takes_for_something_else_is_what_the_plan_shows(command: Command) -> None:
    names = ("no", "on", "1_000", "0x1F", "0o17", "1e3", "12:30:45", ".inf", "2027-12-31", "007")
    keys = "".join(f"  key-{number}: {{name: {name}, scopes: []}}\n" for number, name in enumerate(names))
    command.write(f"version: 1\nowner: no\nkeys:\n{keys}environments: {{local: {{endpoint: emulator, project: p1}}}}\n")

    told = parsed(command("plan", "--format", "json"))["environments"][0]["changes"]

    shown = {change["after"]["name"] for change in told}
    assert shown == set(names)


@pytest.mark.parametrize("output_format", ["text", "json", "markdown"])
def test_the_problems_of_a_manifest_are_the_result_of_validate(command: Command, output_format: str) -> None:
    command.write(MANIFEST.replace("users.read", "users.reed"))

    ended = command("validate", "--format", output_format)

    assert (ended.code, ended.err) == (1, "")
    assert "users.reed" in ended.out
    if output_format == "json":
        (problem,) = parsed(ended)["problems"]
        assert (problem["file"], problem["line"]) == ("keys.yaml", 6)


def test_nothing_of_a_pipe_is_coloured(command: Command) -> None:
    command.write()

    ended = command("apply", "--auto-approve")

    assert "\x1b" not in ended.out + ended.err


# --- approval ---


@pytest.mark.parametrize("arguments", [["apply"], ["destroy", "-e", "local"]])
def test_without_a_terminal_nothing_is_changed_unless_approved(command: Command, arguments: list[str]) -> None:
    command.write()

    ended = command(*arguments)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "error: this asks before it changes anything, and there is no terminal to ask on\n  hint: pass --auto-approve\n"
    )
    assert not (command.folder / ".reconciler").exists()


def test_destroy_deletes_what_is_owned_and_leaves_secrets_and_other_keys(command: Command, emulator: Emulator) -> None:
    emulator.add_key("p1", "by-hand", [])
    command("apply", "--auto-approve")
    secrets = (command.folder / "secrets" / "local.env").read_bytes()

    ended = command("destroy", "-e", "local", "--auto-approve", "--format", "json")

    assert ended.code == 0
    assert [result["action"] for result in parsed(ended)["environments"][0]["results"]] == ["delete"]
    assert (command.folder / "secrets" / "local.env").read_bytes() == secrets
    plan = parsed(command("plan", "--format", "json"))
    assert plan["environments"][0]["unmanaged"] == [{"id": "by-hand", "name": "by-hand"}]


def test_destroy_names_one_environment_of_the_manifest(command: Command) -> None:
    command.write()

    ended = command("destroy", "-e", "locl", "--auto-approve")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == 'error: keys.yaml has no environment "locl"\n  hint: did you mean "local"?\n'


# --- plan ---


def test_only_the_named_environments_are_planned(command: Command) -> None:
    command.write(MANIFEST + "  other: {endpoint: emulator, project: p2}\n  third: {endpoint: emulator, project: p3}\n")

    def planned(*arguments: str) -> list[str]:
        plan = parsed(command("plan", "--format", "json", *arguments))
        return [environment["environment"] for environment in plan["environments"]]

    assert planned() == ["local", "other", "third"]
    assert planned("-e", "third", "-e", "local") == ["third", "local"]


def test_an_environment_named_twice_is_planned_once(command: Command) -> None:
    command.write()

    plan = parsed(command("plan", "-e", "local", "-e", "local", "--format", "json"))

    assert [environment["environment"] for environment in plan["environments"]] == ["local"]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["destroy", "-e", "local", "-e", "other", "--auto-approve"], "--environment"),
        (["scopes", "-f", "broken.yaml", "--file=keys.yaml"], "--file"),
        (["scopes", "-e", "local", "-e", "other"], "--environment"),
        (["plan", "--format", "json", "--format", "text"], "--format"),
        (["apply", "--auto-approve", "--allow-deletes", "2", "--allow-deletes=1"], "--allow-deletes"),
        (["emulator", "--port", "0", "--port", "0"], "--port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_no_value_of_an_option_is_dropped_without_a_word(command: Command, arguments: list[str], option: str) -> None:
    command.write()
    command.write("version: 7\n", "broken.yaml")

    ended = command(*arguments)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: {option} is given 2 times, and takes one value\n  hint: give {option} once")
    assert not (command.folder / "secrets").exists()


def test_a_flag_may_be_repeated(command: Command) -> None:
    command.write()

    assert command("plan", "--no-color", "--no-color", "-v", "-v").code == 0


def test_every_unknown_environment_is_told(command: Command) -> None:
    command.write()

    ended = command("plan", "-e", "nowhere", "-e", "locale")

    assert ended.code == 1
    assert 'no environment "nowhere"\n  hint: it has "local"' in ended.err
    assert 'no environment "locale"\n  hint: did you mean "local"?' in ended.err


def test_names_of_environments_are_not_joined_with_commas(command: Command) -> None:
    command.write()

    ended = command("plan", "-e", "local,production")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith('no environment "local,production"\n  hint: write one name after each -e\n')


def test_verbose_shows_what_stays_as_it_is(command: Command) -> None:
    command.write()
    command("apply", "--auto-approve")

    assert "  = ci  (" in command("plan", "-v").out
    assert "  = ci  (" not in command("plan").out


def test_planning_leaves_no_trace_but_the_emulators_database(command: Command) -> None:
    command.write()

    command("plan")

    assert {each.name for each in command.folder.iterdir()} == {"keys.yaml", ".reconciler"}
    assert {each.name for each in (command.folder / ".reconciler").iterdir()} == {".gitignore", "emulator.sqlite3"}


def test_a_narrow_terminal_gets_narrow_lines(command: Command) -> None:
    command.write()

    narrow, wide = command("plan", COLUMNS="40").out, command("plan", COLUMNS="200").out

    assert max(map(len, narrow.splitlines())) <= 40
    assert len(wide.splitlines()) < len(narrow.splitlines())


# --- files ---


def test_a_manifest_that_is_not_there_is_told_with_what_to_do(command: Command) -> None:
    ended = command("plan", "-f", "nowhere.yaml")

    assert ended.code == 1
    assert ended.err == (
        "error: there is no file nowhere.yaml\n  hint: name another with -f, or write one with `reconciler init`\n"
    )


def test_paths_start_at_the_manifests_folder(command: Command, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    command.write(name="deep/keys.yaml")

    assert command("apply", "-f", "deep/keys.yaml", "--auto-approve").code == 0
    assert (tmp_path / "deep" / "secrets" / "local.env").is_file()
    assert (tmp_path / "deep" / ".reconciler" / "emulator.sqlite3").is_file()
    assert {each.name for each in tmp_path.iterdir()} == {"deep"}


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 10, None])
def test_an_emulator_whose_database_cannot_be_used_is_told(command: Command, content: bytes | None) -> None:
    command.write()
    folder = command.folder / ".reconciler"
    if content is None:
        folder.write_text("a file in the folder's place")
    else:
        folder.mkdir()
        (folder / "emulator.sqlite3").write_bytes(content)

    for arguments, hint in (
        (["plan"], "see who owns it, or delete it, with the keys in it"),
        (["emulator", "--port", "0"], "name another file with --database"),
    ):
        ended = command(*arguments)
        assert ended.code == 1
        assert ended.err.startswith("error: the emulator's database .reconciler/emulator.sqlite3 cannot be used: ")
        assert ended.err.endswith(f"\n  hint: {hint}\n")


def test_what_is_no_database_is_left_as_it_is(command: Command) -> None:
    command.write()

    ended = command("emulator", "--port", "0", "--database", "keys.yaml")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("\n  hint: name another file with --database\n")
    assert (command.folder / "keys.yaml").read_text() == MANIFEST


# --- init, validate, scopes, schema ---


def test_init_writes_a_manifest_that_works_at_once(command: Command) -> None:
    init = command("init")

    assert init.code == 0
    assert init.out == "reconciler plan -e local\n"
    assert command(*init.out.split()[1:]).code == 0
    assert command("validate").code == 0
    assert command("apply", "-e", "local", "--auto-approve").code == 0
    assert (command.folder / "secrets" / "local.env").is_file()


def test_init_names_the_key_of_an_organization_and_no_session_as_the_credential(command: Command) -> None:
    command("init")

    text = " ".join((command.folder / "keys.yaml").read_text().replace("#", "").split())
    assert "it holds the key of an organization, which `organization: ID` names here" in text
    assert "session" not in text


def test_init_never_overwrites(command: Command) -> None:
    command.write("mine")

    ended = command("init")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "error: keys.yaml exists already\n  hint: name another file with -f\n"
    assert (command.folder / "keys.yaml").read_text() == "mine"
    (command.folder / "dangling.yaml").symlink_to("nowhere.yaml")
    assert command("init", "-f", "dangling.yaml").code == 1
    assert not (command.folder / "nowhere.yaml").exists()


@pytest.mark.parametrize(
    "name", ["Shop & Sons!", "---", "ünïcödé", "x" * 200, "0", "12", "true", "Null", "a" * 24 + "-b"]
)
def test_init_makes_an_owner_of_any_folders_name(command: Command, name: str) -> None:
    folder = command.folder / name
    folder.mkdir()
    command.patch.chdir(folder)

    assert command("init").code == 0
    assert command("plan", "-e", "local").code == 0


def test_init_in_a_folder_that_is_not_there_is_told(command: Command) -> None:
    ended = command("init", "-f", "nowhere/keys.yaml")

    assert ended.code == 1
    assert "nowhere/keys.yaml cannot be written: No such file or directory" in ended.err


def test_validate_counts_keys_by_environment(command: Command) -> None:
    command.write(MANIFEST + "  other: {endpoint: emulator, project: p2, keys: {more: {scopes: [users.read]}}}\n")

    assert command("validate").out == "keys.yaml is valid: local (1 key), other (2 keys).\n"
    assert command("validate", "-e", "other").out == "keys.yaml is valid: other (2 keys).\n"
    assert command("validate", "--format", "markdown").out == "The manifest is valid.\n"
    told = parsed(command("validate", "--format", "json"))
    assert told == {"version": 1, "valid": True, "problems": [], "warnings": []}


def test_validate_of_a_named_environment_needs_its_variables(command: Command) -> None:
    command.write(MANIFEST.replace("project: p1", 'project: "${MISSING}"'))

    ended = command("validate")
    assert (ended.code, ended.out) == (0, "keys.yaml is valid: local (1 key, endpoint and project not checked).\n")
    assert command("validate", "-e", "local").code == 1
    assert command("validate", "-e", "local", MISSING="p1").code == 0


def test_validate_warns_of_a_key_whose_life_is_over_and_plan_does_not_call_it_as_declared(command: Command) -> None:
    past = MANIFEST.replace("    name: CI", "    expire: 2020-02-01T00:00:00Z")
    command.write(past + '  other: {endpoint: "${MISSING}", project: p2, keys: {ci: {expire: 9998-01-01T00:00:00Z}}}\n')

    ended = command("validate")

    said = 'expire of "ci" is in the past: 2020-02-01T00:00:00Z'
    assert ended.code == 0
    assert [line for line in ended.err.splitlines() if "past" in line] == [f"warning: local: keys.yaml:4:3: {said}"]
    assert "warning: local/ci is not created: its expire is in the past" in command("plan", "-e", "local").out


@pytest.mark.parametrize("name", ["manifest", "plan", "report", "status", "problems"])
def test_a_schema_is_the_published_file(command: Command, name: str) -> None:
    assert parsed(command("schema", name)) == json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())


def test_scopes_offline_are_the_shipped_ones(command: Command) -> None:
    scopes = parsed(command("scopes", "--format", "json"))["scopes"]

    assert {scope["scope"] for scope in scopes} == shipped_catalogue().known
    assert all(scope["description"] for scope in scopes)


def test_scopes_online_are_the_servers_own(command: Command) -> None:
    command.write()

    offline = {scope["scope"] for scope in parsed(command("scopes", "--format", "json"))["scopes"]}
    online = {scope["scope"] for scope in parsed(command("scopes", "-e", "local", "--format", "json"))["scopes"]}

    assert "users.read" in online
    assert online < offline


def test_scopes_are_chosen_by_a_glob(command: Command) -> None:
    assert command("scopes", "keys.*").out.startswith("keys.read  (sensitive: needs allow_sensitive)\n    ")
    assert "| `users.write` |" in command("scopes", "users.write", "--format", "markdown").out


def test_a_glob_that_matches_nothing_is_an_error(command: Command) -> None:
    ended = command("scopes", "nothing.*")

    assert (ended.code, ended.out) == (1, "")
    assert "no scope matches 'nothing.*'" in ended.err


# --- emulator ---


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ("{", "no JSON"),
        ('[{"fault": "gremlins"}]', "whose fault is one of latency, answer"),
        ('[{"fault": "latency"}]', "seconds is missing"),
        ('[{"fault": "latency", "seconds": -1}]', "seconds cannot be -1"),
        ('[{"fault": "latency", "seconds": 1, "pathh": "x"}]', "latency takes no 'pathh'"),
        ('[{"fault": "drop_before", "path": "("}]', "no regular expression"),
    ],
)
def test_faults_that_are_not_understood_are_told(command: Command, faults: str, said: str) -> None:
    ended = command("emulator", "--port", "0", "--faults", faults)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: --faults: {'fault 1' if '[' in faults else ''}")
    assert said in ended.err
    assert "faults: faults" not in ended.err


def test_help_lists_the_faults_that_there_are(command: Command) -> None:
    shown = " ".join(command("emulator", "--help").out.split())

    assert f"Faults are {', '.join(list(_FAULTS)[:-1])} and {list(_FAULTS)[-1]}." in shown


@pytest.mark.parametrize("project", ["a/b", "", "console"])
def test_a_project_that_appwrite_would_not_have_is_refused(command: Command, project: str) -> None:
    ended = command("emulator", "--port", "0", "--project", project)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f'error: --project "{project}" is ')


@pytest.mark.parametrize("host", ["nohost.invalid", "192.0.2.1"])
def test_a_host_that_is_not_here_is_told(command: Command, host: str) -> None:
    ended = command("emulator", "--port", "0", "--host", host)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: cannot listen on {host}, port 0: ")
    assert ended.err.endswith("  hint: choose an address of this machine with --host\n")


def test_a_port_that_is_taken_is_told(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ended = command("emulator", "--port", str(port))

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: cannot listen on 127.0.0.1, port {port}: Address already in use")
    assert ended.err.endswith("  hint: choose another with --port, or 0\n")
