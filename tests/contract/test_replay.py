"""The emulator answers as the recorded servers did, and the replay would notice if it did not."""

import json
import re
from dataclasses import replace as but
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import Profile, actions, dates, errors, keyring, listing, params, profile, store, wire
from tests.contract.recorded import HERE, load
from tests.contract.replay import Report, exceptions, main, replay

pytestmark = pytest.mark.anyio

_SERVERS: tuple[Profile, ...] = ("1.9.x", "main")
_RECORDED = 346
_WITHOUT_REQUEST_OR_ANSWER = 5


async def _replayed(name: Profile) -> Report:
    return await replay(load(HERE / name), name)


@pytest.mark.parametrize("name", _SERVERS)
async def test_every_recorded_answer_is_given_again_but_for_the_listed_exceptions(name: Profile) -> None:
    report = await _replayed(name)

    known = exceptions(name)
    assert [line for line in report.mismatches if line.label not in known] == []
    assert known.keys() - {mismatch.label for mismatch in report.mismatches} == set(), "matches again"


@pytest.mark.parametrize("name", _SERVERS)
async def test_no_recorded_call_is_left_out_of_the_replay(name: Profile) -> None:
    report = await _replayed(name)

    assert len(report.matched) + len(report.mismatches) == _RECORDED
    assert len(report.skipped) == _WITHOUT_REQUEST_OR_ANSWER


def _other_message() -> errors.ApiError:
    return errors.ApiError(404, "key_not_found", "Key with the requested ID could not be found")


def _other_status() -> errors.ApiError:
    message = "Key with the same ID already exists. Try again with a different ID."
    return errors.ApiError(400, "key_already_exists", message)


_SECOND = "04-delete-auth/key expiring: after 4 s"

_MUTATIONS: dict[str, tuple[object, str, Any, str]] = {
    "another message": (errors, "key_not_found", _other_message, "03-get-update/get missing"),
    "another status": (errors, "key_exists", _other_status, "02-create/same id same project"),
    "a shorter name": (params, "_LONGEST_NAME", 127, "02-create/name 128"),
    "ids of any length": (
        params,
        "_ID",
        re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
        "03-get-update/get invalid id 37 chars",
    ),
    "ids with a space": (params, "_ID", re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,35}"), "02-create/keyId space"),
    "a later last day": (
        dates,
        "_LATEST",
        datetime.max.replace(tzinfo=UTC),
        "02-create/expire year 9999",
    ),
    "one millisecond more of life": (
        keyring,
        "_is_over",
        lambda key, call: key.expire is not None and key.expire < dates.render(call.now - timedelta(seconds=5)),
        _SECOND,
    ),
    "more keys that authenticate": (store, "AUTHENTICATING_KEYS", 0, "01-list/list by key (full)"),
    "a smaller page": (listing, "DEFAULT_LIMIT", 4, "01-list/list by session"),
    "a use that counts every time": (
        keyring,
        "_ACCESS",
        timedelta(0),
        "01-list/list by key again",
    ),
    "slashes left alone": (
        actions,
        "dump_json",
        lambda value: wire.dump_json(value).replace("\\/", "/"),
        "02-create/name html",
    ),
    "a PUT that always moves $updatedAt": (
        actions,
        "_replaced",
        lambda key, _, now: but(key, updated_at=dates.render(now)),
        "03-get-update/update full same values",
    ),
}


@pytest.mark.parametrize(("where", "name", "value", "label"), _MUTATIONS.values(), ids=_MUTATIONS)
async def test_the_replay_notices(
    where: object, name: str, value: object, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, value)

    report = await _replayed("main")

    assert label in {mismatch.label for mismatch in report.mismatches}


@pytest.mark.parametrize("mutation", ["another message", "another status", "a shorter name"])
def test_the_command_fails_on_a_mutated_emulator(
    mutation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where, name, value, label = _MUTATIONS[mutation]
    monkeypatch.setattr(where, name, value)

    assert main([str(HERE / "main"), "--profile", "main"]) == 1
    assert f"  {label}: " in capsys.readouterr().out


async def test_the_replay_notices_a_server_of_the_other_kind() -> None:
    report = await replay(load(HERE / "main"), "1.9.x")

    noticed = {mismatch.label for mismatch in report.mismatches}
    assert {"02-create/by project key full scopes", "02-create/scopes 101 (dups)"} <= noticed


async def test_the_replay_notices_scopes_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    server = profile.server("main")
    turned = but(server, scopes=tuple(reversed(server.scopes)))
    monkeypatch.setattr("reconciler.emulator.emulator.server", lambda _: turned)

    report = await _replayed("main")

    assert "02-create/scopes unknown" in {mismatch.label for mismatch in report.mismatches}


def test_the_command_prints_the_tally_and_each_mismatch(capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(HERE / "main"), "--profile", "main"])

    first, *rest = capsys.readouterr().out.splitlines()
    assert (code, first) == (0, "matched 346 of 346, 5 cannot be replayed")
    assert [line.split(":")[0] for line in rest] == [
        "  skipped 02-create/body 13 MiB extra",
        "  skipped 06-concurrency/20 distinct creates at once",
        "  skipped 06-concurrency/20 concurrent updates of one key",
        "  skipped 06-concurrency/20 concurrent deletes",
        "  skipped 06-concurrency/200 lists over 40 threads",
    ]


def test_the_command_fails_on_a_mismatch_that_is_not_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = (HERE / "main" / "00-bootstrap.json").read_text(encoding="utf-8")
    (tmp_path / "00-bootstrap.json").write_text(recorded.replace('"status":201', '"status":200', 1))

    assert main([str(tmp_path), "--profile", "main"]) == 1
    assert "status 201 for 200" in capsys.readouterr().out


def test_a_failure_of_the_recorded_server_need_not_be_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = (HERE / "main" / "00-bootstrap.json").read_text(encoding="utf-8")
    (tmp_path / "00-bootstrap.json").write_text(recorded.replace('"status":201', '"status":500', 1))

    assert main([str(tmp_path), "--profile", "main"]) == 0
    first, *_, excepted = capsys.readouterr().out.splitlines()
    assert first == "matched 5 of 6, 0 cannot be replayed"
    assert excepted.startswith("  excepted 00-bootstrap/session create full: a failure of the recorded server")


async def test_a_recording_with_all_its_headers_is_read_as_well(tmp_path: Path) -> None:
    headers = [["Content-Type", "text/plain"], ["Date", "Mon, 23 Nov 2026 11:51:03 GMT"]]
    response = {"status": 200, "headers": headers, "body": '{"version":"1.9.6"}'}
    item = {
        "label": "version",
        "request": {"method": "GET", "path": "/v1/health/version", "headers": {}, "body": None},
        "response": response,
    }
    (tmp_path / "00-open.json").write_text(json.dumps({"items": [item]}))

    report = await replay(load(tmp_path), "main")

    assert [line.difference for line in report.mismatches] == [
        "content type application/json; charset=UTF-8 for text/plain"
    ]
