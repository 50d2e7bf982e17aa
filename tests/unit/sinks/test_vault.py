"""The vault sink against OpenBao itself."""

import logging
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Note, fingerprint
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.edge.sinks.vault import VaultSink, open_sink
from reconciler.errors import SinkError, SinkUnavailable
from reconciler.ports import SecretSink
from tests.support.delivered import CREATED, FIELD, NOTE, OTHER, RUNS, SECRET
from tests.support.http_service import Fault, Reply
from tests.support.vaults import ROOT_TOKEN, Between, Vault, a_vault, between

DATA = "secret/data/shop/*"
METADATA = "secret/metadata/shop/*"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with a_vault(tmp_path_factory.mktemp("vault")) as running:
        yield running


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    """A secret of the test's own."""
    return f"shop/{request.node.name.replace('/', '_')}"


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses before another attempt, which are random, are none."""
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)


@pytest.fixture(autouse=True)
def nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert [record for record in caplog.get_records("call") if SECRET.reveal() in record.getMessage()] == []


def opened(address: str, token: str, path: str, **options: str) -> SecretSink:
    return sinks(VAULT_ADDR=address, VAULT_TOKEN=token).open(spec(path, **options))


def sinks(**variables: str) -> InstalledSinks:
    return RUNS.enter_context(InstalledSinks(variables))


def spec(path: str, **options: str) -> SinkSpec:
    return SinkSpec(kind="vault", options=tuple(sorted({"secret": path, "field": FIELD, **options}.items())))


@pytest.fixture
def sink(vault: Vault, path: str) -> SecretSink:
    """The sink of the server's owner."""
    return opened(vault.address, ROOT_TOKEN, path)


def words_of(error: SinkError) -> str:
    """What is told of an error, and it holds no secret."""
    told = "".join(traceback.format_exception(error)) + error.hint
    assert SECRET.reveal() not in told
    return str(error)


# --- what it holds ---------------------------------------------------------------------------------------------------


def test_a_secret_that_is_not_there_is_made(vault: Vault, sink: SecretSink, path: str) -> None:
    sink.preflight()
    assert sink.look() == EMPTY
    assert vault.get(path) is None

    sink.write(SECRET, NOTE)

    assert vault.get(path) == {FIELD: SECRET.reveal()}
    held = sink.look()
    assert (held.occupied, held.secret, held.note) == (True, SECRET, NOTE)
    assert held.written is not None
    assert timedelta(minutes=4) < held.written - datetime.now(UTC) <= timedelta(minutes=5)


def test_other_fields_and_other_notes_are_kept(vault: Vault, sink: SecretSink, path: str) -> None:
    vault.put(path, {"DATABASE": "x", "count": 3, FIELD: "old"})
    vault.describe(path, {"owner": "shop"})

    sink.write(SECRET, NOTE)

    assert vault.get(path) == {"DATABASE": "x", "count": 3, FIELD: SECRET.reveal()}
    assert vault.metadata(path)["custom_metadata"] == {"owner": "shop", f"reconciler_{FIELD}": str(NOTE)}


def test_two_fields_of_one_secret_have_a_note_each(vault: Vault, path: str) -> None:
    both = sinks(VAULT_ADDR=vault.address, VAULT_TOKEN=ROOT_TOKEN)
    other = Note(key_id="b.gho66k2d.g1", created=CREATED, fingerprint=fingerprint("b.gho66k2d.g1", OTHER))

    both.open(spec(path, field="A")).write(SECRET, NOTE)
    both.open(spec(path, field="B")).write(OTHER, other)

    assert both.open(spec(path, field="A")).look().note == NOTE
    assert both.open(spec(path, field="B")).look().note == other


def test_what_is_held_already_is_not_written_again(vault: Vault, sink: SecretSink, path: str) -> None:
    sink.write(SECRET, None)
    sink.write(SECRET, NOTE)

    assert vault.metadata(path)["current_version"] == 1
    assert sink.look().note == NOTE


@pytest.mark.parametrize("end", ["delete", "destroy"])
def test_a_version_that_was_deleted_is_empty_and_written_over(
    vault: Vault, sink: SecretSink, path: str, end: str
) -> None:
    vault.put(path, {FIELD: "old"})
    vault.call("POST", f"secret/{end}/{path}", {"versions": [1]})
    assert sink.look() == EMPTY

    sink.preflight()
    sink.write(SECRET, NOTE)

    assert vault.get(path) == {FIELD: SECRET.reveal()}


