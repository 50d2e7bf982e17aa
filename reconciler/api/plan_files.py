"""Plans on their way to a file and back.

saved = save(manifests, planned, allow, selection)
write_plan(Path("plan.json"), saved)
...
saved = read_plan(Path("plan.json"))
manifests = reread_manifests(saved)
async with connect(manifests, saved.environments, variables=os.environ) as reconciler:
outcome = await reconciler.apply(await reconciler.resume(saved))
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reconciler.api.reading import read_manifests
from reconciler.app.planning import Planned
from reconciler.core.globs import EVERYTHING, Selection
from reconciler.core.guards import Allowances
from reconciler.core.manifest import Manifest
from reconciler.core.saved import ManifestDigest, SavedPlan, refuse_other_manifests, refuse_refused
from reconciler.edge import documents, plan_files
from reconciler.edge.resources import version


def save(
    manifests: Iterable[Manifest], planned: Planned, allow: Allowances, selection: Selection = EVERYTHING
) -> SavedPlan:
    """A plan and what it was made from, as a value without a secret."""
    return SavedPlan(
        reconciler=version(),
        manifests=_digests(manifests),
        selection=selection,
        allow=allow,
        plan=planned.plan,
        refusals=planned.refusals,
    )


def check_plan_file(path: Path) -> None:
    """Raise UsageError where a plan must not be written: over anything but another plan."""
    from reconciler.formats.plan_file import looks_saved

    plan_files.check_writable(path, looks_saved)


def write_plan(path: Path, saved: SavedPlan) -> None:
    """Write a plan's file, all or nothing; raises UsageError."""
    from reconciler.formats.plan_file import dumps, looks_saved

    plan_files.write(path, dumps(saved), looks_saved)


def read_plan(path: Path) -> SavedPlan:
    """The plan in a file; raises UsageError where there is none, GuardError where it is not to be trusted."""
    from reconciler.formats.plan_file import loads

    saved = loads(plan_files.read(path), name=str(path), reconciler=version())
    refuse_refused(saved)
    return saved


def reread_manifests(saved: SavedPlan, files: Iterable[Path] = ()) -> tuple[Manifest, ...]:
    """The manifests of a plan, from the files that it names or from others; raises GuardError where any changed.

    That is found out before anything in them is looked at.
    """
    paths = tuple(files) or tuple(Path(each.file) for each in saved.manifests)
    refuse_other_manifests(saved, {str(path): documents.digest(path) for path in documents.find(paths)})
    manifests = read_manifests(paths)
    refuse_other_manifests(saved, {each.file: each.sha256 for each in _digests(manifests)})
    return manifests


def _digests(manifests: Iterable[Manifest]) -> tuple[ManifestDigest, ...]:
    return tuple(
        ManifestDigest(file=str(each.path), owner=each.owner, sha256=each.document.digest) for each in manifests
    )
