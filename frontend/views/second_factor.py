"""The second factor of the person who is signed in: begun, confirmed, removed."""

from __future__ import annotations

from functools import partial

import segno
import streamlit as st

from frontend import session
from frontend.components import once, states, words
from frontend.components.proof import refusal
from signet_client import Conflict
from signet_client.types import NewSecondFactor, Person

PENDING = "factor_begun"
# Of ten recovery codes; a person who has used most of them is to be told.
FEW = 2
WRONG = "The password or the code is wrong. A code works once, and only for half a minute."


def show(person: Person) -> None:
    """Its state and what can be done; where the platform does not tell the state, both ways are offered."""
    if st.session_state.get(PENDING):
        _confirm(st.session_state[PENDING])
        return
    in_use = person.get("second_factor")
    if in_use:
        st.badge("In use", icon=":material/phonelink_lock:", color="green")
        _codes_left(person)
    st.markdown(
        "With a second factor, whoever has your password cannot sign in with it alone: an authenticator app on your phone "
        "shows a code for each half minute."
    )
    if not in_use and st.button("Set up", key="begin_otp", type="primary", icon=":material/phonelink_setup:"):
        _begin()
    if in_use:
        with st.expander("New recovery codes", icon=":material/key:", expanded=False):
            _renew()
    if in_use is not False:
        with st.expander("Remove it", icon=":material/phonelink_erase:", expanded=False):
            _remove()


def _codes_left(person: Person) -> None:
    left = person.get("recovery_codes_left")
    if left is None:
        return
    text = f"{words.count(left, 'recovery code')} left." if left else "No recovery code is left."
    if left <= FEW:
        st.warning(f"{text} Make new ones, or you are locked out when the phone is lost.", icon=":material/key_off:")
    else:
        st.caption(text)


def _begin() -> None:
    try:
        st.session_state[PENDING] = session.api().account.begin_otp()
    except Conflict as error:
        st.info(states.plain(error.detail), icon=":material/info:")
        return
    st.rerun()


def _confirm(begun: NewSecondFactor) -> None:
    st.markdown("**1.** Scan this with an authenticator app:")
    st.image(qr_code(begun["uri"]), width=220, alt="QR code that holds the secret below")
    with st.expander("Or add it by hand", icon=":material/keyboard:"):
        st.code(begun["secret"], language=None, wrap_lines=True)
        st.link_button("Open in an app on this device", begun["uri"], icon=":material/open_in_new:")
    st.markdown("**2.** Prove that it works:")
    with st.form("confirm_otp", border=False):
        password, code = _proof("confirm")
        pressed = st.form_submit_button("Use it from now on", key="confirm_otp", type="primary")
    if st.button("Not now", key="cancel_otp"):
        del st.session_state[PENDING]
        st.rerun()
    if pressed:
        _confirmed(password, code)


def qr_code(uri: str) -> str:
    """An SVG that is dark on white in either theme, because cameras look for that; it travels inside the page."""
    drawn: str = segno.make_qr(uri, error="m").svg_inline(scale=6, border=3, dark="#000", light="#fff")
    return drawn


def _confirmed(password: str, code: str) -> None:
    codes: list[str] = []
    if problem := refusal(lambda: codes.extend(session.api().account.confirm_otp(password, code)), WRONG):
        st.error(problem, icon=":material/error:")
        return
    del st.session_state[PENDING]
    once.tell("Your recovery codes", partial(_show_codes, codes))


def _show_codes(codes: list[str]) -> None:
    st.markdown(
        "From now on, signing in asks for a code. Each of these stands in for it once, when the phone is lost. Keep them where "
        "the phone is not."
    )
    st.code("\n".join(codes), language=None)


def _renew() -> None:
    st.caption("Ten new ones; the earlier ones stop working.")
    with st.form("renew_codes", border=False):
        password, code = _proof("renew")
        pressed = st.form_submit_button("Make new recovery codes", key="renew_codes")
    if not pressed:
        return
    codes: list[str] = []
    if problem := refusal(lambda: codes.extend(session.api().account.renew_recovery_codes(password, code)), WRONG):
        st.error(problem, icon=":material/error:")
        return
    once.tell("Your recovery codes", partial(_show_codes, codes))


def _remove() -> None:
    st.caption("You then sign in with the password alone. A recovery code works too.")
    with st.form("remove_otp", border=False):
        password, code = _proof("remove")
        pressed = st.form_submit_button("Remove the second factor", key="remove_otp")
    if not pressed:
        return
    if problem := refusal(lambda: session.api().account.remove_otp(password, code), WRONG):
        st.error(problem, icon=":material/error:")
        return
    states.say("You sign in with the password alone.")
    st.rerun()


def _proof(key: str) -> tuple[str, str]:
    password = st.text_input("Password", type="password", key=f"{key}_password", autocomplete="current-password")
    code = st.text_input("Code", key=f"{key}_code", autocomplete="one-time-code", max_chars=64)
    return password, code.strip()
