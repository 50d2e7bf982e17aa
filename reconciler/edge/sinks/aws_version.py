"""A version of a secret of Secrets Manager, whose text may be a JSON object with fields."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.core.secret import Secret
from reconciler.errors import SinkError


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of the secret; without an id where there is none."""

    id: str = ""
    text: Secret | None = None
    created: datetime | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of its text, none where there is no text. Raises SinkError where that is no JSON object."""
        if self.text is None:
            return {}
        try:
            fields = json.loads(self.text.reveal())
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise SinkError(
                "the secret is no JSON object, so it has no fields", hint="leave out `field`, or name another"
            )
        return fields

    def with_field(self, name: str, secret: Secret | None) -> Secret:
        """The text with that field, None for without it."""
        fields = {key: value for key, value in self.fields.items() if key != name or secret is not None}
        return Secret(json.dumps(fields | ({} if secret is None else {name: secret.reveal()}), ensure_ascii=False))

    def is_no_older(self, than: Version) -> bool:
        """Whether it came no earlier: reading may lag behind writing for a moment, and shows what was long ago."""
        return than.created is None or (self.created is not None and self.created >= than.created)


def merged_into(ours: Secret, theirs: Version, before: Version) -> Secret:
    """Our text with what they changed, who had read the version before, or an older one."""
    old, new = before.fields, theirs.fields
    kept = {name: value for name, value in json.loads(ours.reveal()).items() if name in new or name not in old}
    changed = {name: value for name, value in new.items() if name not in old or old[name] != value}
    return Secret(json.dumps(kept | changed))
