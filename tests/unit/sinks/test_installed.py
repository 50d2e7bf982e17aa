"""Sinks of other packages, most of them broken: each is told for what it is, and where it comes from."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import api
from reconciler.api.sinks import Undoing
from reconciler.core.desired import SinkSpec
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from reconciler.errors import ManifestError, ReconcilerError, SinkError, SinkUnavailable, UsageError

SPEC = SinkSpec(kind="pass", options=(("name", "x"),))
TEXT = f"standard_{'0123456789abcdef' * 16}"
MANIFEST = """\
version: 1
owner: shop
keys:
  ci: {scopes: [users.read], deliver: [{pass: {name: "shop/{environment}"}}]}
environments:
  local: {endpoint: emulator, project: p1}
"""
WHOLE = """\
from reconciler.api.sinks import EMPTY, SinkError
SCHEMA = {"type": "object", "required": ["name"], "additionalProperties": False, "properties": {
    "name": {"type": "string", "pattern": "^[a-z/{}]+$"}, "force": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string"}}}}
class Sink:
    def preflight(self): raise SinkError("no room", hint="make room")
    def look(self): return EMPTY
    def write(self, secret, note): raise RuntimeError(f"cannot send {secret.reveal()}")
    def remove(self): raise SystemExit(3)
def open_sink(spec, surroundings): return Sink()
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a module, and a package's entry point for it, where Python looks for them."""

    def installed(code: str, *, kind: str = "pass", module: str = "their_sink") -> None:
        folder = tmp_path / module
        metadata = folder / f"{module}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (folder / f"{module}.py").write_text(code, encoding="utf-8")
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
        (metadata / "entry_points.txt").write_text(f"[reconciler.sinks]\n{kind} = {module}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(__import__("sys").modules, module, raising=False)

    return installed


def _read(folder: Path, text: str = MANIFEST) -> None:
    (folder / "keys.yaml").write_text(text, encoding="utf-8")
    api.validate([folder / "keys.yaml"], (), {})


def test_its_part_of_the_schema_judges_manifests(tmp_path: Path, install: Install) -> None:
    with pytest.raises(ManifestError) as unknown:
        _read(tmp_path)
    assert "pass" in str(unknown.value.problems[0])
    install(WHOLE)
    _read(tmp_path)
    for wrong in ("{name: SHOP}", "{}", "{name: a, more: b}", "{name: a, force: 1}", "{name: a, tags: b}"):
        with pytest.raises(ManifestError) as caught:
            _read(tmp_path, MANIFEST.replace('{name: "shop/{environment}"}', wrong))
        (problem,) = caught.value.problems
        assert (problem.position.line, problem.message != "") == (4, True)


def test_its_own_errors_are_its_own_and_others_show_only_what_they_are(install: Install) -> None:
    install(WHOLE)
    sink = InstalledSinks().open(SPEC)
    with pytest.raises(ReconcilerError, match="no room"):
        sink.preflight()
    with pytest.raises(SinkUnavailable) as caught:
        sink.write(Secret(TEXT), None)
    assert caught.value.message == 'the sink "pass" failed: RuntimeError'
    assert TEXT[9:] not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(SystemExit):
        sink.remove()


def test_one_that_can_put_back_what_it_replaced_may_do_so(install: Install) -> None:
    install(WHOLE.replace("    def remove", '    def undo(self): raise SinkError("undone")\n    def remove'))
    sink = InstalledSinks().open(SPEC)
    assert isinstance(sink, Undoing)
    with pytest.raises(SinkError, match="undone"):
        sink.undo()


def test_it_may_look_at_many_sinks_at_once(install: Install) -> None:
    install(f"{WHOLE}def observe(specs, surroundings): return dict.fromkeys(specs, EMPTY)\n")
    assert InstalledSinks().observe([SPEC]) == InstalledSinks().observe([SPEC, SPEC])
    assert [each.occupied for each in InstalledSinks().observe([SPEC]).values()] == [False]


def test_one_that_fails_to_look_at_many_is_told(install: Install) -> None:
    install(f"{WHOLE}def observe(specs, surroundings): return specs[0].nonsense\n")
    with pytest.raises(SinkUnavailable, match="failed: AttributeError"):
        InstalledSinks().observe([SPEC])


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("def (", "cannot be loaded: SyntaxError: "),
        ("SCHEMA = {}", "has no function open_sink(spec, surroundings)"),
        ("def open_sink(spec, surroundings): ...", "has no SCHEMA, a dict"),
        (WHOLE.replace('"type": "object"', '"type": "thing"'), "its SCHEMA is no JSON Schema: 'thing' is not valid"),
        (WHOLE.replace('"type": "object"', '"type": "string"'), 'its SCHEMA needs "type": "object" and "properties"'),
        (WHOLE.replace('"boolean"', '"integer"'), 'its field "force" is neither text, a list of texts nor a boolean'),
    ],
)
def test_a_package_that_brings_no_sink_is_told(tmp_path: Path, install: Install, code: str, told: str) -> None:
    install(code)
    with pytest.raises(UsageError) as caught:
        _read(tmp_path)
    assert caught.value.message.startswith(f'the sink "pass" of their_sink {told}')
    assert caught.value.hint == "install it anew, or remove the package"


def test_a_kind_of_ours_is_not_replaced(tmp_path: Path, install: Install) -> None:
    install(WHOLE, kind="dotenv")
    with pytest.raises(UsageError, match='their_sink brings a sink "dotenv", which is here already'):
        _read(tmp_path)


def test_two_packages_with_one_kind_are_told(tmp_path: Path, install: Install) -> None:
    install(WHOLE)
    install(WHOLE, module="another_sink")
    with pytest.raises(UsageError, match=r'two packages bring a sink "pass": \w+_sink and \w+_sink'):
        _read(tmp_path)


def test_a_kind_that_nobody_brings_is_told() -> None:
    with pytest.raises(UsageError, match='no sink of kind "pass" is installed'):
        InstalledSinks().open(SPEC)
