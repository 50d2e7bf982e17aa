"""Sinks: one module for each kind, loaded when a manifest names it.

A kind is a module, or any other object, with a function `open_sink(spec, surroundings)` that returns a `SecretSink`. It
may have `observe(specs, surroundings)` where many sinks can be looked at in fewer reads than one each, and
`place(spec, surroundings)` where a sink may leave unsaid which place it is: that says it, as a variable, a file or a
default would, and calls no service. Its part of the manifest's schema stands in that for the kinds of this folder;
`installed` finds those of other packages. Whatever a sink of any kind raises leaves as an error of ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from importlib import import_module
from os.path import realpath
from types import TracebackType
from typing import Any, Self

from reconciler.core.desired import OptionValue, SinkSpec
from reconciler.core.holding import UNSEEN, Held, Holding
from reconciler.core.places import EXEC
from reconciler.edge.sinks import installed
from reconciler.edge.sinks.guarded import Guard
from reconciler.edge.sinks.surroundings import Surroundings, Tell, tell_nobody
from reconciler.errors import SinkError, SinkUnavailable
from reconciler.ports import Mask, SecretSink, unmasked

BUILT_IN = ("dotenv", "file", "age", "exec", "vault", "aws", "github_actions", "gitlab_ci", "kubernetes")
_SIDE_BY_SIDE = 10


class InstalledSinks:
    """The `Sinks` port over the kinds of this folder and those that entry points name; closed with a run."""

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        mask: Mask = unmasked,
        *,
        command_variables: Mapping[str, str] | None = None,
        tell: Tell = tell_nobody,
    ) -> None:
        self._surroundings = Surroundings(variables or {}, mask, command_variables=command_variables, tell=tell)
        self._mask = mask
        self._kinds: dict[str, Any] = {}
        self._real = cache(_real)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._surroundings.close()

    def open(self, spec: SinkSpec) -> SecretSink:
        """The sink that an entry of `deliver` names."""
        kind = self._kind(spec.kind)
        return _guard(spec.kind).sink(lambda: kind.open_sink(spec, self._surroundings))

    def place(self, spec: SinkSpec) -> SinkSpec:
        """The same sink, by a name that all who name its place have in common: without symbolic links, and with what
        the surroundings say where the manifest does not.
        """
        told = getattr(self._kind(spec.kind), "place", None)
        try:
            known: SinkSpec = _guard(spec.kind).kept(lambda: told(spec, self._surroundings)) if told else spec
        except SinkError:  # whoever opens it is told
            known = spec
        if "path" not in dict(known.options):
            return known
        options = tuple((name, self._real(value) if name == "path" else value) for name, value in known.options)
        return replace(known, options=options)

    def observe(self, specs: Iterable[SinkSpec]) -> Held:
        """What each sink holds, looked at side by side; one that cannot be read although it should be is left out."""
        specs = tuple(dict.fromkeys(specs))
        by_kind: defaultdict[str, list[SinkSpec]] = defaultdict(list)
        for spec in specs:
            by_kind[spec.kind].append(spec)
        held: dict[SinkSpec, Holding] = {}
        for kind, alike in by_kind.items():
            held |= self._observe(kind, alike)
        self._mask(each.secret for each in held.values() if each.secret is not None)
        return held

    def _observe(self, kind: str, specs: list[SinkSpec]) -> Held:
        if kind == EXEC:  # planning runs no command
            return dict.fromkeys(specs, UNSEEN)
        observe = getattr(self._kind(kind), "observe", None)
        if observe is not None:
            held: Held = _guard(kind).kept(lambda: observe(specs, self._surroundings))
            return held
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:
            found = threads.map(self._look, specs)
            return {spec: seen for spec, seen in zip(specs, found, strict=True) if seen is not None}

    def _look(self, spec: SinkSpec) -> Holding | None:
        try:
            return self.open(spec).look()
        except SinkUnavailable as error:
            return Holding(occupied=None, why=error.message)
        except SinkError:
            return None

    def _kind(self, name: str) -> Any:
        if name not in self._kinds:
            self._kinds[name] = _load(name)
        return self._kinds[name]


def _real(path: OptionValue) -> OptionValue:
    return realpath(path) if isinstance(path, str) else path


def _load(name: str) -> Any:
    return import_module(f"reconciler.edge.sinks.{name}") if name in BUILT_IN else installed.kind(name, BUILT_IN)


def _guard(kind: str) -> Guard:
    whose = "of reconciler: report it" if kind in BUILT_IN else "in the package that brings it: tell its authors"
    return Guard(kind=kind, hint=f"this is a mistake {whose}")


def schemas() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The part of the manifest's schema of each kind that is installed from elsewhere."""
    return installed.schemas(BUILT_IN)
