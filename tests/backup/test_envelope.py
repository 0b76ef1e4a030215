"""The sealed stream: opened by whom it is for, and by nobody when it is not what was sealed."""

import io
import json

import pytest

from backend.backup.entries import Writing, read_entries
from backend.backup.envelope import Opened, Sealing
from backend.backup.openers import Passphrase, Recipient, make_recipient_key, read_recipient_key
from backend.errors import Conflict, Invalid, UnsafeSettings

CHUNK = 64 * 1024


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "backup.key"
    make_recipient_key(path)
    return path


def sealed(content, opener):
    target = io.BytesIO()
    sealing = Sealing(target, [opener])
    for start in range(0, len(content), 10_000):
        sealing.write(content[start : start + 10_000])
    sealing.close()
    return target.getvalue()


def opened(archive, opener, size):
    stream = Opened(io.BytesIO(archive), [opener])
    content = stream.read(size)
    stream.verify_ended()
    return content


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK], ids=str)
def test_what_was_sealed_comes_out(key, size):
    content = bytes(range(251)) * (size // 251 + 1)
    key = read_recipient_key(key)
    assert opened(sealed(content[:size], key.recipient), key, size) == content[:size]


def test_a_passphrase_opens_what_it_sealed_and_another_does_not():
    archive = sealed(b"secret", Passphrase("correct horse battery"))
    assert opened(archive, Passphrase("correct horse battery"), 6) == b"secret"
    with pytest.raises(Invalid, match="its passphrase"):
        opened(archive, Passphrase("another horse battery"), 6)


def test_what_seals_for_a_recipient_cannot_open(key, tmp_path):
    recipient = read_recipient_key(key).recipient
    archive = sealed(b"secret", recipient)
    make_recipient_key(tmp_path / "other")
    for stranger in (recipient, read_recipient_key(tmp_path / "other")):
        with pytest.raises(Invalid, match="key of its recipient"):
            opened(archive, stranger, 6)


def cut_at_a_chunk(archive, start):
    return archive[: start + 2 * (CHUNK + 16)]


def cut_in_a_chunk(archive, start):
    return archive[:-1]


def longer(archive, start):
    return archive + b"x"


def chunks_swapped(archive, start):
    one, two = archive[start : start + CHUNK + 16], archive[start + CHUNK + 16 : start + 2 * (CHUNK + 16)]
    return archive[:start] + two + one + archive[start + 2 * (CHUNK + 16) :]


def chunk_left_out(archive, start):
    return archive[:start] + archive[start + CHUNK + 16 :]


def byte_changed(archive, start):
    return archive[: start + 9] + bytes([archive[start + 9] ^ 1]) + archive[start + 10 :]


def header_changed(archive, start):
    return archive.replace(b'{"openers": [', b'{"openers":  [')


def cut_to_its_header(archive, start):
    return archive[:start]


DAMAGES = [
    cut_at_a_chunk,
    cut_in_a_chunk,
    longer,
    chunks_swapped,
    chunk_left_out,
    byte_changed,
    header_changed,
    cut_to_its_header,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_archive_is_refused(key, damage):
    key = read_recipient_key(key)
    archive = sealed(b"a" * (4 * CHUNK), key.recipient)
    start = archive.index(b"\n", archive.index(b"\n") + 1) + 1
    damaged = damage(archive, start)
    assert damaged != archive
    with pytest.raises(Invalid, match=r"not whole|does not open"):
        opened(damaged, key, 4 * CHUNK)


def test_parts_of_two_archives_do_not_fit_together(key):
    key = read_recipient_key(key)
    one, two = (sealed(letter * (2 * CHUNK), key.recipient) for letter in (b"a", b"b"))
    with pytest.raises(Invalid, match="not whole"):
        opened(one[: -CHUNK - 16] + two[-CHUNK - 16 :], key, 2 * CHUNK)


@pytest.mark.parametrize(
    "text", ["", "signet-backup:", "signet-backup:AAAA", "age1xyz", "signet-backup:" + "*" * 44], ids=repr
)
def test_what_is_no_recipient_is_refused(text):
    with pytest.raises(Invalid, match="backup-key"):
        Recipient.from_text(text)


def test_a_recipient_reads_as_it_was_printed(key):
    recipient = read_recipient_key(key).recipient
    assert Recipient.from_text(recipient.to_text() + "\n").to_text() == recipient.to_text()


def test_a_key_is_private_and_is_never_written_over(key, tmp_path):
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict, match="already"):
        make_recipient_key(key)
    open_to_others = tmp_path / "k"
    open_to_others.write_bytes(key.read_bytes())
    open_to_others.chmod(0o644)
    with pytest.raises(UnsafeSettings, match="chmod 600"):
        read_recipient_key(open_to_others)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "certs/../../x", "certs//x", "", "certs/.", "certs/a\n", "certs/" + "\0"], ids=repr
)
def test_a_name_that_could_leave_its_folder_is_refused(name):
    target = io.BytesIO()
    Writing(target).add(name, [b"x"])
    with pytest.raises(Invalid, match="damaged inside"):
        list(read_entries(io.BytesIO(target.getvalue())))


def test_entries_come_back_in_their_order_whatever_their_pieces():
    target = io.BytesIO()
    archive = Writing(target)
    contents = {
        "empty": [],
        "small": [b"a", b"", b"b"],
        "large": [b"x" * 700_000, b"y"],
        "noise": [json.dumps("é").encode()],
    }
    for name, pieces in contents.items():
        archive.add(name, pieces)
    archive.end()
    found = {entry.name: entry.whole() for entry in read_entries(io.BytesIO(target.getvalue()))}
    assert found == {name: b"".join(pieces) for name, pieces in contents.items()}
    assert len(target.getvalue()) < 20_000  # compressed
