"""REFERENCE, "Generated ids": `slug.tag.gN`, lower case, at most 36 characters."""

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.ids import MAX_GENERATION, OwnedId, Realm, key_id, next_id, owned, slug, tag
from tests.support.builders import REALM

VECTORS = [
    ("shop", "production", "66f0c3a1b2", "storefront", 1, "storefront.whm2qbjf.g1"),
    (
        "shop/payments",
        "staging",
        "pay-staging",
        "tenant-018f3c2e-7b1a-7cc0-9a51-0242ac120002",
        36,
        "tenant-018f3c2e-h5bpbk.orgwvn3q.g10",
    ),
    ("acme", "eu", "p1", "Tenant.ACME_1", 1295, "tenant-acme-1-ioaopd.7ppbw4aj.gzz"),
]
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)


@pytest.mark.parametrize(("owner", "environment", "project", "name", "generation", "expected"), VECTORS)
def test_the_three_vectors_of_the_reference(
    owner: str, environment: str, project: str, name: str, generation: int, expected: str
) -> None:
    realm = Realm(owner=owner, environment=environment, project=project)

    assert key_id(realm, slug(name), generation) == expected
    assert owned(realm, expected) == OwnedId(slug=slug(name), generation=generation)


@pytest.mark.parametrize("name", ["a", "7", "ci-deploy", "a" * 22, "a--b", "0" * 22])
def test_a_name_that_fits_is_its_own_slug(name: str) -> None:
    assert slug(name) == name


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a" * 23, "a" * 15),
        ("ci-", "ci"),
        ("CI", "ci"),
        ("a.b", "a-b"),
        ("a._.b", "a-b"),
        ("A", "a"),
        ("fourteen-chars.and-more", "fourteen-chars"),
    ],
)
def test_any_other_name_becomes_its_start_and_six_characters_of_its_hash(name: str, start: str) -> None:
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()

    assert slug(name) == f"{start}-{digest[:6]}"


def test_names_that_differ_only_in_case_have_different_slugs() -> None:
    assert len({slug(name) for name in ("ci", "CI", "Ci", "cI")}) == 4


def test_the_tag_hashes_version_owner_environment_project_and_slug_joined_by_nul() -> None:
    text = b"v1\0shop\0staging\0p1\0ci"

    assert tag(REALM, "ci") == base64.b32encode(hashlib.sha256(text).digest()).decode().lower()[:8]


@given(NAMES, st.integers(1, MAX_GENERATION))
def test_every_id_fits_appwrite_and_reads_back(name: str, generation: int) -> None:
    made = key_id(REALM, slug(name), generation)

    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,35}", made)
    assert owned(REALM, made) == OwnedId(slug=slug(name), generation=generation)


@pytest.mark.parametrize(("generation", "text"), [(1, "g1"), (35, "gz"), (36, "g10"), (1295, "gzz")])
def test_generations_are_base_36_without_padding(generation: int, text: str) -> None:
    assert key_id(REALM, "ci", generation).rpartition(".")[2] == text


@pytest.mark.parametrize("generation", [0, -1, 1296])
def test_a_generation_beyond_two_digits_is_refused(generation: int) -> None:
    with pytest.raises(ValueError, match="not between 1 and 1295"):
        key_id(REALM, "ci", generation)


@pytest.mark.parametrize("ending", ["g0", "g01", "G1", "g1A", "g100", "g", "1", "g-1", "g1 ", "g1\n", "g¹", "h1"])
def test_only_the_canonical_form_of_a_generation_is_owned(ending: str) -> None:
    assert owned(REALM, f"ci.{tag(REALM, 'ci')}.{ending}") is None


@pytest.mark.parametrize(
    "realm",
    [
        Realm(owner="shop2", environment="staging", project="p1"),
        Realm(owner="shop", environment="production", project="p1"),
        Realm(owner="shop", environment="staging", project="p2"),
    ],
)
def test_a_key_of_another_owner_environment_or_project_is_not_owned(realm: Realm) -> None:
    assert owned(REALM, key_id(realm, "ci")) is None


@pytest.mark.parametrize(
    "alien",
    ["", "ci", "66f0c3a1b2c3d4e5f6a7", "ci..g1", "CI.{tag}.g1", "ci.{TAG}.g1", "ci2.{tag}.g1", "-ci.{tag}.g1"],
)
def test_an_id_without_this_realms_tag_is_never_owned(alien: str) -> None:
    mark = tag(REALM, "ci")

    assert owned(REALM, alien.format(tag=mark, TAG=mark.upper())) is None


@given(st.text(max_size=40))
def test_no_text_of_chance_is_owned(text: str) -> None:
    assert owned(REALM, text) is None


@pytest.mark.parametrize(("n", "after"), [("g1", "g2"), ("g9", "ga"), ("gz", "g10"), ("gzy", "gzz")])
def test_the_next_id_is_that_of_the_next_generation(n: str, after: str) -> None:
    assert next_id(f"storefront.whm2qbjf.{n}") == f"storefront.whm2qbjf.{after}"


@pytest.mark.parametrize("other", ["storefront", "storefront.whm2qbjf.gzz", "Storefront.whm2qbjf.g1"])
def test_there_is_no_next_id_after_the_last_nor_of_others(other: str) -> None:
    with pytest.raises(ValueError, match="generat"):
        next_id(other)
