"""The age sink: whoever holds an identity opens the file, and an unchanged secret is never encrypted again."""

import stat
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Holding, Match, is_same, match, note_of
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from reconciler.edge.sinks.age import AgeSink
from reconciler.errors import SinkError, SinkUnavailable, UsageError
from tests.support.ages import NEEDS_AGE, NEEDS_SSH, Pair, a_pair, an_ssh_pair, opened_by_age
from tests.support.builders import SECRET, live_key

KEY = live_key()
HIDDEN = replace(KEY, secret=None)
NOTE = note_of(KEY, SECRET)


@pytest.fixture
def alice(tmp_path: Path) -> Pair:
    return a_pair(tmp_path, "alice.txt")


@pytest.fixture
def bob(tmp_path: Path) -> Pair:
    return a_pair(tmp_path, "bob.txt")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "api-key.age"


@pytest.fixture
def sink(path: Path, alice: Pair) -> AgeSink:
    return AgeSink(path=path, recipients=(alice.recipient,))


def beside(path: Path) -> Path:
    return path.with_name(".api-key.age.reconciler")


def for_(path: Path, *pairs: Pair, identity: Path | None = None) -> AgeSink:
    return AgeSink(path=path, recipients=tuple(pair.recipient for pair in pairs), identity=identity)


def matches(held: Holding) -> tuple[Match, Match]:
    """Whether a sink holds the key's secret: where the server shows secrets, and where it hides them."""
    return match(held, KEY), match(held, HIDDEN)


def test_each_recipient_opens_it_and_nobody_else(tmp_path: Path, path: Path, alice: Pair, bob: Pair) -> None:
    for_(path, alice, bob).write(SECRET, NOTE)

    assert [pair.opens(path) for pair in (alice, bob)] == [SECRET.reveal()] * 2
    with pytest.raises(pyrage.DecryptError):
        a_pair(tmp_path, "eve.txt").opens(path)


@NEEDS_AGE
def test_the_age_program_opens_it(sink: AgeSink, path: Path, alice: Pair) -> None:
    sink.write(SECRET, NOTE)

    assert opened_by_age(path, alice.identity) == SECRET.reveal()


@NEEDS_AGE
@NEEDS_SSH
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_the_age_program_opens_it_with_an_ssh_key(tmp_path: Path, path: Path, kind: str) -> None:
    pair = an_ssh_pair(tmp_path, kind)
    sink = for_(path, pair, identity=pair.identity)
    sink.preflight()

    sink.write(SECRET, NOTE)

    assert opened_by_age(path, pair.identity) == SECRET.reveal()
    assert sink.look().secret == SECRET


def test_file_and_note_are_text_without_the_secret_and_the_owners_alone(sink: AgeSink, path: Path) -> None:
    sink.write(SECRET, NOTE)

    lines = path.read_text(encoding="ascii").splitlines()
    assert (lines[0], lines[-1]) == ("-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----")
    assert beside(path).read_text(encoding="ascii").startswith(f"{NOTE} recipients=")
    assert SECRET.reveal() not in path.read_text(encoding="ascii") + beside(path).read_text(encoding="ascii")
    assert [stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()] == [0o600, 0o600]


def test_without_an_identity_the_note_tells_and_nothing_is_written_again(sink: AgeSink) -> None:
    assert sink.look() == EMPTY

    sink.write(SECRET, NOTE)

    held = sink.look()
    assert (held.secret, held.note) == (None, NOTE)
    assert is_same(held, SECRET, NOTE)
    assert matches(held) == (Match.HOLDS, Match.HOLDS)
    other = live_key(secret=Secret("another"))
    assert not is_same(held, Secret("another"), note_of(other, Secret("another")))
    assert match(held, other) is Match.LACKS


def test_with_an_identity_the_value_is_read_back(path: Path, alice: Pair) -> None:
    sink = for_(path, alice, identity=alice.identity)

    sink.write(SECRET, NOTE)

    assert sink.look().secret == SECRET
    assert matches(sink.look()) == (Match.HOLDS, Match.HOLDS)


def test_an_identity_sees_a_foreign_value_behind_a_note_that_fits(path: Path, alice: Pair) -> None:
    sink = for_(path, alice, identity=alice.identity)
    sink.write(Secret("another"), NOTE)

    assert matches(sink.look()) == (Match.LACKS, Match.LACKS)


def test_an_identity_knows_another_value_and_the_same_one_encrypted_by_hand_by_the_note(
    path: Path, alice: Pair
) -> None:
    sink = for_(path, alice, identity=alice.identity)
    sink.write(SECRET, NOTE)
    theirs = path.with_name("theirs.age")

    for_(theirs, alice).write(Secret("another"), None)
    theirs.replace(path)
    assert matches(sink.look()) == (Match.LACKS, Match.LACKS)

    for_(theirs, alice).write(SECRET, None)
    theirs.replace(path)
    assert matches(sink.look()) == (Match.LACKS, Match.UNKNOWN)  # for whom it is meant nobody knows


