"""What the commands share that change keys: plan, show, ask, do, report."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import click

from reconciler.cli import console
from reconciler.cli import login as logins
from reconciler.cli.interrupt import interruptible, plain_ctrl_c
from reconciler.cli.masking import masking
from reconciler.cli.plan import annotate, render
from reconciler.cli.progress import progress
from reconciler.cli.waiting import patiently, waiting_told
from reconciler.errors import GuardError, UsageError

if TYPE_CHECKING:
    from reconciler.api import Login, Manifest, Reconciler
    from reconciler.app.planning import Planned
    from reconciler.core.outcome import Outcome, Result


class Question:
    """What is asked before anything is changed, and the one answer that counts."""

    def __init__(self, text: str, answer: str) -> None:
        if not sys.stdin.isatty():
            raise UsageError(
                "this asks before it changes anything, and there is no terminal to ask on",
                hint="pass --auto-approve",
            )
        self._text, self._answer = text, answer

    def ask(self) -> bool:
        """Whether the user agrees; Ctrl-C and end of input end the command."""
        question = f"{self._text} Only {self._answer!r} goes on"
        try:
            with plain_ctrl_c():
                said = click.prompt(question, err=True, default="", show_default=False)
        except click.Abort:
            console.note("\nInterrupted; nothing was changed.")  # the cursor still stands behind the question
            raise click.exceptions.Exit(1) from None
        return str(said).strip() == self._answer


class Run:
    """One apply, from the plan to the outcome."""

    def __init__(
        self,
        make: Callable[[Reconciler], Awaitable[Planned]],
        question: Question | None,
        *,
        login: Login | None,
        no_exec: bool = False,
        no_color: bool,
        verbose: bool,
    ) -> None:
        self._make, self._question, self._login, self._no_exec = make, question, login, no_exec
        self._color = console.color(sys.stderr, no_color=no_color)
        self._verbose = verbose

    async def on(
        self, manifests: tuple[Manifest, ...], environments: tuple[str, ...], parallelism: int
    ) -> Outcome | None:
        """Connect, plan, show, ask and do; None where the user did not agree."""
        from reconciler import api

        connected = api.connect(
            manifests,
            environments,
            variables=os.environ,
            parallelism=parallelism,
            login=self._login,
            no_exec=self._no_exec,
            tell=console.note,
            mask=masking(),
        )
        with logins.ended_with(self._login):
            async with connected as reconciler:
                return await self._with(reconciler)

    async def _with(self, reconciler: Reconciler) -> Outcome | None:
        from reconciler import api

        planned = await self._plan(reconciler)
        console.note(render(planned, "text", color=self._color, verbose=self._verbose))
        annotate(planned)
        api.refuse(planned)
        if planned.plan.changes and self._question is not None:
            if not self._question.ask():
                return None
            planned = await self._again(reconciler, planned)
        return await self._apply(reconciler, planned)

    async def _plan(self, reconciler: Reconciler) -> Planned:
        with patiently("gives up"):
            return await self._make(reconciler)

    async def _apply(self, reconciler: Reconciler, planned: Planned) -> Outcome:
        from reconciler.core.outcome import Status

        with (
            interruptible(reconciler.stop, partial(logins.tell_left, self._login)),
            progress(len(planned.plan.changes), color=self._color) as show,
            patiently("ends it after what is in flight") as heard,
        ):

            def report(result: Result) -> None:
                """What was not attempted is no progress."""
                if result.status is not Status.NOT_ATTEMPTED:
                    heard()
                    show(result)

            return await reconciler.apply(planned, progress=report, waiting=waiting_told(heard))

    async def _again(self, reconciler: Reconciler, shown: Planned) -> Planned:
        """The plan once more after the user took time to read it; what is done is what was shown."""
        planned = await self._plan(reconciler)
        if not shown.plan.agrees_with(planned.plan):
            raise GuardError("keys or sinks changed while you read the plan; nothing was done", hint="run it again")
        return planned


def finish(outcome: Outcome | None, output_format: str, *, no_color: bool) -> NoReturn:
    """Report, and exit with what the outcome says."""
    if outcome is None:
        console.note("Not approved; nothing was changed.")
        raise click.exceptions.Exit(1)
    console.result(_report(outcome, output_format, color=console.color(sys.stdout, no_color=no_color)))
    raise click.exceptions.Exit(0 if outcome.complete else 3)


def _report(outcome: Outcome, output_format: str, *, color: bool) -> str:
    if output_format == "json":
        from reconciler.formats.data import outcome_json

        return outcome_json(outcome)
    if output_format == "markdown":
        from reconciler.formats.markdown import outcome_markdown

        return outcome_markdown(outcome)
    from reconciler.formats.text import outcome_text

    return outcome_text(outcome, width=console.width(), color=color)
