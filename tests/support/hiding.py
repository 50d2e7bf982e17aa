"""A server that shows a secret once, in the answer to the creation: as genuine ones from 1.9.10 and 2.6.2 on."""

from __future__ import annotations

from reconciler.emulator.faults import Faults, HiddenSecrets, Rule
from reconciler.emulator.wire import ASGIApp


def hiding(app: ASGIApp) -> ASGIApp:
    """The application, with `secret` empty in every answer but that to a creation."""
    return Faults(app, [Rule(fault=HiddenSecrets())])
