"""Runs the jobs of a pipeline file as its CI does: step by step, each job in a checkout of its own, where one job gets
from another only what it keeps as an artifact.

Which jobs run on which event is left to the caller. Of `uses` only what the guides need is known, and anything else is
an error.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{\s*([\w.]+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a job ended: the exit code of the step that failed, what was printed, what it shows on its page."""

    code: int
    log: str
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A repository, a runner's machine with its variables, and what the CI keeps: artifacts, secrets and variables."""

    repository: Path
    work: Path
    machine: Mapping[str, str]
    settings: Mapping[str, str]
    artifacts: dict[str, Path] = field(default_factory=dict)

    def checkout(self) -> Path:
        """A fresh one, of what is committed."""
        folder = self.work / f"checkout-{len(list(self.work.iterdir()))}"
        git("clone", "--quiet", str(self.repository), str(folder), cwd=self.work, machine=self.machine)
        return folder

    def keep(self, name: str, path: Path) -> None:
        """Keep a file as an artifact."""
        kept = self.work / f"artifact-{len(list(self.work.iterdir()))}"
        kept.mkdir()
        self.artifacts[name] = Path(shutil.copy(path, kept))


def git(*arguments: str, cwd: Path, machine: Mapping[str, str]) -> None:
    """A command of git, which succeeds."""
    subprocess.run(["git", *arguments], cwd=cwd, env=machine, check=True, capture_output=True)


def run_github(host: Host, job: str) -> Ended:
    """A job of the workflow `keys`."""
    workflow = yaml.safe_load((host.repository / ".github/workflows/keys.yml").read_text(encoding="utf-8"))
    folder, page = host.work, host.work / f"summary-{len(list(host.work.iterdir()))}.md"
    page.touch()
    logs: list[str] = []
    code = 0
    for step in workflow["jobs"][job]["steps"]:
        match step:
            case {"uses": "actions/checkout@v4"}:
                folder = host.checkout()
            case {"uses": "actions/upload-artifact@v4", "with": {"name": name, "path": path}}:
                host.keep(name, folder / path)
            case {"uses": "actions/download-artifact@v4", "with": {"name": name}}:
                shutil.copy(host.artifacts[name], folder)
            case {"run": command}:
                own = {**workflow.get("env", {}), **workflow["jobs"][job].get("env", {}), **step.get("env", {})}
                given = {name: _filled(host, value) for name, value in own.items()}
                variables = {**host.machine, **given, "GITHUB_STEP_SUMMARY": str(page), "GITHUB_ACTIONS": "true"}
                code, log = _bash(["-e", "-c", _filled(host, command)], folder, variables)
                logs.append(log)
            case _:
                raise ValueError(f"no such step is known: {step}")
        if code:
            break
    return Ended(code=code, log=_as_github_shows("".join(logs)), summary=page.read_text(encoding="utf-8"))


def _as_github_shows(log: str) -> str:
    """A log without the commands to the runner, and with stars in place of what is masked from there on."""
    shown: list[str] = []
    masked: list[str] = []
    for line in log.splitlines(keepends=True):
        if line.startswith("::add-mask::"):
            masked.append(line.removeprefix("::add-mask::").rstrip("\n"))
            continue
        for secret in masked:
            line = line.replace(secret, "***")  # noqa: PLW2901 - each mask in turn
        shown.append(line)
    return "".join(shown)


def run_gitlab(host: Host, job: str) -> Ended:
    """A job of the pipeline."""
    described = yaml.safe_load((host.repository / ".gitlab-ci.yml").read_text(encoding="utf-8"))[job]
    folder = host.checkout()
    for needed in described.get("needs", ()):
        for kept in _artifacts_of(host, needed):
            shutil.copy(kept, folder)
    variables = {**host.machine, **host.settings, "CI": "true"}
    for name, value in described.get("variables", {}).items():
        variables[name] = variables[value.removeprefix("$")]
    code, log = _bash(["-eo", "pipefail", "-c", "\n".join(described["script"])], folder, variables)
    artifacts = described.get("artifacts", {})
    paths = artifacts.get("paths", ()) if not code or artifacts.get("when") == "always" else ()
    for path in paths:
        if (folder / path).exists():  # GitLab warns of one that a failed job did not come to
            host.keep(f"{job}/{path}", folder / path)
    kept_pages = [path.read_text(encoding="utf-8") for path in _artifacts_of(host, job) if path.suffix == ".md"]
    return Ended(code=code, log=log, summary="".join(kept_pages) or log)


def _artifacts_of(host: Host, job: str) -> Iterator[Path]:
    return (path for name, path in host.artifacts.items() if name.startswith(f"{job}/"))


def _filled(host: Host, text: Any) -> str:
    """A value with its expressions, of which only `vars` and `secrets` are known."""

    def value(found: re.Match[str]) -> str:
        context, _, name = found[1].partition(".")
        if context not in {"vars", "secrets"}:
            raise ValueError(f"no such context is known: {found[0]}")
        return host.settings[name]

    return _EXPRESSION.sub(value, str(text))


def _bash(arguments: list[str], folder: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", *arguments],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout
