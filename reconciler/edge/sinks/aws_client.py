"""One service of AWS in one region, called through boto3, whose failures become ours.

The credential is found as every AWS tool finds it: access key, profile and region in the variables that the sinks are
given, all else where boto3 looks by itself, which is the environment of the process. Attempts, pauses and the token
that makes a write count once are botocore's. A secret becomes text where it is handed to botocore, and botocore is
kept from logging what it sends.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from reconciler.core.secret import Secret
from reconciler.edge.sinks.certainty import nobody_knows
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.edge.sinks.turns import Turns
from reconciler.edge.sinks.words import showable
from reconciler.errors import SinkError, SinkUnavailable

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_ATTEMPTS = 4
_CONNECT_SECONDS = 10
_READ_SECONDS = 15
_LONGEST_WORDS = 300
_NAMES = {"secretsmanager": "AWS Secrets Manager", "ssm": "the AWS Parameter Store"}
_UNKNOWN_CREDENTIAL = frozenset({
    "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId", "InvalidSignatureException",
    "MissingAuthenticationToken", "UnrecognizedClientException",
})  # fmt: skip
_PASSING = frozenset({"InternalServerError", "InternalServiceError", "ThrottlingException", "TooManyUpdates"})
_CREDENTIALS = "see what `aws sts get-caller-identity` says with the same profile and variables"

DENIED = "AccessDeniedException"
FULL = "LimitExceededException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call brought: one of the error codes that the caller knows what to do with, or none and a body."""

    code: str = ""
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Client:
    """A service; good for any thread, closed with the run."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self.name = client, name
        self.turns = Turns()

    def read(self, operation: str, *, known: frozenset[str] = frozenset(), **arguments: Any) -> Answer:
        """A call that changes nothing. A refusal means that nothing can be known here: SinkUnavailable."""
        with nobody_knows():
            return self.call(operation, known=known, **arguments)

    def call(self, operation: str, *, known: frozenset[str] = frozenset(), **arguments: Any) -> Answer:
        """A call; every error code that is not `known` is an error: SinkError for a clear no, SinkUnavailable where
        nobody knows.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        secrets = [value for value in arguments.values() if isinstance(value, Secret)]
        try:
            return Answer(body=getattr(self._client, operation)(**{n: _text(v) for n, v in arguments.items()}))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in known:
                return Answer(code=code)
            raise self._refused(error, secrets) from None  # the request in the chain holds the secret
        except BotoCoreError as error:
            raise _failed(self.name, error, secrets) from None

    def _refused(self, error: ClientError, secrets: list[Secret]) -> SinkError:
        code, about = error.response["Error"]["Code"], error.response["ResponseMetadata"]
        words = showable(error.response["Error"].get("Message", ""), secrets, _LONGEST_WORDS)
        told = f"{self.name} answered {code}{f': {words}' if words else ''}"
        if code in _PASSING or about["HTTPStatusCode"] >= 500:
            return SinkUnavailable(told, hint="try again later")
        # A no to the second sending says nothing of the first; a full account takes neither.
        kind = SinkUnavailable if about.get("RetryAttempts") and code != FULL else SinkError
        if code in _UNKNOWN_CREDENTIAL:
            return kind(told, hint=_CREDENTIALS)
        return kind(told, hint="give its policy that action on this resource" if code == DENIED else "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()


def open_client(service: str, region: str, surroundings: Surroundings) -> Client:
    """A client of `secretsmanager` or `ssm`; without a region in that of the variables or the profile. Raises
    SinkUnavailable.
    """
    try:
        import boto3.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise SinkUnavailable("the aws sink needs boto3", hint="pip install 'appwrite-reconciler[aws]'") from None
    _silence()
    variables = surroundings.variables
    try:
        session = boto3.session.Session(
            region_name=region or _told_region(variables) or None,
            profile_name=_profile(variables),
            **_access_key(surroundings),
        )
        if not session.region_name:
            raise SinkUnavailable("no AWS region is set", hint="name one as `region`, or in AWS_REGION")
        config = Config(
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
        )
        name = f"{_NAMES[service]} in {session.region_name}"
        return Client(session.client(service, config=config), name)
    except (BotoCoreError, ValueError) as error:  # an endpoint that is no URL is a ValueError
        raise _failed(_NAMES[service], error, []) from error


def usual_region(surroundings: Surroundings) -> str:
    """The region of sinks that name none: of the variables, else of the profile; empty where nobody knows."""
    variables = surroundings.variables
    if told := _told_region(variables):
        return told
    try:
        import boto3.session
        from botocore.exceptions import BotoCoreError
    except ImportError:
        return ""
    try:
        return boto3.session.Session(profile_name=_profile(variables)).region_name or ""
    except BotoCoreError:
        return ""


def _told_region(variables: Mapping[str, str]) -> str:
    return variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or ""


def _profile(variables: Mapping[str, str]) -> str | None:
    return variables.get("AWS_DEFAULT_PROFILE") or variables.get("AWS_PROFILE") or None


def _access_key(surroundings: Surroundings) -> dict[str, str]:
    """The access key among the variables; half of one is none."""
    name = surroundings.variables.get("AWS_ACCESS_KEY_ID")
    secret = surroundings.secret("AWS_SECRET_ACCESS_KEY")
    token = surroundings.secret("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
    if not name or secret is None:
        return {}
    whole = {"aws_access_key_id": name, "aws_secret_access_key": secret.reveal()}
    return whole if token is None else {**whole, "aws_session_token": token.reveal()}


def _silence() -> None:
    """At the level DEBUG botocore logs whole requests and answers; so do its parts by levels of their own."""
    logging.getLogger("botocore").setLevel(max(logging.INFO, logging.getLogger("botocore").level))
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.startswith("botocore.") and isinstance(logger, logging.Logger) and 0 < logger.level < logging.INFO:
            logger.setLevel(logging.INFO)


def _failed(name: str, error: BotoCoreError | ValueError, secrets: list[Secret]) -> SinkError:
    """What botocore says where no answer came."""
    from botocore import exceptions

    words = showable(str(error), secrets, _LONGEST_WORDS) or type(error).__name__
    if isinstance(error, exceptions.ParamValidationError):
        return SinkError(f"{name} cannot be asked that: {words}")
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return SinkUnavailable(
            f"{name} cannot be reached: {words}", hint="see the region, AWS_ENDPOINT_URL and the network"
        )
    return SinkUnavailable(f"{name} cannot be asked: {words}", hint=_CREDENTIALS)


def _text(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value
