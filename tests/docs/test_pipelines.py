"""The pipelines of the guides and of the tutorial, run as GitHub and GitLab run them, against the emulator."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.docs.commands import differences, environment
from tests.docs.markdown import fences
from tests.docs.pipelines import Ended, Host, git, run_github, run_gitlab
from tests.repository import ROOT
from tests.support.emulators import Running, running

ORGANIZATION, PROJECT = "acme", "shop"
TUTORIAL = ROOT / "docs" / "tutorial.md"
GITHUB = ROOT / "docs" / "guides" / "github-actions.md"
GITLAB = ROOT / "docs" / "guides" / "gitlab.md"
FILES = {TUTORIAL: ".github/workflows/keys.yml", GITHUB: ".github/workflows/keys.yml", GITLAB: ".gitlab-ci.yml"}
pytestmark = pytest.mark.slow
SCHEMAS = {".github/workflows/keys.yml": "vendor.github-workflows", ".gitlab-ci.yml": "vendor.gitlab-ci"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """An Appwrite on which only organization keys create keys."""
    (tmp_path / "server").mkdir()
    with running(tmp_path / "server", "main") as server:
        server.emulator.ensure_project(PROJECT, organization=ORGANIZATION)
        yield server


@dataclass(frozen=True, slots=True)
class Site:
    """The repository that a page makes, its CI, and the machine whose programs need the secret."""

    host: Host
    run: Callable[[Host, str], Ended]
    delivered: Path
    server: Running

    def __call__(self, job: str) -> Ended:
        return self.run(self.host, job)

    @property
    def scopes(self) -> list[str]:
        """Those of the one key that is live."""
        (key,) = self.server.keys(PROJECT).values()
        return sorted(key["scopes"])

    def edit(self, old: str, new: str) -> None:
        """A commit to the manifest."""
        manifest = self.host.repository / "keys.yaml"
        text = manifest.read_text(encoding="utf-8")
        assert old in text
        manifest.write_text(text.replace(old, new), encoding="utf-8")
        git("commit", "--quiet", "--all", "--message", "Edit", cwd=manifest.parent, machine=self.host.machine)

    def drift(self) -> None:
        """Somebody changes the live key in the Console."""
        ((key_id, key),) = self.server.keys(PROJECT).items()
        self.server.call("PUT", f"/project/keys/{key_id}", PROJECT, name=key["name"], scopes=["users.read"])


def site(page: Path, tmp_path: Path, server: Running, run: Callable[[Host, str], Ended]) -> Site:
    machine = environment(tmp_path)
    folder = tmp_path / "shop"
    start = tmp_path if page == TUTORIAL else folder  # which goes to ~/shop itself
    start.mkdir(exist_ok=True)
    assert differences(page, start, machine) == []
    git("init", "--quiet", cwd=folder, machine=machine)
    git("add", ".", cwd=folder, machine=machine)
    git("commit", "--quiet", "--allow-empty", "--message", "The page's files", cwd=folder, machine=machine)
    settings = {
        "APPWRITE_ENDPOINT": server.endpoint,
        "APPWRITE_PROJECT_ID": PROJECT,
        "APPWRITE_ORGANIZATION_ID": ORGANIZATION,
        "APPWRITE_READ_KEY": server.emulator.add_organization_key(ORGANIZATION, ["keys.read"]),
    }
    write = server.emulator.add_organization_key(ORGANIZATION, ["keys.read", "keys.write"])
    settings |= {"APPWRITE_WRITE_KEY": write, "APPWRITE_ORGANIZATION_API_KEY": write}
    work, delivered = tmp_path / "runner", tmp_path / "srv" / "shop"
    work.mkdir()
    made = Site(
        Host(repository=folder, work=work, machine=machine, settings=settings),
        run,
        delivered / "production.env",
        server,
    )
    made.edit("/srv/shop/", f"{delivered}/")
    return made


@pytest.fixture(params=[(GITHUB, run_github), (GITLAB, run_gitlab)], ids=["github", "gitlab"])
def guide(request: pytest.FixtureRequest, tmp_path: Path, server: Running) -> Site:
    """What somebody has who followed a guide."""
    page, run = request.param
    return site(page, tmp_path, server, run)


def pipeline(page: Path) -> str:
    """The pipeline file of a page."""
    return next(content for info, content in fences(page) if info == f"yaml {FILES[page]}")


@pytest.mark.parametrize("page", FILES, ids=lambda page: page.stem)
def test_a_pipeline_is_what_its_ci_accepts(page: Path, tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yml"
    file.write_text(pipeline(page), encoding="utf-8")

    command = ["check_jsonschema", "--builtin-schema", SCHEMAS[FILES[page]], str(file)]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_a_proposal_shows_the_plan_and_changes_nothing(guide: Site) -> None:
    proposed = guide("propose")

    assert proposed.code == 0, proposed.log
    assert "**create** `production/storefront`" in proposed.summary
    assert guide.server.keys(PROJECT) == {}


def test_a_proposal_that_is_wrong_is_red_and_says_where(guide: Site) -> None:
    guide.edit("rows.read", "rows.raed")

    proposed = guide("propose")

    assert proposed.code == 1
    assert "did you mean" in proposed.log


def test_a_proposal_that_a_guard_refuses_is_red_and_shows_the_plan(guide: Site) -> None:
    guide.edit("rows.read", "keys.read")

    proposed = guide("propose")

    assert proposed.code == 4
    assert "allow_sensitive" in proposed.summary


def test_a_merge_is_planned_then_applied_and_its_secret_is_where_the_programs_are(guide: Site) -> None:
    planned = guide("plan")
    assert planned.code == 0, planned.log

    applied = guide("apply")

    assert applied.code == 0, applied.log
    assert "standard_" in guide.delivered.read_text(encoding="utf-8")
    assert "standard_" not in applied.log + applied.summary
    assert guide("drift").code == 0


def test_a_plan_that_is_stale_when_it_is_approved_is_not_applied(guide: Site) -> None:
    assert (guide("plan").code, guide("apply").code) == (0, 0)
    guide.edit("rows.read", "rows.read, teams.read")
    assert guide("plan").code == 0
    guide.drift()

    applied = guide("apply")

    assert applied.code == 4
    assert guide.scopes == ["users.read"]


def test_drift_is_found_at_night(guide: Site) -> None:
    assert (guide("plan").code, guide("apply").code) == (0, 0)
    guide.drift()

    night = guide("drift")

    assert night.code == 2
    assert "production/storefront" in night.summary or "~ storefront" in night.log


@pytest.mark.parametrize("page", [GITHUB, GITLAB], ids=lambda page: page.stem)
def test_only_the_job_that_somebody_approves_gets_the_credential_that_writes(page: Path) -> None:
    described = yaml.safe_load(pipeline(page))
    jobs = described.get("jobs", described)

    assert [name for name, job in jobs.items() if "APPWRITE_WRITE_KEY" in str(job)] == ["apply"]
    assert jobs["apply"]["environment"] == "production"


def test_the_tutorial_shows_what_it_says_and_its_pipeline_plans_then_applies(tmp_path: Path, server: Running) -> None:
    shop = site(TUTORIAL, tmp_path, server, run_github)

    proposed = shop("propose")
    assert proposed.code == 0, proposed.log
    assert "**create** `production/storefront`" in proposed.summary
    assert shop("apply").code == 0
    assert "standard_" in shop.delivered.read_text(encoding="utf-8")
    assert "No changes" in shop("propose").summary
