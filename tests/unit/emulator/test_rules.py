"""Fault rules from JSON."""

import pytest

from reconciler.emulator.faults import (
    Answer,
    Clock,
    Double,
    DropAfter,
    DropBefore,
    HiddenSecrets,
    Late,
    Latency,
    Overtaken,
    Rule,
    StaleCache,
    parse_rules,
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('{"fault":"latency","seconds":0.05}', Rule(fault=Latency(seconds=0.05))),
        ('{"fault":"late","seconds":1,"nth":2}', Rule(fault=Late(seconds=1), nth=2)),
        ('{"fault":"drop_before","method":"POST"}', Rule(fault=DropBefore(), method="POST")),
        ('{"fault":"drop_after","path":"/keys$"}', Rule(fault=DropAfter(), path="/keys$")),
        ('{"fault":"double","returns":"first"}', Rule(fault=Double(returns="first"))),
        ('{"fault":"overtaken","nth":1}', Rule(fault=Overtaken(), nth=1)),
        ('{"fault":"stale_cache","seconds":5}', Rule(fault=StaleCache(seconds=5))),
        ('{"fault":"hidden_secrets","form":"absent"}', Rule(fault=HiddenSecrets(form="absent"))),
        (
            '{"fault":"clock","seconds":60,"direction":"behind"}',
            Rule(fault=Clock(seconds=60, direction="behind")),
        ),
        (
            '{"fault":"answer","status":429,"body":"untyped","retry_after":"2"}',
            Rule(fault=Answer(status=429, body="untyped", retry_after="2")),
        ),
    ],
)
def test_each_fault_can_be_written_in_json(text: str, rule: Rule) -> None:
    assert parse_rules(text) == (rule,)
    assert parse_rules(f"[{text}, {text}]") == (rule, rule)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON: Expecting property name"),
        ("3", "fault 1: expected an object whose fault is one of latency, answer,"),
        ('[{"fault":"drop_before"},{"fault":"gremlin"}]', "fault 2: expected an object whose fault"),
        ('{"fault":"late"}', "fault 1: seconds is missing"),
        ('{"fault":"late","seconds":"1"}', 'fault 1: seconds cannot be "1"'),
        ('{"fault":"late","seconds":true}', "fault 1: seconds cannot be true"),
        ('{"fault":"late","seconds":-1}', "fault 1: seconds cannot be -1"),
        ('{"fault":"drop_after","nth":0}', "fault 1: nth cannot be 0"),
        ('{"fault":"drop_after","nth":1.5}', "fault 1: nth cannot be 1.5"),
        ('{"fault":"double","returns":"third"}', 'fault 1: returns cannot be "third"'),
        ('{"fault":"drop_after","seconds":1}', "drop_after takes no 'seconds'; it takes method, nth, path"),
        ('{"fault":"drop_after","path":"("}', "fault 1: path is no regular expression: missing )"),
    ],
)
def test_what_is_wrong_is_said_by_place_and_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"fault|no JSON") as caught:
        parse_rules(text)

    assert message in str(caught.value)
