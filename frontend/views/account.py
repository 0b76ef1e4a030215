"""Account: who one is, one's password, one's second factor, and where one is signed in."""

from __future__ import annotations

import streamlit as st

from frontend import session
from frontend.components import states, vocabulary
from frontend.components.proof import refusal
from frontend.views import my_sessions, second_factor
from signet_client.types import Person

SHORTEST, LONGEST = 12, 128
WRONG = "The present password is wrong."
CHANGED = "Your password was changed, and every session ended. Sign in with the new one."


def show() -> None:
    with states.loading(160):
        person = session.api().me()
    _person(person)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Password", anchor=False)
        _password()
    with right:
        st.subheader("Second factor", anchor=False)
        with states.shown_errors("factor"):
            second_factor.show(person)
    st.subheader("Where you are signed in", anchor=False)
    with states.shown_errors("sessions"):
        my_sessions.show()


def _person(person: Person) -> None:
    role = vocabulary.ROLES.get(person["role"], person["role"])
    st.markdown(f"**{states.plain(person['username'])}**, {role.lower()}")
    held = person.get("permissions", [])
    may = [words for permission, words in vocabulary.PERMISSIONS.items() if permission in held]
    st.caption(f"You may {', '.join(may)}." if may else "Your role allows nothing yet.")


def _password() -> None:
    with st.form("password", border=False, clear_on_submit=False):
        current = st.text_input(
            "Present password", type="password", key="password_now", autocomplete="current-password"
        )
        new = st.text_input("New password", type="password", key="password_new", autocomplete="new-password")
        again = st.text_input("New password again", type="password", key="password_again", autocomplete="new-password")
        st.caption(f"{SHORTEST} to {LONGEST} characters. Every session of yours ends, this one too.")
        pressed = st.form_submit_button("Change password", key="change_password", type="primary")
    if not pressed:
        return
    if problem := _problem(current, new, again):
        st.error(problem, icon=":material/error:")
        return
    with states.shown_errors("password"):
        if problem := refusal(lambda: session.api().account.change_password(current, new), WRONG):
            st.error(problem, icon=":material/error:")
            return
        session.forget(CHANGED)
        st.rerun()


def _problem(current: str, new: str, again: str) -> str:
    """What is wrong before the platform is asked."""
    if not (current and new):
        return "Type your present password, and the new one twice."
    if new != again:
        return "The two new passwords are not the same."
    if new == current:
        return "The new password is the present one."
    return ""
