"""One seed: a project and a folder, an apply, hands that meddle, applies amid faults and deaths, and peace.

`run` raises AssertionError where something that must hold does not; the message says what, and what the runs said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from reconciler.core.ids import Realm, key_id, slug
from reconciler.emulator.faults import Rule
from tests.chaos.arena import Arena, Ended, Request
from tests.chaos.cases import Case, Key, Meddling, Run, Trouble, declared
from tests.chaos.checking import OVERLAP, Checks
from tests.chaos.kinds import Scene
from tests.chaos.project import ENVIRONMENT, OWNER, Project
from tests.chaos.watching import Watch
from tests.support.folders import a_folder

APPLY = ("apply", "--auto-approve")
CODES = {0, 1, 3, 4, -9}
"""How an apply amid faults may end: done, an error that is told, incomplete, refused, or killed."""


def run(arena: Arena, case: Case, sabotage: str = "") -> None:
    """Do what the case says, and check."""
    with a_folder() as folder:
        seed = Seed(arena, case, folder, sabotage)
        try:
            seed.run()
        except AssertionError as error:
            raise AssertionError(f"{error}\n\n{seed.story()}") from error
        finally:
            seed.close()


@dataclass(slots=True)
class Seed:
    """A seed under way."""

    arena: Arena
    case: Case
    folder: Path
    sabotage: str
    scene: Scene = field(init=False)
    project: Project = field(init=False)
    checks: Checks = field(init=False)
    said: list[Ended] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.scene = Scene(folder=self.folder, project=self.case.project)
        self.project = Project(self.case, self.arena.front)
        self.checks = Checks(self.project, self.scene, self.arena.kinds)
        for kind in self.arena.kinds.values():
            kind.clock(self.project.time)

    def close(self) -> None:
        """Let go of the server."""
        for front in self.arena.fronts:
            front.settle()
            front.expect(())
        self.project.close()

    def run(self) -> None:
        """From the first apply to the last."""
        self._declare(self.case.before)
        if self.case.before:
            self._converge()
        self.project.time.move(self.case.wait)
        for meddling in self.case.meddling:
            self._meddle(meddling)
        self._declare(self.case.keys)
        self.checks.begin(self.case)
        for each in self.case.runs:
            self._amid_faults(each)
        if self.case.settles or any(each.elsewhere for each in self.case.runs):
            self._settle()
        self._converge()
        self._settle()
        works_on = self.checks.converged(self.case.keys)
        self._change_nothing()
        if works_on:
            self.project.time.move(OVERLAP)
            self._converge()
            self._settle()
            assert not self.checks.converged(self.case.keys), "more than one generation is live after the overlap"
            self._change_nothing()

    def story(self) -> str:
        """The case, and what each command said."""
        told = [
            f"$ reconciler {' '.join(each.arguments)}  # ended with {each.code}\n{each.output}" for each in self.said
        ]
        return "\n".join((f"The case: {self.case}", *told))

    def _declare(self, keys: Iterable[Key]) -> None:
        """Write the manifest."""
        manifest = {
            "version": 1,
            "owner": OWNER,
            "keys": {key.name: self._written(key) for key in keys},
            "environments": {ENVIRONMENT: {**self.project.environment, "credential": {"file": "credential"}}},
        }
        (self.folder / "keys.yaml").write_text(json.dumps(manifest), encoding="utf-8")
        credential = self.folder / "credential"
        credential.touch(mode=0o600)
        credential.write_text(f"{self.project.credential}\n", encoding="ascii")

    def _written(self, key: Key) -> Mapping[str, Any]:
        kinds = self.arena.kinds
        sinks = [{place.kind: kinds[place.kind].declare(self.scene, place)} for place in key.places]
        text = declared(key) | ({"deliver": sinks} if sinks else {})
        return {name: self.project.dated(value) if name == "expire" else value for name, value in text.items()}

    def _meddle(self, meddling: Meddling) -> None:
        place = meddling.place
        kind = self.arena.kinds[place.kind] if place is not None else None
        match meddling.what:
            case "overwritten":
                assert kind is not None
                assert place is not None
                kind.put(self.scene, place, self.project.by_hand(place.number))
            case "emptied":
                assert kind is not None
                assert place is not None
                kind.empty(self.scene, place)
            case "deleted":
                self.project.delete(self._id(meddling.name))
            case "changed":
                self.project.change(self._id(meddling.name))
            case "begun":
                self.project.begin(self._id(meddling.name), meddling.name)

    def _id(self, name: str) -> str:
        realm = Realm(owner=OWNER, environment=ENVIRONMENT, project=self.case.project)
        return key_id(realm, slug(name))

    # --- commands ---

    def _command(
        self,
        *arguments: str,
        rules: tuple[Rule, ...] = (),
        troubles: tuple[Trouble, ...] = (),
        run: Run | None = None,
    ) -> Ended:
        kinds = self.arena.kinds
        disk: list[dict[str, Any]] = []
        kill = run.kill if run else None
        self.arena.front.expect(rules, kill=kill.nth if kill and kill.where == "server" else 0, when=_when(run))
        for name, kind in kinds.items():
            laid = kind.trouble(self.scene, [each for each in troubles if each.place.kind == name])
            disk += laid.disk
            if kind.front is not None:
                nth = kill.nth if kill and kill.where == "sinks" else 0
                kind.front.expect(laid.rules, kill=nth, when=_when(run))
        variables: dict[str, str] = {}
        for name in {place.kind for place in self.case.places}:
            variables |= kinds[name].variables(self.scene)
        ended = self.arena.run(
            Request(
                folder=self.folder,
                arguments=arguments,
                variables=variables,
                troubles=tuple(disk),
                kill=kill.nth if kill and kill.where == "line" else None,
                entropy=self.case.seed * 100 + len(self.said),
                sabotage=self.sabotage,
            )
        )
        self.said.append(ended)
        self.checks.nothing_leaked(ended.output)
        assert "Traceback" not in ended.output, "it dies of an error that nobody expected"
        return ended

    def _amid_faults(self, run: Run) -> None:
        flag = ("--allow-in-use",) if self.checks.meant or self.project.hides else ()
        arguments = (*APPLY, "--parallelism", str(run.parallelism), *flag)
        ended = self._command(*arguments, rules=run.rules, troubles=run.troubles, run=run)
        assert ended.code in CODES, f"an apply amid faults ended with {ended.code}"
        if run.kill is None:
            assert ended.code != -9
        self.checks.after_faults()
        if run.elsewhere:
            self._settle()
            self.project.forget(self.folder)
            self.project.time.move(timedelta(minutes=16))
        self.project.time.move(run.wait)
        if run.wait > timedelta(days=7):
            self.checks.forget_the_dead()

    def _settle(self) -> None:
        for front in self.arena.fronts:
            front.settle()

    def _converge(self) -> None:
        """Two runs without faults at most, and then a plan finds nothing to do."""
        for _ in range(2):
            with Watch(self.case, self.scene, self.arena.kinds):
                code = self._apply_in_peace().code
            if code == 0 and self._command("plan", "--detailed-exitcode").code == 0:
                return
        raise AssertionError("two runs without faults do not converge")

    def _apply_in_peace(self) -> Ended:
        ended = self._command(*APPLY, "--format", "json")
        if ended.code != 4:
            return ended
        planned = self._command("plan", "--format", "json")
        refusals = _json(planned.output)["refusals"]
        for refusal in refusals:
            assert refusal["guard"] == "in-use", f"refused without need: {refusal}"
            self.checks.may_be_refused(refusal["where"])
        return self._command(*APPLY, "--format", "json", "--allow-in-use")

    def _change_nothing(self) -> None:
        """An apply where nothing is to be done writes nothing anywhere."""
        with Watch(self.case, self.scene, self.arena.kinds) as watch:
            assert self._command(*APPLY).code == 0
        assert not watch.writes, f"an apply that has nothing to do wrote {watch.writes}"
        written = [f"{call.method} {call.path}" for call in self.arena.front.calls if call.method != "GET"]
        assert not written, f"an apply that has nothing to do calls {written}"


def _when(run: Run | None) -> Any:
    return run.kill.when if run and run.kill else "before"


def _json(output: str) -> Any:
    """The JSON object in what stdout and stderr said together."""
    return json.JSONDecoder().raw_decode(output[output.index("{\n") :])[0]
