"""A command sees its ephemeral key, and nothing that manages keys."""

from pathlib import Path

import pytest

from reconciler.api import read_manifest
from reconciler.core.command_environment import check_reachable, command_environment, credential_variables
from reconciler.core.desired import Connection
from reconciler.core.secret import Secret
from reconciler.errors import UsageError
from tests.support.builders import HERE

NAMES = frozenset({"APPWRITE_API_KEY", "APPWRITE_ORGANIZATION_API_KEY", "CONSOLE"})
CREDENTIAL = "standard_" + "0123456789abcdef" * 16
CONNECTION = Connection(environment="ci", endpoint="https://a.example/v1", project="p1", position=HERE)
GIVEN = {
    "APPWRITE_ENDPOINT": "https://a.example/v1",
    "APPWRITE_PROJECT_ID": "p1",
    "APPWRITE_API_KEY": "ephemeral_x.y.z",
}


def made(**inherited: str) -> dict[str, str]:
    return command_environment(inherited, NAMES, CONNECTION, Secret("ephemeral_x.y.z"))


def test_it_is_given_endpoint_project_and_key_in_place_of_those_that_were_there() -> None:
    assert made(APPWRITE_API_KEY=CREDENTIAL, APPWRITE_ENDPOINT="other", APPWRITE_PROJECT_ID="other") == GIVEN


def test_it_keeps_what_is_no_credential() -> None:
    kept = {"PATH": "/bin", "APPWRITE_ORGANIZATION_ID": "acme", "EMPTY": ""}

    assert made(**kept) == GIVEN | kept


def test_it_does_not_see_the_credentials_that_the_manifest_names() -> None:
    assert made(APPWRITE_ORGANIZATION_API_KEY=CREDENTIAL, CONSOLE="a_session_console=eyJ0") == GIVEN


@pytest.mark.parametrize("form", ["{}", " {}\n", "a_session_console={}", "Bearer {}"])
def test_it_does_not_see_a_credential_under_another_name(form: str) -> None:
    assert made(CONSOLE=CREDENTIAL, ANOTHER=form.format(CREDENTIAL)) == GIVEN


def test_it_does_not_see_the_credential_in_use_wherever_that_was_read() -> None:
    inherited = {"DEPLOY_KEY": CREDENTIAL, "COOKIE": f"a_session_console={CREDENTIAL}", "PATH": "/bin"}

    told = command_environment(inherited, NAMES, CONNECTION, Secret("ephemeral_x.y.z"), Secret(CREDENTIAL))

    assert told == GIVEN | {"PATH": "/bin"}


@pytest.mark.parametrize("value", ["", " ", "x", "short"])
def test_what_is_too_short_to_be_a_credential_takes_nothing_with_it(value: str) -> None:
    assert made(CONSOLE=value, PATH="/usr/x/short/bin") == GIVEN | {"PATH": "/usr/x/short/bin"}


def test_the_variables_of_every_environment_count(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(
        "version: 1\nowner: shop\nenvironments:\n"
        "  a: {endpoint: emulator, project: p1, credential: {env: ONE}}\n"
        "  b: {endpoint: emulator, project: p2, credential: {env: TWO}}\n"
        "  c: {endpoint: emulator, project: p3, credential: {file: THREE}}\n"
    )

    assert credential_variables([read_manifest(path)]) == {
        "APPWRITE_API_KEY",
        "APPWRITE_ORGANIZATION_API_KEY",
        "ONE",
        "TWO",
    }


def test_the_built_in_emulator_has_no_address_to_give() -> None:
    with pytest.raises(UsageError, match="no address that a command could call"):
        check_reachable(Connection(environment="ci", endpoint="emulator", project="p1", position=HERE))
