"""Adoption, renames, absent, ignore and prune through the real client against the emulator, call by call."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.core.desired import Desired
from reconciler.core.outcome import Status
from reconciler.emulator.rules import Answer, Rule
from tests.support.applying import Shop, a_shop, statuses, variable
from tests.support.builders import NOW, REALM, desired, owned_id, wanted

pytestmark = pytest.mark.anyio


def made(shop: Shop, key_id: str, *scopes: str, name: str = "Legacy") -> str:
    return shop.emulator.add_key(REALM.project, key_id, scopes or ["users.read"], name=name)


async def test_a_plan_is_one_list_and_no_call_per_key_whatever_the_manifest_says(tmp_path: Path) -> None:
    async with a_shop() as shop:
        ids = [owned_id("renamed"), owned_id("gone"), "Legacy", "hidden-1", "Absent", "other"]
        for key_id in ids:
            made(shop, key_id)
        wish = desired(
            wanted("new", former_slug="renamed", sinks=(variable(tmp_path, "K"),)),
            wanted("adopting", adopts="Legacy"),
            prune="expire",
            absent=frozenset({"Absent"}),
            ignore=("hidden-*",),
            protect=("new",),
        )

        await shop.plan(wish)

        assert shop.wire.calls == ["GET"]


async def test_each_change_is_one_call() -> None:
    async with a_shop(profile="main") as shop:
        for key_id in (owned_id("old"), owned_id("gone"), "Legacy", "Absent", "hidden-1"):
            made(shop, key_id, "rows.read")
        wish = desired(
            wanted("new", title="New", former_slug="old"),
            wanted("adopting", adopts="Legacy"),
            prune="expire",
            absent=frozenset({"Absent"}),
            ignore=("hidden-*",),
        )

        outcome = await shop.apply(wish)

        assert set(statuses(outcome).values()) == {Status.APPLIED}
        writes = [call for call in shop.wire.calls if not call.startswith("GET")]
        assert writes[:4] == ["PUT Legacy", f"PUT {owned_id('old')}", f"PUT {owned_id('gone')}", "DELETE Absent"]
        assert len(writes) == 5  # the last one refreshes the cache of a server before 2.0
        assert sorted(await shop.keys()) == sorted(["Legacy", "hidden-1", owned_id("gone"), owned_id("old")])


async def test_adopted_and_renamed_keys_keep_their_secret_and_it_is_delivered(tmp_path: Path) -> None:
    async with a_shop() as shop:
        secrets = {"A": made(shop, "Legacy"), "B": made(shop, owned_id("old"))}
        wish = desired(
            wanted("a", adopts="Legacy", sinks=(variable(tmp_path, "A"),)),
            wanted("b", former_slug="old", sinks=(variable(tmp_path, "B"),)),
        )

        outcome = await shop.apply(wish)

        assert set(statuses(outcome).values()) == {Status.APPLIED}
        for name, secret in secrets.items():
            assert f"{name}={secret}" in (tmp_path / "app.env").read_text(encoding="utf-8")
        assert (await shop.plan(wish)).plan.changes == ()


async def test_a_dead_key_that_is_adopted_is_revived_although_its_name_looks_unfinished(tmp_path: Path) -> None:
    async with a_shop() as shop:
        end = NOW - timedelta(days=1)
        secret = shop.emulator.add_key(REALM.project, "Legacy", ["users.read"], name="X (undelivered)", expire=end)
        wish = desired(wanted("a", adopts="Legacy", sinks=(variable(tmp_path, "A"),)))

        outcome = await shop.apply(wish)

        assert statuses(outcome) == {"a": Status.APPLIED}
        assert secret in (tmp_path / "app.env").read_text(encoding="utf-8")
        assert (await shop.plan(wish)).plan.changes == ()


async def test_a_key_ends_by_itself_comes_back_when_it_is_declared_again_and_is_deleted_once_it_has_ended() -> None:
    async with a_shop() as shop:
        made(shop, owned_id("old"), name="Old")
        made(shop, owned_id("ci"), name="CI")
        kept, both = (desired(*keys, prune="expire") for keys in ((wanted(),), (wanted(), wanted("old", title="Old"))))
        before = await shop.keys()

        async def applied(wish: Desired) -> None:
            assert set(statuses(await shop.apply(wish)).values()) == {Status.APPLIED}
            assert (await shop.plan(wish)).plan.changes == ()

        await applied(kept)
        ending = (await shop.keys())[owned_id("old")]
        assert (ending.name, ending.expire) == ("Old (retiring)", NOW + timedelta(days=7))
        await applied(both)
        assert await shop.keys() == before
        await applied(kept)
        shop.move(timedelta(days=7))
        await applied(kept)
        assert list(await shop.keys()) == [owned_id("ci")]


async def test_nothing_ends_where_something_before_it_failed() -> None:
    async with a_shop() as shop:
        for name in ("old", "ci"):
            made(shop, owned_id(name), name="Old")
        shop.fail(Rule(method="PUT", path=f"/project/keys/{owned_id('ci')}", fault=Answer(status=400)))

        outcome = await shop.apply(desired(wanted(), prune="expire"))

        assert statuses(outcome) == {"ci": Status.FAILED, "old": Status.NOT_ATTEMPTED}
        assert (await shop.keys())[owned_id("old")].expire is None


async def test_a_run_that_does_what_prune_report_says_sends_no_write() -> None:
    async with a_shop() as shop:
        made(shop, owned_id("old"))

        outcome = await shop.apply(desired(prune="report"))

        assert outcome.results == ()
        assert shop.wire.calls == []
