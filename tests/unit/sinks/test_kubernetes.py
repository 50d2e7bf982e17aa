"""One key of a Secret, against an API server on a socket that knows server-side apply."""

from __future__ import annotations

import base64
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Note, fingerprint
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks, http
from reconciler.errors import SinkError, SinkUnavailable
from reconciler.ports import SecretSink
from tests.support.cluster import Cluster, Object, Refused, User, a_cluster, kubeconfig
from tests.support.http_service import Fault, Reply

TEXT = f"standard_{'0123456789abcdef' * 16}"
SECRET = Secret(TEXT)
CODED = base64.b64encode(TEXT.encode()).decode()
OTHER = Secret(f"standard_{'fedcba9876543210' * 16}")
NAME, KEY = "shop-appwrite", "APPWRITE_API_KEY"


def note(secret: Secret = SECRET, key_id: str = "storefront.gho66k2d.g1") -> Note:
    return Note(key_id=key_id, created=datetime(2030, 1, 1, tzinfo=UTC), fingerprint=fingerprint(key_id, secret))


class Shop:
    """A cluster, and sinks in it."""

    def __init__(self, cluster: Cluster, sinks: InstalledSinks) -> None:
        self.cluster, self.sinks = cluster, sinks

    def sink(self, key: str = KEY, secret: str = NAME, **options: str) -> SecretSink:
        fields = sorted({"key": key, "secret": secret, **options}.items())
        return self.sinks.open(SinkSpec(kind="kubernetes", options=tuple(fields)))

    @property
    def version(self) -> str:
        return str(self.cluster.secrets[("shop", NAME)]["metadata"]["resourceVersion"])


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(http, "_pause", lambda *_: 0.0)
    with a_cluster() as cluster:
        (tmp_path / "config").write_text(kubeconfig(cluster.address), encoding="utf-8")
        with InstalledSinks({"KUBECONFIG": str(tmp_path / "config")}) as sinks:
            yield Shop(cluster, sinks)


def refused(do: Callable[[], object], kind: type[SinkError] = SinkError) -> SinkError:
    """The error that is raised, which shows no secret in any way."""
    with pytest.raises(SinkError) as caught:
        do()
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.message + caught.value.hint
    assert TEXT[20:40] not in shown
    assert CODED[20:40] not in shown
    assert type(caught.value) is kind, caught.value
    assert caught.value.hint
    return caught.value


def test_a_secret_is_made_with_the_value_and_a_note(shop: Shop) -> None:
    sink = shop.sink()
    sink.preflight()
    assert sink.look() is EMPTY
    sink.write(SECRET, note())
    assert shop.cluster.value(NAME, KEY) == TEXT
    assert shop.cluster.annotations(NAME) == {f"appwrite-reconciler/{KEY}": str(note())}
    assert shop.cluster.secrets[("shop", NAME)]["type"] == "Opaque"
    held = sink.look()
    assert (held.secret, held.note) == (SECRET, note())


def test_preflight_leaves_no_trace(shop: Shop) -> None:
    shop.sink().preflight()
    assert not shop.cluster.secrets
    shop.sink().write(SECRET, note())
    before = shop.version
    shop.sink().preflight()
    assert shop.version == before
    assert all(call.query["dryRun"] == "All" for call in shop.cluster.calls.of("PATCH")[::2])


def test_the_same_again_changes_nothing(shop: Shop) -> None:
    shop.sink().write(SECRET, note())
    before = shop.version
    shop.sink().write(SECRET, note())
    assert shop.version == before


def test_several_of_our_keys_in_one_secret_do_not_remove_each_other(shop: Shop) -> None:
    keys = [f"KEY_{number}" for number in range(4)]
    writing = [threading.Thread(target=shop.sink(key).write, args=(SECRET, note())) for key in keys]
    for each in writing:
        each.start()
    for each in writing:
        each.join()
    shop.sink("KEY_2").write(OTHER, note(OTHER))
    assert {key: shop.cluster.value(NAME, key) for key in keys} == dict.fromkeys(keys, TEXT) | {"KEY_2": OTHER.reveal()}
    shop.sink("KEY_1").remove()
    assert [key for key in keys if shop.cluster.value(NAME, key)] == ["KEY_0", "KEY_2", "KEY_3"]
    assert sorted(shop.cluster.managers(NAME)) == [f"appwrite-reconciler/KEY_{number}" for number in (0, 2, 3)]
    assert sorted(shop.cluster.annotations(NAME)) == [f"appwrite-reconciler/KEY_{number}" for number in (0, 2, 3)]


