"""From a manifest to Secrets Manager and the Parameter Store, and what happens when somebody changes what is there."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from botocore.loaders import create_loader

from reconciler.api import wiring
from tests.support.aws_server import Aws, an_aws, enforced
from tests.support.command import Command, in_folder

LOADER = create_loader()
"""What a client is made of is read once."""
MANIFEST = """\
version: 1
owner: shop
keys:
  backend:
    scopes: [users.read]
    deliver:
      - aws: {secret: "PLACE/{environment}/whole"}
      - aws: {secret: "PLACE/{environment}/fields", field: APPWRITE_API_KEY}
      - aws: {parameter: "/PLACE/{environment}/{name}"}
environments:
  local: {endpoint: emulator, project: p1}
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with an_aws() as running:
        yield running


@pytest.fixture
def reconciler(
    aws: Aws, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    made = in_folder(tmp_path, monkeypatch, capsys)
    made.write(MANIFEST.replace("PLACE", place))
    monkeypatch.setattr("botocore.session.create_loader", lambda _: LOADER)
    for name, value in aws.variables(COLUMNS="300").items():
        monkeypatch.setenv(name, value)
    return made


def held(aws: Aws, place: str) -> list[str]:
    """What stands in the three places."""
    secrets, parameters = aws.client("secretsmanager"), aws.client("ssm")
    return [
        secrets.get_secret_value(SecretId=f"{place}/local/whole")["SecretString"],
        json.loads(secrets.get_secret_value(SecretId=f"{place}/local/fields")["SecretString"])["APPWRITE_API_KEY"],
        parameters.get_parameter(Name=f"/{place}/local/backend", WithDecryption=True)["Parameter"]["Value"],
    ]


def test_a_secret_arrives_in_all_three_and_what_somebody_changes_is_mended(
    reconciler: Command, aws: Aws, place: str
) -> None:
    applied = reconciler("apply", "--auto-approve")

    assert applied.code == 0
    [secret, *others] = held(aws, place)
    assert secret.startswith("standard_")
    assert others == [secret, secret]
    assert secret not in applied.out + applied.err
    assert reconciler("plan", "--detailed-exitcode").code == 0

    secrets = aws.client("secretsmanager")
    secrets.put_secret_value(SecretId=f"{place}/local/whole", SecretString="other")
    secrets.put_secret_value(SecretId=f"{place}/local/fields", SecretString='{"A": "1"}')
    aws.client("ssm").delete_parameter(Name=f"/{place}/local/backend")
    planned = reconciler("plan", "--detailed-exitcode")
    assert planned.code == 2
    assert f"aws {place}/local/whole" in planned.out
    assert reconciler("apply", "--auto-approve").code == 0

    assert held(aws, place) == [secret] * 3
    assert reconciler("plan", "--detailed-exitcode").code == 0


def test_a_server_that_hides_secrets_is_compared_by_the_notes(
    reconciler: Command, aws: Aws, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "open_emulator", partial(wiring.open_emulator, profile="2.6.2"))
    assert reconciler("apply", "--auto-approve").code == 0
    [first, *_] = held(aws, place)
    assert reconciler("plan", "--detailed-exitcode").code == 0

    aws.client("secretsmanager").put_secret_value(SecretId=f"{place}/local/whole", SecretString="other")
    assert "1 to rotate, 1 to retire" in reconciler("plan").out
    assert reconciler("apply", "--auto-approve").code == 0

    [second, *others] = held(aws, place)
    assert second != first
    assert others == [second, second]
    assert reconciler("plan", "--detailed-exitcode").code == 0


def test_what_one_place_refuses_is_taken_back_from_the_others(reconciler: Command, aws: Aws, place: str) -> None:
    """Whether a parameter may be written is not known before."""
    actions = ("DescribeSecret", "GetSecretValue", "PutSecretValue", "CreateSecret", "DeleteSecret")
    user = aws.user(place, "ssm:GetParameter", *(f"secretsmanager:{action}" for action in actions))
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=f"{place}/local/fields", SecretString='{"A": "1"}')

    with enforced():
        applied = reconciler("apply", "--auto-approve", **user)

    assert applied.code == 3
    assert "is not authorized to perform: ssm:PutParameter" in applied.out
    assert secrets.get_secret_value(SecretId=f"{place}/local/fields")["SecretString"] == '{"A": "1"}'
    assert f"{place}/local/whole" not in [each["Name"] for each in secrets.list_secrets()["SecretList"]]
    assert "1 to create" in reconciler("plan", **aws.variables()).out


def test_no_key_is_made_where_a_secret_is_about_to_be_deleted(reconciler: Command, aws: Aws, place: str) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=f"{place}/local/whole", SecretString="old")
    secrets.delete_secret(SecretId=f"{place}/local/whole")

    applied = reconciler("apply", "--auto-approve")

    assert applied.code == 1
    assert "is scheduled for deletion" in applied.err
    assert f"aws secretsmanager restore-secret --secret-id {place}/local/whole" in applied.err
    assert "1 to create" in reconciler("plan").out
