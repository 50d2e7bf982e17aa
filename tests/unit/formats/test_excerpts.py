"""A line with its caret: where it points, how it is cut, and what of it is covered."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from reconciler.edge.resources import schema
from reconciler.errors import Position, Problem, Source
from reconciler.formats.excerpts import SECRETS_BY_NAME, Excerpts
from reconciler.formats.problems import problems_text


def excerpt(text: str, at: str, *, width: int = 80) -> list[str]:
    """What is shown for the first place where `at` stands."""
    start = text.index(at)
    before = text[:start].replace("\r\n", "\n")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    position = Position(file="keys.yaml", line=line, column=column, source=Source(text=text))
    return list(Excerpts(width).of(position))


def underlined(text: str, at: str) -> str:
    shown, caret = excerpt(text, at)
    start = caret.index("^")
    return shown[start : start + caret.count("^")]


@pytest.mark.parametrize(
    ("line", "token"),
    [
        ("  scopes: [users.raed, rows.read]", "users.raed"),
        ("  name: two words # comment", "two words"),
        ("  name: two words", "name"),
        ('  name: "quoted, with a comma", x: 1', '"quoted, with a comma"'),
        ("  name: 'it''s', x: 1", "'it''s'"),
        ("  endpoint: https://host:80/v1", "https://host:80/v1"),
        ("  path: a/{environment}/{name}.env", "a/{environment}/{name}.env"),
        ("  project: ${PROJECT:-shop}, x: 1", "${PROJECT:-shop}"),
        ("  - users.raed", "users.raed"),
    ],
)
def test_the_caret_is_as_wide_as_the_token(line: str, token: str) -> None:
    assert underlined(line, token) == token


def test_where_no_token_begins_the_caret_is_one_sign_wide() -> None:
    assert excerpt("a: [x, ]", "]") == ["  1 | a: [x, ]", "    |        ^"]


def test_lines_end_where_yaml_ends_them() -> None:
    assert excerpt("a: 1\r\nb: 2\r\n", "b") == ["  2 | b: 2", "    | ^"]
    position = Position(file="keys.yaml", line=3, column=1, source=Source(text="a: 1\x85b: 2\u2028c: 3\n"))
    assert Excerpts().of(position)[0] == "  3 | c: 3"


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "   \n"])
def test_nothing_is_shown_where_there_is_nothing_to_see(text: str) -> None:
    assert Excerpts().of(Position(file="keys.yaml", line=1, column=1, source=Source(text=text))) == ()
    assert Excerpts().of(Position(file="keys.yaml", line=9, column=1, source=Source(text=text))) == ()
    assert Excerpts().of(Position(file="keys.yaml", line=1, column=1)) == ()


@pytest.mark.parametrize("width", [40, 80, 133])
@pytest.mark.parametrize("filler", ["x", "鍵", "\u200b", "\t"], ids=["narrow", "wide", "invisible", "tab"])
@pytest.mark.parametrize(("before", "after"), [(0, 900), (900, 0), (900, 900), (3, 3), (30, 900), (900, 30)])
def test_a_long_line_is_cut_around_its_caret_to_the_width(width: int, filler: str, before: int, after: int) -> None:
    text = f"{filler * before} here {filler * after}."

    shown, caret = excerpt(text, "here", width=width)

    assert cell_len(shown) <= width
    assert shown.isprintable()
    assert cell_len(shown[: shown.index("here")]) == caret.index("^")
    cells = {"\u200b": 6, "鍵": 2, "\t": 2}.get(filler, 1)
    assert shown.startswith("  1 | …") == ("…" in shown[: shown.index("here")])
    if (before + after) * cells + 12 <= width:
        assert "…" not in shown
    else:
        assert "…" in shown


def test_a_token_that_is_cut_is_underlined_as_far_as_it_is_seen() -> None:
    shown, caret = excerpt("name: " + "x" * 900, "x", width=60)
    assert cell_len(shown) == cell_len(caret) + 1 == 59  # one is kept for what could be cut before it


def test_the_signs_of_a_terminal_are_written_out() -> None:
    shown, caret = excerpt("a: \x1b[2J\u202e, wrong: 1", "wrong")
    assert shown == "  1 | a: \\x1b[2J\\u202e, wrong: 1"
    assert caret.index("^") == shown.index("wrong")


HIDDEN = "h1dden"


@pytest.mark.parametrize(
    "text",
    [
        "a: {credential: h1dden, here: 1}",
        "a: {credential: {env: h1dden}, here: 1}",
        "a: {credential: {file: h1dden}, here: 1}",
        "a: {'credential': {value: [h1dden]}, here: 1}",
        "a:\n  credential:\n    here: h1dden\n",
        "a:\n  credential: # why\n\n    file: h1dden\n    here: 1 h1dden\n",
        "a:\n  credential: >\n    h1dden\n    here h1dden\n",
        "a: {credential: {\nenv:\nh1dden, here: h1dden}}",
        "a: {credentail: h1dden, here: 1}",
        "a: {endpoint: 'https://h1dden@host/v1', here: 1}",
        "a: {endpoint: https://u:h1dden@host/v1, here: 1}",
        "a: {endpoint: https://u:p h1dden@host/v1, here: 1}",
        "a: {endpoint: https://host/v1#h1dden, here: 1}",
        "a: {endpoint: '${X:-https://h1dden@host}', here: 1}",
        "a: {project: https://u:h1dden@host/v1, here: 1}",
        "a: {token: h1dden, here: 1}",
        "a: {password: 'h1dden h1dden', here: 1}",
        "a: {secret: h1dden, here: 1}",
        "keys:\n  vault:\n    secret: h1dden # here\n",
        "keys: {vault: {secret: h1dden, here: 1}}",
        "keys: {ci: {scopes: []}, vault: {secret: h1dden, here: 1}}",
        "- vault: {secret: shop, token: h1dden, here: 1}",
        "- vault: {client-secret: h1dden, here: 1}",
        "- vault: {secret: shop}\n  secret: h1dden # here",
        "- vault:\n    secret: shop\n    Secret: h1dden # here",
        "- vault: {secret: shop, field: x}, secret: h1dden, here: 1",
        "- gitlab_ci: {secret: h1dden, here: 1}",
        "- dotenv:\n    secret: h1dden # here\n",
        f"- vault: {{secret: hvs.{HIDDEN}{HIDDEN}, here: 1}}",
        "here: 1 # api-key: h1dden",
        f"here: standard_{HIDDEN}{HIDDEN}",
        f"here: [x, eyJ{HIDDEN}.{HIDDEN}.{HIDDEN}]",
        "here: " + HIDDEN + "0123456789abcdef" * 4,
        "here: h1dden-h1dden-h1dden-h1dden-h1dden-h1dden-h1dden",
    ],
)
def test_what_may_be_a_secret_is_covered(text: str) -> None:
    shown, caret = excerpt(text, "here")
    assert "here" in shown or "****" in shown
    assert HIDDEN not in shown
    assert shown.index("here") == caret.index("^") if "here" in shown else "^" in caret


@pytest.mark.parametrize(
    "line",
    [
        "local: {endpoint: https://fra.cloud.appwrite.io/v1, project: p1, credential: {env: APPWRITE_API_KEY}}",
        'production: {endpoint: "${APPWRITE_ENDPOINT}", project: shop, organization: acme}',
        "session-keeper: {name: Session keeper, scopes: [sessions.write, tokens.read]}",
        '- dotenv: {path: "secrets/{environment}.env", variable: APPWRITE_ORGANIZATION_API_KEY}',
        "project: 66b1c2d3e4f5a6b7c8d9, expire: 2027-12-31T23:59:59Z",
        "    credential: {env: KEY}",
        "- vault: {secret: apps/shop, field: appwrite, mount: secret}",
        "  deliver: [{dotenv: {path: .env, variable: KEY}}, {aws: {secret: shop/storefront, field: key}}]",
        "deliver: [kubernetes: {secret: storefront, key: APPWRITE_API_KEY}]",
        '- {"github_actions": {repository: acme/shop, "secret": APPWRITE_API_KEY}}',
    ],
)
def test_what_a_manifest_usually_holds_is_shown(line: str) -> None:
    assert excerpt(line, line.strip()[0], width=200)[0] == f"  1 | {line}"


@pytest.mark.parametrize(
    "above", ["- kubernetes:", "- kubernetes: # production", "- kubernetes: {", "-   'kubernetes':"]
)
def test_the_name_of_a_secret_is_shown_below_its_sink(above: str) -> None:
    for fields in (
        "secret: here\n    key: x",
        "key: x\n\n    # why\n    secret: here",
        "key:\n      - x\n    secret: here",
    ):
        shown, _ = excerpt(f"{above}\n    {fields}\n", "secret")
        assert shown.endswith("|     secret: here")


def test_the_sinks_whose_secrets_have_names_are_those_of_the_schema() -> None:
    kinds = schema("manifest")["$defs"]["sink"]["properties"]
    assert {kind for kind, part in kinds.items() if "secret" in part["properties"]} == set(SECRETS_BY_NAME)


def test_what_comes_after_a_credential_is_shown_again() -> None:
    text = "a:\n  credential:\n    env: KEY\n  project: here\nb: {credential: {file: x}}\nc: there\n"
    assert excerpt(text, "here")[0] == "  4 |   project: here"
    assert excerpt(text, "there")[0] == "  6 | c: there"


def test_ten_thousand_problems_on_one_long_line_take_no_minute() -> None:
    source = Source(text="{" + ", ".join(f"k{number}: {{a: b}}" for number in range(10_000)) + "}")
    places = (Position(file="k", line=1, column=column, source=source) for column in range(1, 10_001))
    shown = problems_text(Problem(position=place, message="m") for place in places)
    assert shown.count("^") >= 10_000


def test_ten_thousand_names_of_secrets_on_one_long_line_take_no_minute() -> None:
    text = "[" + ", ".join(["{vault: {secret: shop, field: x}}"] * 10_000) + "]"
    assert "{vault: {secret: shop, field: x}}" in excerpt(text, "vault")[0]


def test_a_position_shows_nothing_of_its_source() -> None:
    position = Position(file="k", line=1, column=1, source=Source(text=HIDDEN))
    assert HIDDEN not in repr(position) + str(position) + repr(Problem(position=position, message="m"))
    assert position == Position(file="k", line=1, column=1)
