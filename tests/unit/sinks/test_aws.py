"""The aws sink, through real boto3, against moto's server."""

import json
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.loaders import create_loader

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from reconciler.edge.sinks.aws import open_sink
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkError, SinkUnavailable
from reconciler.ports import SecretSink
from tests.support.aws_server import REGION, Aws, an_aws, enforced
from tests.support.delivered import FIELD, NOTE, OTHER, RUNS, SECRET
from tests.support.http_service import Fault, Reply
from tests.support.vaults import Between, between

LOADER = create_loader()
MINE = "An Appwrite API key, delivered by reconciler"
READ = ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
WRITE = ("secretsmanager:PutSecretValue", "secretsmanager:CreateSecret")


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with an_aws() as running:
        yield running


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses before another attempt, which are random, are none; what a client is made of is read once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.setattr("botocore.session.create_loader", lambda _: LOADER)


@pytest.fixture(autouse=True)
def nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    ours = [record for record in caplog.get_records("call") if not record.name.startswith("moto")]  # the server
    assert [record for record in ours if SECRET.reveal() in record.getMessage()] == []


@pytest.fixture(autouse=True)
def variables(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets variables for boto3; to begin with, the owner's."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def be(**more: str) -> None:
        for name, value in aws.variables(**more).items():
            monkeypatch.setenv(name, value)

    be()
    return be


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A secret of the test's own."""
    return f"shop/{request.node.name.replace('[', '_').replace(']', '')}"


@pytest.fixture
def secrets(aws: Aws) -> Any:
    """The owner's own client of Secrets Manager."""
    return aws.client("secretsmanager")


@pytest.fixture
def parameters(aws: Aws) -> Any:
    """The owner's own client of the Parameter Store."""
    return aws.client("ssm")


def sinks(**more: str) -> InstalledSinks:
    return RUNS.enter_context(InstalledSinks({"AWS_REGION": REGION, **more}))


def spec(**options: str) -> SinkSpec:
    return SinkSpec(kind="aws", options=tuple(sorted(options.items())))


def a_sink(**options: str) -> SecretSink:
    return sinks().open(spec(**options))


def text(secrets: Any, name: str) -> str:
    return str(secrets.get_secret_value(SecretId=name)["SecretString"])


def told(error: SinkError) -> str:
    """What is told of an error, and it holds no secret."""
    words = "".join(traceback.format_exception(error)) + error.hint
    assert SECRET.reveal() not in words
    return f"{error.message} | {error.hint}"


# --- Secrets Manager: the whole text ---------------------------------------------------------------------------------


def test_a_secret_that_is_not_there_is_made(secrets: Any, name: str) -> None:
    sink = a_sink(secret=name)
    sink.preflight()
    assert sink.look() == EMPTY

    sink.write(SECRET, NOTE)

    assert text(secrets, name) == SECRET.reveal()
    assert secrets.describe_secret(SecretId=name)["Description"] == MINE
    held = sink.look()
    assert (held.occupied, held.secret, held.note) == (True, SECRET, NOTE)
    assert held.written is not None


def test_a_secret_that_is_there_gets_another_version(secrets: Any, name: str) -> None:
    tags = [{"Key": "team", "Value": "shop"}]
    secrets.create_secret(Name=name, SecretString="old", Description="ours", Tags=tags)
    sink = a_sink(secret=name)

    sink.preflight()
    sink.write(SECRET, NOTE)

    assert text(secrets, name) == SECRET.reveal()
    described = secrets.describe_secret(SecretId=name)
    assert described["Description"] == "ours"
    assert described["Tags"] == [*tags, {"Key": "reconciler", "Value": str(NOTE)}]


def test_a_secret_without_a_value_is_empty_and_filled(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name)
    sink = a_sink(secret=name)
    sink.preflight()
    assert sink.look() == EMPTY

    sink.write(SECRET, NOTE)

    assert sink.look().secret == SECRET


def test_a_preflight_leaves_no_trace(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="old")
    before = secrets.describe_secret(SecretId=name)

    a_sink(secret=name).preflight()
    a_sink(secret=f"{name}-absent").preflight()

    after = secrets.describe_secret(SecretId=name)
    assert after["VersionIdsToStages"] == before["VersionIdsToStages"]
    assert after["LastChangedDate"] == before["LastChangedDate"]
    assert f"{name}-absent" not in [each["Name"] for each in secrets.list_secrets()["SecretList"]]


def test_what_was_made_here_is_taken_away_whole(secrets: Any, name: str) -> None:
    sink = a_sink(secret=name)
    sink.write(SECRET, NOTE)

    sink.remove()
    sink.remove()

    assert sink.look() == EMPTY
    assert f"{name}" not in [each["Name"] for each in secrets.list_secrets()["SecretList"]]


@pytest.mark.parametrize("made", ["by somebody else", "here, and written since"])
def test_what_somebody_else_may_need_is_never_deleted(secrets: Any, name: str, made: str) -> None:
    if made == "by somebody else":
        secrets.create_secret(Name=name)
    sink = a_sink(secret=name)
    sink.write(SECRET, NOTE)
    if made != "by somebody else":
        secrets.put_secret_value(SecretId=name, SecretString="other")

    with pytest.raises(SinkError, match="cannot be emptied") as caught:
        sink.remove()

    assert not isinstance(caught.value, SinkUnavailable)
    assert text(secrets, name)


def test_a_secret_that_is_scheduled_for_deletion_is_known_before(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="old")
    secrets.delete_secret(SecretId=name)
    sink = a_sink(secret=name)

    for attempt in (sink.preflight, sink.look):
        with pytest.raises(SinkError) as caught:
            attempt()
        assert caught.value.message.endswith("is scheduled for deletion")
        assert caught.value.hint == f"take that back: aws secretsmanager restore-secret --secret-id {name}"


def test_bytes_are_somebody_elses(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretBinary=b"\x00\x01")

    with pytest.raises(SinkError, match="holds bytes, not text"):
        a_sink(secret=name).preflight()


def test_a_secret_is_made_with_its_kms_key(aws: Aws, secrets: Any, name: str) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]

    a_sink(secret=name, kms_key=key).write(SECRET, NOTE)

    assert secrets.describe_secret(SecretId=name)["KmsKeyId"] == key


