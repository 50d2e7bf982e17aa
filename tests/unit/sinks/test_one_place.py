"""One place under two names: two keys there would overwrite each other for ever.

What a manifest leaves unsaid, variables and files say: a region, a server, a namespace, a context, a link.
"""

import json
from pathlib import Path

import pytest

from reconciler.app.planning import check_places
from reconciler.core.desired import SinkSpec
from reconciler.edge.sinks import InstalledSinks
from reconciler.errors import ManifestError
from tests.support.builders import desired, wanted


def spec(kind: str, **options: str | bool) -> SinkSpec:
    return SinkSpec(kind=kind, options=tuple(sorted(options.items())))


def file(path: object) -> SinkSpec:
    return spec("file", path=str(path))


def dotenv(path: object, variable: str) -> SinkSpec:
    return spec("dotenv", path=str(path), variable=variable)


def check(*sinks: SinkSpec, **variables: str) -> None:
    """What a plan checks of keys that are each delivered to one of these."""
    with InstalledSinks(variables) as installed:
        keys = (wanted(f"k{at}", sinks=(sink,)) for at, sink in enumerate(sinks))
        check_places([desired(*keys)], installed)


def problem(*sinks: SinkSpec, **variables: str) -> str:
    with pytest.raises(ManifestError) as caught:
        check(*sinks, **variables)
    (found,) = caught.value.problems
    return found.message


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("s")
    return tmp_path


@pytest.mark.parametrize("other", ["{}/s/x", "link/x"])
def test_two_names_of_one_file_are_refused(folder: Path, other: str) -> None:
    name = other.format(folder)

    assert problem(file("s/x"), file(name)) == (
        f"staging/k0 and staging/k1 are delivered to one place: file s/x and file {name}"
    )


def test_two_variables_of_one_file_are_two_places_and_one_variable_is_one(folder: Path) -> None:
    check(dotenv("s/x", "A"), dotenv("link/x", "B"))

    assert "dotenv s/x A and dotenv link/x A" in problem(dotenv("s/x", "A"), dotenv("link/x", "A"))


@pytest.mark.parametrize("others", [file("link/.x.reconciler"), dotenv("s/.x.reconciler", "A")], ids=["file", "dotenv"])
@pytest.mark.parametrize("turned", [False, True])
def test_the_note_of_a_whole_file_belongs_to_it(folder: Path, others: SinkSpec, turned: bool) -> None:
    both = (others, file("s/x")) if turned else (file("s/x"), others)

    assert "are delivered to one place" in problem(*both)


SHOP = {"secret": "shop", "field": "KEY"}


@pytest.mark.parametrize(
    ("one", "other", "variables"),
    [
        (spec("aws", secret="x"), spec("aws", secret="x", region="r1"), {"AWS_REGION": "r1"}),
        (spec("aws", secret="x"), spec("aws", secret="x", region="r1", field="f"), {"AWS_DEFAULT_REGION": "r1"}),
        (spec("aws", parameter="x"), spec("aws", parameter="x", region="r1"), {"AWS_CONFIG_FILE": "config"}),
        (spec("vault", **SHOP), spec("vault", **SHOP, address="https://V:443/"), {"VAULT_ADDR": "https://v"}),
        (spec("vault", **SHOP), spec("vault", **SHOP, address="https://v:8200"), {"BAO_ADDR": "https://v:8200/"}),
        (
            spec("vault", **SHOP, address="https://v"),
            spec("vault", **SHOP, address="https://v", namespace="team/"),
            {"VAULT_NAMESPACE": "team"},
        ),
        (spec("kubernetes", secret="s", key="k"), spec("kubernetes", secret="s", key="k", context="one"), {}),
        (
            spec("kubernetes", secret="s", key="k", context="one"),
            spec("kubernetes", secret="s", key="k", context="same", namespace="shop"),
            {},
        ),
    ],
    ids=["region", "field", "profile", "address", "port", "namespace", "context", "cluster"],
)
def test_what_the_manifest_leaves_unsaid_is_as_if_it_were_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, one: SinkSpec, other: SinkSpec, variables: dict[str, str]
) -> None:
    (folder / "config").write_text("[default]\nregion = r1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    variables = {"KUBECONFIG": str(kubeconfig(folder)), **variables}

    assert problem(one, other, **variables).startswith("staging/k0 and staging/k1 are delivered to one place: ")


@pytest.mark.parametrize(
    ("one", "other", "variables"),
    [
        (spec("aws", secret="x"), spec("aws", secret="x", region="r1"), {"AWS_REGION": "r2"}),
        (spec("vault", **SHOP), spec("vault", **SHOP, address="https://w"), {"VAULT_ADDR": "https://v"}),
        (spec("vault", **SHOP), spec("vault", **SHOP, address="https://v:8200"), {"VAULT_ADDR": "https://v"}),
        (spec("kubernetes", secret="s", key="k"), spec("kubernetes", secret="s", key="k", namespace="default"), {}),
        (spec("kubernetes", secret="s", key="k"), spec("kubernetes", secret="s", key="k", context="two"), {}),
    ],
    ids=["region", "address", "port", "namespace", "context"],
)
def test_what_is_another_place_stays_two(
    folder: Path, one: SinkSpec, other: SinkSpec, variables: dict[str, str]
) -> None:
    check(one, other, **{"KUBECONFIG": str(kubeconfig(folder)), **variables})


def test_where_nobody_can_say_which_place_it_is_whoever_opens_the_sink_tells_it(folder: Path) -> None:
    check(spec("kubernetes", secret="s", key="k"), spec("vault", **SHOP), HOME=str(folder))


def test_one_key_is_not_delivered_to_one_place_twice(folder: Path) -> None:
    with InstalledSinks() as installed, pytest.raises(ManifestError) as caught:
        check_places([desired(wanted("k", sinks=(file("s/x"), file("link/x"))))], installed)

    (found,) = caught.value.problems
    assert found.message == "staging/k is delivered to one place twice: file s/x and file link/x"


def kubeconfig(folder: Path) -> Path:
    """Two names of one cluster, and another cluster; JSON is YAML."""
    written = folder / "kubeconfig"
    clusters = {"a": "https://a:6443", "a-again": "https://A:6443/", "b": "https://b:6443"}
    contexts = {"one": "a", "same": "a-again", "two": "b"}
    text = {
        "current-context": "one",
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in clusters.items()],
        "contexts": [
            {"name": name, "context": {"cluster": cluster, "namespace": "shop"}} for name, cluster in contexts.items()
        ],
    }
    written.write_text(json.dumps(text))
    return written
