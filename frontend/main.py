"""The script that Streamlit runs for every click: sign-in, menu, page."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from frontend import session
from frontend.access import PAGES, Page
from frontend.components import farewell, once, states, vocabulary
from frontend.sessions import SignedIn
from signet_client import SignetError

_HERE = Path(__file__).parent
LOGO, MARK = str(_HERE / "logo.svg"), str(_HERE / "static" / "mark.svg")


def open_page(page: Page) -> None:
    """The frame of every page: its title, whether it may be seen, and what goes wrong in it."""
    st.title(page.title, anchor=False)
    if not session.may(page.needs):
        states.no_access(page.title)
        return
    st.caption(page.sentence)
    with states.shown_errors():
        page.show()


def menu(entry: SignedIn | None) -> list[st.Page]:
    """Every page has its address for everybody, so that a link says "no access" rather than "not found"."""
    return [
        st.Page(
            partial(open_page, page),
            title=page.title,
            icon=page.icon,
            url_path=page.address,
            default=page is PAGES[0],
            visibility="visible" if entry and session.may(page.needs) else "hidden",
        )
        for page in PAGES
    ]


def account(entry: SignedIn) -> None:
    """Who is signed in, and the way out."""
    with st.sidebar.container(key="account"):
        role = vocabulary.ROLES.get(entry.person["role"], entry.person["role"])
        st.markdown(f"**{states.plain(entry.person['username'])}**  \n{role}")
        if st.button("Sign out", key="sign_out", icon=":material/logout:", width="stretch"):
            session.sign_out()
        farewell.listen()


def resumed() -> SignedIn | None:
    """Who is signed in; the run ends here where the platform cannot say."""
    try:
        return session.resume()
    except SignetError as error:
        st.navigation(menu(None), position="hidden")
        with card():
            states.failed(error, "session")
        st.stop()


def card() -> DeltaGenerator:
    """The one box of a page without a menu."""
    st.space("xlarge")
    with st.container(horizontal_alignment="center"):
        return st.container(border=True, width=420, key="sign_in_card")


def sign_in() -> None:
    """The only page of those who are not signed in."""
    with card():
        st.image(LOGO, width=150, alt="Signet")
        st.caption("Sign in to train models and to use them.")
        session.sign_in_form()


# The icon stands in the page itself (frontend/shell.py): given here, it would be a file that only those who are signed in may fetch.
st.set_page_config(page_title="Signet", layout="wide")
signed_in = resumed()
st.html(_HERE / "look.css")
chosen = st.navigation(menu(signed_in), position="sidebar" if signed_in else "hidden", expanded=True)
if signed_in is None:
    sign_in()
else:
    st.logo(LOGO, size="large", icon_image=MARK)
    account(signed_in)
    states.show_said()
    once.show_told()
    chosen.run()