@pytest.mark.parametrize(
    ("what", "why"),
    [("nowhere.txt", "nowhere.txt cannot be read: No such file or directory"), ("bob.txt", "bob.txt does not open it")],
    ids=["absent", "of somebody else"],
)
def test_where_the_identity_does_not_open_the_file_the_note_tells(
    tmp_path: Path, path: Path, alice: Pair, bob: Pair, what: str, why: str
) -> None:
    assert bob.identity.name == "bob.txt"
    sink = for_(path, alice, identity=tmp_path / what)
    sink.preflight()

    sink.write(SECRET, NOTE)

    held = sink.look()
    assert (held.secret, held.note) == (None, NOTE)
    assert why in held.why
    assert matches(held) == (Match.HOLDS, Match.HOLDS)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("RECIPIENT", "bad.txt:1: this is no identity that can be used"),
        ("# one\n\nIDENTITY\noops\n", "bad.txt:4: this is no identity that can be used"),
        ("", "bad.txt holds no identity"),
        ("# nothing\n", "bad.txt holds no identity"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\noops\n", "bad.txt: this is no identity that can be used"),
        (None, "bad.txt cannot be read: "),
    ],
    ids=["public", "one of two", "empty", "comment", "ssh", "folder"],
)
@pytest.mark.parametrize("there", [False, True], ids=["new", "written"])
def test_an_identity_that_is_none_is_an_error_with_its_place_and_never_passed_over(
    tmp_path: Path, path: Path, alice: Pair, content: str | None, told: str, there: bool
) -> None:
    bad = tmp_path / "bad.txt"
    secret = alice.identity.read_text(encoding="ascii").splitlines()[-1]
    if content is None:
        bad.mkdir()
    else:
        bad.write_text(content.replace("RECIPIENT", alice.recipient).replace("IDENTITY", secret), encoding="ascii")
    if there:
        for_(path, alice).write(SECRET, NOTE)
    sink = for_(path, alice, identity=bad)

    for ask in (sink.preflight, sink.look):
        with pytest.raises(UsageError) as caught:
            ask()
        assert told in str(caught.value)
        assert secret not in "".join(traceback.format_exception(caught.value))


@NEEDS_SSH
def test_an_ssh_key_with_a_passphrase_does_not_serve(tmp_path: Path, path: Path) -> None:
    pair = an_ssh_pair(tmp_path, "ed25519", passphrase="a passphrase")
    sink = for_(path, pair, identity=pair.identity)

    sink.write(SECRET, NOTE)

    with pytest.raises(UsageError, match="no identity that can be used"):
        sink.look()


