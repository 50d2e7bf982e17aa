"""What counts as a secret, and that whoever else says so says the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.core.secret_forms import KINDS, LOOKS_SECRET, MAY_BE_SECRET, looks_secret
from reconciler.edge import credentials
from reconciler.edge.resources import schema

HEX = "0123456789abcdef" * 16
SECRETS = [
    *(f"{kind}_{HEX}" for kind in KINDS),
    f"standard_{HEX[:119]}",
    f"{HEX}",
    "ephemeral_eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJwcm9qZWN0SWQiOiJwIn0.c2ln",
    "eyJpZCI6ImFkYSIsInNlY3JldCI6ImM0bjRyeSJ9",
]
OF_SERVICES = [
    *(f"gh{kind}_16C7e42F292c6912E7710c838347Ae178B4a" for kind in "oprsu"),
    "github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW",
    "glpat-Zq8-9fGh_JkLmN2pQrSt",
    "glptt-1234567890abcdef1234567890abcdef1234567A",
    "hvs.CAESIJlWh7sGc2m-Xw0F8y4yZbQqk9QnBlYx3n",
    "hvb.AAAAAQJ2Zn5eYJ9Yp0WJ8qkO4h",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
]
NO_SECRETS = [
    "standard_notifications-delivery-service-2",
    "organization_key_of_the_reconciler_2027",
    "ephemeral_keys",
    "66f0c3a1b2d4",
    "storefront.gho66k2d.g1",
    "018f3c2e-7b1a-7cc0-9a51-0242ac120002",
    "Storefront backend",
    "glpat-of-the-reconciler-in-production-2027",
    "GLPAT_PRODUCTION",
    "ghp_token_of_the_reconciler_for_organizations",
    "github_pat_reconciler",
    "hvs.vault-production-eu-central-1.example.org",
    "AKIA",
    "ASIAPACIFICSOUTHEASTPROD",
    "apps/shop/ghs_token",
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/storefront-AbCdEf",
    "https://gitlab.example.com/acme/shop",
]
STRICT = {"Expiry", "Visibility", "End of the credential", "Time until a pruned key ends"} | {
    "Time between two generations",
    "Time for which the old key works on",
}
"""Fields whose own pattern leaves no room for a secret."""


@pytest.mark.parametrize("secret", [*SECRETS, *OF_SERVICES])
@pytest.mark.parametrize("around", ["{}", "see {} in the vault", "a\n{}\n"])
def test_what_servers_give_out_looks_like_a_secret_wherever_it_stands(secret: str, around: str) -> None:
    text = around.format(secret)
    assert looks_secret(text)
    assert re.search(MAY_BE_SECRET, text)


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_people_name_keys_does_not_look_like_a_secret(text: str) -> None:
    assert not looks_secret(text)


def test_the_schema_repeats_the_definition_in_one_place_alone() -> None:
    definition = schema("manifest")["$defs"]["noSecret"]
    assert definition["pattern"] == f"^(?![\\s\\S]*(?:{LOOKS_SECRET}))"
    text = json.dumps(schema("manifest"))
    assert text.count("organization|") == 1


@pytest.mark.parametrize("text", [*SECRETS, *OF_SERVICES, *NO_SECRETS])
def test_an_editor_with_the_schema_takes_the_same_texts_for_secrets(text: str) -> None:
    definition = schema("manifest")["$defs"]["noSecret"]
    assert Draft202012Validator({"pattern": definition["pattern"]}).is_valid(text) is not looks_secret(text)


def texts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "title" in node and "string" in str(node.get("type")):
            yield node
        for each in node.values():
            yield from texts(each)
    elif isinstance(node, list):
        for each in node:
            yield from texts(each)


def test_no_text_of_the_manifest_may_hold_a_secret() -> None:
    unguarded = {node["title"] for node in texts(schema("manifest")) if node.get("$ref") != "#/$defs/noSecret"}
    assert unguarded == STRICT


def test_every_kind_that_a_credential_may_be_is_a_kind_of_secret() -> None:
    assert {*credentials._PREFIXES, "account"} == set(KINDS)
