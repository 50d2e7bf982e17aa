"""Infrastructure as code for the API keys of Appwrite projects: declare, plan, apply."""

import sys

# With itself httpx loads a command line of its own, and rich and pygments with that: a fifth of a cold start. It goes
# without where that cannot be loaded.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
