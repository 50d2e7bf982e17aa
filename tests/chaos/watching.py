"""What a run without faults writes into sinks: nothing that is there already."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Self

from tests.chaos.arena import log_of
from tests.chaos.cases import Case, Place
from tests.chaos.kinds import Kind, OnDisk, Scene


class Watch:
    """Watches the places of a case for as long as the context is open; `writes` are told one by one.

    Leaving it raises AssertionError where a write changed nothing that can be seen in its sink.
    """

    def __init__(self, case: Case, scene: Scene, kinds: dict[str, Kind]) -> None:
        self._scene = scene
        self._places = {name: [each for each in case.places if each.kind == name] for name in kinds}
        self._kinds = kinds
        self.writes: list[str] = []

    def __enter__(self) -> Self:
        log_of(self._scene.folder).unlink(missing_ok=True)
        self._held = {each: self._read(each) for places in self._places.values() for each in places}
        self._half = {each for each in self._held if self._is_half_written(each)}
        for name, kind in self._kinds.items():
            kind.watch(self._scene, self._places[name])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            return
        self._disk()
        for each in self._kinds.values():
            watched = each.watched()
            self.writes += [write.what for write in watched]
            useless = [write.what for write in watched if not write.changed]
            assert not useless, f"written again without need: {useless}"

    def _read(self, place: Place) -> str | None:
        return self._kinds[place.kind].read(self._scene, place)

    def _disk(self) -> None:
        log = log_of(self._scene.folder)
        for line in log.read_text(encoding="ascii").splitlines() if log.exists() else ():
            put = json.loads(line)
            changed = [self._changed(place, put["content"]) for place in self._at(put["path"])]
            if changed:
                self.writes.append(put["path"])
                assert any(changed), f"written again without need: {put['path']}"

    def _at(self, path: str) -> list[Place]:
        found = []
        for places in self._places.values():
            for place in places:
                kind = self._kinds[place.kind]
                if isinstance(kind, OnDisk) and str(kind.path(self._scene, place)) == path:
                    found.append(place)
        return found

    def _changed(self, place: Place, content: str) -> bool:
        kind = self._kinds[place.kind]
        assert isinstance(kind, OnDisk)
        value = kind.value(content.encode("latin-1"), place)
        before, self._held[place] = self._held[place], value
        was_half_written = place in self._half
        self._half.discard(place)
        return before != value or was_half_written

    def _is_half_written(self, place: Place) -> bool:
        kind = self._kinds[place.kind]
        return isinstance(kind, OnDisk) and kind.is_half_written(self._scene, place)
