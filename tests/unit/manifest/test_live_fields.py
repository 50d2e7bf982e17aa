"""Fields of the manifest that speak of live keys, layers of scopes, and what resolution says of both."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.core.connecting import connection
from reconciler.core.desired import Desired
from reconciler.core.ids import Realm, key_id
from reconciler.core.manifest import parse
from reconciler.core.resolve import desires_nothing, resolve
from reconciler.edge.documents import from_text
from reconciler.edge.resources import schema, shipped_catalogue
from reconciler.errors import ManifestError

OWN = key_id(Realm(owner="shop", environment="e", project="p"), "ci")
FORMER = key_id(Realm(owner="shop", environment="was", project="p"), "ci")


def desired(shared: str, /, *, top: str = "", **fields: str) -> Desired:
    environment = "".join(f"    {name}: {value}\n" for name, value in fields.items())
    text = (
        f"version: 1\nowner: shop\n{top}\nkeys: {shared}\nenvironments:\n  e:\n    endpoint: emulator\n    project: p\n"
    )
    declared = parse(from_text(text + environment, Path("keys.yaml")), schema("manifest"), shipped_catalogue())
    where = connection(declared, "e", {})
    return resolve(declared, where, catalogue=shipped_catalogue(), server_scopes=None)


def scopes(*layers: str, sets: str = "{content: [rows.read, files.read]}") -> frozenset[str]:
    """What `defaults`, the shared key and the environment's own come to, in this order; the last ones may miss."""
    written = [*layers, "", ""]
    top = f"scope_sets: {sets}\n" + (f"defaults: {{scopes: {written[0]}}}" if written[0] else "")
    shared = f"{{ci: {{scopes: {written[1]}}}}}" if written[1] else "{ci: {name: CI}}"
    own = {"keys": f"{{ci: {{scopes: {written[2]}}}}}"} if written[2] else {}
    return desired(shared, top=top, **own).keys[0].scopes


def problems(shared: str, /, *, top: str = "", **fields: str) -> list[str]:
    with pytest.raises(ManifestError) as raised:
        desired(shared, top=top, **fields)
    return [f"{problem.position.line}: {problem.message} / {problem.hint}" for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["[users.read]"], {"users.read"}),
        (["[users.read]", "[+teams.read]"], {"users.read", "teams.read"}),
        (["[users.read]", "[+teams.read]", "[-users.read]"], {"teams.read"}),
        (["[users.read]", "[teams.read]", "[+sites.read]"], {"teams.read", "sites.read"}),
        (["[+users.read]", "[+teams.read]"], {"users.read", "teams.read"}),
        (["['@content', users.read]", "['-@content', +teams.read]"], {"users.read", "teams.read"}),
        (["[users.read]", "['+@content']"], {"users.read", "rows.read", "files.read"}),
        (["['users.*']", "['-*.write']"], {"users.read"}),
        (["[keys.read, documents.read, users.read]", "['-keys.*', '-documents.*']"], {"users.read"}),
        (["[users.read]", "['+teams.*', -teams.write]"], {"users.read", "teams.read"}),
        (["[users.read]", "[-users.read]"], set()),
        (["[users.read]", "[]"], set()),
    ],
)
def test_lists_of_scopes_replace_or_change_what_lies_beneath(layers: list[str], expected: set[str]) -> None:
    assert scopes(*layers) == expected


def test_the_order_of_a_relative_list_means_nothing() -> None:
    assert scopes("[users.read]", "[-teams.write, '+teams.*']") == scopes("[users.read]", "['+teams.*', -teams.write]")


def test_what_a_glob_brought_in_and_a_name_grants_again_is_named() -> None:
    (key,) = desired("{ci: {scopes: ['users.*']}}", keys="{ci: {scopes: [+users.read]}}").keys
    assert key.from_globs == {"users.write"}


def test_taking_away_what_is_not_there_is_told_of_the_layer_that_does_it() -> None:
    assert problems(
        "{ci: {scopes: [-users.read]}}", top="defaults: {scopes: [users.read]}", keys="{ci: {scopes: [-users.read]}}"
    ) == ['9: "-users.read" takes away what is not there / leave it out: no layer beneath grants it']


def test_a_set_is_taken_away_only_where_all_of_it_is_there() -> None:
    top = "scope_sets: {content: [rows.read, files.read]}\ndefaults: {scopes: [rows.read]}"
    assert problems("{ci: {scopes: ['-@content']}}", top=top) == [
        '5: "-@content" takes away with "files.read" what is not there / leave it out: no layer beneath grants it'
    ]


def test_a_misspelt_scope_that_is_to_go_is_told_with_what_is_there() -> None:
    assert problems("{ci: {scopes: [-user.read]}}", top="defaults: {scopes: [users.read]}") == [
        '4: "-user.read" takes away what is not there / did you mean "users.read"?'
    ]


@pytest.mark.parametrize("own", ["null", "~"])
def test_null_takes_the_scopes_of_lower_layers_away(own: str) -> None:
    assert problems("{ci: {scopes: [users.read]}}", keys=f"{{ci: {{scopes: {own}}}}}") == [
        '9: key "ci" of environment "e" has no "scopes" / list what the key may do; [] is a key that may do nothing'
    ]


def test_what_a_replacing_list_lost_is_told() -> None:
    (key,) = desired(
        "{ci: {scopes: [users.read, teams.read], deliver: [dotenv: {path: a.env, variable: K}]}}",
        keys="{ci: {scopes: [users.read], deliver: [dotenv: {path: b.env, variable: K}]}}",
    ).keys
    assert key.lost == ("teams.read", "dotenv a.env K")