def test_an_identity_may_be_in_the_home_folder(
    tmp_path: Path, path: Path, alice: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    options = (("identity", "~/alice.txt"), ("path", str(path)), ("recipients", (alice.recipient,)))
    with InstalledSinks() as sinks:
        sink = sinks.open(SinkSpec(kind="age", options=options, folder="elsewhere"))

    sink.write(SECRET, NOTE)

    assert sink.look().secret == SECRET


def test_an_identity_is_seen_from_the_manifests_folder(tmp_path: Path, path: Path, alice: Pair) -> None:
    options = (("identity", "alice.txt"), ("path", str(path)), ("recipients", (alice.recipient,)))
    with InstalledSinks() as sinks:
        sink = sinks.open(SinkSpec(kind="age", options=options, folder=str(tmp_path)))

    sink.write(SECRET, NOTE)

    assert sink.look().secret == SECRET


def test_other_recipients_are_a_reason_to_write_anew_where_the_secret_is_known(
    path: Path, alice: Pair, bob: Pair
) -> None:
    for_(path, alice, identity=alice.identity).write(SECRET, NOTE)

    for sink in (for_(path, alice, bob), for_(path, bob), for_(path, alice, bob, identity=alice.identity)):
        held = sink.look()
        assert not is_same(held, SECRET, NOTE)
        assert matches(held) == (Match.LACKS, Match.UNKNOWN)
        assert held.why == "it is encrypted for other recipients than the manifest names"

    for_(path, alice, bob).write(SECRET, NOTE)
    assert bob.opens(path) == SECRET.reveal()
    assert matches(for_(path, alice, bob).look()) == (Match.HOLDS, Match.HOLDS)


def test_where_the_note_is_of_another_key_other_recipients_hide_nothing(path: Path, alice: Pair, bob: Pair) -> None:
    old = live_key(generation=2)
    for_(path, alice).write(SECRET, note_of(old, SECRET))

    assert matches(for_(path, bob).look()) == (Match.LACKS, Match.LACKS)


def test_the_order_of_recipients_and_the_comments_of_ssh_keys_mean_nothing(path: Path, alice: Pair, bob: Pair) -> None:
    ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPJ2RxpjXUjbXBmNX8yM6RZyeVbOEyzMKGNBy1hUlGTn"
    AgeSink(path=path, recipients=(alice.recipient, bob.recipient, f"{ssh} alice@laptop")).write(SECRET, NOTE)

    held = AgeSink(path=path, recipients=(f"{ssh} alice", bob.recipient, alice.recipient)).look()

    assert is_same(held, SECRET, NOTE)


@pytest.mark.parametrize("what", ["changed", "replaced", "emptied", "note lost"])
def test_a_file_that_is_not_the_one_written_is_mended_where_the_secret_is_known(
    sink: AgeSink, path: Path, alice: Pair, what: str
) -> None:
    sink.write(SECRET, NOTE)
    match what:
        case "changed":
            path.write_bytes(path.read_bytes() + b"\n")
        case "replaced":
            theirs = path.with_name("theirs.age")
            for_(theirs, alice).write(Secret("theirs"), None)
            theirs.replace(path)
        case "emptied":
            path.write_bytes(b"")
        case _:
            beside(path).unlink()

    held = sink.look()

    assert not is_same(held, SECRET, NOTE)
    assert matches(held) == (Match.LACKS, Match.UNKNOWN)
    assert held.why == "it is not the file that was written here"


def test_a_missing_file_is_missing_whatever_its_note_says(sink: AgeSink, path: Path) -> None:
    sink.write(SECRET, NOTE)
    path.unlink()

    assert matches(sink.look()) == (Match.LACKS, Match.LACKS)


def test_undoing_puts_back_file_and_note_to_the_byte(sink: AgeSink, path: Path, alice: Pair) -> None:
    for_(path, alice).write(Secret("before"), None)
    before = (path.read_bytes(), beside(path).read_bytes())
    sink.write(SECRET, NOTE)

    sink.undo()

    assert (path.read_bytes(), beside(path).read_bytes()) == before


def test_undoing_leaves_what_somebody_else_wrote_since(sink: AgeSink, path: Path, alice: Pair) -> None:
    sink.undo()  # nothing was written
    for_(path, alice).write(Secret("before"), None)
    sink.write(SECRET, NOTE)
    for_(path, alice).write(Secret("theirs"), None)

    sink.undo()

    assert alice.opens(path) == "theirs"


def test_undoing_the_first_write_leaves_nothing(sink: AgeSink, path: Path) -> None:
    sink.write(SECRET, NOTE)

    sink.undo()

    assert list(path.parent.iterdir()) == []


def test_removing_takes_file_and_note(sink: AgeSink, path: Path) -> None:
    sink.write(SECRET, NOTE)

    sink.remove()

    assert list(path.parent.iterdir()) == []


@NEEDS_SSH
def test_a_recipient_for_whom_nothing_can_be_encrypted_is_found_before_anything_is_minted(
    tmp_path: Path, path: Path
) -> None:
    with pytest.raises(SinkError, match="nothing can be encrypted for ssh-rsa") as refused:
        for_(path, an_ssh_pair(tmp_path, "rsa", 1024)).preflight()

    assert refused.value.hint == "SSH keys are Ed25519, or RSA of 2,048 bits up"


def test_without_the_library_it_is_said_what_to_install_and_looking_goes_on(
    sink: AgeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.write(SECRET, NOTE)
    monkeypatch.setitem(sys.modules, "pyrage", None)

    for needs in (sink.preflight, lambda: sink.write(SECRET, NOTE)):
        with pytest.raises(SinkUnavailable, match="needs the package pyrage") as missing:
            needs()
        assert missing.value.hint == "pip install 'appwrite-reconciler[age]'"
    assert matches(sink.look()) == (Match.HOLDS, Match.HOLDS)


def test_no_error_holds_the_secret_or_an_identity(tmp_path: Path, sink: AgeSink, path: Path, bob: Pair) -> None:
    path.parent.touch()
    with pytest.raises(SinkError) as failed:
        sink.write(SECRET, NOTE)
    path.parent.unlink()
    sink.write(SECRET, NOTE)
    broken = tmp_path / "broken.txt"
    text = bob.identity.read_text(encoding="ascii").splitlines()[-1]
    broken.write_text(text[:-1], encoding="ascii")

    with pytest.raises(UsageError) as misread:
        replace(sink, identity=broken).look()

    told = "".join(map("".join, map(traceback.format_exception, (failed.value, misread.value))))
    assert "broken.txt:1: this is no identity" in told
    assert SECRET.reveal() not in told
    assert text[:-1] not in told
