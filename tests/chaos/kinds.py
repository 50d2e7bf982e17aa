"""Kinds of sinks as the chaos knows them: how one is declared, read, changed by hand and made to fail.

Nothing here uses the program's own code. A new kind is an object with these methods, named in `tests.chaos.arena`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from reconciler.emulator.faults import Rule
from tests.chaos.cases import Place, Trouble
from tests.chaos.disk import WHATS
from tests.chaos.front import Front


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a seed happens: its folder, and the project, whose name tells its places from other seeds'."""

    folder: Path
    project: str


class Kind(Protocol):
    """One kind of sink. `shows` that a plan can tell what a place holds."""

    shows: bool
    troubles: tuple[str, ...]

    @property
    def front(self) -> Front | None:
        """The port of its service, where it has one."""
        ...

    def can_be_opened(self, place: Place) -> bool:
        """Whether the program can see what somebody else has put there, be the server as it may."""
        ...

    def clock(self, time: Callable[[], datetime]) -> None:
        """Live by this clock from now on."""
        ...

    def declare(self, scene: Scene, place: Place) -> Mapping[str, Any]:
        """The options in the manifest; whatever else is needed, such as a script, is there afterwards."""
        ...

    def variables(self, scene: Scene) -> Mapping[str, str]:
        """What the program's environment must hold."""
        ...

    def read(self, scene: Scene, place: Place) -> str | None:
        """The value that the place holds, as a workload would read it."""
        ...

    def put(self, scene: Scene, place: Place, value: str) -> None:
        """Overwrite it by hand."""
        ...

    def empty(self, scene: Scene, place: Place) -> None:
        """Remove the value by hand."""
        ...

    def trouble(self, scene: Scene, troubles: Iterable[Trouble]) -> Troubles:
        """Lay the troubles of this kind's places ahead; none for a run without faults."""
        ...

    def watch(self, scene: Scene, places: Sequence[Place]) -> None:
        """Note from now on what is written into these places otherwise than through the disk."""
        ...

    def watched(self) -> list[Write]:
        """What was noted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write into a sink, and whether it changed what any place holds."""

    what: str
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """What a kind asks of the run's surroundings: troubles of its disk, and rules for its own front."""

    disk: tuple[dict[str, Any], ...] = ()
    rules: tuple[Rule, ...] = ()


class Plain:
    """What kinds have in common that need neither a server nor a clock."""

    @property
    def front(self) -> None:
        """It is no service."""

    def can_be_opened(self, place: Place) -> bool:
        """It can."""
        return True

    def clock(self, time: Callable[[], datetime]) -> None:
        """It needs none."""

    def variables(self, scene: Scene) -> Mapping[str, str]:
        """It needs none."""
        return {}

    def watch(self, scene: Scene, places: Sequence[Place]) -> None:
        """The disk's log tells."""

    def watched(self) -> list[Write]:
        """Nothing else."""
        return []


class OnDisk(Plain):
    """What kinds that keep files have in common; see `tests.chaos.disk` for what goes wrong."""

    shows = True
    troubles: tuple[str, ...] = WHATS

    def path(self, scene: Scene, place: Place) -> Path:
        """The file."""
        raise NotImplementedError

    def value(self, content: bytes, place: Place) -> str | None:
        """The place's value in a file's content."""
        raise NotImplementedError

    def read(self, scene: Scene, place: Place) -> str | None:
        path = self.path(scene, place)
        return self.value(path.read_bytes(), place) if path.exists() else None

    def is_half_written(self, scene: Scene, place: Place) -> bool:
        """Whether the value is there and what tells of it is not, so that it has to be written again."""
        return False

    def empty(self, scene: Scene, place: Place) -> None:
        self.path(scene, place).unlink(missing_ok=True)

    def trouble(self, scene: Scene, troubles: Iterable[Trouble]) -> Troubles:
        return Troubles(
            disk=tuple(
                {"path": str(self.path(scene, each.place)), "what": each.what, "nth": each.nth} for each in troubles
            )
        )


