"""Workflow commands of GitHub Actions: one line each, whatever a message or a file's name holds."""

from __future__ import annotations

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import Position, Problem
from reconciler.formats.annotations import mask_commands, problem_annotations, warning_annotations


def test_what_would_end_a_command_or_a_property_is_escaped() -> None:
    position = Position(file="a,b:c%\n.yaml", line=3, column=5)
    problem = Problem(position=position, message="100%\r\n::set-env name=x::y", hint="a, b: c")

    assert problem_annotations([problem], lambda file: file) == (
        "::error file=a%2Cb%3Ac%25%0A.yaml,line=3,col=5,title=Invalid manifest"
        "::100%25%0D%0A::set-env name=x::y%0Ahint: a, b: c\n"
    )


def test_a_warning_without_a_place_is_no_annotation_and_one_of_two_environments_is_one() -> None:
    warnings = [
        "local: endpoint and project are not checked: not set: UNSET",
        'local: infra/keys.yaml:3:5: scope "a" is deprecated',
        'other: infra/keys.yaml:3:5: scope "a" is deprecated',
        "infra/keys.yaml:9:1: the endpoint is not https: in clear text",
    ]

    assert warning_annotations(warnings, lambda file: f"x/{file}") == (
        '::warning file=x/infra/keys.yaml,line=3,col=5,title=Manifest::scope "a" is deprecated\n'
        "::warning file=x/infra/keys.yaml,line=9,col=1,title=Manifest::the endpoint is not https: in clear text\n"
    )


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("standard_abc", "::add-mask::standard_abc\n"),
        ("50%\tof it", "::add-mask::50%25\tof it\n"),
        ("first line\r\nsecond line\n", "::add-mask::first line\n::add-mask::second line\n"),
        ('{\n  "key": "value"\n}\n', '::add-mask::"key": "value"\n'),
        ("twice\ntwice", "::add-mask::twice\n"),
        ("abc", ""),
        ("   \n", ""),
        ("", ""),
    ],
    ids=["plain", "escaped", "lines", "short lines", "twice", "short", "blank", "empty"],
)
def test_a_secret_is_masked_line_by_line_and_what_is_too_short_to_be_one_is_not(secret: str, expected: str) -> None:
    assert mask_commands([Secret(secret)]) == expected
