"""A key that is delivered into a Kubernetes Secret, from the manifest to the Secret and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import Cluster, User, a_cluster, kubeconfig
from tests.support.command import Command, Ended, in_folder
from tests.support.http_service import Fault
from tests.support.processes import a_server, run, write_manifest

MANIFEST = """\
version: 1
owner: shop
keys:
  web: {scopes: [users.read], deliver: [{kubernetes: {secret: "shop-{environment}", key: WEB}}]}
  ci: {scopes: [users.read], deliver: [{kubernetes: {secret: "shop-{environment}", key: CI}}]}
environments:
  local: {endpoint: emulator, project: p1}
"""
NAME = "shop-local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    command: Command
    cluster: Cluster

    def apply(self) -> Ended:
        return self.command("apply", "--auto-approve")

    def plan(self) -> Any:
        planned = self.command("plan", "--format", "json")
        assert planned.code == 0, planned.err
        (environment,) = json.loads(planned.out)["environments"]
        return environment

    def actions(self) -> dict[str, str]:
        return {each["address"]: each["action"] for each in self.plan()["changes"]}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Shop]:
    with a_cluster() as cluster:
        command = in_folder(tmp_path, monkeypatch, capsys)
        command.write(MANIFEST)
        (tmp_path / "config").write_text(kubeconfig(cluster.address), encoding="utf-8")
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        yield Shop(command=command, cluster=cluster)


def test_two_keys_arrive_in_one_secret_and_the_plan_is_quiet(shop: Shop) -> None:
    assert shop.actions() == {"local/ci": "create", "local/web": "create"}
    assert not shop.cluster.secrets
    applied = shop.apply()
    assert applied.code == 0
    ci, web = (shop.cluster.value(NAME, key) for key in ("CI", "WEB"))
    assert ci is not None
    assert web is not None
    assert ci != web
    assert ci.startswith("standard_")
    for shown in (applied, shop.command("plan", "-v")):
        assert ci[12:] not in f"{shown.out}{shown.err}"
    assert shop.actions() == {}


def test_what_is_changed_or_deleted_behind_its_back_is_mended(shop: Shop) -> None:
    assert shop.apply().code == 0
    web = shop.cluster.value(NAME, "WEB")
    shop.cluster.update(NAME, {"WEB": None})
    assert shop.actions() == {"local/web": "deliver"}
    assert shop.apply().code == 0
    assert shop.cluster.value(NAME, "WEB") == web

    del shop.cluster.secrets["shop", NAME]
    assert shop.actions() == {"local/ci": "deliver", "local/web": "deliver"}
    assert shop.apply().code == 0
    assert shop.cluster.value(NAME, "WEB") == web
    assert shop.actions() == {}


def test_what_somebody_else_took_over_is_refused_and_left_as_it_is(shop: Shop) -> None:
    assert shop.apply().code == 0
    shop.cluster.update(NAME, {"WEB": "by hand"})
    refused = shop.apply()
    assert refused.code == 1
    assert 'WEB is managed by "kubectl-edit"' in refused.err
    assert shop.cluster.value(NAME, "WEB") == "by hand"


def test_no_key_is_made_where_the_cluster_would_refuse_its_secret(shop: Shop) -> None:
    shop.cluster.users["Bearer token-of-ci"] = User(name="ci", verbs=frozenset({"get"}))
    refused = shop.apply()
    assert refused.code == 1
    assert (
        'local/ci: kubernetes CI shop-local: Kubernetes answered 403: secrets "shop-local" is forbidden' in refused.err
    )
    assert shop.actions() == {"local/ci": "create", "local/web": "create"}


def test_a_plan_says_what_it_could_not_compare(shop: Shop) -> None:
    assert shop.apply().code == 0
    shop.cluster.users["Bearer token-of-ci"] = User(name="ci", verbs=frozenset({"patch", "create"}))
    planned = shop.plan()
    assert planned["changes"] == []
    assert {each["address"] for each in planned["unseen"]} == {"local/ci", "local/web"}
    assert "403" in planned["unseen"][0]["why"]


def test_an_apply_whose_answers_are_lost_converges(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.edge.sinks.http._pause", lambda *_: 0.0)
    shop.cluster.calls.faults.append(Fault(method="PATCH", drop="after", times=3))
    assert shop.apply().code == 0
    assert shop.actions() == {}


def test_on_a_server_that_hides_secrets_the_note_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shop"
    with a_cluster() as cluster, a_server("2.6.2", version="2.6.2", hides=True) as server:
        (tmp_path / "config").write_text(kubeconfig(cluster.address), encoding="utf-8")
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        keys = {"web": {"scopes": ["users.read"], "deliver": [{"kubernetes": {"secret": "s", "key": "WEB"}}]}}
        project = server.project()
        write_manifest(folder, server, project, keys)
        assert run(folder, "apply", "--auto-approve").code == 0
        value = cluster.value("s", "WEB")
        assert value is not None
        assert server.accepts(project, value)
        assert run(folder, "plan", "--detailed-exitcode").code == 0
        cluster.update("s", {"WEB": "another"})
        changed = run(folder, "plan", "--detailed-exitcode")
        assert changed.code == 4, "the secret is lost, and the key was used: by the trial"
        assert "Plan: 1 to create, 1 to delete" in changed.stdout
