"""`--login EMAIL`: a console session for this run, by a password that is asked for and kept nowhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reconciler.cli import console
from reconciler.cli.interrupt import plain_ctrl_c, tidied_up
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.api import Login
    from reconciler.core.secret import Secret


def login(email: str | None) -> Login | None:
    """The login that was asked for; raises UsageError where nobody can be asked for the password."""
    if email is None:
        return None
    from reconciler.api import Login

    if "@" not in email or not email.isprintable() or " " in email:
        raise UsageError(
            "--login takes the e-mail address of a console account", hint="such as --login ada@example.org"
        )
    if not sys.stdin.isatty():
        raise UsageError(
            "--login asks for a password, and there is no terminal to ask on",
            hint="without a terminal, such as in CI, give a key: `credential: {env: VARIABLE}`",
        )

    def password(endpoint: str) -> Secret:
        from reconciler.core.secret import Secret

        return Secret(_typed(f"Password of {email} at {endpoint}: "))

    return Login(email=email, password=password, tell=lambda text: console.note(f"warning: {text}"))


@contextmanager
def ended_with(login: Login | None) -> Iterator[None]:
    """While it is logged in, whatever ends the run lets it log out, or says what is left; use it inside the running
    loop.
    """
    if login is None:
        yield
        return
    try:
        with tidied_up():
            yield
    finally:
        tell_left(login)


def tell_left(login: Login | None) -> None:
    """Say which sessions may live on: for whoever ends the process before it could log out."""
    for left in login.left() if login is not None else ():
        console.note(f"warning: {left}")


def _typed(prompt: str) -> str:
    """What is typed on the terminal without an echo."""
    from getpass import getpass

    try:
        with plain_ctrl_c():
            return getpass(prompt)
    except EOFError:
        raise click.Abort from None
