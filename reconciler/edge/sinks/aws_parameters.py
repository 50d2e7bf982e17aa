"""A SecureString of the Parameter Store.

The note stands in the description, after whatever else does, and is written in one call with the value. To read it
takes the right to ssm:DescribeParameters; without that there is none. A parameter keeps the KMS key that it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.holding import EMPTY, Holding, Note, parse_note
from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.edge.sinks.aws_client import DENIED, Client
from reconciler.edge.sinks.written import at_the_latest
from reconciler.errors import SinkError, SinkUnavailable

_ABSENT = "ParameterNotFound"
_TYPE = "SecureString"
_LONGEST = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSink:
    """One parameter; the `SecretSink` port. `kms_key` is empty where nothing is said of it."""

    aws: Client
    parameter: str
    kms_key: str

    def preflight(self) -> None:
        """Raise SinkError where the parameter cannot be asked for, or is of another type. AWS tells nobody in advance
        whether it may be written.
        """
        self._value()

    def look(self) -> Holding:
        """The value and the note; the note alone where only that may be read."""
        value, described = self._value(), self._described()
        if value is not None and not value:
            return EMPTY
        note = parse_note(described.get("Description", ""))
        if value is not None:
            return Holding(
                occupied=True,
                secret=Secret(value["Value"]),
                note=note,
                written=at_the_latest(value["LastModifiedDate"]),
            )
        if note is not None:
            return Holding(occupied=True, note=note, written=at_the_latest(described["LastModifiedDate"]))
        raise SinkUnavailable(
            f"the credential may not read the parameter {quoted(self.parameter)}",
            hint="give its policy ssm:GetParameter on it, and kms:Decrypt on a KMS key of its own",
        )

    def write(self, secret: Secret, note: Note | None) -> None:
        """Set the value, and the description with it."""
        described = self._described()
        kms_key = self.kms_key or described.get("KeyId", "")
        encrypted: dict[str, Any] = {"KeyId": kms_key} if kms_key else {}
        self.aws.call(
            "put_parameter",
            Name=self.parameter,
            Value=secret,
            Type=_TYPE,
            Overwrite=True,
            Description=_description(described.get("Description", ""), note),
            **encrypted,
        )

    def remove(self) -> None:
        """Delete the parameter."""
        self.aws.call("delete_parameter", known=frozenset({_ABSENT}), Name=self.parameter)

    def _value(self) -> Mapping[str, Any] | None:
        """The parameter, empty where there is none, None where it may not be read."""
        answer = self.aws.read(
            "get_parameter", known=frozenset({_ABSENT, DENIED}), Name=self.parameter, WithDecryption=True
        )
        if answer.code:
            return None if answer.code == DENIED else {}
        parameter: Mapping[str, Any] = answer.body["Parameter"]
        if parameter["Type"] != _TYPE:
            raise SinkError(
                f"the parameter {quoted(self.parameter)} is of type {parameter['Type']}, which encrypts nothing",
                hint=f"name another one, or delete it, and it is made anew as {_TYPE}",
            )
        return parameter

    def _described(self) -> Mapping[str, Any]:
        """What is told of the parameter, empty where that may not be known now: calls for it are few in a second."""
        named = {"Key": "Name", "Option": "Equals", "Values": [self.parameter]}
        try:
            answer = self.aws.read("describe_parameters", known=frozenset({DENIED}), ParameterFilters=[named])
        except SinkUnavailable:
            return {}
        found: list[Mapping[str, Any]] = answer.body.get("Parameters", [])
        return found[0] if found else {}


def _description(before: str, note: Note | None) -> str:
    """What the description said, with the note of now instead of an earlier one."""
    old = parse_note(before)
    own = before.replace(str(old), "").strip() if old is not None else before
    told = f"{own} {note or ''}".strip()
    return told if len(told) <= _LONGEST else own
