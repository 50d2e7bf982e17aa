"""A command that gives a credential for a cluster, as kubeconfigs name one: client.authentication.k8s.io.

It is asked once, and again when what it gave comes to its end. It gets no terminal; its stderr is the caller's.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.core.times import parse_instant
from reconciler.edge.commands import Output, end_group, ending, follow
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkUnavailable

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_SECONDS = 30.0
_MOST = 256 * 1024
_EARLY = timedelta(minutes=1)


def bearer(token: str, surroundings: Surroundings) -> Secret:
    """What stands behind `Authorization` for a token, of which whoever owns a log is told."""
    surroundings.mask(Secret(token))
    return Secret(f"Bearer {token}")


class ExecCredential:
    """What one command gives: a token, a certificate, or both."""

    def __init__(
        self, who: str, spec: Any, folder: Path, cluster: Mapping[str, Any], surroundings: Surroundings
    ) -> None:
        self._who = f"the command of the kubeconfig's {who}"
        if not isinstance(spec, dict) or not isinstance(spec.get("command"), str):
            raise SinkUnavailable(f"{self._who} is not named", hint="see it with kubectl config view")
        if spec.get("apiVersion") not in _VERSIONS:
            raise SinkUnavailable(f"{self._who} speaks another version", hint=f"apiVersion: {_VERSIONS[0]}")
        if spec.get("interactiveMode") == "Always":
            raise SinkUnavailable(f"{self._who} wants a terminal", hint="take a user who needs none")
        if not _has_lists(spec):
            raise SinkUnavailable(f"{self._who}: args or env is wrong", hint="each env has a name and a value")
        self._spec, self._folder = spec, folder
        self._cluster = cluster if spec.get("provideClusterInfo") is True else None
        self._surroundings = surroundings
        self._lock = threading.Lock()
        self._renew()

    def header(self) -> Secret | None:
        """What stands behind `Authorization`, from a token that lasts another minute."""
        with self._lock:
            if self._ends is not None and datetime.now(UTC) > self._ends - _EARLY:
                self._renew()
            return self._header

    def _renew(self) -> None:
        written = self._written()
        try:
            status = json.loads(written.reveal())["status"]
            self._take(status)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SinkUnavailable(
                f"{self._who} gives no ExecCredential", hint="run it by hand: it writes JSON with a status"
            ) from None

    def _take(self, status: Mapping[str, Any]) -> None:
        token, certificate, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
        if not token and not certificate:
            raise SinkUnavailable(f"{self._who} gives no credential", hint="run it by hand")
        self._header = bearer(str(token).strip(), self._surroundings) if token else None
        self.certificate = Secret(certificate) if certificate else None
        self.key = Secret(key) if key else None
        ends = status.get("expirationTimestamp")
        self._ends = parse_instant(ends) if ends else None

    def _written(self) -> Secret:
        output = Output(_MOST)
        with self._started() as process:
            try:
                in_time = follow(process, output.take, _SECONDS)
            finally:
                if process.poll() is None:
                    end_group(process)
        if not in_time or output.is_too_long or process.returncode:
            why = "is late" if not in_time else "writes too much" if output.is_too_long else ending(process.returncode)
            raise SinkUnavailable(
                f"{self._who} gives no credential: {why}", hint="run it by hand, and mend what it says"
            )
        return output.text

    def _started(self) -> subprocess.Popen[bytes]:
        command: str = self._spec["command"]
        arguments = [str(each) for each in self._spec.get("args") or ()]
        program = str(self._folder / command) if "/" in command else command
        told: dict[str, Any] = {"interactive": False}
        if self._cluster is not None:
            told["cluster"] = self._cluster
        info = {"apiVersion": self._spec["apiVersion"], "kind": "ExecCredential", "spec": told}
        added = {each["name"]: each["value"] for each in self._spec.get("env") or ()}
        try:
            return subprocess.Popen(  # noqa: S603 - the kubeconfig's own command
                [program, *arguments],
                env={**self._surroundings.command_variables, **added, "KUBERNETES_EXEC_INFO": json.dumps(info)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise SinkUnavailable(
                f"{self._who} cannot be run: {quoted(command)}: {error.strerror}",
                hint=str(self._spec.get("installHint") or "install it, or take another user"),
            ) from None


def _has_lists(spec: Mapping[str, Any]) -> bool:
    """Whether the arguments are a list, and the variables one of names with values."""
    arguments, variables = spec.get("args") or [], spec.get("env") or []
    return (
        isinstance(arguments, list)
        and isinstance(variables, list)
        and all(isinstance(each, dict) for each in variables)
        and all(isinstance(each.get(part), str) for each in variables for part in ("name", "value"))
    )
