"""Recordings that nobody prepared the replay for: what happened off the record, and what it has never seen.

The emulator is recorded and replayed against itself, so each difference is one that the replay makes.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.recorded import load
from tests.contract.recorder import OWNER, Recorder
from tests.contract.replay import Report, replay

pytestmark = pytest.mark.anyio

_KEYS = "/v1/project/keys"
_ONE = f"{_KEYS}?queries[]=%7B%22method%22%3A%22limit%22%2C%22values%22%3A%5B1%5D%7D"


def _by(name: str) -> dict[str, str]:
    return {"X-Appwrite-Project": "proja", "X-Appwrite-Key": f"<KEY:{name}>"}


def _new(key_id: str, *scopes: str, **fields: object) -> dict[str, object]:
    return {"keyId": key_id, "name": key_id, "scopes": list(scopes), **fields}


@pytest.fixture
async def recorder(tmp_path: Path) -> AsyncIterator[Recorder]:
    recorder = Recorder(tmp_path)
    await recorder.call("create full", f"POST {_KEYS}", _new("full", "keys.read", "keys.write"))
    recorder.write("00-bootstrap")
    yield recorder
    await recorder.close()


async def _replayed(folder: Path) -> Report:
    report = await replay(load(folder), "main")
    assert report.mismatches == ()
    return report


async def test_a_thousand_keys_that_only_a_total_tells_of(recorder: Recorder, tmp_path: Path) -> None:
    for number in range(999):
        recorder.add_key(f"bulk-{number}", [])
    await recorder.call("the last one", f"POST {_KEYS}", _new("last", "keys.read"))
    await recorder.call("counted", f"GET {_ONE}")
    refused = await recorder.call("behind 1,000", f"GET {_ONE}", headers=_by("last"))
    await recorder.call("one goes", f"DELETE {_KEYS}/bulk-5")
    let_in = await recorder.call("among 1,000", f"GET {_ONE}", headers=_by("last"))
    recorder.write("07-many")

    assert (refused["type"], let_in["total"]) == ("user_unauthorized", 1000)
    assert len((await _replayed(tmp_path)).matched) == 6


async def test_keys_made_changed_used_and_deleted_off_the_record(recorder: Recorder, tmp_path: Path) -> None:
    await recorder.call("create gone", f"POST {_KEYS}", _new("gone"))
    await recorder.call("create kept", f"POST {_KEYS}", _new("kept"))
    recorder.pass_time(5)
    recorder.add_key("unseen", ["keys.read"])
    await recorder.off_the_record(f"DELETE {_KEYS}/gone")
    await recorder.off_the_record(f"GET {_KEYS}", headers=_by("unseen"))
    await recorder.off_the_record(f"PUT {_KEYS}/kept", {"name": "other", "scopes": [], "expire": "2030-01-01"})
    recorder.pass_time(5)
    await recorder.call("create newer", f"POST {_KEYS}", _new("newer"))
    await recorder.call("all", f"GET {_KEYS}")
    await recorder.call("by it", f"GET {_KEYS}/kept", headers=_by("unseen"))
    recorder.write("08-state")

    assert len((await _replayed(tmp_path)).matched) == 6


@pytest.mark.parametrize("masked", [True, False])
async def test_ephemeral_keys_by_whatever_name(recorder: Recorder, tmp_path: Path, masked: bool) -> None:
    def shown(body: str) -> str:
        if not masked:
            return body
        answer = json.loads(body)
        return json.dumps({**answer, "secret": "ephemeral_<JWT>"}, separators=(",", ":")).replace("/", "\\/")

    for name, scopes in (("eph-read", ["keys.read"]), ("eph-none", [])):
        made = await recorder.call(
            f"create {name}", f"POST {_KEYS}/ephemeral", {"scopes": scopes, "duration": 5}, shown=shown
        )
        recorder.secrets[f"<KEY:{name}>"] = made["secret"]
        recorder.secrets[f"<KEY:{name}-up>"] = made["secret"].upper()
    await recorder.call("it works", f"GET {_ONE}", headers=_by("eph-read"))
    await recorder.call("this one lacks it", f"GET {_ONE}", headers=_by("eph-none"))
    await recorder.call("this is none", f"GET {_ONE}", headers=_by("eph-none-up"))
    recorder.pass_time(5)
    over = await recorder.call("it is over", f"GET {_ONE}", headers=_by("eph-read"))
    recorder.write("05-ephemeral")

    assert "(role: guests)" in over["message"]
    assert len((await _replayed(tmp_path)).matched) == 7


async def test_a_name_that_no_label_has_stays_with_the_key_it_was_first_used_for(
    recorder: Recorder, tmp_path: Path
) -> None:
    for name, scopes in (("first", ["keys.read"]), ("second", [])):
        made = await recorder.call("ephemeral", f"POST {_KEYS}/ephemeral", {"scopes": scopes, "duration": 5})
        recorder.secrets[f"<KEY:{name}>"] = made["secret"]
        await recorder.call("used", f"GET {_ONE}", headers=_by(name))
    await recorder.call("used again", f"GET {_ONE}", headers=_by("first"))
    recorder.write("05-ephemeral")

    assert len((await _replayed(tmp_path)).matched) == 6


async def test_a_token_that_says_something_else_is_a_mismatch(recorder: Recorder, tmp_path: Path) -> None:
    await recorder.call("create", f"POST {_KEYS}/ephemeral", {"scopes": ["keys.read"], "duration": 5})
    recorder.items[-1]["request"]["body"] = json.dumps({"scopes": ["users.read"], "duration": 5})
    recorder.items[-1]["response"]["body"] = recorder.items[-1]["response"]["body"].replace("keys.read", "users.read")
    recorder.write("05-ephemeral")

    (mismatch,) = (await replay(load(tmp_path), "main")).mismatches
    assert "a token that says" in mismatch.difference


async def test_chosen_ids_are_followed_into_later_calls(recorder: Recorder, tmp_path: Path) -> None:
    made = await recorder.call("create", f"POST {_KEYS}", _new("unique()"))
    await recorder.call("get", f"GET {_KEYS}/{made['$id']}")
    await recorder.call(
        "after it", f"GET {_KEYS}?queries[]=%7B%22method%22:%22cursorAfter%22,%22values%22:[%22{made['$id']}%22]%7D"
    )
    await recorder.call("delete", f"DELETE {_KEYS}/{made['$id']}")
    recorder.write("09-ids")

    assert len((await _replayed(tmp_path)).matched) == 5


async def test_other_credentials_headers_and_formats(recorder: Recorder, tmp_path: Path) -> None:
    recorder.secrets["<JWT>"] = recorder.emulator.token_of(recorder.secrets["<SESSION>"])
    user = recorder.emulator.add_user("x@emulator.invalid", "long enough")
    recorder.secrets["<SESSION:other>"] = recorder.emulator.session_of(user)
    admin = {"X-Appwrite-Project": "proja", "X-Appwrite-Mode": "admin"}
    by_other = admin | {"Cookie": "a_session_console=<SESSION:other>"}
    await recorder.call("JWT", f"GET {_ONE}", headers=admin | {"X-Appwrite-JWT": "<JWT>"})
    await recorder.call("JWT and session", f"GET {_ONE}", headers=OWNER | {"X-Appwrite-JWT": "<JWT>"})
    refused = await recorder.call("no member", f"GET {_ONE}", headers=by_other)
    await recorder.call("SDK", f"GET {_KEYS}", headers=_by("full") | {"X-SDK-Name": "python"})
    await recorder.call("shown", f"GET {_KEYS}")
    await recorder.call(
        "old", f"POST {_KEYS}", {"name": "old"}, headers=OWNER | {"X-Appwrite-Response-Format": "1.8.0"}
    )
    await recorder.call(
        "not logged in", f"GET {_KEYS}", headers={"X-Appwrite-Project": "console", "Cookie": OWNER["Cookie"]}
    )
    recorder.write("10-others")

    assert refused["type"] == "user_unauthorized"
    assert len((await _replayed(tmp_path)).matched) == 8


async def test_a_body_of_which_both_ends_were_kept(recorder: Recorder, tmp_path: Path) -> None:
    for number in range(20):
        await recorder.call(f"create {number}", f"POST {_KEYS}", _new(f"k{number}"))

    def clipped(body: str) -> object:
        return {"text_len": len(body), "head": body[:1200], "tail": body[-1200:]}

    await recorder.call("all", f"GET {_KEYS}", shown=clipped)
    recorder.write("11-long")
    assert len((await _replayed(tmp_path)).matched) == 22

    text = (tmp_path / "11-long.json").read_text()
    (tmp_path / "11-long.json").write_text(text.replace('\\"total\\":21', '\\"total\\":20', 1))
    assert len((await replay(load(tmp_path), "main")).mismatches) == 1


@pytest.mark.parametrize(
    ("item", "label", "reason"),
    [
        ({"label": "bulk", "statuses": {"201": 995}}, "12/bulk", "without its request"),
        ({"label": "reset", "request": {"method": "GET", "path": "/"}, "error": "reset"}, "12/reset", "reset"),
        (["what"], "12/0", "unknown shape"),
        ({"label": "odd", "request": {"verb": "GET"}}, "12/odd", "unknown shape"),
        (
            {
                "label": "who",
                "request": {"method": "GET", "path": "/", "headers": {"X-Appwrite-Key": "<ORGKEY:x>"}},
                "response": {"status": 200, "body": ""},
            },
            "12/who",
            "nothing stands for <ORGKEY:x>",
        ),
    ],
)
async def test_what_nobody_can_replay_is_skipped_by_name(
    recorder: Recorder, tmp_path: Path, item: Any, label: str, reason: str
) -> None:
    recorder.items.append(item)
    recorder.write("12")

    (skipped,) = (await _replayed(tmp_path)).skipped
    assert skipped.label == label
    assert skipped.difference.startswith(reason)


async def test_a_file_that_is_no_recording_is_skipped_by_name(recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "13-notes.json").write_text("[]")

    (skipped,) = (await _replayed(tmp_path)).skipped
    assert skipped.label == "13-notes"