@pytest.mark.parametrize(
    ("defaults", "shared", "own", "lost"),
    [
        ("[users.read, teams.read]", "[users.read]", "[users.read]", ("teams.read",)),
        ("[users.read, teams.read]", "[teams.read]", "[sites.read]", ("teams.read", "users.read")),
        ("[users.read, teams.read]", "[-teams.read]", "[sites.read]", ("users.read",)),
        ("[users.read]", "[+teams.read]", "[sites.read]", ("teams.read", "users.read")),
        ("[users.read, teams.read]", "[users.read]", "[+teams.read]", ()),
        ("[users.read, teams.read]", "null", "[users.read]", ("teams.read",)),
    ],
)
def test_what_is_lost_counts_against_all_that_the_layers_beneath_come_to(
    defaults: str, shared: str, own: str, lost: tuple[str, ...]
) -> None:
    (key,) = desired(
        f"{{ci: {{scopes: {shared}}}}}", top=f"defaults: {{scopes: {defaults}}}", keys=f"{{ci: {{scopes: {own}}}}}"
    ).keys
    assert key.lost == lost


@pytest.mark.parametrize("own", ["{scopes: [+sites.read]}", "{name: Other}", "{scopes: [users.read, teams.read]}"])
def test_nothing_is_lost_where_nothing_is_replaced(own: str) -> None:
    (key,) = desired("{ci: {scopes: [users.read, teams.read]}}", keys=f"{{ci: {own}}}").keys
    assert key.lost == ()


def test_defaults_stand_under_every_key_and_null_takes_them_away() -> None:
    top = "defaults: {scopes: [users.read], description: Ours}"
    (a, b) = desired("{a: {}, b: {description: null, scopes: [+teams.read]}}", top=top).keys
    assert (sorted(a.scopes), a.description) == (["users.read"], "Ours")
    assert (sorted(b.scopes), b.description) == (["teams.read", "users.read"], "")


def test_everything_that_an_environment_says_of_live_keys_arrives() -> None:
    wish = desired(
        "{ci: {scopes: [], renamed_from: Old.Name}, b: {scopes: [], id: Legacy}}",
        prune="expire",
        prune_grace="2w",
        ignore="['terraform-*']",
        protect="[ci]",
        absent="[Gone]",
        renamed_from="was",
        allow_empty="true",
    )
    assert (wish.prune, wish.prune_grace, wish.allow_empty) == ("expire", timedelta(weeks=2), True)
    assert (wish.ignore, wish.protect) == (("terraform-*",), ("ci",))
    assert wish.absent == {"Gone"}
    assert wish.former == Realm(owner="shop", environment="was", project="p")
    assert [(key.adopts, key.former_slug) for key in wish.keys] == [("Legacy", None), (None, "old-name-fbtrlm")]
    assert wish.names == {"b": "b", "ci": "ci", "old-name-fbtrlm": "ci"}


def test_where_everything_is_to_go_the_rules_stay_and_the_keys_do_not() -> None:
    text = (
        "version: 1\nowner: shop\nkeys: {ci: {scopes: [no.such]}}\n"
        "environments: {e: {endpoint: emulator, project: p, protect: [ci], ignore: [x], absent: [y]}}\n"
    )
    declared = parse(from_text(text, Path("keys.yaml")), schema("manifest"))
    nothing = desires_nothing(declared, connection(declared, "e", {}))
    assert (nothing.keys, nothing.absent) == ((), frozenset())
    assert (nothing.protect, nothing.ignore, nothing.names) == (("ci",), ("x",), {"ci": "ci"})


def test_a_newer_scope_is_admitted_by_name_and_never_silently() -> None:
    wish = desired("{ci: {scopes: [brand.new]}}", extra_scopes="[brand.new, users.read]")
    assert wish.keys[0].scopes == {"brand.new"}
    assert [warning.split(": ", 1)[1] for warning in wish.warnings] == [
        'scope "brand.new" is not in the catalogue; extra_scopes admits it',
        '"users.read" is in the catalogue by now: leave it out of extra_scopes',
    ]


@pytest.mark.parametrize("key_id_", [OWN, FORMER], ids=["own", "former environment's"])
def test_an_id_of_the_manifests_own_is_neither_adopted_nor_absent(key_id_: str) -> None:
    (told,) = problems(f"{{x: {{scopes: [], id: {key_id_}}}}}", renamed_from="was")
    assert told.startswith(f'4: e/x adopts "{key_id_}", which carries this manifest\'s own mark / leave `id` out; ')
    assert problems("{ci: {scopes: []}}", renamed_from="was", absent=f"[{key_id_}]") == [
        f'10: "{key_id_}" is to be absent, and e/ci is declared / leave out one of the two'
    ]
    assert problems("{new: {scopes: [], renamed_from: ci}}", renamed_from="was", absent=f"[{key_id_}]") == [
        f'10: "{key_id_}" is to be absent, and e/new is declared / leave out one of the two'
    ]


def test_an_id_of_its_own_is_absent_where_the_key_adopts_another_or_is_not_declared() -> None:
    assert desired("{ci: {scopes: [], id: Legacy}}", absent=f"[{OWN}]").absent == {OWN}
    assert desired("{other: {scopes: []}}", absent=f"[{OWN}]").absent == {OWN}


def test_an_id_is_not_both_ignored_and_declared_or_absent() -> None:
    assert problems("{ci: {scopes: []}}", ignore="['c*']") == [
        f'4: e/ci is declared, and `ignore` hides its key "{OWN}" / make the glob narrower, or leave the key out here'
    ]
    assert problems("{ci: {scopes: [], id: Legacy}}", ignore="['Leg*']")[0].startswith("4: e/ci is declared, and")
    (told,) = problems("{}", ignore="['terraform-*']", absent="[terraform-1]")
    assert told.startswith('10: "terraform-1" is to be absent, and `ignore` hides it by "terraform-*" / make the glob')
