"""Recipients of an encrypted file: public keys of age or of SSH, judged without the library that encrypts.

Those of age are Bech32 (BIP 173): a checksum over the whole finds what was typed or copied wrongly. Those of SSH hold
their kind and their length in themselves.
"""

from __future__ import annotations

import base64
import binascii

from reconciler.core.addresses import Complaint

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM = 6
_KEY_BITS = 256
_COPIED = "copy it again, as a whole"


def complaint(recipient: str) -> Complaint | None:
    """What is wrong with a recipient, and what to do; None for a public key."""
    if recipient.startswith("ssh-"):
        return _of_ssh(recipient)
    prefix, one, data = recipient.rpartition("1")
    if not one or prefix != "age":
        return ("is no public key of age: its kind is not known", "write age1… as age-keygen prints it, or ssh-…")
    if not set(data) <= set(_ALPHABET) or not _is_sum_right(prefix, data):
        return ("is no public key of age: its checksum is wrong", _COPIED)
    if (len(data) - _CHECKSUM) * 5 // 8 * 8 != _KEY_BITS:
        return ("is no public key of age: its length is wrong", _COPIED)
    return None


def _of_ssh(recipient: str) -> Complaint | None:
    kind, encoded, *_ = (*recipient.split(" "), "")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return "is no public key of SSH: its base64 is wrong", _COPIED
    parts = _parts(blob)
    if parts is None or parts[:1] != [kind.encode()]:
        return "is no public key of SSH: it is not whole, or of another kind", _COPIED
    if kind == "ssh-ed25519" and [len(part) for part in parts[1:]] != [32]:
        return "is no public key of SSH: its length is wrong", _COPIED
    return None


def _parts(blob: bytes) -> list[bytes] | None:
    """The parts of a key, each with its length before it; None where the lengths do not fit."""
    parts: list[bytes] = []
    while blob:
        size = int.from_bytes(blob[:4])
        if len(blob) < 4 + size:
            return None
        parts.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return parts


def _is_sum_right(prefix: str, data: str) -> bool:
    values = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    total = 1
    for value in (*values, *map(_ALPHABET.index, data)):
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ value
        for place, factor in enumerate(_GENERATOR):
            total ^= factor if top >> place & 1 else 0
    return total == 1
