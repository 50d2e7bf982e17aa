"""Where an environment of a manifest lives, once its variables are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.core.addresses import COMPLAINTS, clean_endpoint, presentable
from reconciler.core.desired import Connection
from reconciler.core.document import Path
from reconciler.core.manifest import Environment, Manifest
from reconciler.core.quoting import quoted
from reconciler.core.variables import expand, mentions, unset
from reconciler.core.wording import describe
from reconciler.errors import ManifestError, Problem


def connection(manifest: Manifest, environment: str, variables: Mapping[str, str]) -> Connection:
    """Where an environment lives, once its variables are known.

    Raises ManifestError for variables that are not set or that make no address.
    """
    declared = manifest.by_name[environment]
    problems: list[Problem] = []
    values: dict[str, str] = {}
    for field, text in _expandable(declared):
        values[field] = expand(text, variables)
        problems += _address_problems(manifest, environment, field, text, variables)
    if problems:
        raise ManifestError(problems)
    return Connection(
        environment=environment,
        endpoint=clean_endpoint(values["endpoint"]),
        project=values["project"],
        organization=values.get("organization"),
        credential=declared.credential,
        position=declared.position,
    )


def unset_variables(manifest: Manifest, environment: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that the environment needs and nobody has set."""
    fields = _expandable(manifest.by_name[environment])
    return tuple(dict.fromkeys(name for _, text in fields for name in unset(text, variables)))


def _expandable(declared: Environment) -> Iterator[tuple[str, str]]:
    yield "endpoint", declared.endpoint
    yield "project", declared.project
    if declared.organization is not None:
        yield "organization", declared.organization


def _address_problems(
    manifest: Manifest, environment: str, field: str, text: str, variables: Mapping[str, str]
) -> Iterator[Problem]:
    path: Path = ("environments", environment, field)
    missing = unset(text, variables)
    position = manifest.document.value_position(path)
    for name in missing:
        message = f"{describe(path)} needs the variable {name}, which is not set"
        yield Problem(
            position=position,
            message=message,
            hint=f"set it, write ${{{name}:-default}}, or choose environments with -e",
        )
    if not missing and (complaint := COMPLAINTS[field](expand(text, variables))):
        message, hint = complaint
        if mentions(text):
            hint = f"it comes from {text}"
            if field == "endpoint":
                shown = presentable(expand(text, variables))
                hint += f", here {quoted(shown)}" if shown else ""
                hint += "; an endpoint is such as https://fra.cloud.appwrite.io/v1"
        yield Problem(position=position, message=f"{describe(path)} {message}", hint=hint)
