"""Times of the API (ISO 8601, UTC) in the zone of the person who reads them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def zone() -> tzinfo:
    """The browser's zone; UTC where it does not say."""
    name = st.context.timezone
    try:
        return ZoneInfo(name) if isinstance(name, str) and name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def parsed(text: str | None) -> datetime | None:
    """A time of the API; None for none."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def local(text: str | None) -> str:
    """`23 Nov 2026, 14:05`, in the person's zone."""
    moment = parsed(text)
    return moment.astimezone(zone()).strftime("%-d %b %Y, %H:%M") if moment else "-"


def utc(text: str | None) -> str:
    """The same moment in UTC, to be shown beside the local one on hover."""
    moment = parsed(text)
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else ""


def took(start: str | None, end: str | None) -> str:
    """How long something took, or has been taking until now."""
    began, ended = parsed(start), parsed(end)
    if began is None:
        return "-"
    seconds = max(0, round(((ended or datetime.now(UTC)) - began).total_seconds()))
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    words = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(words[:2]) or "under 1 s"


def away(text: str | None) -> str:
    """How far from now a moment is: `in 19 days`, `3 hours ago`."""
    moment = parsed(text)
    if moment is None:
        return "-"
    seconds = (moment - datetime.now(UTC)).total_seconds()
    size = abs(seconds)
    unit, length = next(((u, n) for u, n in _UNITS if size >= n), ("minute", 60))
    number = int(size // length)
    if number == 0:
        return "now"
    words = f"{number:,} {unit}" + ("" if number == 1 else "s")
    return f"in {words}" if seconds > 0 else f"{words} ago"
