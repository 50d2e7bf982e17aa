"""What was observed of an environment: each part as it was found, or the error that came in its place; None where there
was no way to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.core.credential import CredentialInUse
from reconciler.core.desired import Desired
from reconciler.core.escrowed import Escrowed
from reconciler.core.keys import Live, LiveKey, ServerFacts
from reconciler.core.plan import Change, Create, EnvironmentPlan
from reconciler.core.sink_checks import SinkSeen
from reconciler.errors import ReconcilerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One environment.

    Attributes:
        credential: None for the built-in emulator, which needs none.
        here: this machine's clock when the keys were listed.
        plan: made with what the sinks hold.
        escrow: why nothing could be kept in escrow, None where it could; `escrowed` is what is kept there.
        sinks: every sink that the environment delivers to, as it was found.
        writes: whether the credential may write keys, None where nobody asked.
        creates: whether it may create keys, None where nobody asked.
        elsewhere: ids of the keys of other projects on this server, in lower case, and whose they are; None where no
            other project was seen.
    """

    environment: str
    endpoint: str
    project: str
    credential: CredentialInUse | ReconcilerError | None
    facts: ServerFacts | ReconcilerError
    live: Live | ReconcilerError | None = None
    here: datetime | None = None
    desired: Desired | ReconcilerError | None = None
    plan: EnvironmentPlan | ReconcilerError | None = None
    writes: bool | ReconcilerError | None = None
    creates: bool | ReconcilerError | None = None
    elsewhere: Mapping[str, str] | None = None
    sinks: tuple[SinkSeen, ...] = ()
    escrow: ReconcilerError | None = None
    escrowed: Escrowed = field(default_factory=dict)

    @property
    def in_use(self) -> CredentialInUse | None:
        """The credential, where there is one."""
        return self.credential if isinstance(self.credential, CredentialInUse) else None

    @property
    def seen(self) -> Live | None:
        """The project, where it was seen."""
        return self.live if isinstance(self.live, Live) else None

    @property
    def own(self) -> LiveKey | None:
        """The live key that the credential is; None where it is none of the project's, or more than one may be it."""
        live, credential = self.seen, self.in_use
        if live is None or credential is None or credential.kind != "project_key" or len(live.own) != 1:
            return None
        (own,) = (key for key in live.keys if key.id in live.own)
        named = credential.id is not None and credential.id.lower() == own.id.lower()
        return own if named or own.secret is not None else None

    @property
    def scopes(self) -> frozenset[str] | None:
        """What the credential is known to hold."""
        if self.in_use is not None and self.in_use.scopes is not None:
            return self.in_use.scopes
        return None if self.own is None else frozenset(self.own.scopes)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What apply would do, as far as that is known."""
        return self.plan.changes if isinstance(self.plan, EnvironmentPlan) else ()

    @property
    def to_create(self) -> tuple[Create, ...]:
        """The keys that apply would create."""
        return tuple(change for change in self.changes if isinstance(change, Create))
