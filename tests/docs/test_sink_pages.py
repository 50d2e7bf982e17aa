"""The pages about sinks do what they say: with a cluster, a stand-in for `pass`, and the package that they show."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.docs.commands import differences, environment
from tests.docs.markdown import fences
from tests.docs.sink_pages import EXEC, KUBERNETES, WRITING
from tests.repository import ROOT
from tests.support.cluster import a_cluster, kubeconfig

PACKAGE = ROOT / "examples" / "sink-package"
PASS = """\
#!/bin/sh
# As much of password-store as the page uses, without the encryption.
store="$HOME/.password-store"
case "$1" in
insert) [ "$2 $3" = "--multiline --force" ] && mkdir -p "$store/${4%/*}" && cat >"$store/$4" ;;
show) cat "$store/$2" ;;
esac
"""


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "somewhere"
    folder.mkdir()
    return folder


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not there")
def test_the_page_on_kubernetes_does_and_shows_what_it_says(tmp_path: Path) -> None:
    with a_cluster() as cluster:
        (tmp_path / "config").write_text(kubeconfig(cluster.address), encoding="utf-8")
        variables = environment(tmp_path, KUBECONFIG=str(tmp_path / "config"))

        assert differences(KUBERNETES, _folder(tmp_path), variables) == []


def test_the_page_on_kubernetes_gives_the_rights_that_the_sink_needs() -> None:
    (role,) = (yaml.safe_load(content) for info, content in fences(KUBERNETES) if info == "yaml role.yaml")

    assert role["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "patch"]}]


def test_the_page_on_commands_does_and_shows_what_it_says(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pass").write_text(PASS, encoding="utf-8")
    (programs / "pass").chmod(0o700)
    variables = environment(tmp_path)
    variables["PATH"] = os.pathsep.join((str(programs), variables["PATH"]))

    assert differences(EXEC, _folder(tmp_path), variables) == []


def test_the_page_on_writing_a_sink_shows_the_example_and_does_what_it_says(tmp_path: Path) -> None:
    shown = {info.split()[1]: content for info, content in fences(WRITING) if info.startswith(("toml ", "python "))}
    assert shown == {name: (PACKAGE / name).read_text(encoding="utf-8") for name in shown}
    assert len(shown) == 2

    shutil.copytree(PACKAGE, tmp_path / "sink-package")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps"]
    command = [*pip, "--no-build-isolation", "--target", str(tmp_path / "site"), str(tmp_path / "sink-package")]
    subprocess.run(command, check=True, capture_output=True)

    assert differences(WRITING, _folder(tmp_path), environment(tmp_path, PYTHONPATH=str(tmp_path / "site"))) == []