def test_a_value_that_is_no_text_is_somebody_elses(vault: Vault, sink: SecretSink, path: str) -> None:
    vault.put(path, {FIELD: {"nested": True}})

    for attempt in (sink.preflight, sink.look, lambda: sink.write(SECRET, NOTE)):
        with pytest.raises(SinkError, match="holds something that is no text"):
            attempt()
    assert vault.get(path) == {FIELD: {"nested": True}}


def test_a_path_is_quoted(vault: Vault) -> None:
    sink = opened(vault.address, ROOT_TOKEN, "shop/a b/ü?#%2F")

    sink.preflight()
    sink.write(SECRET, NOTE)

    assert vault.get("shop/a%20b/%C3%BC%3F%23%252F") == {FIELD: SECRET.reveal()}
    assert sink.look().secret == SECRET


@pytest.mark.parametrize("wrong", ["../sys/policies", "a//b", "a/./b", "/"])
def test_a_path_that_leads_elsewhere_is_refused(vault: Vault, wrong: str) -> None:
    with pytest.raises(SinkError, match=r"is no path of a secret$"):
        opened(vault.address, ROOT_TOKEN, wrong)


def test_a_field_whose_note_has_no_room_is_written_without_one(vault: Vault, path: str) -> None:
    sink = opened(vault.address, ROOT_TOKEN, path, field="F" * 200)

    sink.write(SECRET, NOTE)

    assert (sink.look().secret, sink.look().note) == (SECRET, None)


# --- taking away -----------------------------------------------------------------------------------------------------


def test_a_field_is_taken_away_with_its_note(vault: Vault, sink: SecretSink, path: str) -> None:
    vault.put(path, {"DATABASE": "x"})
    vault.describe(path, {"owner": "shop"})
    sink.write(SECRET, NOTE)

    sink.remove()

    assert vault.get(path) == {"DATABASE": "x"}
    assert vault.metadata(path)["custom_metadata"] == {"owner": "shop"}
    assert sink.look() == EMPTY


def test_the_only_field_goes_with_its_version(vault: Vault, sink: SecretSink, path: str) -> None:
    sink.write(SECRET, NOTE)

    sink.remove()
    sink.remove()

    assert vault.get(path) is None
    assert vault.metadata(path)["current_version"] == 1


def test_who_may_not_delete_leaves_a_secret_without_fields(vault: Vault, path: str) -> None:
    sink = opened(vault.address, vault.token("no-delete", {DATA: "create read update"}), path)
    sink.write(SECRET, NOTE)

    sink.remove()

    assert vault.get(path) == {}
    assert sink.look() == EMPTY


def test_taking_away_what_is_not_there_changes_nothing(vault: Vault, sink: SecretSink, path: str) -> None:
    sink.remove()

    assert vault.http.get(f"/v1/secret/metadata/{path}").status_code == 404


# --- who may what ----------------------------------------------------------------------------------------------------


def test_without_a_right_to_the_metadata_there_is_no_note(vault: Vault, path: str) -> None:
    sink = opened(vault.address, vault.token("no-note", {DATA: "create read update"}), path)

    sink.preflight()
    sink.write(SECRET, NOTE)

    assert (sink.look().secret, sink.look().note) == (SECRET, None)


def test_without_a_right_to_read_the_note_tells(vault: Vault, path: str) -> None:
    rights = {DATA: "create update patch", METADATA: "read patch"}
    sink = opened(vault.address, vault.token("blind", rights), path)
    vault.put(path, {"DATABASE": "x"})

    sink.preflight()
    with pytest.raises(SinkUnavailable, match="the credential may not read"):
        sink.look()
    sink.write(SECRET, NOTE)

    assert vault.get(path) == {"DATABASE": "x", FIELD: SECRET.reveal()}
    held = sink.look()
    assert (held.occupied, held.secret, held.note) == (True, None, NOTE)

    sink.remove()
    assert vault.get(path) == {"DATABASE": "x"}
    vault.call("DELETE", f"secret/data/{path}")
    assert sink.look() == EMPTY
    sink.write(SECRET, NOTE)
    assert vault.get(path) == {FIELD: SECRET.reveal()}


def test_who_may_neither_read_nor_see_the_metadata_compares_nothing(vault: Vault, path: str) -> None:
    made = sinks(VAULT_ADDR=vault.address, VAULT_TOKEN=vault.token("write-only", {DATA: "create patch"}))
    sink = made.open(spec(path))

    sink.write(SECRET, NOTE)

    assert vault.get(path) == {FIELD: SECRET.reveal()}
    [seen] = made.observe([spec(path)]).values()
    assert seen.occupied is None
    assert seen.why == f"the credential may not read secret/data/{path}"


