"""What a sink of another package is made of: see the guide "Writing a sink"."""

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, UNSEEN, Holding, Note, holding, parse_note
from reconciler.core.secret import Secret
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkError, SinkUnavailable
from reconciler.ports import SecretSink, Undoing

__all__ = [
    "EMPTY",
    "UNSEEN",
    "Holding",
    "Note",
    "Secret",
    "SecretSink",
    "SinkError",
    "SinkSpec",
    "SinkUnavailable",
    "Surroundings",
    "Undoing",
    "holding",
    "parse_note",
]
