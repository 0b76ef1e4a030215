"""What browsers say of themselves, in words."""

import pytest

from backend.identity.browsers import browser_of

LIKE = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {LIKE} Chrome/156.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0) {LIKE} Chrome/156.0 Safari/537.36 Edg/156.0", "Edge on Windows"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {LIKE} HeadlessChrome/156.0.0.0 Safari/537.36", "Chrome on Linux"),
        (f"Mozilla/5.0 (Linux; Android 16; Pixel 9) {LIKE} Chrome/156.0 Mobile Safari/537.36", "Chrome on Android"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 15_1) {LIKE} Version/19.0 Safari/605.1.15", "Safari on macOS"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) {LIKE} Version/19.0 Safari/604.1", "Safari on iOS"),
        ("curl/8.9.1", "curl"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("", ""),
        ("<b>nothing</b>", ""),
    ],
)
def test_in_words(agent: str, words: str) -> None:
    assert browser_of(agent) == words
