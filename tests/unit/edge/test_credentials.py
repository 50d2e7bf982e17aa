"""Where a credential comes from, what kind it is, and what no message about it ever says."""

from __future__ import annotations

import base64
import json
import os
import pickle
from pathlib import Path

import pytest

from reconciler.core.credential import CredentialKind as Kind
from reconciler.core.desired import Connection, CredentialSpec
from reconciler.edge.credentials import Credential, load
from reconciler.errors import CredentialError, Position

HEX = "0123456789abcdef" * 16
SESSION = base64.b64encode(json.dumps({"id": "u1", "secret": "s" * 64}).encode()).decode()


def _connection(
    spec: CredentialSpec | None = None, *, organization: str | None = None, endpoint: str = "https://x.example/v1"
) -> Connection:
    return Connection(
        environment="production",
        endpoint=endpoint,
        project="shop",
        organization=organization,
        credential=spec,
        position=Position(file="keys.yaml", line=1, column=1),
    )


def _from_env(text: str, *, organization: str | None = None) -> Credential:
    spec = CredentialSpec(source="env", where="TOKEN")
    found = load(_connection(spec, organization=organization), {"TOKEN": text}, Path("/nowhere"))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"standard_{HEX}", "project_key"),
        (HEX, "project_key"),
        ("abc", "project_key"),
        ("ephemeral_eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "ephemeral_key"),
        ("dynamic_eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "ephemeral_key"),
        (SESSION, "session"),
    ],
)
def test_the_kind_is_told_from_the_first_letters(text: str, kind: Kind) -> None:
    found = _from_env(text)
    assert (found.kind, found.secret.reveal()) == (kind, text)


@pytest.mark.parametrize(
    "text",
    [
        f"a_session_console={SESSION}",
        f"a_session_console={SESSION};",
        f"Cookie: other=1; a_session_console={SESSION}; a_session_console_legacy=x",
    ],
)
def test_a_session_is_understood_as_browsers_copy_it(text: str) -> None:
    found = _from_env(text)
    assert (found.kind, found.secret.reveal()) == ("session", SESSION)


def test_an_organization_key_needs_an_organization() -> None:
    assert _from_env(f"organization_{HEX}", organization="team1").kind == "organization_key"
    with pytest.raises(CredentialError, match="names no organization") as caught:
        _from_env(f"organization_{HEX}")
    assert "organization: ID" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"account_{HEX}", "account key"),
        (f"bogus_{HEX}", "no kind of credential that is known"),
        (f"Standard_{HEX}", "no kind of credential that is known"),
        ("_" + HEX, "no kind of credential that is known"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJ1IjoxfQ.c2ln", "JWT"),
        ("", "is empty"),
        ("\n", "is empty"),
        (f"standard_{HEX} ", "a character that no credential has"),
        (f"standard_{HEX}\r\nX-Evil: {HEX}", "a character that no credential has"),
        (f"standard_\x00{HEX}", "a character that no credential has"),
        (f"standard_ключ{HEX}", "a character that no credential has"),
        (f"a_session_console=ab cd{HEX}", "a character that no credential has"),
    ],
)
def test_what_cannot_work_is_refused_without_a_word_of_it(text: str, message: str) -> None:
    with pytest.raises(CredentialError, match=message) as caught:
        _from_env(text)
    error = caught.value
    assert "production" in error.message
    assert "environment variable TOKEN" in error.message
    assert error.hint
    assert HEX not in f"{error!r}{error.message}{error.hint}"


def test_the_default_variable_depends_on_the_organization() -> None:
    variables = {"APPWRITE_API_KEY": "a1", "APPWRITE_ORGANIZATION_API_KEY": "organization_b2"}
    project = load(_connection(), variables, Path("/nowhere"))
    organization = load(_connection(organization="team1"), variables, Path("/nowhere"))
    assert project
    assert organization
    assert (project.secret.reveal(), project.source) == ("a1", "the environment variable APPWRITE_API_KEY")
    assert (organization.secret.reveal(), organization.kind) == ("organization_b2", "organization_key")


