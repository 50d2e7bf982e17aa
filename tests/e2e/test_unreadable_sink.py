import os
from pathlib import Path

import pytest

from reconciler import api
from reconciler.core.plan import Deliver, Reason
from reconciler.errors import SinkError

pytestmark = pytest.mark.anyio

MANIFEST = """\
version: 1
owner: shop
keys:
  backend:
    scopes: [users.read]
    deliver:
      - dotenv: {path: secrets/local.env, variable: KEY}
environments:
  local: {endpoint: emulator, project: p1}
"""


async def test_no_plan_says_that_all_is_well_where_a_sink_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text(MANIFEST)
    manifest = api.read_manifest(tmp_path / "keys.yaml")
    async with api.connect(manifest, variables=os.environ) as reconciler:
        await reconciler.apply(await reconciler.plan())
        (tmp_path / "secrets" / "local.env").unlink()
        (tmp_path / "secrets").rmdir()
        (tmp_path / "secrets").write_text("in the way")

        planned = await reconciler.plan()

        (change,) = planned.plan.changes
        assert isinstance(change, Deliver)
        assert change.reason is Reason.SINK_UNREADABLE
        with pytest.raises(SinkError, match=r"local/backend: .*secrets"):
            await reconciler.apply(planned)
