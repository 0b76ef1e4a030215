"""One user: role, password, second factor, sessions; disabled, enabled, removed."""

from __future__ import annotations

from functools import partial
from typing import cast

import streamlit as st

from frontend import session
from frontend.components import links, once, signed_in_at, states, times, vocabulary, words
from frontend.components.confirm import confirm
from frontend.components.passwords import new_password, show_password
from signet_client.types import Role, User


def show(user_id: str) -> None:
    links.link("users", "All users", icon=":material/arrow_back:")
    with states.loading(300):
        found = session.api().users.get(user_id)
    st.header(found["username"], anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        vocabulary.badge(vocabulary.USER_STATES, "disabled" if found["disabled_at"] else "active")
        st.caption(f"since {times.local(found['created_at'])}", help=times.utc(found["created_at"]))
    if found["disabled_at"]:
        st.caption(f"Disabled {times.local(found['disabled_at'])}", help=times.utc(found["disabled_at"]))
    _role(found)
    with st.container(horizontal=True):
        _actions(found)
    links.link("audit", "What they did", icon=":material/receipt_long:", actor=found["username"])
    st.subheader("Where they are signed in", anchor=False)
    with states.shown_errors("sessions"):
        _sessions(found)


def _name(found: User) -> str:
    return f"**{states.plain(found['username'])}**"


def _role(found: User) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        roles = list(vocabulary.ROLES)
        role = st.selectbox(
            "Role",
            roles,
            index=roles.index(found["role"]),
            key=f"role_{found['id']}",
            format_func=vocabulary.ROLES.__getitem__,
            width=260,
        )
        if st.button("Change role", key="change_role", disabled=role == found["role"]):
            _change_role(found, cast("Role", role))


def _change_role(found: User, role: Role) -> None:
    new, old = vocabulary.ROLES[role], vocabulary.ROLES.get(found["role"], found["role"])
    confirm(
        "Change this role?",
        f"From the next request on, {_name(found)} may do what a **{new.lower()}** may, and no more what a {old.lower()} may.",
        lambda: _done(session.api().users.set_role(found["id"], role)),
        verb="Change role",
        done=f"{found['username']} is a {new.lower()} now.",
    )


def _actions(found: User) -> None:
    if st.button("New password", key="new_password", icon=":material/password:"):
        _new_password(found)
    if found.get("second_factor") and st.button("Reset second factor", key="reset_otp", icon=":material/lock_reset:"):
        _reset_otp(found)
    if found["disabled_at"]:
        if st.button("Enable", key="enable", type="primary", icon=":material/person_check:"):
            _enable(found)
    elif st.button("Disable", key="disable", icon=":material/person_off:"):
        _disable(found)
    if st.button("Delete", key="delete_user", icon=":material/delete:"):
        _delete(found)


def _new_password(found: User) -> None:
    def act() -> None:
        password = new_password()
        session.api().users.set_password(found["id"], password)
        once.tell("A new password", partial(show_password, found["username"], password))

    confirm(
        "Make a new password?",
        f"The password of {_name(found)} stops working, and every session of theirs ends. You see the new one once.",
        act,
        verb="Make a new password",
    )


def _reset_otp(found: User) -> None:
    confirm(
        "Reset the second factor?",
        f"{_name(found)} signs in with the password alone, until they begin with a new second factor. Do this only for somebody "
        "whom you have recognised: it is what an impostor would ask for.",
        lambda: session.api().users.reset_otp(found["id"]),
        verb="Reset",
        done=f"The second factor of {found['username']} was reset.",
        typed=found["username"],
    )


def _sessions(found: User) -> None:
    with states.loading(120):
        sessions = session.api().users.sessions(found["id"])
    if not sessions:
        st.caption("Nowhere at this moment.")
        return
    signed_in_at.listed(sessions, key="sessions")
    if st.button("Sign out everywhere", key="end_sessions", icon=":material/logout:"):
        _end_sessions(found, len(sessions))


def _end_sessions(found: User, count: int) -> None:
    yours = " This is you: you are signed out here too." if found["id"] == session.signed_in().person["id"] else ""
    confirm(
        "Sign this user out everywhere?",
        f"{_name(found)} is signed out at once in **{words.count(count, 'place')}**; what was not saved there is lost. They can sign in "
        f"again with the same password.{yours}",
        lambda: session.api().users.end_sessions(found["id"]),
        verb="Sign out everywhere",
        done=f"{found['username']} is signed out everywhere.",
    )


def _disable(found: User) -> None:
    confirm(
        "Disable this user?",
        f"{_name(found)} is signed out at once and not let in, until somebody enables them. What they made stays.",
        lambda: _done(session.api().users.disable(found["id"])),
        verb="Disable",
        done=f"{found['username']} is disabled.",
    )


def _enable(found: User) -> None:
    confirm(
        "Enable this user?",
        f"{_name(found)} can sign in again, with the password that they had.",
        lambda: _done(session.api().users.enable(found["id"])),
        verb="Enable",
        done=f"{found['username']} can sign in again.",
    )


def _delete(found: User) -> None:
    def act() -> None:
        session.api().users.delete(found["id"])
        st.query_params.clear()

    confirm(
        "Delete this user?",
        f"{_name(found)} is removed for good and signed out at once. What they made stays, and the journal keeps their name.",
        act,
        verb="Delete",
        done=f"{found['username']} was deleted.",
        typed=found["username"],
    )


def _done(_now: User) -> None:
    """What the API answers is drawn in the next run."""
