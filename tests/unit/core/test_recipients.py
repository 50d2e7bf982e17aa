"""Public keys are judged by their own checksums and lengths, and as the library that encrypts judges them."""

from __future__ import annotations

import base64

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.recipients import complaint

AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPJ2RxpjXUjbXBmNX8yM6RZyeVbOEyzMKGNBy1hUlGTn"
ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def ssh_key(kind: str, *parts: bytes) -> str:
    blob = b"".join(len(part).to_bytes(4) + part for part in (kind.encode(), *parts))
    return f"{kind} {base64.b64encode(blob).decode()}"


@pytest.mark.parametrize("recipient", [AGE, SSH, f"{SSH} alice@laptop at home", ssh_key("ssh-rsa", b"e", b"n" * 256)])
def test_a_public_key_is_one(recipient: str) -> None:
    assert complaint(recipient) is None


@pytest.mark.parametrize(
    ("recipient", "what"),
    [
        (AGE[:-1], "its checksum is wrong"),
        (f"{AGE[:-1]}q", "its checksum is wrong"),
        (AGE.replace("z7", "7z"), "its checksum is wrong"),
        (AGE.replace("q", "b"), "its checksum is wrong"),
        ("age1", "its checksum is wrong"),
        ("", "its kind is not known"),
        ("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "its kind is not known"),
        ("age1tag1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "its kind is not known"),
        (SSH[:-1], "its base64 is wrong"),
        (SSH[:-4], "it is not whole, or of another kind"),
        ("ssh-ed25519 ", "it is not whole, or of another kind"),
        ("ssh-ed25519", "it is not whole, or of another kind"),
        (SSH.replace("ssh-ed25519", "ssh-rsa"), "it is not whole, or of another kind"),
        (ssh_key("ssh-ed25519", b"k" * 31), "its length is wrong"),
        (ssh_key("ssh-ed25519", b"k" * 32, b"more"), "its length is wrong"),
    ],
)
def test_what_is_none_is_told_apart(recipient: str, what: str) -> None:
    told = complaint(recipient)

    assert told is not None
    assert told[0].endswith(what)
    assert told[1]


@given(place=st.integers(4, len(AGE) - 1), letter=st.sampled_from(ALPHABET))
def test_the_library_judges_a_mistyped_letter_alike(place: int, letter: str) -> None:
    mistyped = f"{AGE[:place]}{letter}{AGE[place + 1 :]}"
    try:
        pyrage.x25519.Recipient.from_str(mistyped)
    except pyrage.RecipientError:
        assert complaint(mistyped) is not None
    else:
        assert complaint(mistyped) is None
        assert mistyped == AGE


def test_what_the_library_makes_is_right() -> None:
    for _ in range(50):
        assert complaint(str(pyrage.x25519.Identity.generate().to_public())) is None
