"""What must hold: at every moment of a seed, after a run amid faults, and once all is done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.core.ids import slug
from tests.chaos.cases import Case, Key, Place
from tests.chaos.kinds import Kind, Scene
from tests.chaos.project import ENVIRONMENT, RETIRING, UNDELIVERED, Project, Shown

OVERLAP = timedelta(hours=48)
"""How long an older key works on that is under no rotation."""

_SEEN = 24
"""So many characters of a secret in a row are a leak."""


class Checks:
    """The checks of a seed; `begin` before the first run amid faults."""

    def __init__(self, project: Project, scene: Scene, kinds: dict[str, Kind]) -> None:
        self._project, self._scene, self._kinds = project, scene, kinds
        self._wanted: dict[str, Key] = {}
        self._before: dict[str, Shown] = {}
        self._working: list[Place] = []
        self.meant: set[str] = set()

    def begin(self, case: Case) -> None:
        """Note what is there. `meant` are the addresses of keys from which the manifest takes something: a user who
        writes that knows that the key was used, and says so.
        """
        self._wanted = {slug(key.name): key for key in case.keys}
        self._before = self._project.owned()
        was = {key.name: key for key in case.before}
        now = {key.name: key for key in case.keys}
        touched = {each.name for each in case.meddling}
        self.meant = {
            f"{ENVIRONMENT}/{name}"
            for name, key in was.items()
            if name not in now or name in touched or not _keeps(key, now[name])
        }
        self.meant |= {f"{ENVIRONMENT}/{slug(name)}" for name in was if name not in now}
        self._working = [
            place
            for name, key in was.items()
            if name in now and name not in touched
            for place in key.places
            if place in now[name].places and self._project.is_valid(self._read(place))
        ]

    def nothing_leaked(self, output: str) -> None:
        """No secret is in an output, nor in a file that is no sink's, nor in what a hook was started with."""
        secrets = self._project.known_secrets()
        assert not _found(secrets, output), "a secret is in the output"
        for path in self._scene.folder.rglob("*"):
            if path.is_file() and self._is_ours(path):
                text = path.read_text(encoding="utf-8", errors="replace")
                assert not _found(secrets, text), f"a secret is in {path.name}"

    def _is_ours(self, path: Path) -> bool:
        """Whether no secret belongs into a file: it is neither a sink nor what the test itself keeps."""
        return ".reconciler" in path.parts or path.suffix in {".environ", ".cmdline"} or path.name == "keys.yaml"

    def after_faults(self) -> None:
        """Whatever happened: nothing is lost, and what is unfinished dies by itself."""
        self._foreign_untouched()
        for id_, key in self._project.owned().items():
            self._committed_is_delivered(id_, key)
        for place in self._working:
            assert self._project.is_valid(self._read(place)), f"{place} held a key that works, and does not any more"

    def forget_the_dead(self) -> None:
        """So much time has passed that a key on probation, with which a sink was left, has died."""
        self._working = [place for place in self._working if self._project.is_valid(self._read(place))]

    def _committed_is_delivered(self, id_: str, key: Shown) -> None:
        if key["name"].endswith(UNDELIVERED):
            assert key["expire"], f"{id_} never worked, and does not expire"
            assert datetime.fromisoformat(key["expire"]) <= self._project.time() + timedelta(days=7, hours=1)
            return
        wanted = self._wanted.get(id_.partition(".")[0])
        if wanted is None or id_ in self._before:
            return
        for place in wanted.places:
            held = self._read(place)
            assert held in self._project.secrets[id_][-1:], f"{id_} is committed, and {place} does not hold its secret"

    def may_be_refused(self, address: str) -> None:
        """A guard that asks for `--allow-in-use` does so where the manifest takes something from a key, or where the
        secret of a key is lost that the server never shows again.
        """
        assert address in self.meant or self._project.hides, f"{address} is refused without need"

    def converged(self, keys: Iterable[Key]) -> bool:
        """Every declared key is there as declared, and its secret works and is in each of its sinks.

        Returns whether an older one works on beside it, as one does that was committed and whose secret was lost on a
        server that hides it: it says so, and ends within the overlap.
        """
        self._foreign_untouched()
        owned = self._project.owned()
        mine = {each.partition(".")[0]: each for each in sorted(owned)}
        older = owned.keys() - mine.values()
        for id_ in older:
            is_followed = self._project.hides and id_ in self._project.committed
            assert is_followed, f"{id_} works on without need beside another generation: {sorted(owned)}"
            assert owned[id_]["name"].endswith(RETIRING), f"more than one generation is live: {sorted(owned)}"
            assert datetime.fromisoformat(owned[id_]["expire"]) <= self._project.time() + OVERLAP, f"{id_} lives on"
        assert sorted(mine) == sorted(slug(key.name) for key in keys), f"live are {sorted(owned)}"
        for key in keys:
            id_ = mine[slug(key.name)]
            self._as_declared(key, owned[id_])
            self._delivered(key, self._project.secrets[id_])
        return bool(older)

    def _as_declared(self, key: Key, live: Shown) -> None:
        assert live["name"] == key.title, f"{key.name} is called {live['name']}"
        assert sorted(live["scopes"]) == sorted(key.scopes), f"{key.name} has the scopes {live['scopes']}"
        assert bool(live["expire"]) == bool(key.expire), f"{key.name} expires: {live['expire'] or 'never'}"
        if key.expire:
            made = datetime.fromisoformat(live["$createdAt"])
            wanted = (
                datetime.fromisoformat(self._project.dated(key.expire))
                if key.expire == "{date}"
                else made + timedelta(days=int(key.expire.removesuffix("d")))
            )
            expire = datetime.fromisoformat(live["expire"])
            assert abs(expire - wanted) <= timedelta(minutes=1), f"{key.name} expires {expire}, not {wanted}"

    def _delivered(self, key: Key, secrets: list[str]) -> None:
        for place in key.places:
            held = self._read(place)
            assert held in secrets[-1:], f"{place} does not hold the secret of {key.name}"
            assert held is not None
            assert self._project.accepts(held), f"the server refuses what {place} holds"

    def _foreign_untouched(self) -> None:
        assert self._project.unowned() == self._project.foreign, "a key of somebody else was changed"

    def _read(self, place: Place) -> str | None:
        return self._kinds[place.kind].read(self._scene, place)


def _keeps(before: Key, now: Key) -> bool:
    """Whether a key loses no scope and lives as long."""
    return set(before.scopes) <= set(now.scopes) and (before.expire == now.expire or not now.expire)


def _found(secrets: Iterable[str], text: str) -> bool:
    return any(part in text for secret in secrets for part in (secret[9 : 9 + _SEEN], secret[-_SEEN:]) if len(part) > 8)