def test_what_others_keep_in_the_secret_stays_theirs(shop: Shop) -> None:
    shop.cluster.update(NAME, {"PASSWORD": "theirs"}, type="kubernetes.io/basic-auth")
    sink = shop.sink()
    sink.preflight()
    sink.write(SECRET, note())
    shop.cluster.update(NAME, {"PASSWORD": "changed"})
    sink.write(OTHER, note(OTHER))
    sink.remove()
    assert shop.cluster.value(NAME, "PASSWORD") == "changed"
    assert shop.cluster.managers(NAME) == {"kubectl-edit": {"type", "data.PASSWORD"}}


def test_a_key_that_another_manager_owns_is_refused_before_a_key_is_made_and_when_it_is_written(shop: Shop) -> None:
    shop.cluster.update(NAME, {KEY: "by hand"}, manager="kubectl-create")
    error = refused(shop.sink().preflight)
    assert error.message.startswith(f'Secret shop/{NAME}: {KEY} is managed by "kubectl-create" using v1 at ')
    assert f"--field-manager=appwrite-reconciler/{KEY}" in error.hint
    refused(lambda: shop.sink().write(SECRET, note()))
    assert shop.cluster.value(NAME, KEY) == "by hand"


def test_a_value_that_somebody_changed_is_theirs_until_they_give_it_back(shop: Shop) -> None:
    shop.sink().write(SECRET, note())
    shop.cluster.update(NAME, {KEY: "by hand"})
    held = shop.sink().look()
    assert held.secret == Secret("by hand")
    assert '"kubectl-edit"' in refused(shop.sink().preflight).message
    shop.cluster.update(NAME, {KEY: None})
    shop.sink().preflight()
    shop.sink().write(SECRET, note())
    assert shop.cluster.value(NAME, KEY) == TEXT


def test_removing_leaves_the_secret_and_makes_none(shop: Shop) -> None:
    shop.sink().remove()
    assert not shop.cluster.secrets
    shop.sink().write(SECRET, note())
    shop.sink().remove()
    assert shop.sink().look() is EMPTY
    assert shop.cluster.secrets[("shop", NAME)].get("data") == {}
    assert shop.cluster.managers(NAME) == {}


def test_removing_does_not_make_a_secret_anew_that_goes_meanwhile(shop: Shop) -> None:
    shop.sink().write(SECRET, note())
    live = shop.cluster.secrets.pop(("shop", NAME))
    shop.cluster.calls.faults.append(Fault(method="GET", reply=Reply(status=200, body=live)))
    shop.sink().remove()
    assert not shop.cluster.secrets


def test_what_stood_there_before_can_be_put_back_byte_for_byte(shop: Shop) -> None:
    sink = shop.sink()
    sink.write(SECRET, note())
    live = shop.cluster.secrets[("shop", NAME)]
    live["data"][KEY] = base64.b64encode(b"\xff\x00caf\xc3\xa9").decode()
    live["metadata"].pop("annotations")
    before = sink.look()
    assert before.secret is not None
    sink.write(SECRET, note())
    sink.write(before.secret, before.note)
    assert base64.b64decode(shop.cluster.secrets[("shop", NAME)]["data"][KEY]) == b"\xff\x00caf\xc3\xa9"
    assert not shop.cluster.annotations(NAME)


def test_the_namespace_is_the_contexts_unless_told(shop: Shop) -> None:
    shop.sink(namespace="default").write(SECRET, note())
    assert list(shop.cluster.secrets) == [("default", NAME)]


