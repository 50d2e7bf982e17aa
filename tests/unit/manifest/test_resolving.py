"""From a manifest without problems to what is desired of one environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from reconciler.core.connecting import connection, unset_variables
from reconciler.core.delivery import at
from reconciler.core.desired import After, CredentialSpec, Desired
from reconciler.core.ids import Realm, key_id
from reconciler.core.manifest import Manifest, parse
from reconciler.core.manifests import chosen
from reconciler.core.resolve import resolve
from reconciler.core.scopes import Catalogue
from reconciler.edge.documents import from_text
from reconciler.edge.resources import schema, shipped_catalogue
from reconciler.errors import ManifestError, UsageError

HEAD = "version: 1\nowner: shop\n"


def manifest(text: str, path: str = "team/keys.yaml") -> Manifest:
    return parse(from_text(HEAD + text, Path(path)), schema("manifest"))


def environment(**fields: str) -> Manifest:
    written = {"endpoint": "emulator", "project": "p"} | fields
    return manifest("environments:\n  e:\n" + "".join(f"    {name}: {value}\n" for name, value in written.items()))


def desired(text: str, server: frozenset[str] | None = None, catalogue: Catalogue | None = None) -> Desired:
    declared = manifest(text + "environments: {e: {endpoint: emulator, project: p}}\n")
    where = connection(declared, "e", {})
    return resolve(declared, where, catalogue=catalogue or shipped_catalogue(), server_scopes=server)


def problems(call: Any, *arguments: Any, **named: Any) -> list[str]:
    with pytest.raises(ManifestError) as raised:
        call(*arguments, **named)
    return [str(problem) for problem in raised.value.problems]


def test_variables_are_expanded_with_their_defaults() -> None:
    declared = environment(endpoint="https://${HOST}/v1/", project="${PROJECT:-shop}", organization="${ORG:-o}-1")
    where = connection(declared, "e", {"HOST": "fra.cloud.appwrite.io", "ORG": "acme"})
    assert (where.endpoint, where.project, where.organization) == ("https://fra.cloud.appwrite.io/v1", "shop", "acme-1")


def test_an_empty_variable_counts_as_unset() -> None:
    assert connection(environment(project="${PROJECT:-shop}"), "e", {"PROJECT": ""}).project == "shop"
    assert unset_variables(environment(project="${PROJECT}"), "e", {"PROJECT": ""}) == ("PROJECT",)


def test_unset_variables_are_told_all_at_once_and_where_they_are_needed() -> None:
    declared = environment(endpoint="https://${HOST}/v1", project="${PROJECT}", organization="${HOST}")
    assert unset_variables(declared, "e", {}) == ("HOST", "PROJECT")
    assert problems(connection, declared, "e", {}) == [
        (
            'team/keys.yaml:5:15: endpoint of environment "e" needs the variable HOST, which is not set\n'
            "  hint: set it, write ${HOST:-default}, or choose environments with -e"
        ),
        (
            'team/keys.yaml:6:14: project of environment "e" needs the variable PROJECT, which is not set\n'
            "  hint: set it, write ${PROJECT:-default}, or choose environments with -e"
        ),
        (
            'team/keys.yaml:7:19: organization of environment "e" needs the variable HOST, which is not set\n'
            "  hint: set it, write ${HOST:-default}, or choose environments with -e"
        ),
    ]


def test_variables_of_other_environments_are_not_asked_for() -> None:
    declared = manifest(
        "environments:\n  a: {endpoint: emulator, project: p}\n  b: {endpoint: emulator, project: '${B}'}\n"
    )
    assert connection(declared, "a", {}).project == "p"


def test_a_value_that_a_variable_brought_is_judged_and_never_repeated() -> None:
    canary = "standard_" + "f" * 256
    declared = environment(endpoint="${HOST}", project="${PROJECT}")
    found = problems(connection, declared, "e", {"HOST": f"https://{canary}@host/v1", "PROJECT": canary})
    assert found == [
        (
            'team/keys.yaml:5:15: endpoint of environment "e" holds a user name or password\n'
            "  hint: it comes from ${HOST}; an endpoint is such as https://fra.cloud.appwrite.io/v1"
        ),
        (
            'team/keys.yaml:6:14: project of environment "e" is not the id of a project\n'
            "  hint: it comes from ${PROJECT}"
        ),
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://fra.cloud.appwrite.io", ', here "https://fra.cloud.appwrite.io"'),
        ("ftp://fra.cloud.appwrite.io/v1", ', here "ftp://fra.cloud.appwrite.io/v1"'),
        ("https://host:8443/v1?key=canary#canary", ', here "https://host:8443/v1"'),
        ("https://user:canary@host/v1", ""),
        ("https://user:canary/canary@host/v1", ""),
        ("https://user:canary?canary@host/v1", ""),
        (f"https://standard_{'canary' * 9}/v2", ", here (secret)"),
        ("canary", ""),
        ("https://[canary/v1", ""),
    ],
)
def test_an_endpoint_from_a_variable_is_shown_without_what_may_be_secret(value: str, shown: str) -> None:
    (problem,) = problems(connection, environment(endpoint="${HOST}"), "e", {"HOST": value})
    assert f"\n  hint: it comes from ${{HOST}}{shown}; an endpoint is such as https://" in problem
    assert "canary" not in problem


def test_variables_do_not_nest() -> None:
    declared = environment(project="${PROJECT}")
    assert problems(connection, declared, "e", {"PROJECT": "${OTHER}", "OTHER": "p"})


@pytest.mark.parametrize(
    "endpoint", ["emulator", "http://localhost/v1", "http://127.0.0.1:8080/v1", "https://host/prefix/v1"]
)
def test_an_endpoint_may_be(endpoint: str) -> None:
    declared = environment(endpoint=endpoint)
    where = connection(declared, "e", {})
    assert where.endpoint == endpoint
    assert not resolve(declared, where, catalogue=shipped_catalogue(), server_scopes=None).warnings


@pytest.mark.parametrize(("source", "where"), [("file", "key.txt"), ("file", "~/key"), ("env", "KEY")])
def test_where_a_credential_is_stays_as_it_is_written(source: Literal["env", "file"], where: str) -> None:
    declared = environment(credential=f"{{{source}: {where}}}")
    assert connection(declared, "e", {}).credential == CredentialSpec(source=source, where=where)


def test_an_environment_that_the_manifest_does_not_have_is_the_callers_mistake() -> None:
    declared = manifest("environments:\n  production: {endpoint: emulator, project: p}\n")
    with pytest.raises(UsageError) as raised:
        chosen([declared], ["prodcution"])
    assert raised.value.message == 'team/keys.yaml has no environment "prodcution"'
    assert raised.value.hint == 'did you mean "production"?'
    with pytest.raises(UsageError) as raised:
        chosen([declared], ["x"])
    assert raised.value.hint == 'it has "production"'


def test_placeholders_of_sinks_are_filled_in_and_paths_start_at_the_manifest() -> None:
    text = "keys:\n  ci:\n    scopes: []\n    deliver:\n"
    text += '      - dotenv: {path: "{environment}/../{project}-{name}-{id}.env", variable: "KEY_{name}"}\n'
    (key,) = desired(text).keys
    (sink,) = key.sinks
    generated = key_id(Realm(owner="shop", environment="e", project="p"), "ci")
    assert at(sink, generated).option("path") == f"team/p-ci-{generated}.env"
    assert sink.option("variable") == "KEY_ci"


def test_an_absolute_path_of_a_sink_stays() -> None:
    (key,) = desired("keys:\n  ci: {scopes: [], deliver: [dotenv: {path: /srv/.env, variable: K}]}\n").keys
    assert key.sinks[0].option("path") == "/srv/.env"


def test_a_projects_name_may_spoil_a_variable() -> None:
    declared = manifest(
        "keys:\n  ci: {scopes: [], deliver: [dotenv: {path: .env, variable: 'K_{project}'}]}\n"
        "environments: {e: {endpoint: emulator, project: '${P}'}}\n"
    )
    where = connection(declared, "e", {"P": "my-shop"})
    assert problems(resolve, declared, where, catalogue=shipped_catalogue(), server_scopes=None) == [
        (
            'team/keys.yaml:4:30: deliver[1] of key "ci": "K_my-shop" cannot be the name of a variable\n'
            "  hint: letters, digits and underscores only: leave placeholders with other characters to the path"
        )
    ]


def test_sets_and_globs_are_spelt_out_and_names_default_to_the_manifests() -> None:
    text = "scope_sets: {content: [rows.read, 'f*s.read']}\n"
    (key,) = desired(text + "keys: {ci: {scopes: ['@content', users.read], expire: 12h}}\n").keys
    assert key.scopes == {"rows.read", "files.read", "functions.read", "users.read"}
    assert key.from_globs == {"files.read", "functions.read"}
    assert (key.address, key.name, key.slug, key.expiry) == ("e/ci", "ci", "ci", After(timedelta(hours=12)))


def test_unknown_scopes_are_left_to_the_server_where_it_was_asked() -> None:
    text = "keys: {ci: {scopes: [brand.new]}}\n"
    assert desired(text, server=frozenset({"brand.new"})).keys[0].scopes == {"brand.new"}
    assert problems(desired, text) == [
        (
            'team/keys.yaml:3:22: scope "brand.new" is unknown\n'
            "  hint: `reconciler scopes` lists them all; `extra_scopes` of an environment admits one that is newer"
        )
    ]


def test_a_scope_of_a_set_that_the_server_lacks_is_reported_once_where_the_set_names_it() -> None:
    text = "scope_sets: {content: [rows.read]}\nkeys:\n  a: {scopes: ['@content']}\n  b: {scopes: ['@content', x.y]}\n"
    assert problems(desired, text, server=frozenset({"users.read"})) == [
        (
            'team/keys.yaml:3:24: scope "rows.read" is unknown to this server\n'
            "  hint: other versions of Appwrite know it: leave it out for this environment, or upgrade the server"
        ),
        'team/keys.yaml:6:28: scope "x.y" is unknown to this server\n  hint: `reconciler scopes` lists them all',
    ]


def test_more_scopes_than_appwrite_takes_are_refused() -> None:
    many = Catalogue(known=frozenset(f"s{number}.read" for number in range(201)))
    assert problems(desired, "keys: {ci: {scopes: ['*']}}\n", catalogue=many) == [
        'team/keys.yaml:3:13: scopes of key "ci" come to 201; Appwrite takes 200\n  hint: make two keys of it'
    ]


def test_keys_are_sorted_by_address_whatever_the_order_of_the_file() -> None:
    assert [key.address for key in desired("keys: {b: {scopes: []}, a: {scopes: []}}\n").keys] == ["e/a", "e/b"]


def test_a_catalogue_at_parsing_judges_scopes_without_a_server() -> None:
    text = HEAD + "keys: {ci: {scopes: [user.read]}}\nenvironments: {e: {endpoint: emulator, project: p}}\n"
    document = from_text(text, Path("keys.yaml"))
    assert problems(parse, document, schema("manifest"), shipped_catalogue()) == [
        'keys.yaml:3:22: scope "user.read" is unknown\n  hint: did you mean "users.read"?'
    ]
    assert parse(document, schema("manifest")).environments == ("e",)
