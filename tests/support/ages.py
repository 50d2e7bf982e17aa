"""Identities of age and SSH for tests, and the `age` program, which is no code of ours."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

NEEDS_AGE = pytest.mark.skipif(shutil.which("age") is None, reason="the program age is not there (apt install age)")
NEEDS_SSH = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="the program ssh-keygen is not there")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A public key, and the file of its identity."""

    recipient: str
    identity: Path

    def opens(self, file: Path) -> str:
        """What the library finds in an encrypted file; it fails where that is for others."""
        identity = pyrage.x25519.Identity.from_str(self.identity.read_text(encoding="ascii").splitlines()[-1])
        opened: bytes = pyrage.decrypt(file.read_bytes(), [identity])
        return opened.decode()


def a_pair(folder: Path, name: str = "identity.txt") -> Pair:
    """A new pair, in a file as `age-keygen` writes them."""
    identity = pyrage.x25519.Identity.generate()
    file = folder / name
    file.touch(mode=0o600)
    file.write_text(f"# created: today\n# public key: {identity.to_public()}\n{identity}\n", encoding="ascii")
    return Pair(recipient=str(identity.to_public()), identity=file)


def an_ssh_pair(folder: Path, kind: str, bits: int = 2048, passphrase: str = "") -> Pair:
    """A new pair of SSH's."""
    file = folder / f"{kind}-{bits}-{len(passphrase)}"
    command = ["ssh-keygen", "-q", "-t", kind, *(["-b", str(bits)] if kind == "rsa" else []), "-N", passphrase]
    subprocess.run([*command, "-C", "a comment", "-f", str(file)], check=True, capture_output=True)
    return Pair(recipient=Path(f"{file}.pub").read_text(encoding="ascii").strip(), identity=file)


def opened_by_age(file: Path, identity: Path) -> str:
    """What the program finds in an encrypted file."""
    command = ["age", "--decrypt", "--identity", str(identity), str(file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
