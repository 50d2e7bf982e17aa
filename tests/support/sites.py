"""A folder with a manifest and a project on a gated server, for programs that die at work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.processes import Server, delivered, write_manifest

KEYS: dict[str, Any] = {
    "web": {"scopes": ["rows.read"], "deliver": [{"dotenv": {"path": "app.env", "variable": "WEB"}}]},
    "jobs": {
        "scopes": ["rows.read", "users.read"],
        "expire": "90d",
        "deliver": [
            {"dotenv": {"path": "app.env", "variable": "JOBS"}},
            {"dotenv": {"path": "deep/jobs.env", "variable": "KEY"}},
        ],
    },
    "people": {"name": "For people", "scopes": []},
}
SINKS = {"web": (("WEB", "app.env"),), "jobs": (("JOBS", "app.env"), ("KEY", "deep/jobs.env")), "people": ()}


class Site:
    """A folder with a manifest, and its own project with a key of somebody else's."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder, self.project = server, folder, server.project()
        server.create(self.project, f"somebody-s.{self.project}", scopes=["users.read"])
        self.untouched = server.keys(self.project)
        self.declare(KEYS)
        (folder / "app.env").write_text("# mine\nWEB=old\nOTHER=kept\n", encoding="utf-8")

    def declare(self, keys: dict[str, Any]) -> None:
        """Change the manifest."""
        self.keys = keys
        write_manifest(self.folder, self.server, self.project, keys)

    def assert_converged(self) -> None:
        """One live key for each declared one, as declared, its own secret delivered; nothing else was touched."""
        live = self.server.keys(self.project)
        assert {key_id: live.pop(key_id) for key_id in self.untouched} == self.untouched
        mine = {key_id.split(".")[0]: key for key_id, key in live.items()}
        assert sorted(mine) == sorted(self.keys)
        assert len(mine) == len(live)
        for name, declared in self.keys.items():
            assert mine[name]["name"] == declared.get("name", name)
            assert mine[name]["scopes"] == sorted(declared["scopes"])
            assert bool(mine[name]["expire"]) == ("expire" in declared)
            for variable, file in SINKS[name]:
                assert delivered(self.folder, variable, file) == mine[name]["secret"]
            assert self.server.accepts(self.project, mine[name]["secret"])
        lines = (self.folder / "app.env").read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if not line.startswith("# reconciler: ")]
        assert lines[0] == "# mine"
        assert lines[2] == "OTHER=kept"
