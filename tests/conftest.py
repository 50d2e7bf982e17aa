"""What every test shares: the event loop of async tests, and how Hypothesis looks for examples.

Property tests take the same examples each time (profile ``ci``), so that ``make test`` means the same
today and tomorrow. ``HYPOTHESIS_PROFILE=explore`` looks for new ones, and remembers failures under
``.hypothesis/``. Neither has a deadline: machines are shared, and slowness is the benchmarks' subject.
"""

import os
import sys
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, print_blob=True, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# httpx asks for sniffio at each call to an application in process, and to look for what is not there takes as long as
# the call: it is told at once.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The loop of tests marked ``anyio``; the program knows no other."""
    return "asyncio"
