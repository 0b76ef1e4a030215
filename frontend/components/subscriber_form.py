"""The terms of a subscriber as a form: its name, the models that it may ask, how much, and how long its certificates live."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from signet_client.types import Subscriber, Terms

EVERY_MODEL = "*"
LONGEST_HOURS = 2160


def terms(known_models: Sequence[str], now: Subscriber | None = None, *, key: str) -> Terms:
    """Draw the inputs, filled with what is true `now`; what the person chose."""
    name = st.text_input("Name", value=now["name"] if now else "", key=f"{key}_name", max_chars=64, autocomplete="off")
    about = st.text_input(
        "What it is for", value=now["description"] if now else "", key=f"{key}_about", max_chars=500, autocomplete="off"
    )
    models = _models(known_models, now, key)
    left, right = st.columns(2)
    with left:
        rate = _limit("Predictions per minute", now["rate_per_minute"] if now else None, f"{key}_rate")
        hours = st.number_input(
            "Life of its certificates, in hours",
            min_value=1,
            max_value=LONGEST_HOURS,
            value=now["certificate_hours"] if now else None,
            key=f"{key}_hours",
            placeholder="As usual",
            help="Services renew by themselves in the last third of it. Short lives need no revocation.",
        )
    with right:
        quota = _limit("Predictions per day (UTC)", now["daily_quota"] if now else None, f"{key}_quota")
    return {
        "name": name.strip(),
        "description": about.strip(),
        "models": models,
        "rate_per_minute": rate,
        "daily_quota": quota,
        "certificate_hours": hours,
    }


def _models(known: Sequence[str], now: Subscriber | None, key: str) -> list[str]:
    chosen = now["models"] if now else []
    options = [EVERY_MODEL, *dict.fromkeys([*known, *(each for each in chosen if each != EVERY_MODEL)])]
    wanted = st.multiselect(
        "Models that it may ask",
        options,
        default=chosen,
        key=f"{key}_models",
        format_func=lambda each: "Every model" if each == EVERY_MODEL else each,
        placeholder="None yet",
    )
    return [EVERY_MODEL] if EVERY_MODEL in wanted else wanted


def _limit(label: str, now: int | None, key: str) -> int | None:
    return st.number_input(label, min_value=1, value=now, step=1, key=key, placeholder="No limit")
