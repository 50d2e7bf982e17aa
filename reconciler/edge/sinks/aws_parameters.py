"""A SecureString of the Parameter Store.

The note stands in the description, after whatever else does, and is written in one call with the value. To read it
takes the right to ssm:DescribeParameters; without that there is none. A parameter keeps the KMS key and the words that
it has: where they cannot be known, one that is there is not written, unless the sink names the KMS key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.holding import EMPTY, Holding, Note, parse_note, without_note
from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.edge.sinks.aws_client import DENIED, Client
from reconciler.edge.sinks.certainty import before_a_write
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
        """Raise SinkError where the parameter cannot be asked for, is of another type, or could not be kept as it is.
        AWS tells nobody in advance whether it may be written.
        """
        self._value()
        self._before_writing()

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
        """Set the value, and the description with it where what it said is known."""
        before = self._before_writing()
        kms_key = self.kms_key or (before or {}).get("KeyId", "")
        told: dict[str, Any] = {"KeyId": kms_key} if kms_key else {}
        if before is not None:
            told["Description"] = _description(before.get("Description", ""), note)
        self.aws.call(
            "put_parameter",
            Name=self.parameter,
            Value=secret,
            Type=_TYPE,
            Overwrite=True,
            **told,
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

    def _before_writing(self) -> Mapping[str, Any] | None:
        """What is told of the parameter and is to be kept; None where it may not be known, but the KMS key is named."""
        with before_a_write():
            told = self._told()
            if told is None and self._value() == {}:
                return {}
        if told is None and not self.kms_key:
            raise SinkError(
                f"the parameter {quoted(self.parameter)} would lose its KMS key, which the credential may not see",
                hint="give its policy ssm:DescribeParameters, or name the key as `kms_key`",
            )
        return told

    def _described(self) -> Mapping[str, Any]:
        """What is told of the parameter, empty where that is not known now: calls for it are few in a second."""
        try:
            return self._told() or {}
        except SinkUnavailable:
            return {}

    def _told(self) -> Mapping[str, Any] | None:
        """What is told of the parameter, empty where there is none, None where that may not be known."""
        named = {"Key": "Name", "Option": "Equals", "Values": [self.parameter]}
        answer = self.aws.read("describe_parameters", known=frozenset({DENIED}), ParameterFilters=[named])
        if answer.code == DENIED:
            return None
        found: list[Mapping[str, Any]] = answer.body.get("Parameters", [])
        return found[0] if found else {}


def _description(before: str, note: Note | None) -> str:
    """What the description said, with the note of now instead of an earlier one."""
    own = without_note(before)
    told = f"{own} {note or ''}".strip()
    return told if len(told) <= _LONGEST else own