def test_who_may_patch_and_not_update_patches(vault: Vault, path: str) -> None:
    vault.put(path, {"DATABASE": "x"})
    sink = opened(vault.address, vault.token("patches", {DATA: "read patch"}), path)

    sink.preflight()
    sink.write(SECRET, NOTE)

    assert vault.get(path) == {"DATABASE": "x", FIELD: SECRET.reveal()}


@pytest.mark.parametrize(
    ("name", "rights", "there", "missing"),
    [
        ("reads", "read", True, "update"),
        ("creates", "create read", True, "update"),
        ("updates", "read update", False, "create"),
        ("only-patches", "read patch", False, "create"),
        ("nothing", "list", True, "patch"),
    ],
)
def test_a_right_that_is_missing_is_known_before(
    vault: Vault, path: str, name: str, rights: str, there: bool, missing: str
) -> None:
    if there:
        vault.put(path, {"DATABASE": "x"})
    sink = opened(vault.address, vault.token(name, {DATA: rights}), path)

    with pytest.raises(SinkError) as caught:
        sink.preflight()

    assert words_of(caught.value) == f"the credential may not {missing} secret/data/{path}"
    assert 'capabilities = ["create", "read", "update"]' in caught.value.hint
    with pytest.raises(SinkError, match="answered 403") as denied:
        sink.write(SECRET, NOTE)
    assert not isinstance(denied.value, SinkUnavailable)
    words_of(denied.value)


def test_who_may_not_ask_for_its_rights_is_let_try(vault: Vault, path: str) -> None:
    token = vault.token("no-default", {DATA: "create read update"}, no_default_policy=True)
    sink = opened(vault.address, token, path)

    sink.preflight()
    sink.write(SECRET, NOTE)

    assert sink.look().secret == SECRET


def test_a_token_that_is_not_valid_is_known_before(vault: Vault, path: str) -> None:
    sink = opened(vault.address, "s.expired", path)

    with pytest.raises(SinkError, match="answered 403: permission denied") as caught:
        sink.preflight()

    assert caught.value.hint == "see whether VAULT_TOKEN is still valid, and what its policies allow"


def test_a_mount_that_is_not_there_is_known_before(vault: Vault, path: str) -> None:
    sink = opened(vault.address, vault.token("elsewhere", {DATA: "create read update"}), path, mount="team")

    with pytest.raises(SinkError, match="please ensure client's policies grant access to path"):
        sink.preflight()


