"""Which kind of browser speaks: the `User-Agent` that it sends comes in, words like "Firefox on Linux" go out.

It says nothing that could be trusted. It is for people who look for a session that is not theirs, and it tells a browser from another
of a different kind; versions do not count, because browsers renew themselves between two requests.
"""

import re

# The first that fits: most browsers also name those that they descend from.
_BROWSERS = (
    ("Edge", r"\bEdg(?:e|A|iOS)?/"),
    ("Opera", r"\bOPR/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(?:Firefox|FxiOS)/"),
    ("Chrome", r"\b(?:HeadlessChrome|Chromium|Chrome|CriOS)/"),
    ("Safari", r"\bSafari/"),
)
_SYSTEMS = (
    ("Windows", r"\bWindows\b"),
    ("Android", r"\bAndroid\b"),
    ("iOS", r"\b(?:iPhone|iPad|iPod)\b"),
    ("macOS", r"\bMacintosh\b|\bMac OS X\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Linux", r"\bLinux\b|\bX11\b"),
)
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,40}(?=/)")


def browser_of(agent: str) -> str:
    """The kind of browser and its system; the program's own name where it is no browser; empty where it says nothing."""
    browser, system = _first(_BROWSERS, agent), _first(_SYSTEMS, agent)
    if browser:
        return f"{browser} on {system}" if system else browser
    product = _PRODUCT.match(agent)
    return product.group() if product else ""


def _first(kinds: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for name, pattern in kinds if re.search(pattern, agent)), "")
