"""The pages about sinks whose commands need something beside the program."""

from tests.repository import ROOT

GUIDES = ROOT / "docs" / "guides"
KUBERNETES, EXEC, WRITING = (GUIDES / f"{name}.md" for name in ("kubernetes", "exec-sink", "writing-a-sink"))
SINK_PAGES = frozenset({KUBERNETES, EXEC, WRITING})