@pytest.mark.parametrize(
    ("organization", "missing", "other"),
    [
        (None, "APPWRITE_API_KEY", "APPWRITE_ORGANIZATION_API_KEY"),
        ("team1", "APPWRITE_ORGANIZATION_API_KEY", "APPWRITE_API_KEY"),
    ],
)
def test_a_variable_that_is_not_set_is_named_with_ways_out(organization: str | None, missing: str, other: str) -> None:
    with pytest.raises(CredentialError) as caught:
        load(_connection(organization=organization), {}, Path("/nowhere"))
    assert f"the environment variable {missing} is not set" in caught.value.message
    assert f"{{env: {other}}}" in caught.value.hint


def test_the_emulator_needs_none_and_takes_one_that_is_named() -> None:
    variables = {"APPWRITE_API_KEY": "standard_a1"}
    assert load(_connection(endpoint="emulator"), variables, Path("/nowhere")) is None
    spec = CredentialSpec(source="env", where="APPWRITE_API_KEY")
    assert load(_connection(spec, endpoint="emulator"), variables, Path("/nowhere")) is not None


def _file(path: Path, content: bytes, mode: int = 0o600) -> CredentialSpec:
    path.write_bytes(content)
    path.chmod(mode)
    return CredentialSpec(source="file", where=path.name)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_a_file_is_read_from_the_folder_of_the_manifest(tmp_path: Path, end: bytes) -> None:
    spec = _file(tmp_path / "token", f"standard_{HEX}".encode() + end)
    found = load(_connection(spec), {}, tmp_path)
    assert found
    assert found.secret.reveal() == f"standard_{HEX}"
    assert found.source == f"the file {tmp_path / 'token'}"


def test_an_absolute_file_and_one_in_the_home_folder_are_read_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    _file(tmp_path / "token", b"standard_a1")
    for where in (str(tmp_path / "token"), "~/token"):
        assert load(_connection(CredentialSpec(source="file", where=where)), {}, Path("/nowhere"))


def test_the_home_folder_of_somebody_unknown_is_told() -> None:
    spec = CredentialSpec(source="file", where="~nobody-of-that-name/token")
    with pytest.raises(CredentialError, match="production: the credential file ~nobody-of-that-name/token is in"):
        load(_connection(spec), {}, Path("/nowhere"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    spec = _file(tmp_path / "token", f"standard_{HEX}".encode(), mode)
    with pytest.raises(CredentialError, match=f"mode {mode:04o}") as caught:
        load(_connection(spec), {}, tmp_path)
    assert caught.value.hint == f"chmod 600 {tmp_path / 'token'}"


@pytest.mark.parametrize("content", [f"standard_{HEX}\nmore".encode(), b"\xff\xfe" + HEX.encode(), b"", b"\n"])
def test_a_file_that_holds_no_credential_is_named(tmp_path: Path, content: bytes) -> None:
    spec = _file(tmp_path / "token", content)
    with pytest.raises(CredentialError, match=str(tmp_path / "token")) as caught:
        load(_connection(spec), {}, tmp_path)
    assert HEX not in f"{caught.value.message}{caught.value.hint}"


def test_what_is_no_readable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="cannot be read: No such file"):
        load(_connection(CredentialSpec(source="file", where="token")), {}, tmp_path)
    with pytest.raises(CredentialError, match="cannot be read: Is a directory"):
        load(_connection(CredentialSpec(source="file", where=".")), {}, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    for where in ("/dev/null", "pipe"):
        with pytest.raises(CredentialError, match="cannot be read: not a regular file"):
            load(_connection(CredentialSpec(source="file", where=where)), {}, tmp_path)
    spec = _file(tmp_path / "large", b"a" * 70_000)
    with pytest.raises(CredentialError, match="is too large"):
        load(_connection(spec), {}, tmp_path)


def test_a_credential_shows_nothing() -> None:
    found = _from_env(f"standard_{HEX}")
    assert HEX not in f"{found} {found!r}"
    with pytest.raises(TypeError):
        pickle.dumps(found)
