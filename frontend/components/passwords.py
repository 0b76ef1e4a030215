"""Passwords made here, for a person who chooses their own afterwards."""

from __future__ import annotations

import secrets

import streamlit as st

# Without letters and digits that are mistaken for one another.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, EACH = 4, 5


def new_password() -> str:
    """Four groups of five letters and digits: about 99 bits."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(EACH)) for _ in range(GROUPS))


def show_password(username: str, password: str) -> None:
    """The password, once, with what is to be done with it."""
    st.markdown("Username")
    st.code(username, language=None)
    st.markdown("Password")
    st.code(password, language=None)
    st.caption("Hand it over in a way that you trust. Its owner chooses another one on the page Account.")
