"""kubectl, which is not ours, reads the same kubeconfig, finds what was delivered, and agrees with the tests' cluster."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from reconciler.errors import SinkError
from reconciler.ports import SecretSink
from tests.support.cluster import a_cluster, kubeconfig

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not there")
VALUE = "standard_0123456789abcdef"


class Kubectl:
    """kubectl with a kubeconfig, and the sink with the same."""

    def __init__(self, folder: Path, sink: SecretSink) -> None:
        self.folder, self.sink = folder, sink

    def __call__(self, *arguments: str, fails: bool = False, **data: str) -> str:
        """Its output; what it gets is a Secret with these data."""
        coded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": coded}
        environment = {"KUBECONFIG": str(self.folder / "config"), "HOME": str(self.folder), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [KUBECTL or "", *arguments],
            input=json.dumps(secret),
            env=environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stdout + done.stderr

    def apply(self, manager: str, *more: str, fails: bool = False, **data: str) -> str:
        """Server-side apply."""
        options = ("--server-side", "--validate=false", f"--field-manager={manager}", "-f", "-")
        return self("apply", *options, *more, fails=fails, **data)


@pytest.fixture
def kubectl(tmp_path: Path) -> Iterator[Kubectl]:
    with a_cluster() as cluster:
        (tmp_path / "config").write_text(kubeconfig(cluster.address), encoding="utf-8")
        with InstalledSinks({"KUBECONFIG": str(tmp_path / "config")}) as sinks:
            yield Kubectl(tmp_path, sinks.open(SinkSpec(kind="kubernetes", options=(("key", "A"), ("secret", "s")))))


def test_it_finds_what_was_delivered_and_whose_it_is(kubectl: Kubectl) -> None:
    kubectl.sink.write(Secret(VALUE), None)
    assert base64.b64decode(kubectl("get", "secret", "s", "-o", "jsonpath={.data.A}")).decode() == VALUE
    shown = kubectl("get", "secret", "s", "-o", "yaml", "--show-managed-fields")
    assert "manager: appwrite-reconciler/A" in shown
    assert "operation: Apply" in shown


def test_it_is_told_of_the_conflict_that_we_are_told_of(kubectl: Kubectl) -> None:
    kubectl.sink.write(Secret(VALUE), None)
    told = kubectl.apply("theirs", fails=True, A="other")
    assert 'Apply failed with 1 conflict: conflict with "appwrite-reconciler/A": .data.A' in told
    kubectl.apply("theirs", "--force-conflicts", A="other")
    with pytest.raises(SinkError, match='A is managed by "theirs"'):
        kubectl.sink.preflight()


def test_it_hands_a_key_over_as_the_hint_says(kubectl: Kubectl) -> None:
    kubectl.apply("theirs", A="by hand", B="b")
    with pytest.raises(SinkError) as caught:
        kubectl.sink.preflight()
    assert caught.value.hint.endswith("--field-manager=appwrite-reconciler/A")
    kubectl.apply("appwrite-reconciler/A", "--force-conflicts", A="by hand")
    kubectl.apply("theirs", B="b")
    kubectl.sink.preflight()
    kubectl.sink.write(Secret(VALUE), None)
    assert base64.b64decode(kubectl("get", "secret", "s", "-o", "jsonpath={.data.A}")).decode() == VALUE
    assert base64.b64decode(kubectl("get", "secret", "s", "-o", "jsonpath={.data.B}")).decode() == "b"


def test_a_dry_run_of_it_is_kept_no_more_than_ours(kubectl: Kubectl) -> None:
    assert "server dry run" in kubectl.apply("theirs", "--dry-run=server", A="other")
    assert '(NotFound): secrets "s" not found' in kubectl("get", "secret", "s", fails=True)
