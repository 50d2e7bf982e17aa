"""No sink of any kind lets an error out that is not ours, or loses what it can do besides."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY
from reconciler.edge.sinks import BUILT_IN, InstalledSinks, dotenv
from reconciler.errors import SinkError, SinkUnavailable
from reconciler.ports import Undoing
from tests.support.ages import a_pair
from tests.support.builders import SECRET


class Raising:
    """Fails with what it was given."""

    def preflight(self) -> None:
        raise KeyError(SECRET.reveal())

    look = remove = undo = preflight

    def write(self, *_: object) -> None:
        self.preflight()


def raising(*_: Any) -> Any:
    Raising().preflight()


def broken(monkeypatch: pytest.MonkeyPatch, **kind: Any) -> InstalledSinks:
    """Sinks whose every kind is this one."""
    monkeypatch.setattr("reconciler.edge.sinks._load", lambda _: SimpleNamespace(**kind))
    return InstalledSinks()


@pytest.mark.parametrize("kind", BUILT_IN)
def test_what_no_sink_should_raise_is_told_by_its_class(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SinkSpec(kind=kind, options=())
    sink = broken(monkeypatch, open_sink=lambda *_: Raising()).open(spec)
    assert isinstance(sink, Undoing)
    for do in (
        sink.preflight,
        sink.look,
        lambda: sink.write(SECRET, None),
        sink.remove,
        sink.undo,
        lambda: broken(monkeypatch, open_sink=raising).open(spec),
    ):
        with pytest.raises(SinkUnavailable) as caught:
            do()
        assert caught.value.message == f'the sink "{kind}" failed: KeyError'
        assert caught.value.hint == "this is a mistake of reconciler: report it"
        assert SECRET.reveal()[9:] not in "".join(traceback.format_exception(caught.value))


def test_a_plan_says_of_a_sink_that_fails_why_it_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SinkSpec(kind="vault", options=())
    (held,) = broken(monkeypatch, open_sink=lambda *_: Raising()).observe([spec]).values()
    assert (held.occupied, held.why) == (None, 'the sink "vault" failed: KeyError')


def test_a_kind_that_fails_to_look_at_many_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dotenv, "observe", raising)
    with pytest.raises(SinkUnavailable, match='the sink "dotenv" failed: KeyError'):
        InstalledSinks().observe([SinkSpec(kind="dotenv", options=())])


def test_our_own_errors_pass_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spec = SinkSpec(kind="file", options=(("path", str(tmp_path / "file" / "key")),))
    with pytest.raises(SinkError, match=str(tmp_path)):
        InstalledSinks().open(spec).preflight()


def test_a_sink_can_put_back_what_it_replaced_only_if_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "key.age"
    path.write_bytes(b"as it was")
    sinks = InstalledSinks()
    age = sinks.open(SinkSpec(kind="age", options=(("path", str(path)), ("recipients", (a_pair(tmp_path).recipient,)))))
    age.write(SECRET, None)
    assert path.read_bytes() != b"as it was"
    assert isinstance(age, Undoing)
    age.undo()
    assert path.read_bytes() == b"as it was"

    other = sinks.open(SinkSpec(kind="file", options=(("path", str(tmp_path / "key")),)))
    assert not isinstance(other, Undoing)
    assert other.look() is EMPTY