def test_another_version_of_the_engine_is_known_before(vault: Vault, path: str) -> None:
    vault.call("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})

    with pytest.raises(SinkError, match='what is mounted at "old" is not the key/value engine, version 2'):
        opened(vault.address, ROOT_TOKEN, path, mount="old").preflight()


def test_another_mount_is_written_to(vault: Vault, path: str) -> None:
    vault.call("POST", "sys/mounts/team/kv", {"type": "kv", "options": {"version": "2"}})
    sink = opened(vault.address, ROOT_TOKEN, path, mount="team/kv")

    sink.preflight()
    sink.write(SECRET, NOTE)

    assert vault.call("GET", f"team/kv/data/{path}")["data"]["data"] == {FIELD: SECRET.reveal()}


def test_a_mount_that_insists_on_check_and_set_gets_it(vault: Vault, path: str) -> None:
    vault.call("POST", "sys/mounts/strict", {"type": "kv", "options": {"version": "2"}})
    for _ in range(20):  # a new engine upgrades its storage for a moment
        if vault.http.post("/v1/strict/config", json={"cas_required": True}).is_success:
            break
    sink = opened(vault.address, ROOT_TOKEN, path, mount="strict")

    sink.write(SECRET, NOTE)
    sink.write(OTHER, None)

    assert sink.look().secret == OTHER


def test_a_namespace_is_a_world_of_its_own(vault: Vault, path: str) -> None:
    vault.call("POST", "sys/namespaces/people", {})
    vault.call(
        "POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}, **{"X-Vault-Namespace": "people"}
    )
    variables = {"VAULT_ADDR": vault.address, "VAULT_TOKEN": ROOT_TOKEN, "VAULT_NAMESPACE": "people"}

    sinks(**variables).open(spec(path)).write(SECRET, NOTE)

    assert vault.get(path) is None
    assert opened(vault.address, ROOT_TOKEN, path, namespace="people").look().secret == SECRET


# --- the credential --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def role(vault: Vault) -> str:
    vault.policy("app", {DATA: "create read update", METADATA: "patch"})
    vault.call("POST", "sys/auth/approle", {"type": "approle"})
    vault.call("POST", "auth/approle/role/ci", {"token_policies": ["app"], "token_ttl": "10m"})
    return str(vault.call("GET", "auth/approle/role/ci/role-id")["data"]["role_id"])


def secret_id(vault: Vault) -> str:
    return str(vault.call("POST", "auth/approle/role/ci/secret-id", {})["data"]["secret_id"])


def living_tokens(vault: Vault) -> int:
    return len(vault.call("LIST", "auth/token/accessors")["data"]["keys"])


def test_an_approle_is_logged_in_to_once_and_its_token_revoked(vault: Vault, role: str, path: str) -> None:
    before = living_tokens(vault)
    variables = {"VAULT_ADDR": vault.address, "VAULT_ROLE_ID": role, "VAULT_SECRET_ID": secret_id(vault)}

    with sinks(**variables) as made:
        made.open(spec(path)).preflight()
        made.open(spec(path)).write(SECRET, NOTE)
        assert made.open(spec(path)).look().note == NOTE
        assert living_tokens(vault) == before + 1

    assert living_tokens(vault) == before


def test_an_approle_whose_token_ends_is_logged_in_to_again(vault: Vault, path: str) -> None:
    vault.policy("app", {DATA: "create read update"})
    vault.call("POST", "sys/auth/machines", {"type": "approle"})
    short = {
        "token_policies": ["app"],
        "token_ttl": "1s",
        "bind_secret_id": False,
        "secret_id_bound_cidrs": ["127.0.0.1/32"],
    }
    vault.call("POST", "auth/machines/role/ci", short)
    role_id = vault.call("GET", "auth/machines/role/ci/role-id")["data"]["role_id"]
    variables = {"VAULT_ADDR": vault.address, "VAULT_ROLE_ID": role_id, "VAULT_APPROLE_MOUNT": "machines"}

    with sinks(**variables) as made:
        sink = made.open(spec(path))
        sink.preflight()
        threading.Event().wait(1.1)
        sink.write(SECRET, NOTE)

    assert vault.get(path) == {FIELD: SECRET.reveal()}


def test_a_login_that_is_refused_says_where_the_id_was_read(vault: Vault, role: str, path: str) -> None:
    wrong = "7a5fd8b0-0000-0000-0000-000000000000"
    sink = sinks(VAULT_ADDR=vault.address, VAULT_ROLE_ID=role, VAULT_SECRET_ID=wrong).open(spec(path))

    with pytest.raises(SinkUnavailable, match="invalid role or secret ID") as caught:
        sink.look()

    assert caught.value.hint.startswith("see VAULT_ROLE_ID, VAULT_SECRET_ID and VAULT_APPROLE_MOUNT")
    assert wrong not in "".join(traceback.format_exception(caught.value))


def test_what_a_login_takes_and_brings_is_masked(vault: Vault, role: str, path: str) -> None:
    masked: list[Secret] = []
    given = secret_id(vault)
    variables = {"VAULT_ADDR": vault.address, "VAULT_ROLE_ID": role, "VAULT_SECRET_ID": given}
    surroundings = Surroundings(variables, masked.extend)

    open_sink(spec(path), surroundings).look()
    surroundings.close()

    assert masked[0] == Secret(given)
    assert [secret.reveal().startswith(("s.", "hvs.")) for secret in masked[1:]] == [True]


@pytest.mark.parametrize("home", ["", "empty", "absent"])
def test_a_home_without_a_token_is_none(vault: Vault, path: str, tmp_path: Path, home: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".vault-token").write_text("\n")
    variables = {"VAULT_ADDR": vault.address, "HOME": str(tmp_path / home) if home else ""}

    with pytest.raises(SinkUnavailable, match="there is no credential"):
        sinks(**variables).open(spec(path))


def test_the_token_that_the_command_left_is_used(vault: Vault, path: str, tmp_path: Path) -> None:
    (tmp_path / ".vault-token").write_text(f"{ROOT_TOKEN}\n")

    sinks(VAULT_ADDR=vault.address, HOME=str(tmp_path)).open(spec(path)).write(SECRET, NOTE)

    assert vault.get(path) == {FIELD: SECRET.reveal()}


def test_the_names_of_openbao_go_first(vault: Vault, path: str) -> None:
    variables = {"BAO_ADDR": vault.address, "VAULT_ADDR": "http://127.0.0.1:9", "BAO_TOKEN": ROOT_TOKEN}

    sinks(**variables).open(spec(path)).write(SECRET, NOTE)

    assert vault.get(path) == {FIELD: SECRET.reveal()}


@pytest.mark.parametrize(
    ("variables", "message", "hint"),
    [
        ({}, "VAULT_ADDR is not set", "set it to such as https://vault.example.com:8200"),
        ({"VAULT_ADDR": "vault:8200"}, "VAULT_ADDR is not the address of a server", "https://vault.example.com:8200"),
        ({"VAULT_ADDR": "https://u:p@vault"}, "VAULT_ADDR is not the address of a server", "https://"),
        ({"VAULT_ADDR": "https://vault"}, "there is no credential for the vault at https://vault", "set VAULT_TOKEN"),
        (
            {"VAULT_ADDR": "https://vault", "VAULT_TOKEN": "t", "VAULT_SKIP_VERIFY": "true"},
            "VAULT_SKIP_VERIFY is set, and no secret goes to a server that need not prove itself",
            "VAULT_CACERT",
        ),
        (
            {"VAULT_ADDR": "https://vault", "VAULT_TOKEN": "t", "VAULT_CACERT": "no/such.pem"},
            "no connection to the vault at https://vault can be prepared: FileNotFoundError",
            "no/such.pem",
        ),
    ],
)
def test_what_is_missing_is_named(variables: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(SinkUnavailable) as caught:
        sinks(**variables).open(spec("shop/x"))

    assert caught.value.message == message
    assert hint in caught.value.hint


# --- several writers -------------------------------------------------------------------------------------------------


def test_a_writer_that_is_faster_loses_nothing(vault: Vault, path: str, standing: Between) -> None:
    """Somebody writes another field after each of our first two reads, before what we made of it arrives."""
    sink = opened(standing.address, ROOT_TOKEN, path)
    vault.put(path, {"A": "1"})
    came = iter(({"A": "1", "B": "2"}, {"A": "1", "B": "2", "C": "3"}))
    real = VaultSink._replaced

    def overtaken(self: VaultSink, *arguments: object) -> bool:
        fields = next(came, None)
        if fields is not None:
            vault.put(path, fields)
        return real(self, *arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VaultSink, "_replaced", overtaken)
        sink.write(SECRET, NOTE)

    assert vault.get(path) == {"A": "1", "B": "2", "C": "3", FIELD: SECRET.reveal()}
    assert [answer.body["options"]["cas"] for answer in standing.calls.of("POST")] == [1, 2, 3]


def test_writers_of_other_fields_side_by_side_lose_nothing(vault: Vault, path: str) -> None:
    runs = [sinks(VAULT_ADDR=vault.address, VAULT_TOKEN=ROOT_TOKEN) for _ in range(4)]
    fields = [f"F{number}" for number in range(12)]

    def run(number: int) -> None:
        for field in fields[number::4]:
            runs[number].open(spec(path, field=field)).write(SECRET, None)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert vault.get(path) == dict.fromkeys(fields, SECRET.reveal())


def test_one_run_takes_turns_and_never_collides_with_itself(vault: Vault, path: str, standing: Between) -> None:
    made = sinks(VAULT_ADDR=standing.address, VAULT_TOKEN=ROOT_TOKEN)
    threads = [
        threading.Thread(target=made.open(spec(path, field=f"F{number}")).write, args=(SECRET, None))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(vault.get(path) or {}) == 6
    assert len(standing.calls.of("POST")) == 6


def test_a_secret_that_others_never_stop_writing_is_given_up(
    vault: Vault, path: str, standing: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.edge.sinks.vault._ROUNDS", 3)
    conflict = Reply(status=400, body={"errors": ["check-and-set parameter did not match the current version"]})
    standing.calls.faults.append(Fault(method="POST", reply=conflict, times=3))

    with pytest.raises(SinkError, match="others keep writing") as caught:
        opened(standing.address, ROOT_TOKEN, path).write(SECRET, NOTE)

    assert not isinstance(caught.value, SinkUnavailable)
    assert vault.get(path) is None


# --- when it goes wrong ----------------------------------------------------------------------------------------------


@pytest.fixture
def standing(vault: Vault) -> Iterator[Between]:
    """A server before the server, in which faults can be laid."""
    with between(vault.address) as server:
        yield server


def test_an_answer_that_is_lost_after_the_write_is_found_to_be_ours(vault: Vault, path: str, standing: Between) -> None:
    standing.calls.faults.append(Fault(method="POST", drop="after"))

    opened(standing.address, ROOT_TOKEN, path).write(SECRET, NOTE)

    assert vault.metadata(path)["current_version"] == 1
    assert vault.get(path) == {FIELD: SECRET.reveal()}


@pytest.mark.parametrize(("drop", "written"), [("before", None), ("after", {FIELD: SECRET.reveal()})])
def test_a_write_without_an_answer_leaves_open_what_it_did(
    vault: Vault, path: str, standing: Between, drop: str, written: object
) -> None:
    sink = opened(standing.address, ROOT_TOKEN, path)
    standing.calls.faults.append(Fault(method="POST", drop=drop, times=4))

    with pytest.raises(SinkUnavailable, match="cannot be reached") as caught:
        sink.write(SECRET, NOTE)

    words_of(caught.value)
    assert vault.get(path) == written


def test_a_note_that_fails_after_the_value_was_written_is_no_clear_no(
    vault: Vault, path: str, standing: Between
) -> None:
    sink = opened(standing.address, ROOT_TOKEN, path)
    busy = Reply(status=429, body={"errors": ["rate limit quota exceeded"]}, headers={"Retry-After": "0"})
    standing.calls.faults.append(Fault(method="PATCH", reply=busy, times=4))

    with pytest.raises(SinkUnavailable, match="rate limit quota exceeded") as caught:
        sink.write(SECRET, NOTE)

    words_of(caught.value)
    assert vault.get(path) == {FIELD: SECRET.reveal()}


def test_a_server_that_is_down_before_the_write_is_a_clear_no(path: str) -> None:
    sink = opened("http://127.0.0.1:9", ROOT_TOKEN, path)

    with pytest.raises(SinkUnavailable, match="cannot be reached"):
        sink.look()
    with pytest.raises(SinkError, match="cannot be reached") as caught:
        sink.write(SECRET, NOTE)

    assert not isinstance(caught.value, SinkUnavailable)
    words_of(caught.value)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_cannot_now_is_told(path: str, standing: Between, status: int) -> None:
    busy = Reply(status=status, body={"errors": ["too busy"]}, headers={"Retry-After": "0"})
    standing.calls.faults += [Fault(method="GET", reply=busy, times=4)]

    with pytest.raises(SinkUnavailable, match=f"answered {status}: too busy$"):
        opened(standing.address, ROOT_TOKEN, path).look()


def test_another_kind_of_answer_is_not_believed(path: str, standing: Between) -> None:
    standing.calls.faults.append(Fault(method="GET", reply=Reply(status=200, body={"data": {"x": "y"}})))

    with pytest.raises(SinkUnavailable, match="something that is no secret of this engine"):
        opened(standing.address, ROOT_TOKEN, path).look()


def test_a_sealed_server_and_one_that_is_killed_say_so(tmp_path: Path) -> None:
    with a_vault(tmp_path) as own:
        sink = opened(own.address, ROOT_TOKEN, "shop/x")
        sink.write(SECRET, NOTE)
        own.call("PUT", "sys/seal")

        for attempt in (sink.preflight, sink.look):
            with pytest.raises(SinkUnavailable, match="answered 503: Vault is sealed"):
                attempt()

        own.process.kill()
        own.process.wait()
        with pytest.raises(SinkUnavailable, match="cannot be reached"):
            sink.look()


def test_a_server_that_dies_in_the_middle_of_a_write_is_not_taken_for_a_no(
    vault: Vault, path: str, standing: Between
) -> None:
    """The secret is in, and the server is gone before the note."""
    sink = opened(standing.address, ROOT_TOKEN, path)
    standing.calls.faults.append(Fault(method="PATCH", drop="before", times=4))

    with pytest.raises(SinkUnavailable):
        sink.write(SECRET, NOTE)

    assert (sink.look().secret, sink.look().note) == (SECRET, None)


def test_the_end_of_a_run_does_not_wait_for_a_server_that_is_gone(vault: Vault, role: str, path: str) -> None:
    with between(vault.address) as standing:
        variables = {"VAULT_ADDR": standing.address, "VAULT_ROLE_ID": role, "VAULT_SECRET_ID": secret_id(vault)}
        sinks(**variables).open(spec(path)).look()

    RUNS.close()

    with pytest.raises(httpx.TransportError):
        httpx.get(standing.address)
