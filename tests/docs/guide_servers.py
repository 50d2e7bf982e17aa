"""What stands around somebody who follows a guide: the server that it speaks of, and the login that it presumes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.repository import ROOT
from tests.support.aws_server import REGION, an_aws, enforced
from tests.support.vaults import ROOT_TOKEN, a_vault

AWS_GUIDE = ROOT / "docs" / "guides" / "aws.md"
VAULT_GUIDE = ROOT / "docs" / "guides" / "vault.md"


@contextmanager
def vault(folder: Path) -> Iterator[Mapping[str, str]]:
    """OpenBao, and its owner's login."""
    home = folder.parent
    with a_vault(home) as server:
        (home / ".vault-token").write_text(ROOT_TOKEN, encoding="ascii")
        yield {"VAULT_ADDR": server.address}


@contextmanager
def aws(_: Path) -> Iterator[Mapping[str, str]]:
    """AWS, and a user who may do what the guide's policy lists; the stand-in asks for no resource."""
    policy = re.search(r"```json policy.json\n(.*?)```", AWS_GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert policy is not None
    listed = [statement["Action"] for statement in json.loads(policy[1])["Statement"]]
    actions = [action for some in listed for action in ([some] if isinstance(some, str) else some)]
    with an_aws() as server:
        user = server.user("guide", *actions)
        with enforced():
            yield server.variables(AWS_DEFAULT_REGION=REGION, **user)