# --- Secrets Manager: a field ----------------------------------------------------------------------------------------


def test_other_fields_are_kept(secrets: Any, name: str) -> None:
    others = {"DATABASE": "ü", "count": 3, "nested": {"a": [1, None]}}
    secrets.create_secret(Name=name, SecretString=json.dumps({**others, FIELD: "old"}))
    sink = a_sink(secret=name, field=FIELD)

    sink.preflight()
    sink.write(SECRET, NOTE)

    assert json.loads(text(secrets, name)) == {**others, FIELD: SECRET.reveal()}
    held = sink.look()
    assert (held.secret, held.note) == (SECRET, NOTE)

    sink.remove()

    assert json.loads(text(secrets, name)) == others
    assert secrets.describe_secret(SecretId=name)["Tags"] == []
    assert sink.look() == EMPTY


def test_a_field_of_a_secret_that_is_not_there_makes_an_object(secrets: Any, name: str) -> None:
    sink = a_sink(secret=name, field=FIELD)
    sink.preflight()

    sink.write(SECRET, NOTE)

    assert json.loads(text(secrets, name)) == {FIELD: SECRET.reveal()}
    sink.remove()
    assert json.loads(text(secrets, name)) == {}


def test_a_field_that_holds_it_already_makes_no_version(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString=json.dumps({FIELD: SECRET.reveal()}))

    a_sink(secret=name, field=FIELD).write(SECRET, NOTE)

    assert len(secrets.describe_secret(SecretId=name)["VersionIdsToStages"]) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not JSON", "the secret is no JSON object, so it has no fields"),
        ("[1]", "the secret is no JSON object, so it has no fields"),
        (json.dumps({FIELD: 5}), f'the field "{FIELD}" holds something that is no text'),
    ],
)
def test_what_is_no_field_of_ours_is_left_alone(secrets: Any, content: str, message: str, request: Any) -> None:
    name = f"shop/foreign-{request.node.callspec.indices['content']}"
    secrets.create_secret(Name=name, SecretString=content)
    sink = a_sink(secret=name, field=FIELD)

    for attempt in (sink.preflight, sink.look, lambda: sink.write(SECRET, NOTE)):
        with pytest.raises(SinkError) as caught:
            attempt()
        assert caught.value.message == message
    assert text(secrets, name) == content


