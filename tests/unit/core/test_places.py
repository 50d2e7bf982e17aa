"""Which sinks are one place."""

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.places import Places


def spec(kind: str, **options: str | bool) -> SinkSpec:
    return SinkSpec(kind=kind, options=tuple(sorted(options.items())))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            spec("github_actions", repository="acme/shop", secret="KEY"),
            spec("github_actions", repository="Acme/Shop", secret="key"),
        ),
        (
            spec("github_actions", organization="acme", secret="KEY"),
            spec("github_actions", organization="acme", secret="KEY", visibility="all"),
        ),
        (
            spec("gitlab_ci", gitlab_project="acme/shop", variable="KEY"),
            spec("gitlab_ci", gitlab_project="acme/shop", variable="KEY", scope="*", masked=False),
        ),
    ],
    ids=["case", "visibility", "scope"],
)
def test_two_ways_to_name_a_place_are_one(one: SinkSpec, other: SinkSpec) -> None:
    places: Places[str] = Places()

    assert places.take(one, "first") is None
    assert places.take(other, "second") == "first"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            spec("github_actions", repository="acme/shop", secret="KEY"),
            spec("github_actions", repository="acme/shop", secret="KEY", environment="production"),
        ),
        (
            spec("gitlab_ci", gitlab_project="acme/shop", variable="KEY"),
            spec("gitlab_ci", gitlab_project="acme/shop", variable="key"),
        ),
        (
            spec("gitlab_ci", gitlab_project="acme", variable="KEY"),
            spec("gitlab_ci", gitlab_group="acme", variable="KEY"),
        ),
    ],
    ids=["environment", "case", "owner"],
)
def test_two_places_are_two(one: SinkSpec, other: SinkSpec) -> None:
    places: Places[str] = Places()

    assert places.take(one, "first") is None
    assert places.take(other, "second") is None
