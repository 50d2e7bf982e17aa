"""When a request is sent again, and after how long. Pure: time and chance are arguments.

- 429, 408, 500, 502, 503, 504 and transport errors are retried five times, with full jitter: between 0 and
  0.5 s · 2^n, at most 30 s. Retry-After is waited for in full, plus up to a second so that those who were told
  to wait do not return together. No retry starts 150 s after the call began: a server that asks for more is not
  waited for at all.
- That holds for POST as well, because a creation names its id: a second sending of one that was applied
  answers 409, and the expiry chosen for this run tells whose key it is.
- A server that has never answered is tried three more times within 3 s: a mistyped endpoint must show at
  once.
- A certificate that is not trusted, or an answer without end, will be no better the next time.
"""

from __future__ import annotations

import random

from reconciler.edge.appwrite.answer import Answer, Failure

RETRIES = 5
LONGEST_DELAY = 30.0
BUDGET = 150.0
FIRST_CONTACT_RETRIES = 3
FIRST_CONTACT_BUDGET = 3.0
_BASE = 0.5
_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


def delay(
    result: Answer | Failure, *, attempt: int, elapsed: float, reached: bool, chance: random.Random
) -> float | None:
    """Seconds to wait before sending again, None to give up; `attempt` counts the retries already made."""
    if isinstance(result, Failure):
        if result.kind in {"untrusted", "oversized"}:
            return None
        if result.kind == "unreachable" and not reached:
            final = attempt >= FIRST_CONTACT_RETRIES or elapsed >= FIRST_CONTACT_BUDGET
            return None if final else chance.uniform(0, FIRST_CONTACT_BUDGET / FIRST_CONTACT_RETRIES)
    elif result.status not in _STATUSES:
        return None
    if attempt >= RETRIES or elapsed >= BUDGET:
        return None
    asked = result.retry_after() if isinstance(result, Answer) else None
    if asked is not None:
        return asked + chance.uniform(0, 1) if elapsed + asked < BUDGET else None
    return chance.uniform(0, min(LONGEST_DELAY, _BASE * 2**attempt))
