"""A secret of Secrets Manager: the whole of its text, or one field where that is a JSON object.

Secrets Manager has no check-and-set. After a field was written, the version before ours must be the one that was read:
if somebody wrote another one in between, what they changed is put into ours, and that is written. Who writes blindly
over us is found by reading back, and by the next plan.

Each write has a token of botocore's own, the same over its attempts. One made from the content would not do: Secrets
Manager takes a write with a token that it knows for done, also where somebody has put another version since.

The note is a tag, `reconciler` or `reconciler/FIELD`: it takes no right but secretsmanager:TagResource, and tags of
others stay. Without that right there is none. A secret that this sink made says so in its description; only such a one
is ever deleted, and only while its one version is ours; without its last field it stays, as an empty object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.holding import EMPTY, Holding, Note, parse_note
from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.edge.sinks.aws_client import DENIED, FULL, Answer, Client
from reconciler.edge.sinks.aws_version import Version, merged_into
from reconciler.edge.sinks.certainty import before_a_write, nobody_knows
from reconciler.edge.sinks.fields import text_of
from reconciler.edge.sinks.written import at_the_latest
from reconciler.errors import SinkError, SinkUnavailable

_ROUNDS = 5
_ABSENT = "ResourceNotFoundException"
_EXISTS = "ResourceExistsException"
_IN_THE_WAY = "InvalidRequestException"
_INVALID = "InvalidParameterException"
_MINE = "An Appwrite API key, delivered by reconciler"
_CURRENT, _PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsManagerSink:
    """One secret or one field of it; the `SecretSink` port. `field` and `kms_key` are empty where there is none."""

    aws: Client
    secret: str
    field: str
    kms_key: str

    def preflight(self) -> None:
        """Raise SinkError where the secret cannot be asked for, is about to be deleted, holds something else, or may
        not be written. Whether one that is not there may be made, AWS tells nobody in advance.
        """
        self._described()
        version = self._version(_CURRENT)
        if version is None and self.field:
            raise self._unreadable(SinkError)
        if version is not None and version.text is not None:
            self._value(version)
            # A version that is put again as it is changes nothing, and who may not put any is told so.
            self._call("put_secret_value", SecretString=version.text, ClientRequestToken=version.id)

    def look(self) -> Holding:
        """The text or the field, and the note; the note alone where only that may be read."""
        described = self._described()
        version = self._version(_CURRENT)
        note = self._note(described)
        if version is not None:
            value = self._value(version)
            return (
                EMPTY
                if value is None
                else Holding(occupied=True, secret=value, note=note, written=at_the_latest(version.created))
            )
        if described is not None and not any(
            _CURRENT in each for each in described.get("VersionIdsToStages", {}).values()
        ):
            return EMPTY
        if described is None or note is None:
            raise self._unreadable(SinkUnavailable)
        return Holding(occupied=True, note=note, written=at_the_latest(described.get("LastChangedDate")))

    def write(self, secret: Secret, note: Note | None) -> None:
        """Set the text or the field, in a secret that is made where there is none; then the note."""
        with self.aws.turns.of(self.secret):
            if self.field:
                self._set_field(secret)
            else:
                self._put(secret)
            self._keep(note)

    def remove(self) -> None:
        """Take the field away, also the last one of the object: others may be about to add theirs. Without a field
        delete the secret, where this sink made it and it has had no other value.
        """
        with self.aws.turns.of(self.secret):
            if self.field:
                self._set_field(None)
                self._keep(None)
            else:
                self._delete()

    def _set_field(self, secret: Secret | None) -> None:
        """Write the field, None for no field, and again with what somebody else wrote in between."""
        last = theirs = self._before_writing()
        if self._value(last) == secret:
            return
        ours = last.with_field(self.field, secret)
        written = self._put(ours)
        with nobody_knows():
            for _ in range(_ROUNDS):
                before = self._version(_PREVIOUS)
                if before is None or before.id in {last.id, theirs.id} or not before.is_no_older(theirs):
                    return
                theirs, merged = before, merged_into(ours, before, last)
                last = Version(id=written, text=ours, created=before.created)
                ours = Version(text=merged).with_field(self.field, secret)
                written = self._put(ours)
        raise SinkUnavailable(
            f"others keep writing the secret {quoted(self.secret)}", hint="try again when they have done"
        )

    def _before_writing(self) -> Version:
        with before_a_write():
            version = self._version(_CURRENT)
        if version is None:
            raise self._unreadable(SinkError)
        return version

    def _put(self, text: Secret) -> str:
        """Make this the current version, in a secret that is made where there is none; the version's id."""
        answer = self._call("put_secret_value", frozenset({_ABSENT}), SecretString=text)
        if answer.code == _ABSENT:
            encrypted = {"KmsKeyId": self.kms_key} if self.kms_key else {}
            known = frozenset({_EXISTS})
            answer = self.aws.call(
                "create_secret", known=known, Name=self.secret, SecretString=text, Description=_MINE, **encrypted
            )
        if answer.code == _EXISTS:  # by now
            answer = self._call("put_secret_value", SecretString=text)
        return str(answer.body["VersionId"])

    def _delete(self) -> None:
        described = self._described()
        if described is not None and not described:
            return
        mine = described is not None and described.get("Description") == _MINE
        if described is None or not mine or len(described.get("VersionIdsToStages", {})) != 1:
            raise SinkError(
                f"the secret {quoted(self.secret)} cannot be emptied: a value stays until another one comes",
                hint="put another value there, or delete it",
            )
        self._call("delete_secret", frozenset({_ABSENT}), ForceDeleteWithoutRecovery=True)

    def _described(self) -> Mapping[str, Any] | None:
        """What is told of the secret, empty where there is none, None where that may not be known."""
        answer = self.aws.read("describe_secret", known=frozenset({_ABSENT, DENIED}), SecretId=self.secret)
        if answer.code:
            return None if answer.code == DENIED else {}
        if "DeletedDate" in answer.body:
            raise self._going()
        return answer.body

    def _version(self, stage: str) -> Version | None:
        """A version with its text, None where that may not be read."""
        known = frozenset({_ABSENT, DENIED, _IN_THE_WAY})
        answer = self.aws.read("get_secret_value", known=known, SecretId=self.secret, VersionStage=stage)
        if answer.code == _IN_THE_WAY:
            raise self._going()
        if answer.code:
            return None if answer.code == DENIED else Version()
        if "SecretString" not in answer.body:
            raise SinkError(f"the secret {quoted(self.secret)} holds bytes, not text", hint="name another secret")
        text = Secret(answer.body["SecretString"])
        return Version(id=answer.body["VersionId"], text=text, created=answer.body["CreatedDate"])

    def _value(self, version: Version) -> Secret | None:
        """The text or the field, None where there is none."""
        if not self.field:
            return version.text
        return text_of(version.fields, self.field)

    def _note(self, described: Mapping[str, Any] | None) -> Note | None:
        tags = {tag["Key"]: tag["Value"] for tag in (described or {}).get("Tags", ())}
        return parse_note(tags.get(self._tag, ""))

    def _keep(self, note: Note | None) -> None:
        """Keep a note beside the secret, where there is room for it and the policy allows it."""
        known = frozenset({_ABSENT, DENIED, FULL, _IN_THE_WAY, _INVALID})
        with nobody_knows():
            if note is None:
                self._call("untag_resource", known, TagKeys=[self._tag])
            else:
                self._call("tag_resource", known, Tags=[{"Key": self._tag, "Value": str(note)}])

    @property
    def _tag(self) -> str:
        return f"reconciler/{self.field}" if self.field else "reconciler"

    def _call(self, operation: str, known: frozenset[str] = frozenset(), **arguments: Any) -> Answer:
        return self.aws.call(operation, known=known, SecretId=self.secret, **arguments)

    def _going(self) -> SinkError:
        return SinkError(
            f"the secret {quoted(self.secret)} is scheduled for deletion",
            hint=f"take that back: aws secretsmanager restore-secret --secret-id {self.secret}",
        )

    def _unreadable(self, kind: type[SinkError]) -> SinkError:
        why = ", so its other fields could not be kept" if self.field and kind is SinkError else ""
        return kind(
            f"the credential may not read the secret {quoted(self.secret)}{why}",
            hint="give its policy secretsmanager:GetSecretValue on it, and kms:Decrypt on a KMS key of its own",
        )
