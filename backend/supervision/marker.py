"""The memory that a first start is not over yet: until its administrator was told how to sign in."""

from pathlib import Path

from backend.settings import Settings


def mark_first(settings: Settings) -> None:
    """This home was set up just now."""
    path = _marker(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)


def is_first(settings: Settings) -> bool:
    """True from the set-up until the first invitation was shown."""
    return _marker(settings).exists()


def clear_first(settings: Settings) -> None:
    """The person was told."""
    _marker(settings).unlink(missing_ok=True)


def _marker(settings: Settings) -> Path:
    return settings.data / "run" / "first-start"
