"""Which entries of `vault` and `aws` are one place."""

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.places import Places


def sink(kind: str, **options: str) -> SinkSpec:
    return SinkSpec(kind=kind, options=tuple(sorted(options.items())))


@pytest.mark.parametrize(
    ("one", "two", "together"),
    [
        (sink("vault", secret="a", field="x"), sink("vault", secret="a", field="x", mount="secret"), True),
        (sink("vault", secret="a", field="x"), sink("vault", secret="/a/", field="x", mount="secret/"), True),
        (sink("vault", secret="a/b", field="x"), sink("vault", secret="ab", field="x"), False),
        (sink("vault", secret="a", field="x"), sink("vault", secret="a", field="y"), False),
        (sink("vault", secret="a", field="x"), sink("vault", secret="a", field="x", mount="team"), False),
        (sink("aws", secret="a"), sink("aws", secret="a", field="x"), True),
        (sink("aws", secret="a"), sink("aws", secret="a", kms_key="k"), True),
        (sink("aws", secret="a", field="x"), sink("aws", secret="a", field="x"), True),
        (sink("aws", secret="a", field="x"), sink("aws", secret="a", field="y"), False),
        (sink("aws", secret="a"), sink("aws", secret="a", region="eu-west-1"), False),
        (sink("aws", secret="a"), sink("aws", parameter="a"), False),
        (sink("aws", secret="a"), sink("vault", secret="a", field="x"), False),
        (sink("vault", secret="a", field="x"), sink("dotenv", path=".env", variable="x"), False),
    ],
)
def test_two_entries_are_one_place_where_one_would_overwrite_the_other(
    one: SinkSpec, two: SinkSpec, together: bool
) -> None:
    for first, second in ((one, two), (two, one)):
        places = Places[str]()
        assert places.take(first, "first") is None
        assert places.take(second, "second") == ("first" if together else None)
