"""Keys of subscribers' tokens: published before they sign, kept until nothing that they signed can live, the same for every process."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.errors import UnsafeSettings
from backend.identity import signing_keys
from backend.identity.signing_keys import KEPT_AFTER, PUBLISHED_AHEAD, SIGNS_FOR, SigningKeys
from backend.settings import Settings

BEGINNING = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets how long after the beginning it is."""

    def move(later: timedelta) -> None:
        monkeypatch.setattr(signing_keys, "now", lambda: BEGINNING + later)

    move(timedelta(0))
    return move


@pytest.fixture
def keys(settings: Settings, at: Callable[[timedelta], None]) -> SigningKeys:
    return SigningKeys(settings)


def _published(keys: SigningKeys) -> list[str]:
    return [key.kid for key in keys.published()]


def test_a_key_is_named_by_its_thumbprint_and_its_private_half_stays(keys: SigningKeys, settings: Settings) -> None:
    key = keys.current()
    assert key.kid == key.key.thumbprint()
    assert set(key.public) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key.public["crv"], key.public["alg"]) == ("P-256", "ES256")
    (path,) = (settings.certs / "subscriber-token-keys").glob("*.pem")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_life_of_keys(keys: SigningKeys, at: Callable[[timedelta], None]) -> None:
    first = keys.current().kid
    tick = timedelta(seconds=1)
    at(SIGNS_FOR - PUBLISHED_AHEAD - tick)
    assert _published(keys) == [first]
    at(SIGNS_FOR - PUBLISHED_AHEAD)
    assert len(_published(keys)) == 2
    _, second = _published(keys)
    at(SIGNS_FOR - tick)
    assert keys.current().kid == first  # the next one is known for a day before it signs
    at(SIGNS_FOR)
    assert keys.current().kid == second
    at(SIGNS_FOR + KEPT_AFTER - tick)
    assert _published(keys) == [first, second]
    assert keys.find(first) is not None
    at(SIGNS_FOR + KEPT_AFTER)
    assert _published(keys) == [second]
    assert keys.find(first) is None
    assert keys.find("../../dev/null") is None


def test_after_a_long_pause_the_old_key_signs_until_the_new_one_is_known(
    keys: SigningKeys, at: Callable[[timedelta], None]
) -> None:
    first = keys.current().kid
    at(10 * SIGNS_FOR)
    assert keys.current().kid == first
    assert len(_published(keys)) == 2
    at(10 * SIGNS_FOR + PUBLISHED_AHEAD)
    assert keys.current().kid != first


def test_a_clock_that_is_put_back_leaves_a_key_to_sign_with(keys: SigningKeys, at: Callable[[timedelta], None]) -> None:
    first = keys.current().kid
    at(timedelta(days=-1))
    assert keys.current().kid == first


def test_processes_have_the_same_keys(settings: Settings, at: Callable[[timedelta], None]) -> None:
    processes = [SigningKeys(settings) for _ in range(8)]
    together = threading.Barrier(8)

    def first_use(keys: SigningKeys) -> str:
        together.wait()
        return keys.current().kid

    with ThreadPoolExecutor(8) as pool:
        (kid,) = set(pool.map(first_use, processes))
    at(SIGNS_FOR)
    made = processes[0].published()[-1].kid
    assert made != kid
    assert all(keys.find(made) for keys in processes)  # the others see what the first one made
    assert {tuple(_published(keys)) for keys in processes} == {(kid, made)}


def test_taking_a_file_away_takes_its_key_away(keys: SigningKeys, settings: Settings) -> None:
    stolen = keys.current().kid
    for path in (settings.certs / "subscriber-token-keys").iterdir():
        path.unlink()
    assert keys.find(stolen) is None
    assert keys.current().kid != stolen


def _spoil_mode(path: Path) -> None:
    path.chmod(0o640)


def _spoil_content(path: Path) -> None:
    path.write_text("no key")


def _spoil_name(path: Path) -> None:
    path.rename(path.with_name("key.pem"))


@pytest.mark.parametrize("spoil", [_spoil_mode, _spoil_content, _spoil_name])
def test_a_key_that_is_open_to_others_or_is_none_is_refused(
    keys: SigningKeys, settings: Settings, spoil: Callable[[Path], None]
) -> None:
    """Case 63."""
    keys.current()
    (path,) = (settings.certs / "subscriber-token-keys").glob("*.pem")
    spoil(path)
    with pytest.raises(UnsafeSettings):
        SigningKeys(settings).current()
