"""`age` and `age-keygen` for pages that need them, where the genuine programs are not installed: as much of them as the
pages use, by the library.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

_KEYGEN = """\
import pathlib, pyrage, sys
option, file = sys.argv[1], pathlib.Path(sys.argv[2])
if option == "-o":
    identity = pyrage.x25519.Identity.generate()
    file.touch(0o600, exist_ok=False)
    file.write_text(f"# public key: {identity.to_public()}\\n{identity}\\n")
else:
    assert option == "-y"
    print(pyrage.x25519.Identity.from_str(file.read_text().splitlines()[-1]).to_public())
"""
_AGE = """\
import pathlib, pyrage, sys
decrypt, with_, identity, file = sys.argv[1:]
assert (decrypt, with_) == ("-d", "-i")
identities = [pyrage.x25519.Identity.from_str(pathlib.Path(identity).read_text().splitlines()[-1])]
sys.stdout.buffer.write(pyrage.decrypt(pathlib.Path(file).read_bytes(), identities))
"""


def install(folder: Path) -> None:
    """Put them into a folder for programs, unless the genuine ones are there."""
    for name, code in (("age-keygen", _KEYGEN), ("age", _AGE)):
        if shutil.which(name) is None:
            program = folder / name
            program.write_text(f"#!{sys.executable}\n{code}", encoding="utf-8")
            program.chmod(0o755)
