"""Secrets that earlier runs kept in escrow because they did not arrive: what a plan says of them.

No run opens such a file or needs it. It is for people, who must not have to look for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from reconciler.core.keys import Live
from reconciler.core.plan import Create, EnvironmentPlan

Escrowed = Mapping[str, str]
"""Files in escrow, by the id of the key whose secret each holds."""


def escrowed_warnings(kept: Escrowed, live: Live, plan: EnvironmentPlan) -> Iterator[str]:
    """A warning for each file of a key that the plan is about, and for each of a key that is not live any more."""
    alive = {key.id for key in live.keys}
    entries = (*plan.changes, *plan.unchanged)
    addresses = {entry.key_id: entry.address for entry in entries if not isinstance(entry, Create)}
    for key_id, file in sorted(kept.items()):
        if key_id in addresses:
            yield f"{addresses[key_id]}: the secret of {key_id} did not arrive, and is in escrow: {opening(file)}"
        elif key_id not in alive:
            yield f"{file} is in escrow for a key that is not live any more: delete it"


def opening(file: str) -> str:
    """The command that shows what a file in escrow holds."""
    return f"age -d -i IDENTITY {shlex.quote(file)}"