@pytest.mark.parametrize("key", [".env", "_KEY", "key-", "a" * 64, "k.e-y_" * 42, "A", f"{'b' * 62}."])
def test_every_name_of_a_key_has_an_annotation_and_a_manager_of_its_own(shop: Shop, key: str) -> None:
    sink = shop.sink(key)
    sink.preflight()
    sink.write(SECRET, note())
    shop.sink().write(OTHER, note(OTHER))
    held = sink.look()
    assert (held.secret, held.note) == (SECRET, note())
    assert len(shop.cluster.managers(NAME)) == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"secret": "Shop"}, '"Shop" cannot be the name of a Secret'),
        ({"secret": "a/../b"}, '"a/../b" cannot be the name of a Secret'),
        ({"secret": "a" * 254}, "cannot be the name of a Secret"),
        ({"key": ".."}, '".." cannot be the name of a key of a Secret'),
        ({"key": "a b"}, '"a b" cannot be the name of a key of a Secret'),
        ({"namespace": "a.b"}, '"a.b" cannot be the name of a namespace'),
    ],
)
def test_a_name_that_kubernetes_does_not_allow_is_told_before_any_call(
    shop: Shop, options: dict[str, str], told: str
) -> None:
    sink = shop.sink(**options)
    for do in (sink.preflight, sink.look, sink.remove):
        assert told in refused(do).message
    assert not shop.cluster.calls.requests


def test_a_namespace_that_is_not_there_is_told(shop: Shop) -> None:
    shop.cluster.namespaces.remove("shop")
    assert shop.sink().look() is EMPTY
    error = refused(shop.sink().preflight)
    assert error.message == f'Secret shop/{NAME}: namespaces "shop" not found'
    refused(lambda: shop.sink().write(SECRET, note()))


def _may(shop: Shop, *verbs: str) -> None:
    shop.cluster.users["Bearer token-of-ci"] = User(name="ci", verbs=frozenset(verbs))


def test_who_may_write_and_not_read_writes(shop: Shop) -> None:
    _may(shop, "patch", "create")
    shop.sink().preflight()
    assert 'cannot get resource "secrets"' in refused(shop.sink().look, SinkUnavailable).message
    shop.sink().write(SECRET, note())
    assert shop.cluster.value(NAME, KEY) == TEXT


@pytest.mark.parametrize(("verbs", "lacks"), [(("get",), "patch"), (("get", "patch"), "create")])
def test_who_may_not_write_is_told_before_a_key_is_made(shop: Shop, verbs: tuple[str, ...], lacks: str) -> None:
    _may(shop, *verbs)
    error = refused(shop.sink().preflight)
    assert f'User "ci" cannot {lacks} resource "secrets"' in error.message
    assert error.hint == "its user needs get, create and patch on secrets in this namespace"


def test_who_may_not_create_writes_into_a_secret_that_is_there(shop: Shop) -> None:
    shop.cluster.update(NAME, {"OTHER": "x"})
    _may(shop, "get", "patch")
    shop.sink().preflight()
    shop.sink().write(SECRET, note())
    assert shop.cluster.value(NAME, KEY) == TEXT


def test_a_credential_that_is_not_known_is_told(shop: Shop) -> None:
    shop.cluster.users.clear()
    assert "Kubernetes answered 401" in refused(shop.sink().preflight).message
    refused(shop.sink().look, SinkUnavailable)


def test_an_immutable_secret_is_told_before_a_key_is_made(shop: Shop) -> None:
    shop.cluster.update(NAME, {"OTHER": "x"}, immutable=True)
    error = refused(shop.sink().preflight)
    assert error.message.startswith(f"Secret shop/{NAME} is immutable: ")
    refused(lambda: shop.sink().write(SECRET, note()))


def test_a_secret_that_is_full_is_told(shop: Shop) -> None:
    shop.cluster.update(NAME, {"OTHER": "x" * (1024 * 1024 - 40)})
    shop.sink().preflight()
    error = refused(lambda: shop.sink().write(SECRET, note()))
    assert "data: Too long: may not be more than 1048576 bytes" in error.message


def test_what_admission_refuses_is_told_in_its_own_words(shop: Shop) -> None:
    def quota(_secret: Object, _dry_run: bool) -> None:
        raise Refused(403, "Forbidden", f'secrets "{NAME}" is forbidden: exceeded quota: team, limited: secrets=1')

    shop.cluster.admit = quota
    assert "exceeded quota: team" in refused(shop.sink().preflight).message


def test_a_webhook_that_repeats_the_secret_is_not_repeated(shop: Shop) -> None:
    def webhook(secret: Object, _dry_run: bool) -> None:
        shown = f"denied: {secret['data'][KEY]} {base64.b64decode(secret['data'][KEY]).decode()}"
        raise Refused(400, "BadRequest", f'admission webhook "w" denied the request: {shown}')

    shop.cluster.admit = webhook
    refused(lambda: shop.sink().write(SECRET, note()))