class Dotenv(OnDisk):
    """Variables of two files, among lines of somebody else."""

    def path(self, scene: Scene, place: Place) -> Path:
        return scene.folder / ("app.env" if place.number % 3 else "deep/er.env")

    def declare(self, scene: Scene, place: Place) -> Mapping[str, Any]:
        path = str(self.path(scene, place).relative_to(scene.folder))
        return {"path": path, "variable": f"V{place.number}"}

    def value(self, content: bytes, place: Place) -> str | None:
        """The variable's value in a file's content."""
        settings = [line.partition("=") for line in content.decode().splitlines()]
        return next((value for name, _, value in settings if name == f"V{place.number}"), None)

    def put(self, scene: Scene, place: Place, value: str) -> None:
        path = self.path(scene, place)
        path.parent.mkdir(exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        name = f"V{place.number}="
        if not any(each.startswith(name) for each in lines):
            lines.append(name)
        edited = [f"{name}{value}" if each.startswith(name) else each for each in lines]
        path.write_text("\n".join((*edited, "")), encoding="utf-8")

    def empty(self, scene: Scene, place: Place) -> None:
        path = self.path(scene, place)
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            path.write_text("".join(each for each in lines if not each.startswith(f"V{place.number}=")))


class File(OnDisk):
    """A file for each secret."""

    def path(self, scene: Scene, place: Place) -> Path:
        return scene.folder / "files" / f"secret-{place.number}"

    def declare(self, scene: Scene, place: Place) -> Mapping[str, Any]:
        return {"path": f"files/secret-{place.number}"}

    def value(self, content: bytes, place: Place) -> str | None:
        """The content, as it is."""
        return content.decode()

    def put(self, scene: Scene, place: Place, value: str) -> None:
        path = self.path(scene, place)
        path.parent.mkdir(exist_ok=True)
        path.write_text(value, encoding="utf-8")


class Age(File):
    """An encrypted file for each secret; every second one can be opened where the program runs."""

    def __init__(self) -> None:
        import pyrage

        self._pyrage = pyrage
        self._identity = pyrage.x25519.Identity.generate()

    def can_be_opened(self, place: Place) -> bool:
        return place.number % 2 == 1

    def path(self, scene: Scene, place: Place) -> Path:
        return scene.folder / "sealed" / f"secret-{place.number}.age"

    def declare(self, scene: Scene, place: Place) -> Mapping[str, Any]:
        identity = scene.folder / "identity.txt"
        if not identity.exists():
            identity.touch(mode=0o600)
            identity.write_text(f"{self._identity}\n", encoding="ascii")
        opens = {"identity": "identity.txt"} if self.can_be_opened(place) else {}
        path = str(self.path(scene, place).relative_to(scene.folder))
        return {"path": path, "recipients": [str(self._identity.to_public())], **opens}

    def is_half_written(self, scene: Scene, place: Place) -> bool:
        """The note beside the file is of another one: the program died between the two."""
        path = self.path(scene, place)
        beside = path.with_name(f".{path.name}.reconciler")
        if not path.exists():
            return False
        note = beside.read_text(encoding="utf-8") if beside.exists() else ""
        return hashlib.sha256(path.read_bytes()).hexdigest()[:32] not in note

    def value(self, content: bytes, place: Place) -> str | None:
        opened: bytes = self._pyrage.decrypt(content, [self._identity])
        return opened.decode()

    def put(self, scene: Scene, place: Place, value: str) -> None:
        path = self.path(scene, place)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self._pyrage.encrypt(value.encode(), [self._identity.to_public()]))


_HOOK = """\
#!/bin/sh
# Keeps the secret on stdin as kept/$1; kept/$1.trouble says what goes wrong, and at which time, 0 for each.
cd "$(dirname "$0")/kept" || exit 70
count=$(($(cat "$1.count" 2>/dev/null || echo 0) + 1)); echo "$count" > "$1.count"
read -r what nth < "$1.trouble" 2>/dev/null || what=none nth=0
[ "$nth" = 0 ] || [ "$nth" = "$count" ] || what=none
case $what in
  refuses) echo "no"; exit 1 ;;
  shut) exec <&-; exit 3 ;;
  slow) sleep 0.2 ;;
esac
cat > "$1.draft.$$"
tr '\\0' '\\n' < /proc/$$/environ > "$1.environ"
tr '\\0' '\\n' < /proc/$$/cmdline > "$1.cmdline"
case $what in
  prints) cat "$1.draft.$$"; cat "$1.draft.$$" >&2 ;;
esac
echo "$1" >> log
mv "$1.draft.$$" "$1"
case $what in
  dies) kill -9 $$ ;;
esac
"""


class Exec(Plain):
    """A script that keeps what it gets; nobody but it can read that."""

    shows = False
    troubles: tuple[str, ...] = ("refuses", "shut", "slow", "prints", "dies")
    _log: Path

    def declare(self, scene: Scene, place: Place) -> Mapping[str, Any]:
        (scene.folder / "kept").mkdir(exist_ok=True)
        hook = scene.folder / "hook"
        if not hook.exists():
            hook.write_text(_HOOK, encoding="utf-8")
            hook.chmod(0o700)
        return {"command": ["./hook", str(place.number)]}

    def read(self, scene: Scene, place: Place) -> str | None:
        kept = scene.folder / "kept" / str(place.number)
        return kept.read_text(encoding="utf-8") if kept.exists() else None

    def put(self, scene: Scene, place: Place, value: str) -> None:
        (scene.folder / "kept" / str(place.number)).write_text(value, encoding="utf-8")

    def empty(self, scene: Scene, place: Place) -> None:
        (scene.folder / "kept" / str(place.number)).unlink(missing_ok=True)

    def trouble(self, scene: Scene, troubles: Iterable[Trouble]) -> Troubles:
        kept = scene.folder / "kept"
        for file in (*kept.glob("*.trouble"), *kept.glob("*.count")):
            file.unlink()
        for each in troubles:
            (kept / f"{each.place.number}.trouble").write_text(f"{each.what} {each.nth}\n", encoding="ascii")
        return Troubles()

    def watch(self, scene: Scene, places: Sequence[Place]) -> None:
        self._log = scene.folder / "kept" / "log"
        self._log.unlink(missing_ok=True)

    def watched(self) -> list[Write]:
        if not self._log.exists():
            return []
        return [Write(what=f"exec {number}", changed=True) for number in self._log.read_text().splitlines()]
