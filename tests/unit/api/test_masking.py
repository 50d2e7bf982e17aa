"""Whoever owns a log is told of each secret that `connect` holds."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler import api
from reconciler.cli.masking import masking
from reconciler.core.desired import SinkSpec
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from tests.support.emulators import running

MANIFEST = """\
version: 1
owner: shop
keys: {{ci: {{scopes: [users.read]}}}}
environments:
  production: {{endpoint: "{endpoint}", project: shop}}
"""


class Told:
    """A mask that remembers."""

    def __init__(self) -> None:
        self.secrets: list[Secret] = []

    def __call__(self, secrets: Iterable[Secret]) -> None:
        self.secrets += secrets


@pytest.mark.slow
@pytest.mark.anyio
async def test_the_session_of_a_login_is_told(tmp_path: Path) -> None:
    told = Told()
    with running(tmp_path, "main") as server:
        server.emulator.ensure_project("shop", organization="acme")
        server.emulator.add_user("ada@example.org", "correct horse battery", organizations=["acme"])
        (tmp_path / "keys.yaml").write_text(MANIFEST.format(endpoint=server.endpoint), encoding="utf-8")
        manifest = api.read_manifest(tmp_path / "keys.yaml")
        login = api.Login(
            email="ada@example.org", password=lambda _: Secret("correct horse battery"), tell=lambda _: None
        )
        async with api.connect(manifest, variables={}, login=login, mask=told) as reconciler:
            assert reconciler.sites[0].secret in told.secrets


def test_what_a_sink_holds_is_told_when_it_is_observed(tmp_path: Path) -> None:
    told = Told()
    spec = SinkSpec(kind="dotenv", options=(("path", str(tmp_path / "app.env")), ("variable", "KEY")))
    with InstalledSinks(mask=told) as sinks:
        sinks.observe([spec])
        assert told.secrets == []

        (tmp_path / "app.env").write_text("KEY=of somebody\n", encoding="utf-8")
        sinks.observe([spec])

    assert told.secrets == [Secret("of somebody")]


def test_ten_thousand_secrets_are_told_once_from_any_thread(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    mask = masking()
    secrets = [Secret(f"standard_{number}") for number in range(10_000)]

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(mask, [secrets, secrets, secrets[::-1], iter(secrets)]))

    told = capsys.readouterr().err.splitlines()
    assert sorted(told) == sorted(f"::add-mask::standard_{number}" for number in range(10_000))
