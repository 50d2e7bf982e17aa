"""What is built is whole: the wheel holds package, data and schemas; the sdist is enough to build it."""

import json
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from tests.repository import ROOT, project, relative, tracked_files


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of this tree, and the wheel that the backend builds from it, offline."""
    folder = tmp_path_factory.mktemp("dist")
    hatchling(ROOT, "sdist", folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    hatchling(folder / archive.name.removesuffix(".tar.gz"), "wheel", folder)
    return folder


def hatchling(tree: Path, target: str, folder: Path) -> None:
    """Build one target of a source tree into a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)


@pytest.fixture(scope="module")
def wheel(dist: Path) -> dict[str, bytes]:
    """The wheel's files by name."""
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what pip makes of the wheel, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    (path,) = dist.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command = [*pip, "--no-index", "--no-deps", "--target", str(folder), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def tracked_under(folder: str) -> list[Path]:
    return [path for path in tracked_files() if relative(path).startswith(folder)]


def test_the_wheel_holds_every_module_and_data_file_of_the_package(wheel: dict[str, bytes]) -> None:
    expected = {relative(path): path.read_bytes() for path in tracked_under("reconciler/")}

    assert {name: wheel.get(name) for name in expected} == expected
    assert "reconciler/py.typed" in expected


def test_the_wheel_holds_the_schemas_inside_the_package(wheel: dict[str, bytes]) -> None:
    schemas = {f"reconciler/{relative(path)}": path.read_bytes() for path in tracked_under("schemas/")}

    assert "reconciler/schemas/manifest.schema.json" in schemas
    assert {name: wheel.get(name) for name in schemas} == schemas


def test_the_wheel_installs_the_package_and_nothing_beside_it(wheel: dict[str, bytes]) -> None:
    version = project()["project"]["version"]

    assert {name.split("/")[0] for name in wheel} == {
        "reconciler",
        f"appwrite_reconciler-{version}.dist-info",
    }


def test_the_wheel_says_its_name_version_python_and_command(wheel: dict[str, bytes]) -> None:
    version = project()["project"]["version"]
    info = f"appwrite_reconciler-{version}.dist-info"
    metadata = HeaderParser().parsestr(wheel[f"{info}/METADATA"].decode())

    assert (metadata["Name"], metadata["Version"]) == ("appwrite-reconciler", version)
    assert metadata["Requires-Python"] == ">=3.11"
    assert "reconciler = reconciler.cli.main:main" in wheel[f"{info}/entry_points.txt"].decode()


def test_the_sdist_holds_every_tracked_file(dist: Path) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.split("/", 1)[1] for name in tar.getnames()}

    assert {relative(path) for path in tracked_files()} - names == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifest", "problems"])
def test_the_installed_wheel_finds_its_own_schemas(installed: Path, name: str) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "reconciler", "schema", name],
        cwd=installed,
        env={"PYTHONPATH": str(installed)},
        check=False,
        capture_output=True,
    )

    assert (completed.returncode, completed.stderr) == (0, b"")
    assert json.loads(completed.stdout) == json.loads((ROOT / f"schemas/{name}.schema.json").read_text("utf-8"))