def test_a_webhook_that_cannot_do_a_dry_run_does_not_stand_in_the_way(shop: Shop) -> None:
    def webhook(_secret: Object, dry_run: bool) -> None:
        if dry_run:
            raise Refused(400, "BadRequest", 'admission webhook "w" does not support dry run')

    shop.cluster.admit = webhook
    shop.sink().preflight()
    shop.sink().write(SECRET, note())
    assert shop.cluster.value(NAME, KEY) == TEXT


@pytest.mark.parametrize("drop", ["before", "after"])
def test_an_apply_whose_answer_is_lost_is_sent_again(shop: Shop, drop: str) -> None:
    shop.cluster.calls.faults.append(Fault(method="PATCH", drop=drop, times=2))
    shop.sink().write(SECRET, note())
    assert shop.cluster.value(NAME, KEY) == TEXT
    assert len(shop.cluster.calls.of("PATCH")) == 3


@pytest.mark.parametrize("drop", ["before", "after"])
def test_where_every_answer_is_lost_nobody_knows(shop: Shop, drop: str) -> None:
    shop.cluster.calls.faults.append(Fault(method="PATCH", drop=drop, times=9))
    refused(lambda: shop.sink().write(SECRET, note()), SinkUnavailable)
    assert shop.cluster.value(NAME, KEY) == (None if drop == "before" else TEXT)


@pytest.mark.parametrize("status", [429, 503])
def test_what_passes_is_waited_out(shop: Shop, status: int) -> None:
    for method in ("PATCH", "GET"):
        shop.cluster.calls.faults.append(Fault(method=method, reply=Reply(status=status), times=2))
    shop.sink().write(SECRET, note())
    assert shop.sink().look().secret == SECRET


MODIFIED = {
    "kind": "Status",
    "message": f'Operation cannot be fulfilled on secrets "{NAME}": the object has been modified; please apply your '
    "changes to the latest version and try again",
}


def test_an_apply_that_others_got_in_the_way_of_is_made_again(shop: Shop) -> None:
    shop.cluster.calls.faults.append(Fault(method="PATCH", reply=Reply(status=409, body=MODIFIED), times=4))
    shop.sink().write(SECRET, note())
    assert shop.cluster.value(NAME, KEY) == TEXT
    shop.cluster.calls.faults.append(Fault(method="PATCH", reply=Reply(status=409, body=MODIFIED), times=5))
    refused(lambda: shop.sink().write(OTHER, note(OTHER)), SinkUnavailable)


def test_a_server_that_fails_knows_nothing(shop: Shop) -> None:
    shop.cluster.calls.faults.append(Fault(method="PATCH", reply=Reply(status=500), times=9))
    refused(lambda: shop.sink().write(SECRET, note()), SinkUnavailable)


def test_a_slow_server_is_given_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_TIMEOUT", 0.2)
    monkeypatch.setattr(http, "_ATTEMPTS", 1)
    shop.cluster.calls.faults.append(Fault(method="PATCH", late=0.6))
    refused(lambda: shop.sink().write(SECRET, note()), SinkUnavailable)


def test_a_cluster_that_is_down_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_pause", lambda *_: 0.0)
    (tmp_path / "config").write_text(kubeconfig("https://127.0.0.1:1"), encoding="utf-8")
    with InstalledSinks({"KUBECONFIG": str(tmp_path / "config")}) as sinks:
        options = (("key", KEY), ("secret", NAME))
        sink = sinks.open(SinkSpec(kind="kubernetes", options=options))
        for do in (sink.preflight, sink.look, lambda: sink.write(SECRET, note()), sink.remove):
            assert "Kubernetes cannot be reached" in refused(do, SinkUnavailable).message
        assert sinks.observe([SinkSpec(kind="kubernetes", options=options)])[
            SinkSpec(kind="kubernetes", options=options)
        ].why.startswith("Kubernetes cannot be reached")


def test_no_secret_is_logged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sink = shop.sink()
    sink.preflight()
    sink.write(SECRET, note())
    sink.look()
    sink.remove()
    assert caplog.records
    for hidden in (TEXT[:30], CODED[:30], "token-of-ci"):
        assert hidden not in caplog.text
    assert TEXT[:30] not in repr(sink)