def test_a_writer_that_comes_in_between_loses_nothing(secrets: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody adds a field after we have read, twice; then nobody does."""
    secrets.create_secret(Name=name, SecretString=json.dumps({"A": "1"}))
    came = iter(({"B": "2"}, {"C": "3"}))
    from reconciler.edge.sinks.aws_version import Version

    real = Version.with_field

    def overtaken(*arguments: Any) -> Secret:
        ours = real(*arguments)
        more = next(came, None)
        if more is not None:
            secrets.put_secret_value(SecretId=name, SecretString=json.dumps(json.loads(text(secrets, name)) | more))
        return ours

    monkeypatch.setattr(Version, "with_field", overtaken)
    a_sink(secret=name, field=FIELD).write(SECRET, NOTE)

    assert json.loads(text(secrets, name)) == {"A": "1", "B": "2", "C": "3", FIELD: SECRET.reveal()}


def test_a_field_that_was_written_once_is_no_clear_no_when_it_cannot_be_written_again(
    secrets: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.edge.sinks.aws_secrets import SecretsManagerSink as Sink

    secrets.create_secret(Name=name, SecretString=json.dumps({"A": "1"}))
    real = Sink._put

    def between(self: Sink, ours: Secret) -> str:
        """Somebody writes before us, and our right to write ends after the first time."""
        monkeypatch.setattr(Sink, "_put", refused)
        secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"A": "1", "B": "2"}))
        return real(self, ours)

    def refused(*_: Any) -> str:
        raise SinkError("AWS answered ExpiredTokenException")

    monkeypatch.setattr(Sink, "_put", between)
    with pytest.raises(SinkUnavailable, match="ExpiredTokenException"):
        a_sink(secret=name, field=FIELD).write(SECRET, NOTE)

    assert json.loads(text(secrets, name)) == {"A": "1", FIELD: SECRET.reveal()}


def test_a_secret_that_somebody_makes_meanwhile_is_kept(
    secrets: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.edge.sinks.aws_version import Version

    real = Version.with_field

    def overtaken(*arguments: Any) -> Secret:
        monkeypatch.setattr(Version, "with_field", real)
        secrets.create_secret(Name=name, SecretString=json.dumps({"A": "1"}))
        return real(*arguments)

    monkeypatch.setattr(Version, "with_field", overtaken)
    a_sink(secret=name, field=FIELD).write(SECRET, NOTE)

    assert json.loads(text(secrets, name)) == {"A": "1", FIELD: SECRET.reveal()}


def test_an_old_version_that_is_read_late_is_not_taken_for_a_newer_one(
    secrets: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Secrets Manager answers may be a moment old: the version before ours is then one before that."""
    secrets.create_secret(Name=name, SecretString=json.dumps({"A": "1"}))
    from reconciler.edge.sinks.aws_secrets import SecretsManagerSink as Sink
    from reconciler.edge.sinks.aws_version import Version

    real = Sink._version
    stale = Version(id="long-ago", text=Secret("{}"), created=datetime(2001, 1, 1, tzinfo=UTC))
    monkeypatch.setattr(Sink, "_version", lambda self, stage: stale if stage == "AWSPREVIOUS" else real(self, stage))

    a_sink(secret=name, field=FIELD).write(SECRET, NOTE)

    assert json.loads(text(secrets, name)) == {"A": "1", FIELD: SECRET.reveal()}


def test_fields_of_one_secret_written_side_by_side_are_all_there(secrets: Any, name: str) -> None:
    made = sinks()
    fields = [f"F{number}" for number in range(6)]
    threads = [
        threading.Thread(target=made.open(spec(secret=name, field=field)).write, args=(SECRET, NOTE))
        for field in fields
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert json.loads(text(secrets, name)) == dict.fromkeys(fields, SECRET.reveal())
    assert len(secrets.describe_secret(SecretId=name)["Tags"]) == 6


# --- the Parameter Store ---------------------------------------------------------------------------------------------


def test_a_parameter_that_is_not_there_is_made_encrypted(parameters: Any, name: str) -> None:
    sink = a_sink(parameter=f"/{name}")
    sink.preflight()
    assert sink.look() == EMPTY

    sink.write(SECRET, NOTE)

    found = parameters.get_parameter(Name=f"/{name}", WithDecryption=True)["Parameter"]
    assert (found["Type"], found["Value"]) == ("SecureString", SECRET.reveal())
    held = sink.look()
    assert (held.occupied, held.secret, held.note) == (True, SECRET, NOTE)
    assert held.written is not None

    sink.remove()
    sink.remove()

    assert sink.look() == EMPTY


def described(parameters: Any, name: str) -> Any:
    named = {"Key": "Name", "Option": "Equals", "Values": [name]}
    return parameters.describe_parameters(ParameterFilters=[named])["Parameters"][0]


def test_a_parameter_keeps_its_words_and_its_kms_key(parameters: Any, name: str) -> None:
    parameters.put_parameter(
        Name=f"/{name}", Value="old", Type="SecureString", Description="for the shop", KeyId="alias/shop"
    )
    sink = a_sink(parameter=f"/{name}")

    sink.write(OTHER, NOTE)
    with puts_of(sink) as sent:
        sink.write(SECRET, NOTE)

    assert described(parameters, f"/{name}")["Description"] == f"for the shop {NOTE}"
    assert [put["KeyId"] for put in sent] == ["alias/shop"]  # without it AWS would take its own, and moto would not

    sink.write(OTHER, None)

    assert described(parameters, f"/{name}")["Description"] == "for the shop"


@contextmanager
def puts_of(sink: Any) -> Iterator[list[Mapping[str, Any]]]:
    """The arguments of each put_parameter that the sink's client sends meanwhile."""
    sent: list[Mapping[str, Any]] = []
    events = sink.sink.aws._client.meta.events

    def note(params: Mapping[str, Any], **_: Any) -> None:
        sent.append(dict(params))

    events.register("provide-client-params.ssm.PutParameter", note)
    try:
        yield sent
    finally:
        events.unregister("provide-client-params.ssm.PutParameter", note)


def test_a_parameter_that_cannot_be_described_now_is_not_written(parameters: Any, name: str, standing: Between) -> None:
    owners = {"Description": "for the shop", "KeyId": "alias/shop"}
    parameters.put_parameter(Name=f"/{name}", Value="old", Type="SecureString", **owners)
    sink = a_sink(parameter=f"/{name}")
    standing.calls.faults.append(Fault(method="POST", reply=refusal(400, "ThrottlingException"), times=4))

    with pytest.raises(SinkError, match="answered ThrottlingException") as caught:
        sink.write(SECRET, NOTE)

    assert not isinstance(caught.value, SinkUnavailable)
    assert parameters.get_parameter(Name=f"/{name}", WithDecryption=True)["Parameter"]["Value"] == "old"
    assert described(parameters, f"/{name}")["Description"] == "for the shop"


def test_a_parameter_that_may_not_be_described_is_written_with_the_kms_key_that_is_named_alone(
    aws: Aws, parameters: Any, name: str, variables: Callable[..., None]
) -> None:
    owners = {"Description": "for the shop", "KeyId": "alias/shop"}
    parameters.put_parameter(Name=f"/{name}", Value="old", Type="SecureString", **owners)
    variables(**aws.user("describes-nothing", "ssm:GetParameter", "ssm:PutParameter"))
    unnamed, named = a_sink(parameter=f"/{name}"), a_sink(parameter=f"/{name}", kms_key="alias/shop")

    with enforced():
        for attempt in (unnamed.preflight, lambda: unnamed.write(SECRET, NOTE)):
            with pytest.raises(SinkError, match="would lose its KMS key, which the credential may not see") as caught:
                attempt()
            assert caught.value.hint == "give its policy ssm:DescribeParameters, or name the key as `kms_key`"
            assert not isinstance(caught.value, SinkUnavailable)
        assert unnamed.look().secret == Secret("old")
        with puts_of(named) as sent:
            named.preflight()
            named.write(SECRET, NOTE)

    assert [(put["KeyId"], "Description" in put) for put in sent] == [("alias/shop", False)]


def test_a_parameter_gets_the_kms_key_that_is_named(parameters: Any, name: str) -> None:
    a_sink(parameter=f"/{name}", kms_key="alias/shop").write(SECRET, NOTE)

    assert described(parameters, f"/{name}")["KeyId"] == "alias/shop"


def test_words_that_leave_no_room_for_a_note_stay(parameters: Any, name: str) -> None:
    words = "w" * 1000
    parameters.put_parameter(Name=f"/{name}", Value="old", Type="SecureString", Description=words)

    a_sink(parameter=f"/{name}").write(SECRET, NOTE)

    assert described(parameters, f"/{name}")["Description"] == words


def test_a_parameter_that_is_not_encrypted_is_somebody_elses(parameters: Any, name: str) -> None:
    parameters.put_parameter(Name=f"/{name}", Value="old", Type="String")
    sink = a_sink(parameter=f"/{name}")

    for attempt in (sink.preflight, sink.look):
        with pytest.raises(SinkError, match="is of type String, which encrypts nothing") as caught:
            attempt()
        assert not isinstance(caught.value, SinkUnavailable)


# --- who may what, as IAM decides ------------------------------------------------------------------------------------


def test_without_the_right_to_tag_there_is_no_note(
    aws: Aws, secrets: Any, name: str, variables: Callable[..., None]
) -> None:
    variables(**aws.user("no-tags", *READ, *WRITE))
    sink = a_sink(secret=name, field=FIELD)

    with enforced():
        sink.preflight()
        sink.write(SECRET, NOTE)
        held = sink.look()

    assert (held.secret, held.note) == (SECRET, None)


def test_without_the_right_to_read_the_note_tells(
    aws: Aws, secrets: Any, name: str, variables: Callable[..., None]
) -> None:
    variables(**aws.user("blind", READ[0], *WRITE, "secretsmanager:TagResource"))
    sink = a_sink(secret=name)

    with enforced():
        sink.preflight()
        assert sink.look() == EMPTY
        sink.write(SECRET, NOTE)
        held = sink.look()

    assert (held.occupied, held.secret, held.note) == (True, None, NOTE)
    assert held.written is not None
    assert text(secrets, name) == SECRET.reveal()


def test_who_may_only_write_compares_nothing(aws: Aws, secrets: Any, name: str, variables: Callable[..., None]) -> None:
    variables(**aws.user("write-only", *WRITE))
    made = sinks()

    with enforced():
        made.open(spec(secret=name)).write(SECRET, NOTE)
        [seen] = made.observe([spec(secret=name)]).values()

    assert text(secrets, name) == SECRET.reveal()
    assert (seen.occupied, seen.why) == (None, f'the credential may not read the secret "{name}"')


def test_a_field_is_not_written_where_the_others_cannot_be_read(
    aws: Aws, secrets: Any, name: str, variables: Callable[..., None]
) -> None:
    secrets.create_secret(Name=name, SecretString=json.dumps({"A": "1"}))
    variables(**aws.user("blind-to-fields", READ[0], *WRITE))
    sink = a_sink(secret=name, field=FIELD)

    with enforced():
        for attempt in (sink.preflight, lambda: sink.write(SECRET, NOTE)):
            with pytest.raises(SinkError, match="so its other fields could not be kept") as caught:
                attempt()
            assert not isinstance(caught.value, SinkUnavailable)
    assert json.loads(text(secrets, name)) == {"A": "1"}


def test_the_right_to_write_that_is_missing_is_known_before(
    aws: Aws, secrets: Any, name: str, variables: Callable[..., None]
) -> None:
    secrets.create_secret(Name=name, SecretString="old")
    variables(**aws.user("reads", *READ))
    sink = a_sink(secret=name)

    with enforced():
        for attempt in (sink.preflight, lambda: sink.write(SECRET, NOTE)):
            with pytest.raises(SinkError) as caught:
                attempt()
            assert "not authorized to perform: secretsmanager:PutSecretValue" in told(caught.value)
            assert caught.value.hint == "give its policy that action on this resource"
            assert not isinstance(caught.value, SinkUnavailable)


@pytest.mark.parametrize("denied", ["describe", "get"])
def test_a_parameter_is_compared_by_what_may_be_read(
    aws: Aws, name: str, variables: Callable[..., None], denied: str
) -> None:
    allowed = "ssm:GetParameter" if denied == "describe" else "ssm:DescribeParameters"
    variables(**aws.user(f"no-{denied}", allowed, "ssm:PutParameter"))
    sink = a_sink(parameter=f"/{name}")

    with enforced():
        sink.preflight()
        sink.write(SECRET, NOTE)
        held = sink.look()

    assert (held.secret, held.note) == ((SECRET, None) if denied == "describe" else (None, NOTE))


def test_a_parameter_that_may_only_be_written_compares_nothing(
    aws: Aws, name: str, variables: Callable[..., None]
) -> None:
    variables(**aws.user("puts", "ssm:PutParameter"))
    sink = a_sink(parameter=f"/{name}", kms_key="alias/shop")

    with enforced():
        sink.write(SECRET, NOTE)
        with pytest.raises(SinkUnavailable, match="the credential may not read the parameter"):
            sink.look()


# --- credentials and regions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_a_credential_that_is_not_valid_says_how_to_look_at_it(
    aws: Aws, name: str, variables: Callable[..., None], wrong: str
) -> None:
    variables(**{**aws.user(f"wrong-{wrong}", *READ), wrong: "AKIAWRONGWRONGWRONG0"})
    sink = a_sink(secret=name)

    with enforced(), pytest.raises(SinkUnavailable) as caught:
        sink.preflight()

    assert "sts get-caller-identity" in caught.value.hint


def test_no_credential_at_all_says_how_to_look_for_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(SinkUnavailable, match="Unable to locate credentials") as caught:
        a_sink(secret=name).look()

    assert "sts get-caller-identity" in caught.value.hint


def test_a_profile_that_is_not_there_is_named(variables: Callable[..., None], name: str) -> None:
    variables(AWS_PROFILE="nobody")

    with pytest.raises(SinkUnavailable, match="nobody"):
        a_sink(secret=name)


def test_the_secrets_among_the_variables_are_masked(name: str) -> None:
    masked: list[Secret] = []
    variables = {"AWS_REGION": REGION, "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "token"}
    surroundings = Surroundings(variables, masked.extend)

    open_sink(spec(secret=name), surroundings)
    surroundings.close()

    assert masked == [Secret("key"), Secret("token")]


def test_the_variables_that_are_given_come_before_those_of_the_process(
    aws: Aws, secrets: Any, name: str, variables: Callable[..., None]
) -> None:
    variables(**aws.user("nothing", "iam:GetUser"))
    given = aws.user("given", *READ, *WRITE)

    with enforced():
        sinks(**given).open(spec(secret=name)).write(SECRET, None)

    assert text(secrets, name) == SECRET.reveal()


def test_a_profile_that_is_given_comes_before_what_the_process_has(name: str) -> None:
    with pytest.raises(SinkUnavailable, match="nobody"):
        sinks(AWS_PROFILE="nobody").open(spec(secret=name))


def test_a_part_of_botocore_that_is_to_log_requests_does_not(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "botocore.endpoint"):
        a_sink(secret=name).write(SECRET, None)

    assert [record for record in caplog.records if record.name == "botocore.endpoint"] == []


def test_no_region_is_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("AWS_REGION")

    with pytest.raises(SinkUnavailable, match=r"^no AWS region is set$") as caught:
        RUNS.enter_context(InstalledSinks({})).open(spec(secret=name))

    assert caught.value.hint == "name one as `region`, or in AWS_REGION"


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_regions_variable_has_two_names(aws: Aws, name: str, variable: str) -> None:
    RUNS.enter_context(InstalledSinks({variable: "eu-west-1"})).open(spec(secret=name)).write(SECRET, NOTE)

    assert a_sink(secret=name, region="eu-west-1").look().secret == SECRET
    assert a_sink(secret=name).look() == EMPTY


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)

    with pytest.raises(SinkUnavailable, match=r"^the aws sink needs boto3$") as caught:
        a_sink(secret=name)

    assert caught.value.hint == "pip install 'appwrite-reconciler[aws]'"


# --- when it goes wrong ----------------------------------------------------------------------------------------------


@pytest.fixture
def standing(aws: Aws, variables: Callable[..., None]) -> Iterator[Between]:
    """A server before the server, in which faults can be laid."""
    with between(aws.address) as server:
        variables(AWS_ENDPOINT_URL=server.address)
        yield server


def refusal(status: int, code: str, words: str = "") -> Reply:
    return Reply(status=status, body={"__type": code, "Message": words})


def test_an_answer_that_is_lost_after_the_write_makes_one_version(secrets: Any, name: str, standing: Between) -> None:
    secrets.create_secret(Name=name, SecretString="old")
    standing.calls.faults.append(Fault(method="POST", drop="after"))

    a_sink(secret=name).write(SECRET, NOTE)

    assert len(secrets.describe_secret(SecretId=name)["VersionIdsToStages"]) == 2


@pytest.mark.parametrize(("drop", "written"), [("before", "old"), ("after", SECRET.reveal())])
def test_a_write_without_an_answer_leaves_open_what_it_did(
    secrets: Any, standing: Between, drop: str, written: str
) -> None:
    name = f"shop/no-answer-{drop}"
    secrets.create_secret(Name=name, SecretString="old")
    standing.calls.faults.append(Fault(method="POST", drop=drop, times=4))

    with pytest.raises(SinkUnavailable, match=r"Connection was closed|reached") as caught:
        a_sink(secret=name).write(SECRET, NOTE)

    told(caught.value)
    assert text(secrets, name) == written


@pytest.mark.parametrize(
    ("reply", "calls"),
    [(refusal(400, "ThrottlingException", "Rate exceeded"), 4), (refusal(500, "InternalServiceError"), 4)],
    ids=["throttled", "broken"],
)
def test_what_passes_is_waited_out_and_then_told(name: str, standing: Between, reply: Reply, calls: int) -> None:
    standing.calls.faults.append(Fault(method="POST", reply=reply, times=calls))

    with pytest.raises(SinkUnavailable, match="AWS Secrets Manager in eu-central-1 answered ") as caught:
        a_sink(secret=name).look()

    assert caught.value.hint == "try again later"
    assert len(standing.calls.requests) == calls


def test_a_limit_is_a_clear_no(name: str, standing: Between) -> None:
    words = "You've reached the limit on secrets in this account"
    absent = refusal(400, "ResourceNotFoundException")
    standing.calls.faults += [
        Fault(method="POST", reply=absent),
        Fault(method="POST", reply=refusal(400, "LimitExceededException", words), times=4),
    ]

    with pytest.raises(SinkError, match=words) as caught:
        a_sink(secret=name).write(SECRET, NOTE)

    assert not isinstance(caught.value, SinkUnavailable)


def test_a_note_that_fails_after_the_value_was_written_is_no_clear_no(
    secrets: Any, name: str, standing: Between
) -> None:
    secrets.create_secret(Name=name, SecretString="old")
    expired = refusal(400, "ExpiredTokenException", "The security token expired")
    standing.calls.faults += [Fault(method="POST"), Fault(method="POST", reply=expired)]

    with pytest.raises(SinkUnavailable, match="ExpiredTokenException") as caught:
        a_sink(secret=name).write(SECRET, NOTE)

    told(caught.value)
    assert text(secrets, name) == SECRET.reveal()


def test_words_that_repeat_the_secret_are_left_out(name: str, standing: Between) -> None:
    words = f"Value '{SECRET.reveal()}' at 'secretString' failed to satisfy constraint"
    standing.calls.faults.append(Fault(method="POST", reply=refusal(400, "ValidationException", words)))

    with pytest.raises(SinkError, match=r"answered ValidationException$") as caught:
        a_sink(secret=name).write(SECRET, NOTE)

    told(caught.value)


def test_a_server_that_is_not_there_cannot_be_reached(variables: Callable[..., None], name: str) -> None:
    variables(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    sink = a_sink(secret=name, field=FIELD)

    with pytest.raises(SinkUnavailable, match="cannot be reached"):
        sink.look()
    with pytest.raises(SinkError, match="cannot be reached") as caught:
        sink.write(SECRET, NOTE)
    assert not isinstance(caught.value, SinkUnavailable)


def test_a_server_that_takes_too_long_is_given_up(
    name: str, standing: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.edge.sinks.aws_client._READ_SECONDS", 0.05)
    standing.calls.faults.append(Fault(method="POST", late=0.3, times=4))

    with pytest.raises(SinkUnavailable, match="Read timeout"):
        a_sink(secret=name).look()


def test_an_address_that_is_none_is_told(variables: Callable[..., None], name: str) -> None:
    variables(AWS_ENDPOINT_URL="nonsense")

    with pytest.raises(SinkUnavailable, match="nonsense"):
        a_sink(secret=name)


def test_a_name_that_aws_does_not_take_is_told() -> None:
    with pytest.raises(SinkError, match="cannot be asked that: Parameter validation failed"):
        a_sink(secret="").preflight()
