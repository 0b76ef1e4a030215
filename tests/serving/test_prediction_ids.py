"""Ids that prove themselves: known to whoever asked, on every server that has the key, and to nobody else."""

import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import NotFound
from backend.identity.principal import Principal
from backend.serving.prediction_ids import KEY_FILE, MOST_ROWS, PredictionIds, made_at_of, version_tag
from backend.settings import Settings

KEY = b"a key of the test, of 32 bytes.."
ADA, BOB = "person:ada", "subscriber:bob"
TAG = version_tag("iris", "3")
IDS = PredictionIds(KEY)


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"))


@given(rows=st.integers(1, MOST_ROWS), caller=st.text(max_size=80), tag=st.binary(min_size=5, max_size=5))
def test_an_id_says_what_it_was_made_of(rows: int, caller: str, tag: bytes) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    identifier = IDS.make(caller, tag, rows)
    proven = IDS.verify(identifier, caller)
    assert (proven.id, proven.tag, proven.rows, proven.row) == (identifier, tag, rows, None)
    assert before <= proven.made_at <= datetime.now(UTC)
    assert made_at_of(identifier) == proven.made_at
    assert len(identifier) == 36
    last = IDS.verify(f"{identifier}.{rows - 1}", caller)
    assert (last.id, last.row) == (identifier, rows - 1)
    with pytest.raises(NotFound):
        IDS.verify(f"{identifier}.{rows}", caller)


@given(text=st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{36}(\.[0-9]{1,3})?", fullmatch=True))
def test_what_was_not_made_here_is_unknown(text: str) -> None:
    with pytest.raises(NotFound, match=r"^There is no such prediction\.$"):
        IDS.verify(text, ADA)


@given(place=st.integers(0, 35), letter=st.sampled_from("ABCDEFabcdef0123456789-_"))
def test_no_letter_of_an_id_can_be_changed(place: int, letter: str) -> None:
    identifier = IDS.make(ADA, TAG, 4)
    changed = identifier[:place] + letter + identifier[place + 1 :]
    if changed != identifier:
        with pytest.raises(NotFound):
            IDS.verify(changed, ADA)


@pytest.mark.parametrize("end", ["\n", ".", ".-1", ".01", ".+1", ".1.1", " ", "=", ".٣"])
def test_an_id_has_one_spelling(end: str) -> None:
    with pytest.raises(NotFound):
        IDS.verify(IDS.make(ADA, TAG, 20) + end, ADA)


def test_another_caller_another_key_and_another_kind_do_not_know_it() -> None:
    identifier = IDS.make(ADA, TAG, 2)
    for ids, caller in ((IDS, BOB), (PredictionIds(KEY[::-1]), ADA), (PredictionIds(KEY, "decision"), ADA)):
        with pytest.raises(NotFound, match="There is no such"):
            ids.verify(identifier, caller)
    assert PredictionIds(KEY).verify(identifier, ADA).rows == 2, "another server with the same key does"


def test_no_two_are_alike_however_many_ask_at_once() -> None:
    made: list[list[str]] = [[] for _ in range(4)]
    servers = [PredictionIds(KEY), PredictionIds(KEY)]

    def ask(place: int) -> None:
        made[place] = [servers[place % 2].make(ADA, TAG) for _ in range(5000)]

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({identifier for some in made for identifier in some}) == 20_000


def test_the_key_is_made_once_and_is_nobody_elses(settings: Settings) -> None:
    identifier = PredictionIds.open(settings).make(ADA, TAG)
    assert PredictionIds.open(settings).verify(identifier, ADA).tag == TAG
    assert stat.S_IMODE((settings.certs / KEY_FILE).stat().st_mode) == 0o600
    (settings.certs / KEY_FILE).unlink()
    with pytest.raises(NotFound):
        PredictionIds.open(settings).verify(identifier, ADA)


def test_a_person_and_a_subscriber_of_one_id_are_two() -> None:
    assert Principal("person", "7", "a").subject != Principal("subscriber", "7", "a").subject
    assert version_tag("a", "11") != version_tag("a1", "1")
